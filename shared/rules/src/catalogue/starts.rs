//! Which of some words a text may hold, in one pass: most texts hold none, and this is the quick way to
//! know.

/// The first three bytes of words, up to 32 of which are told apart by their bits. For each byte: the words
/// that have it first, second and third.
pub(super) struct Starts([[u32; 3]; 256]);

impl Starts {
    /// Of no word.
    pub(super) const fn new() -> Self {
        Self([[0; 3]; 256])
    }

    /// And of these, which all have the same bit. A word that has not three bytes is never found.
    pub(super) const fn with(mut self, bit: u32, words: &[&str]) -> Self {
        let mut rest = words;
        while let [word, others @ ..] = rest {
            if let [first, second, third, ..] = word.as_bytes() {
                self = self
                    .has(bit, *first, 0)
                    .has(bit, *second, 1)
                    .has(bit, *third, 2);
            }
            rest = others;
        }
        self
    }

    /// And of each of these, with a bit of its own from `bit` on, in any case.
    pub(super) const fn with_each_in_any_case(mut self, mut bit: u32, words: &[&str]) -> Self {
        let mut rest = words;
        while let [word, others @ ..] = rest {
            if let [first, second, third, ..] = word.as_bytes() {
                self = self
                    .in_both(bit, *first, 0)
                    .in_both(bit, *second, 1)
                    .in_both(bit, *third, 2);
            }
            bit += 1;
            rest = others;
        }
        self
    }

    const fn in_both(self, bit: u32, byte: u8, place: usize) -> Self {
        self.has(bit, byte.to_ascii_lowercase(), place)
            .has(bit, byte.to_ascii_uppercase(), place)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there is a row for each byte, and it has three places"
    )]
    const fn has(mut self, bit: u32, byte: u8, place: usize) -> Self {
        self.0[byte as usize][place] |= 1 << bit;
        self
    }

    /// The bits of the words that may be in the text: no other word is.
    pub(super) fn within(&self, text: &str) -> u32 {
        let (mut found, mut after_one, mut after_two) = (0, 0, 0);
        for byte in text.bytes() {
            let row = self.0.get(usize::from(byte));
            let [first, second, third] = row.copied().unwrap_or_default();
            found |= after_two & third;
            after_two = after_one & second;
            after_one = first;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: [&str; 4] = ["://", "Key", "passe", "0xé"];

    static STARTS: Starts = Starts::new()
        .with(0, &["://", "ghp_"])
        .with_each_in_any_case(3, &WORDS);

    #[test]
    fn what_cannot_begin_is_not_found() {
        for (text, found) in [
            ("a text with none of that: no", 0),
            ("", 0),
            ("ke", 0),
            ("key", 1 << 4),
            ("x kEY", 1 << 4),
            ("a://b", 1 | 1 << 3),
            ("ghp", 1),
            ("GHP", 0),
            ("k_e_y", 0),
            ("PASSIVE KEYS", 1 << 4 | 1 << 5),
        ] {
            assert_eq!(STARTS.within(text), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_is_missed(before in ".{0,9}", index in 0..WORDS.len(), after in ".{0,9}") {
            let text = format!("{before}{}{after}", WORDS[index]);
            for text in [text.to_ascii_uppercase(), text] {
                prop_assert!(STARTS.within(&text) >> (3 + index) & 1 == 1, "{}", text);
            }
        }
    }
}
