//! A policy document of IAM, and how AWS counts its size.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

/// What the document is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A service control policy, for accounts of an organization
    Scp,
    /// A managed policy, for roles and users of an account
    Iam,
}

/// A policy document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    version: &'static str,
    pub(super) statement: Vec<Statement>,
}

/// A statement that denies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    /// Letters and digits, unique in the document.
    pub(super) sid: String,
    pub(super) effect: Effect,
    pub(super) action: &'static [&'static str],
    #[serde(flatten)]
    pub(super) resources: Resources,
    /// Operator to condition key to values.
    pub(super) condition: BTreeMap<&'static str, BTreeMap<&'static str, Values>>,
}

/// One or several values; one is written without a list, as in AWS's own examples.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Values(pub(super) Vec<String>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [value] => value.serialize(serializer),
            values => values.serialize(serializer),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) enum Effect {
    Deny,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) enum Resources {
    /// These.
    Resource(Values),
    /// All but these.
    NotResource(Values),
}

impl Document {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self {
            version: "2012-10-17",
            statement,
        }
    }

    /// The document as text that AWS takes: indented where that fits.
    ///
    /// # Errors
    /// When it has more characters than AWS allows.
    pub(super) fn text(&self, kind: Kind) -> Result<String, String> {
        let cannot = |error: serde_json::Error| format!("cannot write the document: {error}");
        let indented = serde_json::to_string_pretty(self).map_err(cannot)? + "\n";
        let compact = serde_json::to_string(self).map_err(cannot)? + "\n";
        let (limit, name) = kind.limit();
        let size = compact.trim_end().chars().count();
        if size > limit {
            return Err(format!(
                "the document has {size} characters without white space, and {name} may have {limit}: \
                 let globs stand for several accounts or families, or make one document for each organizational unit"
            ));
        }
        // Organizations counts white space too, IAM does not.
        let fits = kind == Kind::Iam || indented.chars().count() <= limit;
        Ok(if fits { indented } else { compact })
    }
}

impl Kind {
    /// The most characters, and whose limit it is.
    fn limit(self) -> (usize, &'static str) {
        match self {
            // AWS Organizations User Guide, "Quotas and service limits": 10,240 since 2026, before 5,120.
            Self::Scp => (10_240, "a service control policy"),
            // IAM User Guide, "IAM and AWS STS quotas".
            Self::Iam => (6_144, "a managed policy"),
        }
    }
}
