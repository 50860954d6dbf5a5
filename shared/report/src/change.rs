//! The fix of a finding, and the exception from it: what whoever is paged can paste.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;
use serde_json::Value;
use tidewaiter_rules::{Edit, Facts, Finding, Subject};

use crate::clean;

/// The smallest change of the subject that mends a finding, at the place of its pointer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertFix {
    /// What stands there now, where something does and it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Value>,
    /// What should stand there; nothing, where it is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Value>,
}

impl AlertFix {
    pub(crate) fn of(fix: &Edit) -> Self {
        let json = |text: &str| serde_json::from_str(text).ok();
        Self {
            was: fix.was.and_then(json),
            now: fix.now.and_then(json),
        }
    }

    /// The change as lines, as [`diff`].
    pub(crate) fn lines(&self, pointer: &str) -> Vec<String> {
        diff(pointer, self.was.as_ref(), self.now.as_ref())
    }
}

/// A change of one member as a diff: where its object is, what goes, and what comes.
pub(crate) fn diff(pointer: &str, was: Option<&Value>, now: Option<&Value>) -> Vec<String> {
    let (parent, member) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let member = Value::from(member.replace("~1", "/").replace("~0", "~"));
    let parent = if parent.is_empty() { "/" } else { parent };
    let mut lines = vec![format!("@@ {parent} @@")];
    if let Some(was) = was {
        lines.push(format!("- {member}: {was}"));
    }
    if let Some(now) = now {
        lines.push(format!("+ {member}: {now}"));
    }
    lines
}

/// How many waivers a recipe has; who needs more than that needs another policy.
const WAIVERS: usize = 5;

/// A piece of a policy file that excepts just these findings, for whoever answers for that to fill
/// in; `None` where a name is such that no pattern can stand for it alone.
pub(crate) fn recipe<'a>(
    facts: &Facts,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> Option<String> {
    let place = facts.place.as_ref()?;
    let mut target = vec![
        ("account", place.account().to_owned()),
        ("region", place.region().to_owned()),
    ];
    if let Some(cluster) = facts.cluster() {
        target.push(("cluster", plain(cluster)?));
    }
    let name = match &facts.subject {
        Subject::TaskDefinition(definition) => {
            // An Express service has no family: by its cluster and container alone, others would be
            // excepted as well.
            let family = plain(&definition.family_name()?)?;
            target.push(("family", family.clone()));
            family
        }
        Subject::Image(image) => {
            target.push(("repository", plain(image.repository.name())?));
            target.push(("digest", image.digest.as_ref()?.to_string()));
            image.repository.name().replace('/', "-")
        }
        Subject::Deployment(deployment) => {
            let definition = deployment.target.task_definition.as_ref()?;
            let family = plain(definition.family())?;
            target.push(("family", family.clone()));
            family
        }
        Subject::Dockerfile(_) => return None,
    };
    let mut rules: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    for finding in findings {
        let container = match finding.container.as_deref() {
            Some(container) => match plain(container) {
                Some(container) => Some(container),
                None => continue,
            },
            None => None,
        };
        let rules = rules.entry(container).or_default();
        if !rules.contains(&finding.rule) {
            rules.push(finding.rule);
        }
    }
    if rules.is_empty() {
        return None;
    }
    let mut text = String::from("waivers:\n");
    for (index, (container, rules)) in rules.iter().take(WAIVERS).enumerate() {
        let mut target = target.clone();
        if let Some(container) = container {
            target.push(("container", container.clone()));
        }
        let target = target.iter().map(|(member, value)| {
            // An account is a number to YAML, which the quotes prevent.
            format!("{member}: \"{value}\"")
        });
        let short: String = name.chars().take(60).collect();
        let _ = writeln!(text, "- id: \"{short}-{}\"", index + 1);
        let _ = writeln!(text, "  rules: [{}]", rules.join(", "));
        let _ = writeln!(
            text,
            "  target: {{ {} }}",
            target.collect::<Vec<_>>().join(", ")
        );
        text.push_str("  reason: \"WHY IT IS FINE\"\n  owner: \"WHO ANSWERS FOR IT\"\n  expires: YYYY-MM-DD\n");
    }
    if rules.len() > WAIVERS {
        let _ = writeln!(text, "# and {} containers more", rules.len() - WAIVERS);
    }
    Some(text)
}

/// A name that stands for itself in a pattern and in quotes.
fn plain(name: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let is_name = !name.is_empty() && name.len() <= 256 && name.bytes().all(is_plain);
    // What has the form of a secret is not told, and nothing can stand for it.
    (is_name && clean(name, 256) == name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_reads_as_a_diff() {
        let (was, now) = (json!(true), json!(["ALL"]));
        let lines = diff("/containerDefinitions/0/privileged", Some(&was), None);
        assert_eq!(
            lines,
            ["@@ /containerDefinitions/0 @@", "- \"privileged\": true"]
        );
        let lines = diff("/a~1b", None, Some(&now));
        assert_eq!(lines, ["@@ / @@", "+ \"a/b\": [\"ALL\"]"]);
    }

    #[test]
    fn a_name_that_is_a_pattern_is_no_name() {
        assert_eq!(plain("team/app_1.2-x").as_deref(), Some("team/app_1.2-x"));
        for name in ["", "a*", "a?b", "a\"b", "a b", "é", "a\n", "${x}"] {
            assert_eq!(plain(name), None, "{name}");
        }
    }
}
