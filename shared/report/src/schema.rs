//! The JSON Schema of alerts.

use serde_json::{Map, Value, json};

use crate::{Change, Reason, WhatChanged};

/// The JSON Schema of an alert of version 1, as `docs/alert.md` describes it. Members that it does not
/// know are allowed, because some may be added.
pub fn schema() -> Value {
    let severity = json!({"enum": ["critical", "high", "medium", "low", "info"]});
    let mut alert = object(
        &[
            ("version", json!({"const": 1})),
            ("kind", json!({"enum": ["decision", "failure", "waivers"]})),
            (
                "key",
                text(
                    "What all alerts about one subject have in common, at most 255 printable ASCII characters.",
                ),
            ),
            ("change", json!({"enum": Change::ALL.map(Change::name)})),
            ("headline", text("One line for people.")),
            ("severity", severity.clone()),
            ("mode", json!({"enum": ["audit", "enforce"]})),
            ("account", text("The account id.")),
            ("region", text("The region.")),
            ("findings", list(&finding(&severity))),
            ("more_findings", count()),
            ("actions", list(&action())),
        ],
        &[
            ("decision", json!({"enum": ["deny", "warn"]})),
            (
                "what_changed",
                json!({"enum": WhatChanged::ALL.map(WhatChanged::name)}),
            ),
            ("since", text("When it was opened, RFC 3339, UTC.")),
            ("repeats", count()),
            ("sequence", count()),
            ("resolution", resolution()),
            ("time", text("When it happened, RFC 3339, UTC.")),
            (
                "event",
                text("CloudTrail's `eventID`, else the id of the EventBridge event."),
            ),
            ("subject", subject()),
            ("who", who()),
            ("more_actions", count()),
            ("in_use", list(&run())),
            ("more_in_use", count()),
            ("in_use_unknown", text("Why there may be more.")),
            ("replace_by", text("A tag whose scan is clean.")),
            (
                "kept",
                list(&object(&texts(&["digest", "platform", "reason"]), &[])),
            ),
            ("more_kept", count()),
            ("suppressed", list(&suppressed())),
            ("more_suppressed", count()),
            (
                "waive",
                text(
                    "What in a policy file would except just this, in YAML, with places to fill in.",
                ),
            ),
            ("waivers", list(&waiver())),
            ("withheld", text("Why a denied subject was left alone.")),
            (
                "held_back",
                text("Why a function that enforces changed nothing, or not all."),
            ),
            ("failure", object(&texts(&["error", "fate"]), &[])),
        ],
    );
    if let Some(members) = alert.as_object_mut() {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".to_owned(), json!("Tidewaiter alert, version 1"));
    }
    alert
}

fn resolution() -> Value {
    object(
        &[
            ("reason", json!({"enum": Reason::ALL.map(Reason::name)})),
            ("explanation", text("The reason for people.")),
        ],
        &[("detail", text("Who or what made it so."))],
    )
}

fn finding(severity: &Value) -> Value {
    let any = json!({"description": "Any JSON."});
    object(
        &[
            ("rule", text("The rule's id.")),
            ("outcome", json!({"enum": ["fail", "unknown"]})),
            ("level", json!({"enum": ["deny", "warn"]})),
            ("severity", severity.clone()),
            ("pointer", text("A JSON pointer to the place.")),
            ("message", text("What was found.")),
            ("help", text("What to do about it.")),
        ],
        &[
            ("container", text("The container's name.")),
            ("remedy", remedy()),
            ("fix", object(&[], &[("was", any.clone()), ("now", any)])),
        ],
    )
}

fn remedy() -> Value {
    let worst = object(
        &[
            ("vulnerability", text("Its name.")),
            ("severity", text("As the scanner has it.")),
            (
                "fix",
                json!({"enum": ["available", "partial", "unavailable", "unknown"]}),
            ),
            ("has_exploit", json!({"type": "boolean"})),
        ],
        &texts(&["package", "installed", "fixed_in"]),
    );
    let counts = ["total", "fixable", "partly_fixable", "unknown"].map(|name| (name, count()));
    let mut required = counts.to_vec();
    required.push(("worst", list(&worst)));
    object(&required, &[])
}

fn action() -> Value {
    let mut required = texts(&["target", "consequence", "command"]);
    required.extend([
        ("action", text("Such as `archive-image`.")),
        (
            "effect",
            json!({"enum": ["done", "not-applied", "failed", "gone"]}),
        ),
        ("undo", object(&texts(&["command", "explanation"]), &[])),
    ]);
    object(
        &required,
        &[
            ("error", text("Why it failed.")),
            ("will_retry", json!({"type": "boolean"})),
        ],
    )
}

