//! A quick no to the question whether a text holds a word: most texts lack one of its letters.

/// The ASCII characters of a text, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters {
    // Two halves, because a shift of 128 bits is a call.
    low: u64,
    high: u64,
}

impl Letters {
    /// The characters of `text`.
    pub(super) const fn of(text: &str) -> Self {
        let (mut low, mut high) = (0, 0);
        let mut rest = text.as_bytes();
        while let [byte, others @ ..] = rest {
            let bit = 1 << (*byte & 63);
            match *byte >> 6 {
                0 => low |= bit,
                1 => high |= bit,
                _ => {}
            }
            rest = others;
        }
        Self { low, high }
    }

    /// The same in lower case alone.
    pub(super) const fn lower(self) -> Self {
        const UPPER: u64 = Letters::of("ABCDEFGHIJKLMNOPQRSTUVWXYZ").high;
        let Self { low, high } = self;
        let high = high & !UPPER | (high & UPPER) << (b'a' - b'A');
        Self { low, high }
    }

    /// Whether a text of these characters can hold `word`.
    pub(super) const fn may_spell(self, word: Self) -> bool {
        self.low & word.low == word.low && self.high & word.high == word.high
    }
}

/// A word to search for.
pub(super) struct Word {
    text: &'static str,
    letters: Letters,
}

impl Word {
    /// The word.
    pub(super) const fn new(text: &'static str) -> Self {
        let letters = Letters::of(text);
        Self { text, letters }
    }

    /// The word as it is written.
    pub(super) const fn as_str(&self) -> &'static str {
        self.text
    }

    /// Whether a text of these characters can hold it.
    pub(super) const fn may_be_in(&self, letters: Letters) -> bool {
        letters.may_spell(self.letters)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_lacks_a_letter_cannot_hold_the_word() {
        let letters = Letters::of("DB_Password=é");
        assert!(letters.may_spell(Letters::of("")));
        assert!(letters.may_spell(Letters::of("Pass")));
        assert!(!letters.may_spell(Letters::of("PASS")));
        assert!(letters.lower().may_spell(Letters::of("pass")));
        assert!(letters.lower().may_spell(Letters::of("db_=")));
        assert!(!letters.lower().may_spell(Letters::of("DB")));
    }

    proptest! {
        #[test]
        fn a_text_spells_every_part_of_itself(before in ".{0,9}", word in ".{0,9}", after in ".{0,9}") {
            let letters = Letters::of(&format!("{before}{word}{after}"));
            prop_assert!(letters.may_spell(Letters::of(&word)));
            prop_assert!(letters.lower().may_spell(Letters::of(&word.to_ascii_lowercase())));
        }
    }
}
