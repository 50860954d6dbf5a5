//! The policy file.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;
use thiserror::Error;

use super::{
    Layer, Level, Parameters, Policy, Profile, Target, Unknown, Waiver,
    scope::{Matching, Scope},
};
use crate::{
    catalogue, conceal,
    names::{quoted, quoted_value},
};

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
    #[error("there is no rule {}{}", quoted_value(.0), suggestion(.0))]
    NoSuchRule(String),
    /// A waiver that is not one.
    #[error("waiver {}: {what}", quoted(.id))]
    Waiver {
        /// Its id.
        id: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Scopes that do not say what holds.
    #[error("{0}")]
    Scope(String),
    /// The file is too large.
    #[error("the policy has more than {MAX_BYTES} bytes")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct PolicyFile {
    /// The version of the form: 1.
    version: u64,
    /// The levels to start from.
    #[serde(default)]
    profile: Profile,
    /// Levels of single rules.
    #[serde(default)]
    rules: BTreeMap<String, Level>,
    /// Where other levels hold; the narrowest scope decides.
    #[serde(default)]
    scopes: Vec<ScopeEntry>,
    /// What single rules are told.
    #[serde(default)]
    parameters: Parameters,
    /// What an answer costs that cannot be known.
    #[serde(default)]
    unknown: Unknown,
    /// Exceptions, each with an end.
    #[serde(default)]
    waivers: Vec<WaiverEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ScopeEntry {
    /// What the scope is for; all that is set has to match.
    r#match: Matching,
    /// The levels to start from here.
    #[serde(default)]
    profile: Option<Profile>,
    /// Levels of single rules here.
    #[serde(default)]
    rules: BTreeMap<String, Level>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct WaiverEntry {
    /// The name by which reports call it.
    id: String,
    /// The rules that it is an exception from.
    rules: Vec<String>,
    /// Where it holds; all that is set has to match.
    target: Target,
    /// Why.
    reason: String,
    /// Who answers for it.
    owner: String,
    /// Where it was agreed.
    #[serde(default)]
    ticket: Option<String>,
    /// The last day on which it holds, a year ahead at most.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date")))]
    expires: Date,
}

pub(super) fn read(text: &str, today: Date) -> Result<Policy, InvalidPolicy> {
    if text.len() > MAX_BYTES {
        return Err(InvalidPolicy::TooLarge);
    }
    let file: PolicyFile = serde_saphyr::from_str(text).map_err(|error| {
        // It may show lines of the file, and in them what does not belong there.
        let message = error.to_string();
        InvalidPolicy::Form(conceal::values(message.trim_start_matches("error: ")).into_owned())
    })?;
    if file.version != 1 {
        return Err(InvalidPolicy::Version(file.version));
    }
    Ok(Policy {
        base: layer(Some(file.profile), file.rules)?,
        scopes: scopes(file.scopes)?,
        parameters: file.parameters,
        waivers: waivers(file.waivers, today)?,
        unknown: file.unknown,
    })
}

/// The schema of the file, with the names of the rules where rules are named.
#[cfg(feature = "schema")]
pub(super) fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(PolicyFile).to_value();
    let ids: Vec<&str> = catalogue::RULES.iter().map(|rule| rule.id).collect();
    let named = serde_json::json!({ "enum": ids });
    for (pointer, member) in [
        ("/properties/rules", "propertyNames"),
        ("/$defs/ScopeEntry/properties/rules", "propertyNames"),
        ("/$defs/WaiverEntry/properties/rules", "items"),
    ] {
        if let Some(serde_json::Value::Object(rules)) = schema.pointer_mut(pointer) {
            rules.insert(member.to_owned(), named.clone());
        }
    }
    if let serde_json::Value::Object(policy) = &mut schema {
        policy.insert("title".to_owned(), "Tidewaiter policy".into());
    }
    if let Some(serde_json::Value::Object(version)) = schema.pointer_mut("/properties/version") {
        version.insert("const".to_owned(), 1.into());
    }
    schema
}

fn layer(profile: Option<Profile>, rules: BTreeMap<String, Level>) -> Result<Layer, InvalidPolicy> {
    let rules = rules.into_iter().map(|(id, level)| {
        let rule = catalogue::find(&id).ok_or(InvalidPolicy::NoSuchRule(id))?;
        Ok((rule.id, level))
    });
    Ok(Layer {
        profile,
        levels: rules.collect::<Result<_, InvalidPolicy>>()?,
    })
}

fn scopes(entries: Vec<ScopeEntry>) -> Result<Vec<Scope>, InvalidPolicy> {
    let mut scopes: Vec<Scope> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let scope = Scope {
            layer: layer(entry.profile, entry.rules)?,
            matching: entry.r#match,
        };
        let (number, specificity) = (index + 1, scope.matching.specificity());
        if specificity == (0, 0) {
            return Err(InvalidPolicy::Scope(format!(
                "scope {number}: `match` is empty: name what it is for, what holds everywhere stands at the top of the policy"
            )));
        }
        let tied = scopes.iter().position(|other| {
            other.matching.specificity() == specificity
                && other.layer != scope.layer
                && !other.matching.is_apart_from(&scope.matching)
        });
        if let Some(other) = tied {
            return Err(InvalidPolicy::Scope(format!(
                "scopes {} and {number} are equally narrow and can hold for the same subject: let one of them match more",
                other + 1
            )));
        }
        scopes.push(scope);
    }
    Ok(scopes)
}

