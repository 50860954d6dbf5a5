//! What became of each alert in each channel, and what a channel is told later.
//!
//! An alert is claimed for a channel, sent, and written down as sent, in this order. A process that is
//! killed before it sends leaves a claim that runs out, and the queue hands the alert to another by then. One
//! that is killed after it has sent and before that is written down sends once more: each kill repeats an
//! alert at most once in one channel, and none loses it. What several alerts are told in is one message, so
//! it repeats as one.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use tidewaiter_rules::ledger::Key;

use super::{Claim, Entry, Ledger, Write, Writer, Written, number, seconds, text};
use crate::CallError;

/// How long it stays known what was sent: longer than a queue keeps a message after its first delivery.
const DAYS: i64 = 15;

/// How long a claim holds, in seconds: longer than a function can run, and shorter than the queue hides a
/// message that was handed out.
const CLAIM: i64 = 150;

/// How long a thread is gone on with.
const THREAD_DAYS: i64 = 90;

/// How long what was told later stays in the table.
const TOLD_DAYS: i64 = 1;

/// How long what waits may wait: it is told after a week at the latest.
const KEPT_DAYS: i64 = 30;

/// Whether a channel may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// It said that it is too much. Not before this.
    NotBefore(Timestamp),
}

/// Something that a channel is told later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The entry.
    key: Key,
    /// The alert, as it was kept.
    pub alert: String,
    /// Whether it is the last of what flapped, and not one of several alerts that are told together.
    pub is_last: bool,
    /// How many alerts it stands for.
    pub count: u32,
}

