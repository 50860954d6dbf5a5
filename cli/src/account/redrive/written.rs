//! What the command says, for people and for programs. Pure.

use std::fmt::Write as _;

use serde::Serialize;
use tidewaiter_aws::Waiting;
use tidewaiter_report::clean;
use tidewaiter_rules::names::quoted;

use super::{
    chosen::DeadLetters,
    letter::{Back, Told},
    ways::Way,
};
use crate::{Status, account::arguments::RedriveArguments};

/// How much of an error of AWS is shown, in characters.
const ERROR: usize = 500;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was looked at, and can go back.
    Shown,
    /// It cannot go back.
    Left,
    /// It went back, and is gone from the queue.
    Sent,
    /// It went back, failed again, and lies in the queue of the function.
    CameBack,
    /// The same event was sent back in this run.
    Again,
    /// It went back, and could not be removed: it may go back twice.
    NotRemoved(String),
    /// It could not be sent back.
    Failed { error: String, will_go_on: bool },
}

impl Outcome {
    /// Whether the message is gone from its queue.
    pub(super) fn is_removed(&self) -> bool {
        matches!(self, Self::Sent | Self::CameBack)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Shown => "waiting",
            Self::Left => "left",
            Self::Sent => "sent",
            Self::CameBack => "came-back",
            Self::Again => "sent-before",
            Self::NotRemoved(_) => "sent-and-not-removed",
            Self::Failed { .. } => "failed",
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::Shown | Self::Sent => Status::Allowed,
            Self::Left | Self::CameBack | Self::Again => Status::Denied,
            Self::NotRemoved(_) | Self::Failed { .. } => Status::Unusable,
        }
    }
}

/// A message and what became of it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) told: Told,
    pub(super) outcome: Outcome,
    pub(super) key: String,
}

impl Item {
    /// The function or queue that it goes back to.
    fn to(&self) -> Option<&'static str> {
        self.told.back.map(Back::name)
    }

    fn failure(&self) -> Option<String> {
        match &self.outcome {
            Outcome::NotRemoved(error) | Outcome::Failed { error, .. } => Some(clean(error, ERROR)),
            _ => None,
        }
    }
}

/// What a queue came to.
#[derive(Debug)]
pub(super) struct Queue {
    name: String,
    pub(super) messages: Vec<Item>,
    /// Messages that the filters leave out.
    pub(super) others: usize,
    /// Whether there is more than was looked at.
    pub(super) has_more: bool,
}

impl Queue {
    pub(super) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            messages: Vec::new(),
            others: 0,
            has_more: false,
        }
    }
}

/// A message, as JSON has it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(flatten)]
    told: &'a Told,
}

/// A queue and what became of its messages, as JSON has it.
#[derive(Debug, Serialize)]
struct Worked<'a> {
    queue: &'a str,
    messages: Vec<Shown<'a>>,
    left_out: usize,
    has_more: bool,
}

/// A queue, as JSON has it.
#[derive(Debug, Serialize)]
struct Counted<'a> {
    queue: &'a str,
    url: &'a str,
    waiting: u64,
    hidden: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<String>,
}

/// The whole answer, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Report<T> {
    version: u8,
    queues: Vec<T>,
}

/// The queues and how much is in them.
pub(super) fn list(counted: &[(&DeadLetters, Waiting)]) -> Report<impl Serialize> {
    let queues = counted.iter().map(|(queue, waiting)| Counted {
        queue: &queue.name,
        url: &queue.url,
        waiting: waiting.visible,
        hidden: waiting.hidden,
        way: queue.way.map(Way::shown),
    });
    Report {
        version: 1,
        queues: queues.collect(),
    }
}

/// What became of each message.
pub(super) fn report(done: &[Queue]) -> Report<impl Serialize> {
    let queues = done.iter().map(|queue| Worked {
        queue: &queue.name,
        messages: (queue.messages.iter())
            .map(|item| Shown {
                outcome: item.outcome.name(),
                to: item.to(),
                failure: item.failure(),
                told: &item.told,
            })
            .collect(),
        left_out: queue.others,
        has_more: queue.has_more,
    });
    Report {
        version: 1,
        queues: queues.collect(),
    }
}

/// The queues and how much is in them, for people.
pub(super) fn counts(counted: &[(&DeadLetters, Waiting)]) -> String {
    let mut lines = String::new();
    let mut full = counted.iter().filter(|(_, waiting)| waiting.visible > 0);
    let first = full.next().map(|(queue, _)| queue.name.as_str());
    let full = full.count() + usize::from(first.is_some());
    let mut total = 0_u64;
    for (queue, waiting) in counted {
        total = total.saturating_add(waiting.visible);
        let way = queue.way.map(Way::shown);
        let way = way.unwrap_or_else(|| "from where, this program does not know".to_owned());
        let hidden = match waiting.hidden {
            0 => String::new(),
            hidden => format!(", {hidden} more taken by somebody"),
        };
        let _ = writeln!(
            lines,
            "  {:<36} {:>5}  {way}{hidden}",
            queue.name, waiting.visible
        );
    }
    let _ = writeln!(
        lines,
        "{total} messages in {full} of {} queues, as SQS knows it about now",
        counted.len()
    );
    if let Some(name) = first {
        let _ = writeln!(
            lines,
            "look at them with `tidewaiter redrive --queue {name}`"
        );
    }
    lines
}

