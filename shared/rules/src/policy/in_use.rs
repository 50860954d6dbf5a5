//! What is done about a denied image that runs.

use super::form::choice;

/// What is done about a denied image that runs, or of which that cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InUse {
    /// Someone hears of it, with what runs it.
    #[default]
    Alert,
    /// It is acted on all the same.
    Quarantine,
}

choice!(
    InUse,
    "answer to an image in use",
    "an answer",
    [
        (
            "alert",
            Self::Alert,
            "Someone hears what runs it; the image stays as it is."
        ),
        (
            "quarantine",
            Self::Quarantine,
            "It is made unpullable all the same: what runs it goes on, and cannot start again."
        ),
    ]
);