impl Ledger<'_> {
    /// Asks to tell an alert to a channel. `message` is the queue's id of the message that carries it: an
    /// alert that the channel refused is tried again when somebody sends it to the queue again, and not
    /// before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn claim_delivery(
        &self,
        key: &Key,
        message: &str,
        writer: Writer<'_>,
    ) -> Result<Claim, CallError> {
        let write = Write {
            update: "SET #state = :sending, #attempt = :attempt, #until = :until, #at = :now, \
                     #message = :message, #expires = :expires REMOVE #error",
            condition: "attribute_not_exists(#id) OR #expires < :seconds OR #state = :waiting \
                        OR (#state = :sending AND (#attempt = :attempt OR #until < :seconds)) \
                        OR (#state = :refused AND #message <> :message)",
            values: vec![
                (":sending", text("sending")),
                (":waiting", text("waiting")),
                (":refused", text("refused")),
                (":message", text(message)),
                (":attempt", text(writer.attempt)),
                (":seconds", writer.seconds()),
                (
                    ":until",
                    number(writer.now.as_second().saturating_add(CLAIM)),
                ),
                (":now", writer.time()),
                (":expires", writer.in_days(DAYS)),
            ],
        };
        Ok(match self.write(key, write).await? {
            Written::Done => Claim::Ours,
            Written::Refused(entry) if entry.is("state", "sending") => Claim::Anothers,
            Written::Refused(_) => Claim::Told,
        })
    }

    /// Writes down what became of a claimed alert: `sent`, `kept` for later, `refused` with the reason, or
    /// `waiting` where it is to be tried again.
    ///
    /// # Errors
    /// When the call fails. The alert may then be told once more.
    pub async fn end_delivery(
        &self,
        key: &Key,
        state: &'static str,
        error: Option<&str>,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let mut values = vec![
            (":state", text(state)),
            (":now", writer.time()),
            (":attempt", text(writer.attempt)),
        ];
        let mut update = "SET #state = :state, #at = :now".to_owned();
        if let Some(error) = error {
            update.push_str(", #error = :error");
            values.push((":error", text(error)));
        }
        update.push_str(" REMOVE #until");
        let write = Write {
            update: &update,
            condition: "#attempt = :attempt",
            values,
        };
        self.write(key, write).await?;
        Ok(())
    }

    /// Whether a channel may be written to.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn turn(&self, channel: &str, now: Timestamp) -> Result<Turn, CallError> {
        let entry = self.read(&Key::channel(channel)).await?;
        let until = entry.and_then(|entry| entry.time("until"));
        Ok(match until.filter(|until| *until > now) {
            Some(until) => Turn::NotBefore(until),
            None => Turn::Now,
        })
    }

    /// Has a channel left alone until a time.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn leave_alone(
        &self,
        channel: &str,
        until: Timestamp,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #until = :until, #at = :now, #expires = :expires",
            // Of two answers the longer one counts.
            condition: "attribute_not_exists(#id) OR #until < :until",
            values: vec![
                (":until", text(&seconds(until).to_string())),
                (":now", writer.time()),
                (":expires", writer.in_days(TOLD_DAYS)),
            ],
        };
        self.write(&Key::channel(channel), write).await?;
        Ok(())
    }

    /// Takes one message from what a channel may get in the minute; `false` where nothing is left.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn spend_message(
        &self,
        channel: &str,
        most: u32,
        writer: Writer<'_>,
    ) -> Result<bool, CallError> {
        let write = Write {
            update: "SET #expires = :expires ADD #spent :one",
            condition: "attribute_not_exists(#spent) OR #spent < :most",
            values: vec![
                (":one", number(1)),
                (":most", number(most.into())),
                (":expires", writer.in_days(TOLD_DAYS)),
            ],
        };
        let written = self.write(&Key::rate(channel, writer.now), write).await?;
        Ok(matches!(written, Written::Done))
    }

    /// Where the messages about an alert's key stand in a channel: the conversation, and the first of them.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn thread(
        &self,
        alert_key: &str,
        channel: &str,
        now: Timestamp,
    ) -> Result<Option<(String, String)>, CallError> {
        let entry = self.read(&Key::thread(alert_key, channel)).await?;
        Ok(entry.and_then(|entry| {
            let is_known = entry.number("expires")? > now.as_second();
            let known = (
                entry.text("conversation")?.to_owned(),
                entry.text("first")?.to_owned(),
            );
            is_known.then_some(known)
        }))
    }

    /// Writes down where the messages about an alert's key stand. What opens anew begins a thread of its
    /// own.
    ///
    /// # Errors
    /// When the call fails. What follows then begins a thread of its own.
    pub async fn begin_thread(
        &self,
        alert_key: &str,
        channel: &str,
        (conversation, first): (&str, &str),
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #conversation = :conversation, #first = :first, #at = :now, #expires = :expires",
            condition: "attribute_not_exists(#id) OR #first <> :first",
            values: vec![
                (":conversation", text(conversation)),
                (":first", text(first)),
                (":now", writer.time()),
                (":expires", writer.in_days(THREAD_DAYS)),
            ],
        };
        self.write(&Key::thread(alert_key, channel), write).await?;
        Ok(())
    }

    /// The recent changes of an alert's key, as [`Self::note_flaps`] was given them.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn flaps(&self, alert_key: &str) -> Result<Option<String>, CallError> {
        let entry = self.read(&Key::flaps(alert_key)).await?;
        Ok(entry.and_then(|entry| Some(entry.text("seen")?.to_owned())))
    }

    /// Writes down the recent changes of an alert's key, unless somebody else has since `before` was read.
    /// Then one change counts too few, which does no harm.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn note_flaps(
        &self,
        alert_key: &str,
        before: Option<&str>,
        seen: &str,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let mut values = vec![
            (":seen", text(seen)),
            (":now", writer.time()),
            (":expires", writer.in_days(TOLD_DAYS)),
        ];
        let condition = match before {
            None => "attribute_not_exists(#id)",
            Some(before) => {
                values.push((":before", text(before)));
                "#seen = :before"
            }
        };
        let write = Write {
            update: "SET #seen = :seen, #at = :now, #expires = :expires",
            condition,
            values,
        };
        self.write(&Key::flaps(alert_key), write).await?;
        Ok(())
    }

    /// Keeps an alert for a channel until a time, among those that are told together. The same alert is kept
    /// once.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn keep(
        &self,
        channel: &str,
        alert_id: &str,
        alert: &str,
        at: Timestamp,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let write = Write {
            update: "SET #state = :waiting, #alert = :alert, #due = :due, #kind = :kind, #at = :now, \
                     #expires = :expires ADD #count :one",
            condition: "attribute_not_exists(#id)",
            values: kept_values("together", alert, at, writer),
        };
        self.write(&Key::kept(channel, alert_id), write).await?;
        Ok(())
    }

    /// Keeps an alert about what flaps, in place of the one before it, until a time in which nothing follows.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn keep_last(
        &self,
        channel: &str,
        alert_key: &str,
        alert: &str,
        at: Timestamp,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let mut values = kept_values("last", alert, at, writer);
        values.push((":told", text("told")));
        values.push((":zero", number(0)));
        // What was told before has been counted then. Another that is being told is told again, later.
        let anew = Write {
            update: "SET #state = :waiting, #alert = :alert, #due = :due, #kind = :kind, #at = :now, \
                     #expires = :expires, #count = :one",
            condition: "attribute_not_exists(#id) OR #state = :told",
            values: values
                .iter()
                .filter(|(name, _)| *name != ":zero")
                .cloned()
                .collect(),
        };
        let key = Key::kept(channel, &format!("flaps#{alert_key}"));
        if matches!(self.write(&key, anew).await?, Written::Done) {
            return Ok(());
        }
        let more = Write {
            update: "SET #state = :waiting, #alert = :alert, #due = :due, #kind = :kind, #at = :now, \
                     #expires = :expires ADD #count :one",
            condition: "#count > :zero AND #state <> :told",
            values,
        };
        self.write(&key, more).await?;
        Ok(())
    }

    /// What a channel is to be told by now, claimed for this writer.
    ///
    /// # Errors
    /// When a call fails. What was claimed before it is due again when the claim has run out.
    pub async fn claim_kept(
        &self,
        channel: &str,
        writer: Writer<'_>,
    ) -> Result<Vec<Kept>, CallError> {
        let listed = self.list(Key::kept(channel, "").id(), "").await?;
        let now = seconds(writer.now);
        let is_due = |entry: &&Entry| {
            !entry.is("state", "told") && entry.time("due").is_none_or(|due| due <= now)
        };
        let mut claimed = Vec::new();
        for entry in listed.iter().filter(is_due) {
            let Some(part) = entry.text("part") else {
                continue;
            };
            let what = part.strip_prefix("alert#").unwrap_or(part);
            let key = Key::kept(channel, what);
            let write = Write {
                update: "SET #state = :sending, #attempt = :attempt, #until = :until, #at = :now",
                condition: "#due <= :now AND (#state = :waiting \
                            OR (#state = :sending AND (#attempt = :attempt OR #until < :seconds)))",
                values: vec![
                    (":sending", text("sending")),
                    (":waiting", text("waiting")),
                    (":attempt", text(writer.attempt)),
                    (":seconds", writer.seconds()),
                    (
                        ":until",
                        number(writer.now.as_second().saturating_add(CLAIM)),
                    ),
                    (":now", writer.time()),
                ],
            };
            if matches!(self.write(&key, write).await?, Written::Done) {
                claimed.push(Kept {
                    key,
                    alert: entry.text("alert").unwrap_or_default().to_owned(),
                    is_last: entry.is("kind", "last"),
                    count: entry
                        .number("count")
                        .and_then(|n| u32::try_from(n).ok())
                        .unwrap_or(1),
                });
            }
        }
        Ok(claimed)
    }

    /// Writes down that something kept was told, or waits on where it was not.
    ///
    /// # Errors
    /// When the call fails. It may then be told once more.
    pub async fn end_kept(
        &self,
        kept: &Kept,
        was_told: bool,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let state = if was_told { "told" } else { "waiting" };
        let days = if was_told { TOLD_DAYS } else { KEPT_DAYS };
        let write = Write {
            update: "SET #state = :state, #at = :now, #expires = :expires REMOVE #until",
            // What flapped again in between waits anew.
            condition: "#state = :sending AND #attempt = :attempt",
            values: vec![
                (":state", text(state)),
                (":sending", text("sending")),
                (":attempt", text(writer.attempt)),
                (":now", writer.time()),
                (":expires", writer.in_days(days)),
            ],
        };
        self.write(&kept.key, write).await?;
        Ok(())
    }

    /// When a channel whose minute is full may get more: at the begin of the next.
    pub fn next_minute(now: Timestamp) -> Timestamp {
        let left = 60 - now.as_second().rem_euclid(60);
        now.checked_add(SignedDuration::from_secs(left))
            .unwrap_or(now)
    }
}

fn kept_values(
    kind: &str,
    alert: &str,
    at: Timestamp,
    writer: Writer<'_>,
) -> Vec<(&'static str, AttributeValue)> {
    vec![
        (":waiting", text("waiting")),
        (":alert", text(alert)),
        (":due", text(&seconds(at).to_string())),
        (":kind", text(kind)),
        (":now", writer.time()),
        (":one", number(1)),
        (":expires", writer.in_days(KEPT_DAYS)),
    ]
}
