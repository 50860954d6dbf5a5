//! Tags of images, and those that quarantined images carry.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{Digest, InvalidName, is_made_of};

/// A tag of an image, for example `1.4.2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ImageTag(String);

impl ImageTag {
    /// Reads a tag. Registries know 128 characters, and ECR takes 300.
    ///
    /// # Errors
    /// When the text has other characters than letters, digits, `_`, `.` and `-`, begins with one of
    /// the last two, or has more than 300.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if is_made_of(text, 300, allowed) && !text.starts_with(['.', '-']) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new("image tag", text))
        }
    }

    /// The tag that an image of this digest keeps when it loses its others at this time:
    /// `quarantine-YYYYMMDD-` and the first twelve digits, with `undated` where the time is not known.
    pub fn of_quarantine(digest: &Digest, time: Option<Timestamp>) -> Self {
        let day = time.map_or_else(
            || "undated".to_owned(),
            |time| time.strftime("%Y%m%d").to_string(),
        );
        Self(format!("{QUARANTINE}{day}-{}", twelve(digest)))
    }

    /// Whether an image of this digest carries the tag because it is in quarantine, since whenever.
    pub fn is_of_quarantine(&self, digest: &Digest) -> bool {
        let rest = self.0.strip_prefix(QUARANTINE);
        let day = rest.and_then(|rest| rest.strip_suffix(&twelve(digest))?.strip_suffix('-'));
        day.is_some_and(|day| {
            day == "undated" || day.len() == 8 && is_made_of(day, 8, |byte| byte.is_ascii_digit())
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const QUARANTINE: &str = "quarantine-";

fn twelve(digest: &Digest) -> String {
    let digits = digest.as_str().split_once(':').map(|(_, digits)| digits);
    digits.unwrap_or_default().chars().take(12).collect()
}

impl fmt::Display for ImageTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest() -> Digest {
        Digest::parse(&format!("sha256:{}", "0123456789abcdef".repeat(4))).unwrap()
    }

    #[test]
    fn a_tag_is_what_a_registry_takes_for_one() {
        for text in ["1", "_", "v1.0-rc.1", "Latest", &"x".repeat(300)] {
            assert!(ImageTag::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "-1",
            ".1",
            "a b",
            "a:b",
            "a/b",
            "$(x)",
            "ä",
            "'",
            &"x".repeat(301),
        ] {
            assert!(ImageTag::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quarantine_tag_says_when_and_of_what() {
        let time = "2026-11-25T23:59:59Z".parse().unwrap();
        let tag = ImageTag::of_quarantine(&digest(), Some(time));
        assert_eq!(tag.as_str(), "quarantine-20261125-0123456789ab");
        assert!(tag.is_of_quarantine(&digest()));
        let undated = ImageTag::of_quarantine(&digest(), None);
        assert!(undated.is_of_quarantine(&digest()), "{undated}");
    }

    #[test]
    fn another_tag_is_no_quarantine_tag() {
        for text in [
            "1.0",
            "quarantine-20261125-0123456789ac",
            "quarantine-2026112-0123456789ab",
            "quarantine-20261125-0123456789abc",
            "quarantine--0123456789ab",
            "quarantine-0123456789ab",
            "my-quarantine-20261125-0123456789ab",
        ] {
            let tag = ImageTag::parse(text).unwrap();
            assert!(!tag.is_of_quarantine(&digest()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_made_from_any_text_has_no_shell_or_markup_characters(text in "[\\s\\S]*|[a-z.-]{1,9}") {
            if let Ok(tag) = ImageTag::parse(&text) {
                prop_assert!(tag.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            }
        }

        #[test]
        fn a_quarantine_tag_is_a_tag(seconds in 0..4_000_000_000_i64, digits in "[0-9a-f]{64}") {
            let digest = Digest::parse(&format!("sha256:{digits}")).unwrap();
            let tag = ImageTag::of_quarantine(&digest, Timestamp::from_second(seconds).ok());
            prop_assert_eq!(ImageTag::parse(tag.as_str()), Ok(tag.clone()));
            prop_assert!(tag.is_of_quarantine(&digest));
        }
    }
}
