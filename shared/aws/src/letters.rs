//! Dead-letter queues of a stack: what lies in them, and the way back.
//!
//! A letter that is taken is hidden from others for a while and comes out again by itself, unless it is
//! removed: whoever is killed in between loses nothing.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackResourceSummary;
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

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the template.
    pub logical: String,
    /// The type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// The physical id: of a queue its URL, of a function its name.
    pub physical: String,
}

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

/// What works on the dead-letter queues of stacks.
#[derive(Debug)]
pub struct Letters {
    cloudformation: aws_sdk_cloudformation::Client,
    lambda: aws_sdk_lambda::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Letters {
    pub(crate) fn of(config: &SdkConfig) -> Self {
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
        }
    }

    /// The resources of a stack, in the order of CloudFormation.
    ///
    /// # Errors
    /// When a call fails, for example because there is no such stack.
    pub async fn resources(&self, stack: &str) -> Result<Vec<Resource>, CallError> {
        const CALL: &str = "ListStackResources";
        let mut resources = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = self.cloudformation.list_stack_resources().stack_name(stack);
            let answer = call.set_next_token(next).send().await;
            let answer = answer.map_err(|error| CallError::of(CALL, &error))?;
            resources.extend(
                answer
                    .stack_resource_summaries()
                    .iter()
                    .filter_map(resource),
            );
            next = answer.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(resources);
            }
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

fn resource(summary: &StackResourceSummary) -> Option<Resource> {
    Some(Resource {
        logical: summary.logical_resource_id()?.to_owned(),
        kind: summary.resource_type()?.to_owned(),
        physical: summary.physical_resource_id()?.to_owned(),
    })
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
