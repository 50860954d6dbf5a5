//! An alert as it is read back from its documented JSON, by whoever delivers it.

use std::fmt::{self, Formatter};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::Value;
use tidewaiter_rules::Severity;

use crate::{AlertKey, Change, WhatChanged, clean};

/// An alert as it is read from its JSON (`docs/alert.md`). Members that are not known are passed by,
/// so that an older reader reads what a newer writer wrote. All text is made harmless here once more:
/// whoever may publish to the topic could have written it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Notice {
    version: u8,
    pub(crate) kind: Text,
    #[serde(default)]
    key: Option<Text>,
    #[serde(default)]
    pub(crate) change: Change,
    pub(crate) what_changed: Option<WhatChanged>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) since: Option<Timestamp>,
    #[serde(default)]
    pub(crate) repeats: u64,
    #[serde(default)]
    sequence: Option<u64>,
    pub(crate) resolution: Option<NoticeResolution>,
    pub(crate) headline: Text,
    pub(crate) severity: Severity,
    pub(crate) mode: Text,
    pub(crate) decision: Option<Text>,
    pub(crate) account: Text,
    pub(crate) region: Text,
    #[serde(default, deserialize_with = "time")]
    pub(crate) time: Option<Timestamp>,
    pub(crate) event: Option<Text>,
    pub(crate) subject: Option<NoticeSubject>,
    pub(crate) who: Option<Who>,
    #[serde(default)]
    pub(crate) findings: First<NoticeFinding>,
    #[serde(default)]
    pub(crate) more_findings: u64,
    #[serde(default)]
    pub(crate) actions: First<NoticeAction>,
    pub(crate) withheld: Option<Text>,
    pub(crate) held_back: Option<Text>,
    #[serde(default)]
    pub(crate) in_use: First<Run>,
    #[serde(default)]
    pub(crate) more_in_use: u64,
    pub(crate) in_use_unknown: Option<Text>,
    pub(crate) replace_by: Option<Text>,
    pub(crate) waive: Option<Lines>,
    #[serde(default)]
    pub(crate) waivers: First<Ending>,
    pub(crate) failure: Option<NoticeFailure>,
}

/// JSON that is not an alert of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNotice(String);

impl fmt::Display for InvalidNotice {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "this is no alert of version 1: {}", self.0)
    }
}

impl std::error::Error for InvalidNotice {}

/// What routes can choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing<'a> {
    /// The account id.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// `critical`, `high`, `medium`, `low` or `info`.
    pub severity: &'static str,
    /// `task-definition`, `image`, `task-overrides` or `express-service`; `None` where it is about no
    /// subject.
    pub kind: Option<&'a str>,
    /// The family of a task definition or of a run.
    pub family: Option<&'a str>,
    /// The repository of an image.
    pub repository: Option<&'a str>,
    /// Who caused it, as an ARN.
    pub principal: Option<&'a str>,
}

/// The largest JSON that is read, in bytes: what SNS carries at most.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

impl Notice {
    /// Reads an alert.
    ///
    /// # Errors
    /// When the JSON is none, is larger than SNS carries, is of another version, or lacks a member
    /// that every alert has.
    pub fn read(json: &str) -> Result<Self, InvalidNotice> {
        if json.len() > MOST_BYTES {
            return Err(InvalidNotice(format!("it has {} bytes", json.len())));
        }
        let notice: Self = serde_json::from_str(json)
            .map_err(|error| InvalidNotice(clean(&error.to_string(), 300)))?;
        match notice.version {
            1 => Ok(notice),
            other => Err(InvalidNotice(format!("it is of version {other}"))),
        }
    }

    /// What all alerts about one subject have in common.
    pub fn key(&self) -> AlertKey {
        AlertKey::new(match (&self.key, &self.subject) {
            (Some(key), _) => &key.0,
            (None, Some(subject)) => &subject.id.0,
            (None, None) => &self.headline.0,
        })
    }

    /// Which change of state it tells.
    pub fn change(&self) -> Change {
        self.change
    }