/// A message, for people.
pub(super) fn message(item: &Item) -> String {
    let told = &item.told;
    let mut lines = String::new();
    let kind = if told.kind.is_empty() {
        "of no kind that is known"
    } else {
        &told.kind
    };
    let subject = match told.subject.as_str() {
        "" => String::new(),
        subject => format!(" {}", quoted(subject)),
    };
    let _ = writeln!(lines, "  {}  {kind}{subject}", told.id);
    let place = [&told.account, &told.region];
    let mut place: Vec<String> = place
        .into_iter()
        .filter(|it| !it.is_empty())
        .cloned()
        .collect();
    if !told.who.is_empty() {
        place.push(format!("by {}", quoted(&told.who)));
    }
    if !told.time.is_empty() {
        place.push(format!("happened {}", told.time));
    }
    if let Some(since) = &told.since {
        place.push(format!("here since {since}"));
    }
    if !place.is_empty() {
        let _ = writeln!(lines, "    {}", place.join(", "));
    }
    let attempts = match told.attempts.as_str() {
        "" => String::new(),
        attempts => format!(", after {attempts} attempts more"),
    };
    let _ = writeln!(lines, "    put here by {}{attempts}", told.by);
    if !told.error.is_empty() || !told.error_code.is_empty() {
        let _ = writeln!(lines, "    error {} {}", told.error_code, told.error);
    }
    let to = item.to().unwrap_or_default();
    let failure = item.failure().unwrap_or_default();
    let outcome = match &item.outcome {
        Outcome::Shown => format!("goes to {to}"),
        Outcome::Left => format!("left: {}", told.unreadable.as_deref().unwrap_or_default()),
        Outcome::Sent | Outcome::CameBack => format!("sent to {to}"),
        Outcome::Again => "left: the same event was sent before in this run; look again".to_owned(),
        Outcome::NotRemoved(_) => format!(
            "sent to {to}, and still here, so that it may go there again, which does no harm: {failure}"
        ),
        Outcome::Failed { .. } => format!("not sent, and still here: {failure}"),
    };
    let _ = writeln!(lines, "    {outcome}");
    lines
}

/// What all came to, for people.
pub(super) fn summary(done: &[Queue], arguments: &RedriveArguments) -> String {
    let items = || done.iter().flat_map(|queue| &queue.messages);
    let mut lines = String::new();
    for item in items().filter(|item| item.outcome == Outcome::CameBack) {
        let _ = writeln!(
            lines,
            "came back: {}: the function gave up on it again; its log says why",
            item.told.id
        );
    }
    let count = |names: &[&str]| {
        let is_one = |item: &&Item| names.contains(&item.outcome.name());
        items().filter(is_one).count()
    };
    let mut parts = Vec::new();
    for (names, word) in [
        (&["waiting"][..], "can go back"),
        (&["sent", "came-back", "sent-and-not-removed"], "sent"),
        (&["came-back"], "came back"),
        (&["sent-and-not-removed"], "sent and still there"),
        (&["left", "sent-before"], "left"),
        (&["failed"], "failed"),
    ] {
        let count = count(names);
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if parts.is_empty() {
        parts.push("nothing there".to_owned());
    }
    let others: usize = done.iter().map(|queue| queue.others).sum();
    if others > 0 {
        parts.push(format!("{others} of another kind or id"));
    }
    let _ = writeln!(lines, "{}", parts.join(", "));
    for queue in done.iter().filter(|queue| queue.has_more) {
        let _ = writeln!(
            lines,
            "{} has more than {}: say `--max`, or run it again",
            queue.name, arguments.max
        );
    }
    if count(&["waiting"]) > 0 {
        lines.push_str("nothing was changed; say `--yes` to send them back\n");
    }
    if count(&["sent", "sent-and-not-removed"]) > 0 {
        let _ = writeln!(
            lines,
            "what fails again at once was looked for during {} seconds; Lambda tries again after one and two minutes, queues later: look again with `tidewaiter redrive`",
            arguments.wait
        );
    }
    lines
}

/// What the program ends with.
pub(super) fn status(done: &[Queue], arguments: &RedriveArguments) -> Status {
    let items = || done.iter().flat_map(|queue| &queue.messages);
    let is_missing = arguments.only.is_some() && items().next().is_none();
    if is_missing {
        return Status::Denied;
    }
    if !arguments.yes {
        return Status::Allowed;
    }
    let statuses = items().map(|item| item.outcome.status());
    statuses.fold(Status::Allowed, Status::or)
}
