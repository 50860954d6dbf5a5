//! Topics and who listens to them.

use std::collections::BTreeMap;

use super::{Inspector, found};
use crate::CallError;

const MISSING: &[&str] = &["NotFound", "NotFoundException"];

/// How many subscriptions of a topic are looked at; a topic may have millions.
const MOST: usize = 1000;

/// Somebody who listens to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its ARN; `None` where nobody has confirmed it.
    pub arn: Option<String>,
    /// How it is told, such as `email`.
    pub protocol: String,
    /// Where it is told.
    pub endpoint: String,
}

impl Inspector<'_> {
    /// The attributes of a topic; `None` where there is no such topic.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn topic(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, CallError> {
        let call = self.clients.sns.get_topic_attributes().topic_arn(arn);
        let answer = call.send().await;
        let answer = answer.map_err(|error| CallError::of("GetTopicAttributes", &error));
        let answer = found(answer, MISSING)?;
        Ok(answer.map(|answer| answer.attributes.unwrap_or_default().into_iter().collect()))
    }

    /// Who listens to a topic, confirmed or not; the first thousand.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn subscriptions(&self, topic: &str) -> Result<Vec<Subscription>, CallError> {
        let mut listed = Vec::new();
        let mut pages = self
            .clients
            .sns
            .list_subscriptions_by_topic()
            .topic_arn(topic)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("ListSubscriptionsByTopic", &error))?;
            for one in page.subscriptions.unwrap_or_default() {
                listed.push(Subscription {
                    // In place of an ARN it may say `PendingConfirmation` or `Deleted`.
                    arn: one.subscription_arn.filter(|arn| arn.starts_with("arn:")),
                    protocol: one.protocol.unwrap_or_default(),
                    endpoint: one.endpoint.unwrap_or_default(),
                });
            }
            if listed.len() >= MOST {
                break;
            }
        }
        Ok(listed)
    }

    /// The attributes of a subscription; none where there is no such one.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn subscription(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let call = self.clients.sns.get_subscription_attributes();
        let answer = call.subscription_arn(arn).send().await;
        let answer = answer.map_err(|error| CallError::of("GetSubscriptionAttributes", &error));
        let attributes = found(answer, MISSING)?.and_then(|answer| answer.attributes);
        Ok(attributes.unwrap_or_default().into_iter().collect())
    }
}
