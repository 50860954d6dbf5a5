//! An alert as an SNS message.

use serde_json::json;

use crate::{
    alert::{Alert, AlertAction},
    clean,
};

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
    /// `severity`, `rule`, `account`, `region`, `mode`, `action` or `effect`.
    pub name: &'static str,
    /// `String` or `String.Array`.
    pub data_type: &'static str,
    /// The text, or a JSON array of texts.
    pub value: String,
}

impl Alert {
    /// The message that carries this alert.
    pub fn message(&self) -> Message {
        let subject = format!("[{}] {}", self.severity, self.headline);
        let json = json!(self).to_string();
        let body = json!({
            "default": json,
            "email": self.to_string(),
            "sms": clean(&self.headline, 140),
        });
        Message {
            subject: clean(&subject, 99),
            body: body.to_string(),
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        let text = |name, value: &str| Attribute {
            name,
            data_type: "String",
            value: value.to_owned(),
        };
        let of_action =
            |pick: fn(&AlertAction) -> &'static str| self.actions.first().map_or("none", pick);
        let mut rules: Vec<&str> = self.rules().into_iter().collect();
        if rules.is_empty() {
            // A filter on rules must still be able to name failures.
            rules.push(self.kind.in_place_of_a_rule());
        }
        vec![
            text("severity", self.severity.name()),
            Attribute {
                name: "rule",
                data_type: "String.Array",
                value: json!(rules).to_string(),
            },
            text("account", &self.account),
            text("region", &self.region),
            text("mode", self.mode.name()),
            text("action", of_action(|action| action.action)),
            text("effect", of_action(|action| action.effect)),
        ]
    }
}
