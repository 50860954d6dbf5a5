//! A message of a dead-letter queue as a person reads it: what it is, why it lies there, and whether it can
//! go back. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use tidewaiter_aws::Letter;
use tidewaiter_events::{Ignored, Parsed, name_of_caller, parse};
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
    Topic(&'static str),
}

impl Back {
    /// The name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Function(name) | Self::Queue(name) | Self::Topic(name) => name,
        }
    }
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
    /// Who caused it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) who: String,
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
    /// What goes back, where that is not the message as it is.
    #[serde(skip)]
    pub(super) payload: Option<String>,
}

/// What every event of EventBridge has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    id: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    source: Option<String>,
    account: Option<String>,
    region: Option<String>,
    time: Option<String>,
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    event_name: Option<String>,
    user_identity: Identity,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identity {
    arn: Option<String>,
}

/// What a rule puts on a bus, with what it carries as it is.
#[derive(Deserialize)]
struct Carrier<'a> {
    source: &'a str,
    id: &'a str,
    #[serde(borrow)]
    detail: &'a RawValue,
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
        let content = match way {
            Some(Way::Alerts { .. }) => told.read_alert(&letter.body),
            Some(Way::Hub(_)) => told.read_copy(&letter.body),
            // Told is what any event of AWS says, whichever service it is of.
            Some(Way::Topic(_)) => match told.read_event(&letter.body) {
                Content::Unreadable(_) if !told.kind.is_empty() => Content::Event(String::new()),
                content => content,
            },
            _ => told.read_event(&letter.body),
        };
        let id = [&told.id, &told.event, &told.message];
        let id = id.into_iter().find(|id| !id.is_empty()).cloned();
        told.id = id.unwrap_or_default();
        let is_scheduled = matches!(content, Content::Scheduled);
        told.unreadable = match (way, content) {
            (None, _) => Some(
                "this program does not know where it came from: is it as new as the stack?"
                    .to_owned(),
            ),
            (_, Content::Event(subject)) => {
                told.subject = clean(&subject, 2 * WORD);
                None
            }
            (_, Content::Scheduled) => None,
            (_, Content::Unreadable(reason)) => Some(clean(&reason, REASON)),
        };
        if told.unreadable.is_none() {
            told.back = way.map(|way| match way {
                Way::Function(function) => Back::Function(function),
                Way::Alerts { function, .. } if is_scheduled => Back::Function(function),
                Way::Queue(queue) | Way::Hub(queue) | Way::Alerts { queue, .. } => {
                    Back::Queue(queue)
                }
                Way::Topic(topic) => {
                    told.payload = Some(told.late());
                    Back::Topic(topic)
                }
            });
        }
        told
    }

    /// What is told late of an event that a rule could not tell.
    fn late(&self) -> String {
        format!(
            "Tampering? Told late, out of a dead-letter queue.\n{} by {} at {} in account {}, {}. Event {}.\ndocs/operations.md says what to do.",
            self.kind, self.who, self.time, self.account, self.region, self.id
        )
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

    /// Reads an alert as a topic carries it, or a turn of the schedule.
    fn read_alert(&mut self, body: &str) -> Content {
        match Incoming::read(body) {
            Ok(alert) => {
                "alert".clone_into(&mut self.kind);
                self.event = clean(&alert.id, WORD);
                self.account = clean(&alert.account, WORD);
                self.region = clean(&alert.region, WORD);
                Content::Event(alert.subject)
            }
            Err(error) => match self.read_event(body) {
                Content::Scheduled => Content::Scheduled,
                _ => Content::Unreadable(error.to_string()),
            },
        }
    }

    /// Reads an alert as it is, or as a pipe puts it on the event bus.
    fn read_copy(&mut self, body: &str) -> Content {
        let carrier: Option<Carrier<'_>> = serde_json::from_str(body).ok();
        let carrier = carrier.filter(|carrier| carrier.source == "tidewaiter");
        let (id, alert) = match &carrier {
            Some(carrier) => (carrier.id, carrier.detail.get()),
            None => ("", body),
        };
        let content = self.read_alert(&json!({"MessageId": id, "Message": alert}).to_string());
        if carrier.is_some() && matches!(content, Content::Event(_)) {
            self.payload = Some(alert.to_owned());
        }
        content
    }

    /// Reads an event of EventBridge.
    fn read_event(&mut self, body: &str) -> Content {
        let envelope: Envelope = serde_json::from_str(body).unwrap_or_default();
        let word = |text: Option<String>| text.map_or(String::new(), |text| clean(&text, WORD));
        let caller = envelope.detail.user_identity.arn;
        self.who = word(caller.map(|arn| name_of_caller(&arn)));
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
