//! What keeps functions from acting: the kill switch and the budget.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use tidewaiter_report::clean;
use tidewaiter_rules::ledger::{Hour, Key};

use super::{Ledger, Write, Writer, Written, number, text};
use crate::CallError;

/// How long a counter is kept.
const DAYS: i64 = 2;

/// That somebody paused all functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The kill switch as somebody left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Whether all functions are paused.
    pub is_paused: bool,
    /// Who turned it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub since: Option<Timestamp>,
}

impl Ledger<'_> {
    /// The kill switch; `None` where nobody ever turned it, and the functions act.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn switch(&self) -> Result<Option<Switch>, CallError> {
        let entry = self.read(&Key::switch()).await?;
        Ok(entry.map(|entry| Switch {
            is_paused: !entry.is("state", "running"),
            by: entry.text("by").unwrap_or("somebody").to_owned(),
            reason: entry.text("reason").unwrap_or_default().to_owned(),
            since: entry.time("at"),
        }))
    }

    /// How many actions a function has taken from its budget in the hour of `now`.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn spent(&self, function: &str, now: Timestamp) -> Result<u32, CallError> {
        let entry = self.read(&Key::budget(function, Hour::of(now))).await?;
        let spent = entry.and_then(|entry| entry.number("spent"));
        Ok(spent.and_then(|spent| spent.try_into().ok()).unwrap_or(0))
    }

    /// Whether all functions are paused. An entry that cannot be read counts as paused.
    ///
    /// # Errors
    /// When the call fails. Nothing may be changed then.
    pub async fn pause_in_force(&self) -> Result<Option<Pause>, CallError> {
        let entry = self.read(&Key::switch()).await?;
        let paused = entry.filter(|entry| !entry.is("state", "running"));
        Ok(paused.map(|entry| Pause {
            by: entry.text("by").unwrap_or("somebody").to_owned(),
            reason: entry.text("reason").unwrap_or_default().to_owned(),
        }))
    }

    /// Pauses all functions, or lets them act again. Gives whether that changed anything.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn set_switch(
        &self,
        is_paused: bool,
        reason: &str,
        writer: Writer<'_>,
    ) -> Result<bool, CallError> {
        let write = Write {
            update: "SET #state = :state, #reason = :reason, #by = :by, #at = :now",
            condition: "attribute_not_exists(#id) OR #state <> :state",
            values: vec![
                (":state", text(if is_paused { "paused" } else { "running" })),
                (":reason", text(&clean(reason, 500))),
                (":by", text(writer.by)),
                (":now", writer.time()),
            ],
        };
        let written = self.write(&Key::switch(), write).await?;
        Ok(matches!(written, Written::Done))
    }

    /// Takes one action from what a function may do in the hour, and gives how many are left of it after
    /// that; `None` where nothing was left. An attempt counts, whatever comes of it.
    ///
    /// # Errors
    /// When the call fails. Nothing may be changed then.
    pub async fn spend(&self, most: u32, writer: Writer<'_>) -> Result<Option<u32>, CallError> {
        if most == 0 {
            return Ok(None);
        }
        let write = Write {
            update: "SET #expires = :expires ADD #spent :one",
            condition: "attribute_not_exists(#spent) OR #spent < :most",
            values: vec![
                (":one", number(1)),
                (":most", number(most.into())),
                (":expires", writer.in_days(DAYS)),
            ],
        };
        let key = Key::budget(writer.by, Hour::of(writer.now));
        let updated = self
            .update(&key, write, Some(ReturnValue::UpdatedNew))
            .await?;
        let spent = updated.ok().map(|entry| entry.number("spent"));
        // An answer without the counter does not make it more.
        let spent = spent.map(|spent| spent.and_then(|spent| spent.try_into().ok()));
        Ok(spent.map(|spent| most.saturating_sub(spent.unwrap_or(most))))
    }
}
