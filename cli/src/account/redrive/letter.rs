//! A message of a dead-letter queue as a person reads it: what it is, why it lies there, and whether it can
//! go back. Pure.

use serde::{Deserialize, Serialize};
use tidewaiter_aws::Letter;
use tidewaiter_events::{Ignored, Parsed, parse};
use tidewaiter_notify::Incoming;
use tidewaiter_report::clean;

use super::ways::Way;

/// How much of a reason is shown, in characters.
const REASON: usize = 300;
/// How much of an id or another short word.
const WORD: usize = 120;

/// Where a message goes back to. Names are those of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    Function(&'static str),
    Queue(&'static str),
}

/// What is known of a message. All texts are clean and bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    /// The event's id as logs and alerts have it, else the message's.
    pub(super) id: String,
    /// SQS's id of the message.
    pub(super) message: String,
    /// The API call, the type of the event, or `alert`; empty where that cannot be read.
    pub(super) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) region: String,
    /// When it happened.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) time: String,
    /// When it was put into the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    /// Who put it there.
    pub(super) by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error_code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
    /// How often it was tried, where that is said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) attempts: String,
    /// Why it cannot go back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<String>,
    /// The id of the EventBridge event where that is another.
    #[serde(skip)]
    pub(super) event: String,
    #[serde(skip)]
    pub(super) back: Option<Back>,
}

/// What every event of EventBridge has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    id: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    account: Option<String>,
    region: Option<String>,
    time: Option<String>,
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    event_name: Option<String>,
}

/// What a message holds, and what it is about.
enum Content {
    Event(String),
    Scheduled,
    Unreadable(String),
}

impl Told {
    /// Reads a message of a queue that has this way back.
    pub(super) fn of(letter: &Letter, way: Option<Way>) -> Self {
        let mut told = Self {
            message: clean(&letter.id, WORD),
            since: letter.since.map(|since| since.to_string()),
            ..Self::why(letter)
        };
        let alert = match way {
            Some(Way::Alerts { .. }) => Incoming::read(&letter.body).ok(),
            _ => None,
        };
        let content = match alert {
            Some(alert) => {
                "alert".clone_into(&mut told.kind);
                told.event = clean(&alert.id, WORD);
                told.account = clean(&alert.account, WORD);
                told.region = clean(&alert.region, WORD);
                Content::Event(alert.subject)
            }
            None => told.read_event(&letter.body),
        };
        let id = [&told.id, &told.event, &told.message];
        let id = id.into_iter().find(|id| !id.is_empty()).cloned();
        told.id = id.unwrap_or_default();
        let is_scheduled = matches!(content, Content::Scheduled);
        let reason = match content {
            Content::Event(subject) => {
                told.subject = clean(&subject, 2 * WORD);
                // An event in place of an alert.
                let is_alert = told.kind == "alert";
                (matches!(way, Some(Way::Alerts { .. })) && !is_alert)
                    .then(|| "it is no alert".to_owned())
            }
            Content::Scheduled => None,
            Content::Unreadable(reason) => Some(clean(&reason, REASON)),
        };
        let reason = match way {
            None => Some(
                "this program does not know where it came from: is it as new as the stack?"
                    .to_owned(),
            ),
            Some(_) => reason,
        };
        told.back = match (way, &reason) {
            (_, Some(_)) | (None, None) => None,
            (Some(Way::Function(function)), None) => Some(Back::Function(function)),
            (Some(Way::Alerts { function, .. }), None) if is_scheduled => {
                Some(Back::Function(function))
            }
            (Some(Way::Queue(queue) | Way::Alerts { queue, .. }), None) => Some(Back::Queue(queue)),
        };
        told.unreadable = reason;
        told
    }

    /// Who put it there, and why.
    fn why(letter: &Letter) -> Self {
        let said = |name: &str, limit| {
            let value = letter.attributes.get(name);
            value.map_or(String::new(), |value| clean(value, limit))
        };
        if letter.attributes.contains_key("RULE_ARN") {
            let condition = said("EXHAUSTED_RETRY_CONDITION", WORD);
            let error = said("ERROR_MESSAGE", REASON);
            return Self {
                by: "EventBridge".to_owned(),
                error_code: said("ERROR_CODE", WORD),
                error: if condition.is_empty() {
                    error
                } else {
                    format!("{error} ({condition})")
                },
                attempts: said("RETRY_ATTEMPTS", 10),
                ..Self::default()
            };
        }
        if letter.attributes.contains_key("ErrorMessage") {
            // Lambda names its request; our functions put aside what no attempt can help.
            let is_lambda = letter.attributes.contains_key("RequestID");
            return Self {
                by: if is_lambda { "Lambda" } else { "the function" }.to_owned(),
                error_code: said("ErrorCode", WORD),
                error: said("ErrorMessage", REASON),
                ..Self::default()
            };
        }
        let queue = letter
            .source
            .as_deref()
            .and_then(|arn| arn.rsplit(':').next());
        Self {
            by: match queue {
                Some(queue) => format!(
                    "the queue {}, from which it was taken in vain",
                    clean(queue, WORD)
                ),
                None => "nobody who says so".to_owned(),
            },
            ..Self::default()
        }
    }

    /// Reads an event of EventBridge.
    fn read_event(&mut self, body: &str) -> Content {
        let envelope: Envelope = serde_json::from_str(body).unwrap_or_default();
        let word = |text: Option<String>| text.map_or(String::new(), |text| clean(&text, WORD));
        self.kind = word(envelope.detail.event_name.or(envelope.detail_type));
        self.event = word(envelope.id);
        self.account = word(envelope.account);
        self.region = word(envelope.region);
        self.time = word(envelope.time);
        match parse(body.as_bytes()) {
            Ok(Parsed::Event(event)) => {
                let id = event.origin().id.as_deref().unwrap_or_default();
                self.id = clean(id, WORD);
                Content::Event(event.subject_id())
            }
            Ok(Parsed::TaskChanged(seen)) => Content::Event(seen.arn),
            Ok(Parsed::Deregistered(revision)) => {
                let id = revision.origin.id.as_deref().unwrap_or_default();
                self.id = clean(id, WORD);
                Content::Event(revision.arn.to_string())
            }
            Ok(Parsed::Scheduled(_)) => Content::Scheduled,
            Ok(Parsed::Ignored(Ignored::NotAnEvent)) => {
                Content::Unreadable("it is no event".to_owned())
            }
            // The function passes it by, and that is an end as well.
            Ok(Parsed::Ignored(_)) => Content::Event(String::new()),
            Err(error) => Content::Unreadable(error.to_string()),
        }
    }

    /// Whether this is what somebody names by an id.
    pub(super) fn is_named(&self, id: &str) -> bool {
        [&self.id, &self.event, &self.message].contains(&&id.to_owned())
    }
}

#[cfg(test)]
mod tests;
