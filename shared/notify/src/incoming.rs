//! Alerts as they come from the queue: the envelope of SNS, and in it the JSON of `docs/alert.md` or
//! the notice of a CloudWatch alarm.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tidewaiter_report::{Change, Notice, clean};
use tidewaiter_rules::{Severity, choice, conceal};

/// How much of a text is kept that only serves to compare, in characters.
const LONGEST: usize = 500;

/// A [`Change`] in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnChange(pub(crate) Change);

choice!(
    OnChange,
    "change",
    "opened",
    [
        (
            "opened",
            Self(Change::Opened),
            "Something is wrong, for the first time or again."
        ),
        (
            "reopened",
            Self(Change::Reopened),
            "Something is wrong again that was well."
        ),
        (
            "changed",
            Self(Change::Changed),
            "It is still wrong, and differently."
        ),
        ("resolved", Self(Change::Resolved), "It is well."),
        (
            "reminder",
            Self(Change::Reminder),
            "It is still wrong, and somebody may have forgotten."
        ),
    ]
);

/// An alert that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// What tells it from all others, the same when it is delivered again: SNS's `MessageId`.
    pub id: String,
    /// What it is about, the same for all alerts about it.
    pub key: String,
    /// What it is to those before it.
    pub change: Change,
    /// How bad it is.
    pub severity: Severity,
    /// `decision`, `failure`, `waivers`, or `alarm` for one of CloudWatch's.
    pub kind: String,
    /// The account in which the subject is.
    pub account: String,
    /// The region in which the subject is.
    pub region: String,
    /// `task-definition`, `image` or another kind of subject; empty where it is about none.
    pub subject_kind: String,
    /// `FAMILY:REVISION`, `REPOSITORY@DIGEST`, or as `docs/alert.md` says.
    pub subject: String,
    /// The tags of an image.
    pub tags: Vec<String>,
    /// Who caused it: the name and the ARN, as far as they are known.
    pub who: Vec<String>,
    /// The ids of the rules with findings, in order, each once.
    pub rules: Vec<String>,
    /// The worst vulnerabilities, in order, each once.
    pub vulnerabilities: Vec<String>,
    /// What became of the first action; empty where there is none.
    pub effect: String,
    /// One line for people.
    pub headline: String,
    /// Where to look, in the console.
    pub link: Option<String>,
    /// The alert itself, as its JSON.
    pub json: String,
    /// The alert itself, as channels show it.
    pub notice: Notice,
}

/// A message that holds no alert.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the message is no alert: {0}")]
pub struct Unreadable(String);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    message_id: String,
    message: String,
}

/// What CloudWatch publishes of an alarm.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    #[serde(rename = "AlarmName")]
    name: String,
    #[serde(rename = "AlarmArn")]
    arn: Option<String>,
    #[serde(rename = "AlarmDescription")]
    description: Option<String>,
    new_state_value: String,
    #[serde(default)]
    new_state_reason: String,
    #[serde(rename = "AWSAccountId", default)]
    account: String,
    state_change_time: Option<String>,
}

impl Incoming {
    /// Reads the body of a queue's message.
    ///
    /// # Errors
    /// When it is not SNS's envelope, or what is in it is neither an alert of version 1 nor an alarm.
    pub fn read(body: &str) -> Result<Self, Unreadable> {
        let envelope: Envelope = serde_json::from_str(body)
            .map_err(|_| Unreadable("it does not come from a topic".to_owned()))?;
        let message: Value = serde_json::from_str(&envelope.message)
            .map_err(|_| Unreadable("what the topic carried is no JSON".to_owned()))?;
        if message.get("AlarmName").is_some() {
            let alarm: Alarm = serde_json::from_value(message)
                .map_err(|_| Unreadable("it is an alarm without name or state".to_owned()))?;
            return Self::of_alarm(envelope.message_id, &alarm);
        }
        Self::of_alert(envelope.message_id, &message, envelope.message)
    }

    /// Reads the JSON of an alert that was kept under this id.
    ///
    /// # Errors
    /// When it is no alert of version 1.
    pub fn of_json(id: String, json: String) -> Result<Self, Unreadable> {
        let alert = serde_json::from_str(&json)
            .map_err(|_| Unreadable("what was kept is no JSON".to_owned()))?;
        Self::of_alert(id, &alert, json)
    }