    /// Which alert about the same it is, counted from 1, where that is counted: what comes later is the
    /// greater one.
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// How often the same was met since it was opened, beside what was told.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// What routes can choose by.
    pub fn routing(&self) -> Routing<'_> {
        let subject = self.subject.as_ref();
        let kind = subject.map(|subject| subject.kind.0.as_str());
        let id = subject.map_or("", |subject| subject.id.0.as_str());
        let id = id.split_once(" in ").map_or(id, |(id, _)| id);
        let before = |mark: char| id.split_once(mark).map_or(id, |(name, _)| name);
        let (family, repository) = match kind {
            Some("task-definition" | "task-overrides") => (Some(before(':')), None),
            Some("image") => (None, Some(before('@'))),
            _ => (None, None),
        };
        Routing {
            account: &self.account.0,
            region: &self.region.0,
            severity: self.severity.name(),
            kind,
            family,
            repository,
            principal: self
                .who
                .as_ref()
                .and_then(|who| Some(who.arn.as_ref()?.0.as_str())),
        }
    }
}

/// A text on one line, made harmless.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(pub(crate) String);

/// The longest text of an alert is an ARN of a role session.
const LONGEST: usize = 4096;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(clean(&text, LONGEST)))
    }
}

/// A text of several lines, each made harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let lines = text.lines().take(100);
        Ok(Self(lines.map(|line| clean(line, LONGEST)).collect()))
    }
}

/// The first of a list, as many as an alert carries of anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct First<T>(pub(crate) Vec<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Vec<T>;
            fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut first = Vec::new();
                while first.len() < 25 {
                    match list.next_element()? {
                        Some(element) => first.push(element),
                        None => return Ok(first),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }
        deserializer
            .deserialize_seq(List(std::marker::PhantomData))
            .map(Self)
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let time = text.map(|text| text.parse().map_err(|_| D::Error::custom("`time` is none")));
    time.transpose()
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeSubject {
    pub(crate) kind: Text,
    pub(crate) id: Text,
    pub(crate) arn: Option<Text>,
    #[serde(default)]
    pub(crate) tags: First<Text>,
    link: Option<Text>,
}

impl NoticeSubject {
    /// The page in the AWS console; nothing that leads elsewhere.
    pub(crate) fn link(&self) -> Option<&str> {
        let link = self.link.as_ref()?.0.as_str();
        let (host, _) = link.strip_prefix("https://")?.split_once('/')?;
        let is_console = host.ends_with(".console.aws.amazon.com")
            || ["console.amazonaws.cn", "console.amazonaws-us-gov.com"].contains(&host);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/?=&._-%@".contains(&byte);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        (is_console && host.bytes().all(is_name) && link.bytes().all(is_plain)).then_some(link)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Who {
    pub(crate) name: Text,
    pub(crate) arn: Option<Text>,
    pub(crate) via: Option<Text>,
    pub(crate) tool: Option<Text>,
    pub(crate) source_ip: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeFinding {
    pub(crate) rule: Text,
    pub(crate) outcome: Text,
    pub(crate) level: Text,
    pub(crate) severity: Severity,
    pub(crate) pointer: Text,
    pub(crate) container: Option<Text>,
    pub(crate) message: Text,
    pub(crate) help: Text,
    pub(crate) fix: Option<NoticeFix>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeFix {
    pub(crate) was: Option<Value>,
    pub(crate) now: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeAction {
    pub(crate) action: Text,
    pub(crate) target: Text,
    pub(crate) effect: Text,
    pub(crate) error: Option<Text>,
    pub(crate) will_retry: Option<bool>,
    pub(crate) consequence: Text,
    pub(crate) command: Text,
    pub(crate) undo: NoticeUndo,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeUndo {
    pub(crate) explanation: Text,
    pub(crate) command: Text,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Run {
    pub(crate) cluster: Text,
    pub(crate) service: Option<Text>,
    pub(crate) task_definition: Text,
    pub(crate) tasks: u64,
    #[serde(default)]
    pub(crate) owners: First<Text>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Ending {
    pub(crate) id: Text,
    pub(crate) state: Text,
    pub(crate) expires: Text,
    pub(crate) owner: Text,
    pub(crate) reason: Text,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeFailure {
    pub(crate) error: Text,
    pub(crate) fate: Text,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeResolution {
    pub(crate) explanation: Text,
    pub(crate) detail: Option<Text>,
}
