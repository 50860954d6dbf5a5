//! What a check says of one place.

use std::borrow::Cow;

use crate::{
    decide::Outcome, edit::Edit, facts::PlacedContainer, names::quoted, remedy::Remedy,
    severity::Severity,
};

/// What a check says of one place that fails or cannot be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) pointer: String,
    pub(crate) container: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) message: String,
    pub(crate) help: Option<Cow<'static, str>>,
    pub(crate) remedy: Option<Box<Remedy>>,
    pub(crate) fix: Option<Edit>,
}

impl Answer {
    /// The place is wrong. `message` is lower case, without a full stop, and shows outside text
    /// through [`quoted`] only.
    pub fn fail(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Fail,
            pointer: pointer.into(),
            container: None,
            severity: None,
            message: message.into(),
            help: None,
            remedy: None,
            fix: None,
        }
    }

    /// The place cannot be judged; the message says what would have to be known.
    pub fn unknown(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..Self::fail(pointer, message)
        }
    }

    /// The place holds a value that cannot be read from here, for this reason.
    pub fn unreadable(pointer: impl Into<String>, what: &str, reason: &str) -> Self {
        Self::unknown(
            pointer,
            format!("{what} cannot be known: {}", quoted(reason)),
        )
    }

    /// Names the container.
    #[must_use]
    pub fn in_container(mut self, container: &PlacedContainer<'_>) -> Self {
        self.container = Some(container.label());
        self
    }

    /// Gives this answer a severity other than the rule's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Gives this answer help other than the rule's.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what change at its place mends it.
    #[must_use]
    pub(crate) fn fix(mut self, fix: Edit) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Says what a rebuild would mend.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(Box::new(remedy));
        self
    }
}