    fn of_alert(id: String, alert: &Value, json: String) -> Result<Self, Unreadable> {
        if alert.get("version") != Some(&json!(1)) {
            return Err(Unreadable("it is not of version 1".to_owned()));
        }
        let notice = Notice::read(&json).map_err(|error| {
            let text = error.to_string();
            let text = text.rsplit("version 1: ").next().unwrap_or_default();
            Unreadable(conceal::unexpected(text).into_owned())
        })?;
        let text = |pointer: &str| {
            let found = alert.pointer(pointer).and_then(Value::as_str);
            clean(found.unwrap_or_default(), LONGEST)
        };
        let list = |pointer: &str| {
            let found = alert.pointer(pointer).and_then(Value::as_array);
            found.map_or(&[][..], Vec::as_slice).iter()
        };
        let (account, region) = (text("/account"), text("/region"));
        let (subject_kind, subject) = (text("/subject/kind"), text("/subject/id"));
        let (kind, headline) = (text("/kind"), text("/headline"));
        let rules = list("/findings").filter_map(|finding| finding.get("rule")?.as_str());
        let worst =
            list("/findings").filter_map(|finding| finding.pointer("/remedy/worst")?.as_array());
        let vulnerabilities = worst
            .flatten()
            .filter_map(|one| one.get("vulnerability")?.as_str());
        Ok(Self {
            change: notice.change(),
            key: notice.key().as_str().to_owned(),
            severity: severity(&text("/severity")),
            tags: list("/subject/tags")
                .filter_map(Value::as_str)
                .map(|tag| clean(tag, LONGEST))
                .collect(),
            who: [text("/who/name"), text("/who/arn")]
                .into_iter()
                .filter(|who| !who.is_empty())
                .collect(),
            rules: sorted(rules),
            vulnerabilities: sorted(vulnerabilities),
            effect: text("/actions/0/effect"),
            link: Some(text("/subject/link")).filter(|link| link.starts_with("https://")),
            id,
            kind,
            account,
            region,
            subject_kind,
            subject,
            headline,
            json,
            notice,
        })
    }

    fn of_alarm(id: String, alarm: &Alarm) -> Result<Self, Unreadable> {
        let name = clean(&alarm.name, 200);
        // arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME
        let region = alarm.arn.as_deref().and_then(|arn| arn.split(':').nth(3));
        let (region, account) = (
            clean(region.unwrap_or_default(), 40),
            clean(&alarm.account, 12),
        );
        let is_well = alarm.new_state_value == "OK";
        let what = alarm
            .description
            .as_deref()
            .unwrap_or("An alarm changed its state.");
        let state = if is_well { "is well again" } else { "rings" };
        let headline = format!("Alarm {name} {state}: {}", clean(what, 200));
        let change = if is_well {
            Change::Resolved
        } else {
            Change::Opened
        };
        let key = format!("{account}/{region}/alarm/{name}");
        let alert = json!({
            "version": 1,
            "kind": "failure",
            "headline": headline,
            "severity": Severity::High.name(),
            "mode": "audit",
            "account": account,
            "region": region,
            "key": key,
            "change": change.name(),
            "time": alarm.state_change_time.as_deref().and_then(time).map(|time| time.to_string()),
            "findings": [],
            "more_findings": 0,
            "actions": [],
            "failure": {
                "error": clean(&alarm.new_state_reason, 1000),
                "fate": "an alarm of CloudWatch; what it is about stands in its description",
            },
        });
        Ok(Self {
            kind: "alarm".to_owned(),
            ..Self::of_alert(id, &alert, alert.to_string())?
        })
    }

    /// The same alert with a word before its headline, and as another change.
    ///
    /// # Errors
    /// None that an alert can have that was read before.
    pub fn with_word(&self, word: &str, change: Change) -> Result<Self, Unreadable> {
        let mut alert: Value = serde_json::from_str(&self.json).unwrap_or_default();
        if let Value::Object(members) = &mut alert {
            members.insert(
                "headline".to_owned(),
                json!(format!("{word} {}", self.headline)),
            );
            members.insert("change".to_owned(), json!(change.name()));
        }
        let kind = self.kind.clone();
        let changed = Self::of_alert(self.id.clone(), &alert, alert.to_string())?;
        Ok(Self { kind, ..changed })
    }

    /// The alert as a digest keeps it: what a line needs, and no more.
    pub fn brief(&self) -> String {
        json!({
            "headline": self.headline,
            "severity": self.severity.name(),
            "change": self.change.name(),
            "key": self.key,
            "account": self.account,
            "region": self.region,
            "link": self.link,
        })
        .to_string()
    }
}

/// CloudWatch writes `2026-11-25T09:00:00.000+0000`.
fn time(text: &str) -> Option<Timestamp> {
    let text = match text.split_once('+') {
        Some((time, "0000")) => format!("{time}Z"),
        _ => text.to_owned(),
    };
    text.parse().ok()
}

/// A severity that nobody knows is not taken lightly.
pub(crate) fn severity(name: &str) -> Severity {
    match name {
        "info" => Severity::Info,
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "critical" => Severity::Critical,
        _ => Severity::High,
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(|name| clean(name, LONGEST)).collect();
    names.sort_unstable();
    names.dedup();
    names
}
