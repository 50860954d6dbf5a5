//! Alerts, each told once.
//!
//! An alert is claimed, sent, and written down as told, in this order. A process that is killed
//! before it sends has left a claim that its own next attempt takes up again, because Lambda tries
//! an event again under the same request id; and so does anybody else once the claim has run out,
//! which is why who finds another's claim comes back later and does not rely on it. A process
//! that is killed after it has sent, and before that is written down, sends once more: an alert may
//! come twice for each kill, and is never lost.

use tidewaiter_rules::ledger::{DONE, Key, News};

use super::{Ledger, Write, Writer, Written, number, text};
use crate::CallError;

/// How long news stays told. After that the same is told again, as a reminder.
const DAYS: i64 = 30;

/// How long a claim holds, in seconds: longer than a function can run.
const CLAIM: i64 = 150;

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
    /// Asks to tell news.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn claim(
        &self,
        key: &Key,
        news: &News,
        writer: Writer<'_>,
    ) -> Result<Claim, CallError> {
        let mut values = vec![
            (":findings", text(&news.findings)),
            (":effects", text(&news.effects)),
            (":telling", text("telling")),
            (":clear", text("clear")),
            (":attempt", text(writer.attempt)),
            (":seconds", writer.seconds()),
            (
                ":until",
                number(writer.now.as_second().saturating_add(CLAIM)),
            ),
            (":now", writer.time()),
            (":none", number(0)),
            (":expires", writer.in_days(DAYS)),
        ];
        let differs = if news.is_already_done() {
            values.push((":done", text(DONE)));
            "(NOT begins_with(#effects, :done) AND (#findings <> :findings OR #effects <> :effects))"
        } else if news.is_done() {
            // What led to it may be said in other words: by a scan, or by the quarantine of before.
            "#effects <> :effects"
        } else {
            "#findings <> :findings OR #effects <> :effects"
        };
        let condition = format!(
            "attribute_not_exists(#id) OR #expires < :seconds OR #state = :clear OR {differs} \
             OR (#state = :telling AND (#attempt = :attempt OR #until < :seconds))"
        );
        let write = Write {
            update: "SET #state = :telling, #findings = :findings, #effects = :effects, \
                     #attempt = :attempt, #until = :until, #at = :now, #repeats = :none, \
                     #expires = :expires",
            condition: &condition,
            values,
        };
        Ok(match self.write(key, write).await? {
            Written::Done => Claim::Ours,
            Written::Refused(entry) if entry.is("state", "telling") => Claim::Anothers,
            Written::Refused(_) => Claim::Told,
        })
    }

    /// Writes down that claimed news was told. Where there is other news by now, that counts.
    ///
    /// # Errors
    /// When the call fails. The same may then be told once more.
    pub async fn told(&self, key: &Key, news: &News, writer: Writer<'_>) -> Result<(), CallError> {
        let write = Write {
            update: "SET #state = :told, #at = :now REMOVE #until",
            condition: "#attempt = :attempt AND #findings = :findings AND #effects = :effects",
            values: vec![
                (":told", text("told")),
                (":now", writer.time()),
                (":attempt", text(writer.attempt)),
                (":findings", text(&news.findings)),
                (":effects", text(&news.effects)),
            ],
        };
        self.write(key, write).await?;
        Ok(())
    }

    /// Counts news that was told before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn repeated(&self, key: &Key, writer: Writer<'_>) -> Result<(), CallError> {
        let write = Write {
            update: "SET #last = :now ADD #repeats :one",
            condition: "attribute_exists(#id)",
            values: vec![(":now", writer.time()), (":one", number(1))],
        };
        self.write(key, write).await?;
        Ok(())
    }

    /// Writes down that what was told of a subject holds no longer, where something was: the same is
    /// news again later.
    ///
    /// # Errors
    /// When the call fails. The same later would then be taken for a repetition, so the event has to
    /// be handled again.
    pub async fn clear(&self, key: &Key, writer: Writer<'_>) -> Result<(), CallError> {
        let write = Write {
            update: "SET #state = :clear, #at = :now",
            condition: "attribute_exists(#id) AND #state <> :clear",
            values: vec![(":clear", text("clear")), (":now", writer.time())],
        };
        self.write(key, write).await?;
        Ok(())
    }
}
