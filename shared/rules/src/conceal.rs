//! Secrets kept out of what is said about them.
//!
//! No message shows a value that is there to be secret. These functions are for all the other text
//! that comes from outside, in which a secret may stand where it does not belong.

use std::borrow::Cow;

use crate::catalogue::{secret_form, secret_is_random};

/// What stands in place of a secret.
const HIDDEN: &str = "…";

/// The text without what is a secret by its own form: a provider's key or token, a JSON web token, a
/// private key, a URL with a password. Names that a generator made are let be: they are how a
/// resource is found.
pub fn forms(text: &str) -> Cow<'_, str> {
    without_forms(text, |_| HIDDEN.to_owned())
}

fn without_forms(text: &str, hidden: fn(&str) -> String) -> Cow<'_, str> {
    if !secret_form(text) {
        return Cow::Borrowed(text);
    }
    let is_between = |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'');
    let text = replaced(text, is_between, |word, _| secret_form(word), hidden);
    // What is left runs over several words, as a private key does.
    Cow::Owned(if secret_form(&text) {
        hidden(&text)
    } else {
        text
    })
}

/// The text without what is a secret by its own form, or is random enough to be one. Digests are
/// let be.
pub fn values(text: &str) -> Cow<'_, str> {
    without_values(text, |_| HIDDEN.to_owned())
}

/// As [`values`], and as long as the text: each character of a secret is a `*`, so that what stands
/// behind it stays in its column.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    without_values(text, |secret| secret.chars().map(|_| '*').collect())
}

fn without_values(text: &str, hidden: fn(&str) -> String) -> Cow<'_, str> {
    let is_between = |c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c));
    let is_random = |word: &str, before: &str| {
        secret_is_random(word) && !before.ends_with("sha256:") && !before.ends_with("sha512:")
    };
    match without_forms(text, hidden) {
        text if !text.split(is_between).any(secret_is_random) => text,
        text => Cow::Owned(replaced(&text, is_between, is_random, hidden)),
    }
}

/// The words of a text, of which `is_hidden` are not shown; it is told what stands before them.
fn replaced(
    text: &str,
    is_between: impl Fn(char) -> bool,
    is_hidden: impl Fn(&str, &str) -> bool,
    hidden: fn(&str) -> String,
) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut before, mut rest) = ("", text);
    while !rest.is_empty() {
        let end = rest.find(&is_between).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if is_hidden(word, before) {
            shown.push_str(&hidden(word));
        } else {
            shown.push_str(word);
        }
        let mut letters = after.chars();
        shown.extend(letters.next());
        rest = letters.as_str();
        before = text
            .get(..text.len().saturating_sub(rest.len()))
            .unwrap_or_default();
    }
    shown
}

/// A message of `serde` without the value that it complains of.
pub fn unexpected(message: &str) -> Cow<'_, str> {
    for (kind, shown) in [
        ("string ", "a text"),
        ("integer ", "a number"),
        ("floating point ", "a number"),
        ("character ", "a text"),
    ] {
        for what in ["invalid type: ", "invalid value: "] {
            let rest = message
                .strip_prefix(what)
                .and_then(|rest| rest.strip_prefix(kind));
            // The value may hold the words too; what is expected is ours and does not.
            let expected = rest.and_then(|rest| rest.rsplit_once(", expected "));
            if let Some((_, expected)) = expected {
                return Cow::Owned(format!("{what}{shown}, expected {expected}"));
            }
        }
    }
    Cow::Borrowed(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(length: usize) -> String {
        let body = "Zx7Qk2Lm9Rt4Vb1Nc8Wd5Hf3Js6Gp0Ya".chars().cycle();
        body.take(length).collect()
    }

    #[test]
    fn what_is_masked_keeps_its_length() {
        let line = format!("  rule: ghp_{} # why", body(36));
        let masked = masked(&line);
        assert_eq!(masked.chars().count(), line.chars().count());
        assert!(masked.starts_with("  rule: ****") && masked.ends_with("**** # why"));
    }

    #[test]
    fn what_has_the_form_of_a_secret_is_not_shown() {
        let token = format!("ghp_{}", body(36));
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END", body(64));
        for (text, shown) in [
            (
                format!("the name `{token}` is wrong"),
                "the name `…` is wrong",
            ),
            (format!("{token} {token}"), "… …"),
            (format!("x={token}"), "…"),
            (
                "see postgres://app:hunter2@db/app now".to_owned(),
                "see … now",
            ),
            (key, "…"),
            ("nothing to hide".to_owned(), "nothing to hide"),
            (String::new(), ""),
        ] {
            assert_eq!(forms(&text), shown);
            assert_eq!(values(&text), shown);
        }
        assert!(matches!(values("nothing to hide"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_random_is_no_value_to_show_and_may_be_a_name() {
        let random = body(32);
        assert_eq!(forms(&random), random);
        assert_eq!(values(&format!("/etc:{random}@b")), "/etc:…@b");
        let digest = format!("app@sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(values(&digest), digest);
    }

    #[test]
    fn a_complaint_about_a_value_does_not_show_it() {
        let message = |json: &str| serde_json::from_str::<bool>(json).unwrap_err().to_string();
        for (json, shown) in [
            (
                r#""hunter2""#,
                "invalid type: a text, expected a boolean at line 1 column 9",
            ),
            (
                r#""a, expected b\"""#,
                "invalid type: a text, expected a boolean at line 1 column 17",
            ),
            (
                "4711",
                "invalid type: a number, expected a boolean at line 1 column 4",
            ),
            (
                "4.5",
                "invalid type: a number, expected a boolean at line 1 column 3",
            ),
            (
                "[]",
                "invalid type: sequence, expected a boolean at line 1 column 0",
            ),
        ] {
            assert_eq!(unexpected(&message(json)), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_concealed_and_twice_is_once(text in "[\\s\\S]{0,80}") {
            let once = values(&text).into_owned();
            prop_assert_eq!(values(&once), once.as_str());
            prop_assert_eq!(forms(&text).is_empty(), text.is_empty());
        }
    }
}