fn subject() -> Value {
    object(
        &texts(&["kind", "id"]),
        &[
            (
                "arn",
                text("Of the revision, the repository, the task or the service."),
            ),
            ("tags", list(&text("A tag of the image."))),
            ("link", text("The page in the AWS console.")),
        ],
    )
}

fn who() -> Value {
    object(
        &[("name", text("Who, as people know them."))],
        &texts(&["arn", "via", "tool", "source_ip"]),
    )
}

fn run() -> Value {
    let mut required = texts(&["cluster", "task_definition", "digest"]);
    required.push(("tasks", count()));
    object(
        &required,
        &[
            (
                "service",
                text("The service; none for tasks that were started by themselves."),
            ),
            ("owners", list(&text("A tag that names an owner."))),
        ],
    )
}

fn suppressed() -> Value {
    let mut required = texts(&["vulnerability", "severity", "by", "reason"]);
    required.extend([
        (
            "source",
            json!({"enum": ["waiver", "vex", "preset", "grace", "scanner"]}),
        ),
        ("rules", list(&text("For which it does not count."))),
    ]);
    object(&required, &texts(&["package", "until"]))
}

fn waiver() -> Value {
    let mut required = texts(&["id", "expires", "reason", "owner"]);
    required.extend([
        ("state", json!({"enum": ["ended", "ends-soon"]})),
        ("rules", list(&text("The id of a rule."))),
    ]);
    object(
        &required,
        &[
            ("vulnerabilities", list(&text("The name of one."))),
            ("ticket", text("Where it was agreed.")),
        ],
    )
}

type Member = (&'static str, Value);

fn object(required: &[Member], optional: &[Member]) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let members = required.iter().chain(optional).cloned();
    let members: Map<String, Value> = members
        .map(|(name, form)| (name.to_owned(), form))
        .collect();
    json!({"type": "object", "required": names, "properties": members})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn texts(names: &[&'static str]) -> Vec<Member> {
    let texts = names.iter().map(|name| (*name, json!({"type": "string"})));
    texts.collect()
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What in `value` the schema does not allow, or does not know: a member that it lacks would be
    /// one that nobody documented.
    pub(crate) fn mistakes(schema: &Value, value: &Value, path: &str) -> Vec<String> {
        for keyword in schema.as_object().unwrap().keys() {
            let known = [
                "$schema",
                "title",
                "description",
                "type",
                "required",
                "properties",
            ];
            let known = known.contains(&keyword.as_str())
                || ["items", "enum", "const", "minimum"].contains(&keyword.as_str());
            assert!(known, "the test does not know `{keyword}`");
        }
        let fits = match schema["type"].as_str() {
            None => true,
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_u64(),
            Some(other) => panic!("{other}"),
        };
        let is_one = |values: &Value| values.as_array().is_none_or(|all| all.contains(value));
        let is_it = schema.get("const").is_none_or(|only| only == value);
        if !(fits && is_it && is_one(&schema["enum"])) {
            return vec![format!("{path} is {value}")];
        }
        let mut found = Vec::new();
        if let (Some(members), Some(forms)) = (value.as_object(), schema["properties"].as_object())
        {
            for (name, member) in members {
                match forms.get(name) {
                    Some(form) => found.extend(mistakes(form, member, &format!("{path}/{name}"))),
                    None => found.push(format!("{path}/{name} is in no schema")),
                }
            }
            for name in schema["required"].as_array().unwrap() {
                if !members.contains_key(name.as_str().unwrap()) {
                    found.push(format!("{path} lacks {name}"));
                }
            }
        }
        for (index, element) in value.as_array().into_iter().flatten().enumerate() {
            found.extend(mistakes(
                &schema["items"],
                element,
                &format!("{path}/{index}"),
            ));
        }
        found
    }

    #[test]
    fn what_does_not_fit_is_found() {
        let alert = json!({"version": 2, "kind": "decision", "more_findings": -1, "what": 1,
            "actions": [{"action": 7}]});
        let found = mistakes(&schema(), &alert, "");
        for part in [
            "/version is 2",
            "/more_findings is -1",
            "/what is in no schema",
            "/actions/0/action is 7",
            " lacks \"key\"",
        ] {
            assert!(
                found.iter().any(|mistake| mistake.ends_with(part)),
                "{part}: {found:?}"
            );
        }
    }
}
