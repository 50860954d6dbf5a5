//! The ledger: what has to outlive a process. One DynamoDB table with a key of two texts, described in
//! `ARCHITECTURE.md`. Every write is one conditional `UpdateItem`, every read one consistent
//! `GetItem`, or `Query` of what has the same `id`: nothing here goes through the table.

mod actions;
mod alerts;
mod deliveries;
mod quarantine;
mod sequence;
mod switch;
mod usage;

use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering,
};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};
use tidewaiter_rules::ledger::Key;

pub use actions::{Begun, Recorded};
pub use alerts::Claim;
pub use deliveries::{Kept, Turn};
pub use quarantine::{Because, Deletion, Quarantined, QuarantinedImage, Release, Releasing};
pub use switch::{Pause, Switch};
pub use usage::{INTERVAL, Index, Reporter, User, Users};

use crate::{CallError, Clients};

/// The ledger of a stack.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    clients: &'a Clients,
    table: &'a str,
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The function, or the person.
    pub by: &'a str,
    /// The attempt, the same when Lambda tries an event again: its request id.
    pub attempt: &'a str,
    /// The time.
    pub now: Timestamp,
}

impl Writer<'_> {
    /// The time as it stands in entries: whole seconds, so that texts are in the order of time.
    fn time(&self) -> AttributeValue {
        text(&seconds(self.now).to_string())
    }

    fn seconds(&self) -> AttributeValue {
        number(self.now.as_second())
    }

    fn in_days(&self, days: i64) -> AttributeValue {
        let seconds = days.saturating_mul(86_400);
        number(self.now.as_second().saturating_add(seconds))
    }

    fn ago(&self, duration: SignedDuration) -> AttributeValue {
        let time = self.now.checked_sub(duration).unwrap_or(Timestamp::MIN);
        text(&seconds(time).to_string())
    }
}

/// The attributes of an entry.
#[derive(Debug, Default)]
struct Entry(HashMap<String, AttributeValue>);

impl Entry {
    fn text(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)?.as_s().ok()?.as_str())
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == Some(value)
    }
}

/// What became of a conditional write.
#[derive(Debug)]
enum Written {
    Done,
    /// The condition does not hold for what is there.
    Refused(Entry),
}

/// A conditional write. Names of attributes stand in both expressions as `#name`, because many
/// of them are words that DynamoDB reserves.
struct Write<'a> {
    update: &'a str,
    condition: &'a str,
    values: Vec<(&'static str, AttributeValue)>,
}

impl<'a> Ledger<'a> {
    /// The ledger in this table.
    pub fn new(clients: &'a Clients, table: &'a str) -> Self {
        Self { clients, table }
    }

    async fn read(&self, key: &Key) -> Result<Option<Entry>, CallError> {
        let call = self
            .clients
            .dynamodb
            .get_item()
            .table_name(self.table)
            .key("id", text(key.id()))
            .key("part", text(key.part()))
            .consistent_read(true);
        let answer = call.send().await;
        let answer = answer.map_err(|error| self.failed(CallError::of("GetItem", &error)))?;
        Ok(answer.item.map(Entry))
    }

    /// All entries of one `id` whose part begins so, in the order of their parts.
    async fn list(&self, id: &str, start_of_part: &str) -> Result<Vec<Entry>, CallError> {
        let mut entries = Vec::new();
        let mut start = None;
        loop {
            let mut call = self
                .clients
                .dynamodb
                .query()
                .table_name(self.table)
                .expression_attribute_names("#id", "id")
                .expression_attribute_values(":id", text(id))
                .consistent_read(true)
                .set_exclusive_start_key(start);
            // DynamoDB refuses an empty text to begin with.
            call = if start_of_part.is_empty() {
                call.key_condition_expression("#id = :id")
            } else {
                call.key_condition_expression("#id = :id AND begins_with(#part, :part)")
                    .expression_attribute_names("#part", "part")
                    .expression_attribute_values(":part", text(start_of_part))
            };
            let page = call.send().await;
            let page = page.map_err(|error| self.failed(CallError::of("Query", &error)))?;
            entries.extend(page.items.unwrap_or_default().into_iter().map(Entry));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(entries);
            }
        }
    }

    async fn write(&self, key: &Key, write: Write<'_>) -> Result<Written, CallError> {
        let updated = self.update(key, write, None).await?;
        Ok(updated.map_or_else(Written::Refused, |_| Written::Done))
    }

    /// Writes, and gives the attributes that were asked for; where the condition does not hold, `Err` in
    /// it has what is there.
    async fn update(
        &self,
        key: &Key,
        write: Write<'_>,
        wanted: Option<ReturnValue>,
    ) -> Result<Result<Entry, Entry>, CallError> {
        let mut call = self
            .clients
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key("id", text(key.id()))
            .key("part", text(key.part()))
            .update_expression(write.update)
            .condition_expression(write.condition)
            .set_return_values(wanted)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for name in names(write.update)
            .chain(names(write.condition))
            .collect::<BTreeSet<_>>()
        {
            call = call.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in write.values {
            call = call.expression_attribute_values(name, value);
        }
        let error = match call.send().await {
            Ok(answer) => return Ok(Ok(Entry(answer.attributes.unwrap_or_default()))),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Err(Entry(refused.item.clone().unwrap_or_default())))
            }
            _ => Err(self.failed(CallError::of("UpdateItem", &error))),
        }
    }

    /// Counts a call that failed.
    fn failed(&self, error: CallError) -> CallError {
        self.clients.ledger_failures.fetch_add(1, Ordering::Relaxed);
        error
    }
}

/// The attributes that an expression names.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression.split('#').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest)
    })
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
