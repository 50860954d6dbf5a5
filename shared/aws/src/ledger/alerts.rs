//! Incidents: what was told of each subject and goes on.
//!
//! What is to be told of one is decided by `tidewaiter_report::Incident`; here it is read and written. A
//! write holds only where nobody else has written since the entry was read. An alert is claimed, sent,
//! and written down as told, in this order. A process that is killed before it sends has left a claim that
//! its own next attempt takes up again, because Lambda tries an event again under the same request id; and
//! so does anybody else once the claim has run out, which is why who finds another's claim comes back
//! later and does not rely on it. A process that is killed after it has sent, and before that is written
//! down, sends once more: an alert may come twice for each kill, and is never lost.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use tidewaiter_report::{Change, Incident, Over, Reason, Standing, WhatChanged};
use tidewaiter_rules::ledger::Key;

use super::{Entry, Ledger, Write, Writer, Written, number, seconds, text};
use crate::CallError;

/// How long something is known to be open whose end is announced by something.
const OPEN_DAYS: i64 = 400;

/// How long it is known what was told of what is over, or ends unseen. After that it is told as new.
const DAYS: i64 = 30;

/// Whose part it is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Ours, now.
    Ours,
    /// Nobody's: it was told.
    Told,
    /// Another's, who is about to.
    Anothers,
}

impl Ledger<'_> {
    /// What is known of an incident.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn incident(
        &self,
        key: &Key,
        writer: Writer<'_>,
    ) -> Result<Option<Incident>, CallError> {
        let entry = self.read(key).await?;
        Ok(entry.and_then(|entry| incident(&entry, writer)))
    }

    /// All incidents about subjects of a kind, with their keys.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn incidents(
        &self,
        kind: &str,
        writer: Writer<'_>,
    ) -> Result<Vec<(Key, Incident)>, CallError> {
        let id = Key::alerts(kind);
        let entries = self.list(&id, "").await?;
        let known = entries.iter().filter_map(|entry| {
            let key = Key::alert_in(kind, entry.text("part")?);
            Some((key, incident(entry, writer)?))
        });
        Ok(known.collect())
    }

    /// Writes an incident down, unless somebody else has written since it was read; whether it did.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_incident(
        &self,
        key: &Key,
        incident: &Incident,
        writer: Writer<'_>,
    ) -> Result<bool, CallError> {
        let days = match incident.standing {
            Standing::Telling | Standing::Told | Standing::Resolving
                if key.alert_subject().is_some() =>
            {
                OPEN_DAYS
            }
            _ => DAYS,
        };
        let time = |time| text(&seconds(time).to_string());
        let over = incident.over.as_ref();
        let detail = over.and_then(|over| over.detail.as_deref());
        let what_changed = incident.what_changed;
        let members = [
            (":state", Some(text(incident.standing.name()))),
            (":change", Some(text(incident.change.name()))),
            (":what_changed", what_changed.map(|it| text(it.name()))),
            (":since", Some(time(incident.since))),
            (":at", Some(time(incident.at))),
            (":findings", Some(text(&incident.findings))),
            (":effects", Some(text(&incident.effects))),
            (":over", over.map(|over| text(over.reason.name()))),
            (":over_detail", detail.map(text)),
            (":repeats", Some(amount(incident.repeats))),
            (":last", incident.last.map(time)),
            (":alert", Some(text(&incident.alert))),
            (":sequence", Some(amount(incident.sequence))),
            (":attempt", Some(text(&incident.attempt))),
            (":until", incident.until.map(|it| number(it.as_second()))),
            (":revision", Some(amount(incident.revision))),
            (":expires", Some(writer.in_days(days))),
        ];
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        let mut values = vec![
            (":seconds", writer.seconds()),
            (":was", amount(incident.revision.saturating_sub(1))),
        ];
        for (place, value) in members {
            let name = place.replace(':', "#");
            match value {
                Some(value) => {
                    set.push(format!("{name} = {place}"));
                    values.push((place, value));
                }
                None => removed.push(name),
            }
        }
        let mut update = format!("SET {}", set.join(", "));
        if !removed.is_empty() {
            update = format!("{update} REMOVE {}", removed.join(", "));
        }
        let write = Write {
            update: &update,
            condition: if incident.revision <= 1 {
                "attribute_not_exists(#revision) OR #expires < :seconds OR #revision = :was"
            } else {
                "#revision = :was AND #expires >= :seconds"
            },
            values,
        };
        Ok(matches!(self.write(key, write).await?, Written::Done))
    }
}

/// An incident as it stands in the table; `None` where it counts no more, or cannot be read.
fn incident(entry: &Entry, writer: Writer<'_>) -> Option<Incident> {
    let expires = entry.number("expires")?;
    if expires < writer.now.as_second() {
        return None;
    }
    let owned = |name: &str| entry.text(name).map(str::to_owned);
    let count = |name: &str| entry.number(name).and_then(|it| u64::try_from(it).ok());
    let until = entry.number("until");
    Some(Incident {
        standing: Standing::named(entry.text("state")?)?,
        change: Change::named(entry.text("change")?)?,
        what_changed: entry.text("what_changed").and_then(WhatChanged::named),
        since: entry.time("since")?,
        at: entry.time("at")?,
        findings: owned("findings")?,
        effects: owned("effects")?,
        over: entry
            .text("over")
            .and_then(Reason::named)
            .map(|reason| Over {
                reason,
                detail: owned("over_detail"),
            }),
        repeats: count("repeats").unwrap_or(0),
        last: entry.time("last"),
        alert: owned("alert")?,
        sequence: count("sequence").unwrap_or(0),
        attempt: owned("attempt")?,
        until: until.and_then(|until| Timestamp::from_second(until).ok()),
        revision: count("revision")?,
    })
}

fn amount(value: u64) -> AttributeValue {
    number(i64::try_from(value).unwrap_or(i64::MAX))
}
