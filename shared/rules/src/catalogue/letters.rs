//! A quick no to the question whether a text holds a word: most texts lack one of its letters.

/// The ASCII characters of a text, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters(u128);

impl Letters {
    /// The characters of `text`.
    pub(super) const fn of(text: &str) -> Self {
        let mut set = 0;
        let mut rest = text.as_bytes();
        while let [byte, others @ ..] = rest {
            if byte.is_ascii() {
                set |= 1 << *byte;
            }
            rest = others;
        }
        Self(set)
    }

    /// The same in lower case alone.
    pub(super) const fn lower(self) -> Self {
        const UPPER: u128 = Letters::of("ABCDEFGHIJKLMNOPQRSTUVWXYZ").0;
        Self(self.0 & !UPPER | (self.0 & UPPER) << (b'a' - b'A'))
    }

    /// Whether a text of these characters can hold `word`.
    pub(super) const fn may_spell(self, word: Self) -> bool {
        self.0 & word.0 == word.0
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
