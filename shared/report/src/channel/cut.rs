//! Text that fits.

/// `text` with its characters as `spell` has them, cut after `limit` units of UTF-16 (as vendors
/// count) with `…`, and never inside of what stands for one character.
pub(super) fn spelled(
    text: &str,
    limit: usize,
    spell: impl Fn(char) -> Option<&'static str>,
) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    let (mut units, mut kept) = (0_usize, 0_usize);
    for character in text.chars() {
        let before = shown.len();
        match spell(character) {
            Some(spelling) => shown.push_str(spelling),
            None => shown.push(character),
        }
        let added = shown.get(before..).unwrap_or_default();
        units = units.saturating_add(added.encode_utf16().count());
        if units > limit {
            shown.truncate(kept);
            if limit > 0 {
                shown.push('…');
            }
            break;
        }
        if units < limit {
            kept = shown.len();
        }
    }
    shown
}

/// `text`, cut as [`spelled`].
pub(super) fn cut(text: &str, limit: usize) -> String {
    spelled(text, limit, |_| None)
}

/// How long a text is in units of UTF-16.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_is_whole_and_what_does_not_says_so() {
        let spell = |c| (c == '<').then_some("&lt;");
        assert_eq!(spelled("a<b", 6, spell), "a&lt;b");
        assert_eq!(spelled("a<bc", 6, spell), "a&lt;…");
        assert_eq!(spelled("a<b", 5, spell), "a…");
        assert_eq!(cut("😀😀", 4), "😀😀");
        assert_eq!(cut("😀😀", 3), "😀…");
        assert_eq!(cut("x", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be(text in "[\\s\\S]{0,50}", limit in 0usize..40) {
            let spell = |c| (c == '&').then_some("&amp;");
            prop_assert!(units(&spelled(&text, limit, spell)) <= limit);
        }
    }
}
