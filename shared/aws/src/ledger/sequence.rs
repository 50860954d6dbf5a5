//! Which alert about something a channel was told last: a topic and a queue keep no order.

use tidewaiter_rules::ledger::Key;

use super::{Ledger, Write, Writer, Written, number};
use crate::CallError;

/// How long it is known. Shorter than an incident is: one that is new again counts from 1.
const DAYS: i64 = 1;

impl Ledger<'_> {
    /// Notes that a channel is about to be told the alert with this number about a key; whether none with a
    /// greater one was noted before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn is_in_sequence(
        &self,
        alert_key: &str,
        channel: &str,
        sequence: u64,
        writer: Writer<'_>,
    ) -> Result<bool, CallError> {
        let key = Key::sequence(alert_key, channel);
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let write = Write {
            update: "SET #sequence = :sequence, #expires = :expires",
            condition: "attribute_not_exists(#sequence) OR #sequence <= :sequence OR #expires < :seconds",
            values: vec![
                (":sequence", number(sequence)),
                (":seconds", writer.seconds()),
                (":expires", writer.in_days(DAYS)),
            ],
        };
        Ok(matches!(self.write(&key, write).await?, Written::Done))
    }
}