/// How far ahead a waiver may end, in days.
const LONGEST: i64 = 366;

fn waivers(entries: Vec<WaiverEntry>, today: Date) -> Result<Vec<Waiver>, InvalidPolicy> {
    let mut waivers: Vec<Waiver> = Vec::new();
    for entry in entries {
        let wrong = |what: &str| InvalidPolicy::Waiver {
            id: entry.id.clone(),
            what: what.to_owned(),
        };
        if waivers.iter().any(|waiver| waiver.id == entry.id) {
            return Err(wrong("there are two of this id: give each its own"));
        }
        for (member, value) in [
            ("id", &entry.id),
            ("reason", &entry.reason),
            ("owner", &entry.owner),
        ] {
            if value.trim().is_empty() {
                return Err(wrong(&format!("`{member}` is empty: say it")));
            }
        }
        if entry.rules.is_empty() {
            return Err(wrong(
                "`rules` is empty: name the rules that it is an exception from",
            ));
        }
        if entry.target.is_empty() {
            return Err(wrong(
                "`target` is empty: name what it is for, a rule that is off everywhere is `rules: {…: off}`",
            ));
        }
        let latest = today.checked_add(LONGEST.days()).unwrap_or(Date::MAX);
        if entry.expires > latest {
            return Err(wrong(&format!(
                "`expires` is more than a year ahead: {latest} is the latest"
            )));
        }
        let rules = entry.rules.into_iter().map(|id| {
            let rule = catalogue::find(&id).ok_or(InvalidPolicy::NoSuchRule(id))?;
            Ok(rule.id)
        });
        waivers.push(Waiver {
            rules: rules.collect::<Result<_, InvalidPolicy>>()?,
            id: entry.id,
            target: entry.target,
            reason: entry.reason,
            owner: entry.owner,
            ticket: entry.ticket,
            expires: entry.expires,
        });
    }
    Ok(waivers)
}

fn suggestion(written: &str) -> String {
    catalogue::nearest(written)
        .map(|id| format!(": did you mean `{id}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policy, InvalidPolicy> {
        super::read(text, "2026-11-23".parse().unwrap())
    }

    #[test]
    fn a_policy_names_a_profile_and_overrides_rules() {
        let text = "version: 1\nprofile: restricted\nrules:\n  root-user: off\n  host-pid: warn\nunknown: deny\n";
        let policy = read(text).unwrap();
        assert_eq!(policy.base.profile, Some(Profile::Restricted));
        assert_eq!(policy.base.levels.get("root-user"), Some(&Level::Off));
        assert_eq!(policy.base.levels.get("host-pid"), Some(&Level::Warn));
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
            "version: 1\nscopes: [{match: {}, rules: {root-user: off}}]",
            "version: 1\nscopes: [{match: {familie: web}, rules: {root-user: off}}]",
            "version: 1\nscopes: [{match: {family: 'a-*'}, rules: {root-user: off}}, {match: {region: 'eu-*'}, rules: {root-user: deny}}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {family: x}, reason: r, owner: o}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {family: x}, reason: r, owner: o, expires: soon}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {family: x}, reason: r, owner: o, expires: 2028-01-01}]",
            "version: 1\nwaivers: [{id: a, rules: [root-users], target: {family: x}, reason: r, owner: o, expires: 2027-01-01}]",
            "version: 1\nwaivers: [{id: a, rules: [], target: {family: x}, reason: r, owner: o, expires: 2027-01-01}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {}, reason: r, owner: o, expires: 2027-01-01}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {famly: x}, reason: r, owner: o, expires: 2027-01-01}]",
            "version: 1\nwaivers: [{id: a, rules: [root-user], target: {family: x}, reason: ' ', owner: o, expires: 2027-01-01}]",
        ]
        .iter()
        .map(|text| format!("{text:?}\n{}\n", read(text).unwrap_err()))
        .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
