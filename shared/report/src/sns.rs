//! An alert as an SNS message.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Alert, Change, Notice, WhatChanged, channel::email, clean, state::AlertState};

/// A message for SNS `Publish` with `MessageStructure` `json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Under 100 characters, without control characters.
    pub subject: String,
    /// A JSON object: `default` is the alert as JSON, for queues, functions and webhooks; `email`
    /// is text; `sms` is one line.
    pub body: String,
    /// What filter policies can choose by.
    pub attributes: Vec<Attribute>,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `severity`, `rule`, `account`, `region`, `mode`, `action`, `effect`, `change` or `key`.
    pub name: &'static str,
    /// `String` or `String.Array`.
    pub data_type: &'static str,
    /// The text, or a JSON array of texts.
    pub value: String,
}

impl Alert {
    /// The message that carries this alert.
    pub fn message(&self) -> Message {
        Message::of(&json!(self), &self.to_string())
    }

    /// The alert as it is kept, to be told again later: without what says which change it tells.
    pub(crate) fn stored(&self) -> String {
        let alert = self.clone().in_state(AlertState::default());
        json!(alert).to_string()
    }
}

impl Message {
    /// The message about an alert that was kept, as the telling of another change.
    pub(crate) fn of_stored(alert: &str, state: &AlertState, now: Timestamp) -> Self {
        let mut alert: Value = serde_json::from_str(alert).unwrap_or_default();
        if let (Value::Object(alert), Value::Object(members)) = (&mut alert, json!(state)) {
            alert.extend(members);
        }
        // It was written by us, as one.
        let text = Notice::read(&alert.to_string()).map(|notice| email::text(&notice, now));
        Self::of(&alert, &text.unwrap_or_default())
    }

    fn of(alert: &Value, email: &str) -> Self {
        let text = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default();
        let change = Change::named(text("change")).unwrap_or_default();
        let line = format!(
            "{}{}",
            change.prefix(WhatChanged::named(text("what_changed"))),
            text("headline")
        );
        let subject = match change {
            Change::Resolved => line.clone(),
            _ => format!("[{}] {line}", text("severity")),
        };
        let body = json!({
            "default": alert.to_string(),
            "email": email,
            "sms": clean(&line, 140),
        });
        Self {
            subject: clean(&subject, 99),
            body: body.to_string(),
            attributes: attributes(alert),
        }
    }
}

fn attributes(alert: &Value) -> Vec<Attribute> {
    let text = |pointer: &str, absent: &str| {
        let found = alert.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or(absent).to_owned()
    };
    let of = |name, value| Attribute {
        name,
        data_type: "String",
        value,
    };
    let findings = alert.get("findings").and_then(Value::as_array);
    let mut rules: BTreeSet<&str> = findings
        .into_iter()
        .flatten()
        .filter_map(|finding| finding.get("rule")?.as_str())
        .collect();
    if rules.is_empty() {
        // A filter on rules must still be able to name what else there is.
        rules.insert(match alert.get("kind").and_then(Value::as_str) {
            Some("waivers") => "waiver-end",
            _ => "unhandled-event",
        });
    }
    vec![
        of("severity", text("/severity", "high")),
        Attribute {
            name: "rule",
            data_type: "String.Array",
            value: json!(rules).to_string(),
        },
        of("account", text("/account", "unknown")),
        of("region", text("/region", "unknown")),
        of("mode", text("/mode", "audit")),
        of("action", text("/actions/0/action", "none")),
        of("effect", text("/actions/0/effect", "none")),
        of("change", text("/change", "opened")),
        of("key", text("/key", "unknown")),
    ]
}
