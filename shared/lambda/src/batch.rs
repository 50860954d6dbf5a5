//! A batch of SQS messages, each with an event in it, and the answer that says which of them SQS
//! shall deliver again.

use serde::{Deserialize, Serialize};

/// What Lambda hands a function from a queue (Lambda Developer Guide, "Using Lambda with Amazon
/// SQS").
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    pub(crate) messages: Vec<Message>,
}

/// One message of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The queue's id of it, the same when it is delivered again.
    #[serde(rename = "messageId")]
    pub id: String,
    /// What is in it.
    pub body: String,
    event_source: String,
}

impl Batch {
    /// Reads a payload; `None` where it is anything else.
    pub fn read(payload: &str) -> Option<Self> {
        let batch: Self = serde_json::from_str(payload).ok()?;
        let is_from_queue = |message: &Message| message.event_source == "aws:sqs";
        batch.messages.iter().all(is_from_queue).then_some(batch)
    }

    /// The messages, in the order of the queue.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }
}

/// Which messages SQS shall deliver again (`ReportBatchItemFailures`). All others are deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    batch_item_failures: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: String,
}

impl Failures {
    /// Has a message delivered again.
    pub fn add(&mut self, message_id: &str) {
        self.batch_item_failures.push(Item {
            item_identifier: message_id.to_owned(),
        });
    }

    pub(crate) fn add_all(&mut self, messages: &[&Message]) {
        for message in messages {
            self.add(&message.id);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.batch_item_failures.len()
    }

    /// Whether every message is dealt with.
    pub fn is_empty(&self) -> bool {
        self.batch_item_failures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_from_a_queue_is_a_batch() {
        let message = r#"{"messageId":"m","body":"{}","eventSource":"aws:sqs","attributes":{}}"#;
        let records = |records: &str| format!(r#"{{"Records":[{records}]}}"#);
        assert_eq!(Batch::read(&records(message)).unwrap().messages.len(), 1);
        let other = message.replace("aws:sqs", "aws:sns");
        for payload in [records(&other), records("{}"), "{}".into(), "[]".into()] {
            assert!(Batch::read(&payload).is_none(), "{payload}");
        }
    }

    #[test]
    fn the_answer_is_what_lambda_reads() {
        let mut failures = Failures::default();
        let json = |failures: &Failures| serde_json::to_string(failures).unwrap();
        assert_eq!(json(&failures), r#"{"batchItemFailures":[]}"#);
        failures.add("m");
        assert_eq!(
            json(&failures),
            r#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#
        );
    }
}
