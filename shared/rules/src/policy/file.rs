//! The policy file.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::{Level, Parameters, Policy, Profile, Unknown};
use crate::{catalogue, names::quoted};

/// The largest policy file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A policy file that cannot be used; the message says where and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPolicy {
    /// The text has not the form of a policy.
    #[error("{0}")]
    Form(String),
    /// The version is not one that this program reads.
    #[error("`version` is {0}, and this program reads version 1: write `version: 1`")]
    Version(u64),
    /// A rule that does not exist.
    #[error("there is no rule {}{}", quoted(.0), suggestion(.0))]
    NoSuchRule(String),
    /// The file is too large.
    #[error("the policy has more than {MAX_BYTES} bytes")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    version: u64,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    rules: BTreeMap<String, Level>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    unknown: Unknown,
}

pub(super) fn read(text: &str) -> Result<Policy, InvalidPolicy> {
    if text.len() > MAX_BYTES {
        return Err(InvalidPolicy::TooLarge);
    }
    let file: PolicyFile =
        serde_saphyr::from_str(text).map_err(|error| InvalidPolicy::Form(error.to_string()))?;
    if file.version != 1 {
        return Err(InvalidPolicy::Version(file.version));
    }
    let mut levels = BTreeMap::new();
    for (id, level) in file.rules {
        let rule = catalogue::find(&id).ok_or(InvalidPolicy::NoSuchRule(id))?;
        levels.insert(rule.id, level);
    }
    Ok(Policy {
        profile: file.profile,
        levels,
        parameters: file.parameters,
        unknown: file.unknown,
    })
}

/// The rule whose name shares the longest beginning with what was written.
fn suggestion(written: &str) -> String {
    let shared = |id: &str| {
        let pairs = id.bytes().zip(written.bytes());
        pairs.take_while(|(a, b)| a == b).count()
    };
    let nearest = catalogue::RULES
        .iter()
        .map(|rule| (shared(rule.id), rule.id))
        .max();
    match nearest {
        Some((length, id)) if length >= 3 => format!(": did you mean `{id}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_a_profile_and_overrides_rules() {
        let text = "version: 1\nprofile: restricted\nrules:\n  root-user: off\n  host-pid: warn\nunknown: deny\n";
        let policy = read(text).unwrap();
        assert_eq!(policy.profile, Profile::Restricted);
        assert_eq!(policy.levels.get("root-user"), Some(&Level::Off));
        assert_eq!(policy.levels.get("host-pid"), Some(&Level::Warn));
        assert_eq!(policy.unknown, Unknown::Deny);
        assert_eq!(read("version: 1").unwrap(), Policy::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let errors: Vec<String> = [
            "",
            "version: 2",
            "version: 1\nrules:\n  rot-user: off",
            "version: 1\nrules:\n  privileged: deny",
            "version: 1\nrules:\n  root-user: block",
            "version: 1\nprofil: default",
            "version: 1\nprofile: strict",
            "version: [",
            "version: 1\nrules: {root-user: deny, root-user: off}",
        ]
        .iter()
        .map(|text| format!("{text:?}\n{}\n", read(text).unwrap_err()))
        .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
