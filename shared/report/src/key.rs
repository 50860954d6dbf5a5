//! What an alert is known by, and what it tells of itself.

use std::fmt::{self, Display, Formatter, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tidewaiter_rules::{Facts, ledger::Key, names::Place};

use crate::clean;

/// What all alerts about one subject have in common, whatever event led to them: at most 255
/// printable ASCII characters, so that every channel can take it for an id. `PagerDuty` has the
/// smallest limit (Events API v2, `dedup_key`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AlertKey(String);

/// The longest key, in characters.
const LONGEST: usize = 255;

impl AlertKey {
    /// The key of what is told of a subject: the ledger's.
    pub fn of(facts: &Facts) -> Self {
        Self::new(Key::alert(facts).part())
    }

    /// The key of what is told of Tidewaiter itself in a place, such as an event that it could not
    /// handle.
    pub(crate) fn of_home(kind: &str, home: &Place, about: &str) -> Self {
        Self::new(&format!(
            "{kind}/{}/{}/{about}",
            home.account(),
            home.region()
        ))
    }

    /// The key that a text stands for: the text itself, where it can be one.
    pub(crate) fn new(text: &str) -> Self {
        let cleaned = clean(text, LONGEST);
        if cleaned == text && text.is_ascii() && !text.is_empty() {
            return Self(cleaned);
        }
        Self::cut(text, LONGEST)
    }

    fn cut(text: &str, most: usize) -> Self {
        let hash = hash(text);
        // Cut after it is cleaned: a part of a secret has no longer the form of one.
        let kept = clean(text, text.len().max(1));
        let kept = kept.chars().filter(char::is_ascii_graphic);
        let kept: String = kept.take(most.saturating_sub(hash.len() + 1)).collect();
        Self(format!("{kept}~{hash}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for AlertKey {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A quarter of SHA-256, in hexadecimal digits: 16.
pub(crate) fn hash(text: &str) -> String {
    let sum = Sha256::digest(text);
    sum.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_fits_everywhere_and_differs_where_its_text_does(
            one in "[\\s\\S]{0,40}|x{250,300}", other in "[\\s\\S]{0,40}|x{250,300}",
        ) {
            let (a, b) = (AlertKey::new(&one), AlertKey::new(&other));
            prop_assert!((1..=LONGEST).contains(&a.as_str().len()));
            prop_assert!(a.as_str().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{a}");
            prop_assert_eq!(one == other, a == b);
        }
    }
}
