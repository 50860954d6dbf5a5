//! Dead-letter queues of a stack: what lies in them, and the way back.
//!
//! A letter that is taken is hidden from others for a while and comes out again by itself, unless it is
//! removed: whoever is killed in between loses nothing.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName,
};
use aws_smithy_types::Blob;
use aws_types::SdkConfig;
use jiff::Timestamp;

use crate::CallError;

/// What one call of SQS takes or gives back at most.
const BATCH: i32 = 10;

/// Seconds that SQS may look for messages in all of its servers: without any it asks a few of them, and a
/// queue with few messages seems empty.
const LOOK: i32 = 1;

/// How many messages lie in a queue, as SQS knows it about now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those that anybody can take.
    pub visible: u64,
    /// Those that somebody has taken, and those that come later.
    pub hidden: u64,
}

/// A message of a dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// SQS's id of it.
    pub id: String,
    /// What the queue knows this taking of it by.
    pub receipt: String,
    /// What is in it.
    pub body: String,
    /// When it was put into the queue.
    pub since: Option<Timestamp>,
    /// What whoever put it there says of it; outside text.
    pub attributes: BTreeMap<String, String>,
    /// The ARN of the queue from which it was taken in vain, where SQS itself moved it.
    pub source: Option<String>,
}

/// What takes from dead-letter queues, and hands on what lay there.
#[derive(Debug)]
pub struct Letters {
    lambda: aws_sdk_lambda::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Letters {
    pub(crate) fn of(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
        }
    }

    /// How many messages lie in a queue.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn waiting(&self, queue_url: &str) -> Result<Waiting, CallError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as Taken,
        };
        let call = self.sqs.get_queue_attributes().queue_url(queue_url);
        let call = call.set_attribute_names(Some(vec![Visible, Taken, Delayed]));
        let answer = call.send().await;
        let answer = answer.map_err(|error| CallError::of("GetQueueAttributes", &error))?;
        let count = |name: &QueueAttributeName| {
            let value = answer.attributes().and_then(|all| all.get(name));
            value.and_then(|value| value.parse().ok()).unwrap_or(0_u64)
        };
        Ok(Waiting {
            visible: count(&Visible),
            hidden: count(&Taken).saturating_add(count(&Delayed)),
        })
    }

    /// Takes up to ten letters of a queue, which are hidden from others for this many seconds; none where
    /// the queue is empty.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take(&self, queue_url: &str, hidden: i32) -> Result<Vec<Letter>, CallError> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(BATCH)
            .visibility_timeout(hidden)
            .wait_time_seconds(LOOK)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        let answer = answer.map_err(|error| CallError::of("ReceiveMessage", &error))?;
        Ok(answer.messages().iter().filter_map(letter).collect())
    }

    /// Gives letters back to their queue, where anybody can take them at once. One whose time is over is
    /// back already.
    ///
    /// # Errors
    /// When a call fails. They come out of hiding by themselves then.
    pub async fn give_back(&self, queue_url: &str, letters: &[Letter]) -> Result<(), CallError> {
        const CALL: &str = "ChangeMessageVisibilityBatch";
        for letters in letters.chunks(BATCH.unsigned_abs() as usize) {
            let mut call = self.sqs.change_message_visibility_batch();
            for (index, letter) in letters.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&letter.receipt)
                    .visibility_timeout(0)
                    .build();
                let entry = entry.map_err(|error| CallError::permanent(CALL, error.to_string()))?;
                call = call.entries(entry);
            }
            let answer = call.queue_url(queue_url).send().await;
            answer.map_err(|error| CallError::of(CALL, &error))?;
        }
        Ok(())
    }

    /// Removes a letter that was taken.
    ///
    /// # Errors
    /// When the call fails. It comes out again then.
    pub async fn remove(&self, queue_url: &str, letter: &Letter) -> Result<(), CallError> {
        let call = self.sqs.delete_message().queue_url(queue_url);
        let answer = call.receipt_handle(&letter.receipt).send().await;
        answer.map_err(|error| CallError::of("DeleteMessage", &error))?;
        Ok(())
    }

    /// Puts a text into a queue.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn send(&self, queue_url: &str, body: &str) -> Result<(), CallError> {
        let call = self.sqs.send_message().queue_url(queue_url);
        let answer = call.message_body(body).send().await;
        answer.map_err(|error| CallError::of("SendMessage", &error))?;
        Ok(())
    }

    /// Hands an event to a function, as EventBridge does: `Ok` means that Lambda has it and will invoke
    /// the function.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn invoke(&self, function: &str, event: &str) -> Result<(), CallError> {
        let call = self.lambda.invoke().function_name(function);
        let call = call.invocation_type(InvocationType::Event);
        let answer = call.payload(Blob::new(event)).send().await;
        answer.map_err(|error| CallError::of("Invoke", &error))?;
        Ok(())
    }
}

fn letter(message: &Message) -> Option<Letter> {
    let system = |name| message.attributes().and_then(|all| all.get(&name));
    let since = system(MessageSystemAttributeName::SentTimestamp);
    let since = since.and_then(|millis| millis.parse().ok());
    let attributes = message.message_attributes().into_iter().flatten();
    Some(Letter {
        id: message.message_id()?.to_owned(),
        receipt: message.receipt_handle()?.to_owned(),
        body: message.body().unwrap_or_default().to_owned(),
        since: since.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        attributes: attributes
            .filter_map(|(name, value)| Some((name.clone(), value.string_value()?.to_owned())))
            .collect(),
        source: system(MessageSystemAttributeName::DeadLetterQueueSourceArn).cloned(),
    })
}
