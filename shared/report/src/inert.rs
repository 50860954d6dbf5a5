//! Outside text made harmless.

use tidewaiter_rules::{conceal, names::is_inert};

/// `text` on one line, without characters that move a cursor or hide themselves, cut after `limit`
/// characters with `…`; and without what has the form of a secret.
pub fn clean(text: &str, limit: usize) -> String {
    let text = conceal::forms(text);
    // Nearly all text is such.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into_owned();
    }
    let mut shown = String::with_capacity(text.len().min(limit.saturating_mul(4)));
    for (index, character) in text.chars().enumerate() {
        if index == limit {
            shown.pop();
            shown.push('…');
            break;
        }
        shown.push(if is_inert(character) {
            character
        } else {
            '\u{fffd}'
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_text_says_that_it_is_cut() {
        assert_eq!(clean("abcdef", 6), "abcdef");
        assert_eq!(clean("abcdefg", 6), "abcde…");
        assert_eq!(clean("a\r\nSubject: b", 100), "a\u{fffd}\u{fffd}Subject: b");
    }

    proptest! {
        #[test]
        fn clean_text_is_inert_and_bounded(text in "[\\s\\S]*", limit in 1usize..200) {
            let shown = clean(&text, limit);
            prop_assert!(shown.chars().all(is_inert));
            prop_assert!(shown.chars().count() <= limit);
        }
    }
}
