//! Queues.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::{Inspector, answer, found};
use crate::CallError;

const MISSING: &[&str] = &[
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
];

impl Inspector<'_> {
    /// The attributes of a queue, each a text; `None` where there is no such queue.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn queue(&self, url: &str) -> Result<Option<Value>, CallError> {
        let call = self.clients.sqs.get_queue_attributes().queue_url(url);
        let call = call.attribute_names(QueueAttributeName::All);
        let answer = found(answer!("GetQueueAttributes", call), MISSING)?;
        Ok(answer.and_then(|mut answer| Some(answer.get_mut("Attributes")?.take())))
    }
}
