//! How bad a finding is, on one scale for every rule.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a finding is; the greater, the worse. Serialised in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; no risk by itself.
    Info,
    /// A missing layer of defence.
    Low,
    /// A weakness that another weakness makes dangerous.
    Medium,
    /// A way out of the container, or into it, under common conditions.
    High,
    /// The container is not a boundary, or is known to be exploitable.
    Critical,
}

impl Severity {
    /// The lower-case name, as in JSON and in message attributes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
