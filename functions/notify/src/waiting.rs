//! What was kept for later, when its time has come.

use serde_json::json;
use tidewaiter_aws::ledger::Kept;
use tidewaiter_notify::{Channel, Channels, Incoming, Outcome, Summary, Telling};
use tidewaiter_report::emf::Metric;
use tokio::time::Instant;

use crate::{
    delivery::{Delivery, LONGEST},
    sending::send,
};

impl Delivery {
    /// Tells each channel what is due. What cannot be told now is due again at the schedule's next turn.
    pub(crate) async fn tell_kept(&self, request_id: &str, end: Instant) {
        let Ok(channels) = &self.settings.channels else {
            return;
        };
        let mut told = 0;
        for channel in channels.all().filter(|channel| channel.kind.is_damped()) {
            if Instant::now() + LONGEST >= end {
                break;
            }
            let kept = self
                .ledger()
                .claim_kept(channel.name.as_str(), self.writer(request_id))
                .await;
            match kept {
                Ok(kept) => told += self.tell_due(channels, channel, kept, request_id).await,
                Err(error) => {
                    tracing::warn!(function = "notify", channel = channel.name.as_str(), %error, "could not ask what is due");
                }
            }
        }
        tracing::info!(function = "notify", request_id, told, "told what was kept");
    }

    async fn tell_due(
        &self,
        channels: &Channels,
        channel: &Channel,
        kept: Vec<Kept>,
        request_id: &str,
    ) -> usize {
        let count = kept.len();
        let (told, kept): (Vec<Kept>, Vec<Kept>) = kept
            .into_iter()
            .partition(|kept| self.heard.borrow().contains(&heard(channel, kept)));
        // By this process, which could not write it down then.
        for kept in &told {
            self.end_one(channel, kept, true, request_id).await;
        }
        let (last, together): (Vec<Kept>, Vec<Kept>) =
            kept.into_iter().partition(|kept| kept.is_last);
        for kept in last {
            let word = match kept.count {
                1 => "Stable again, after one more change:".to_owned(),
                count => format!("Stable again, after {count} more changes:"),
            };
            let read = Incoming::of_json(format!("kept-{request_id}"), kept.alert.clone());
            let alert = read.and_then(|alert| alert.with_word(&word, alert.change));
            let outcome = match &alert {
                Ok(alert) => self.tell_one(channels, channel, alert, request_id).await,
                Err(error) => Outcome::Refused(error.to_string()),
            };
            self.end_due(channel, &[kept], &outcome, request_id).await;
        }
        if !together.is_empty() {
            let summary = Summary::of_kept(together.iter().map(|kept| kept.alert.clone()));
            let now = (self.now)();
            let outcome = send(
                &self.settings,
                channels,
                channel,
                Telling::Summary(&summary),
                None,
                now,
            )
            .await;
            self.end_due(channel, &together, &outcome, request_id).await;
        }
        count
    }

    async fn end_due(&self, channel: &Channel, kept: &[Kept], outcome: &Outcome, request_id: &str) {
        Self::log(channel, &[], outcome, request_id);
        let was_told = match outcome {
            Outcome::Delivered(_) => {
                self.count(Metric::MessagesDelivered, kept.len());
                true
            }
            Outcome::Refused(reason) | Outcome::Unauthorized(reason) => {
                let alerts: Vec<&str> = kept
                    .iter()
                    .map(|kept| kept.alert.as_str())
                    .take(100)
                    .collect();
                let reason = format!("channel {}: {reason}", channel.name.as_str());
                self.count(Metric::MessagesRefused, kept.len());
                self.put_aside(&json!({ "kept": alerts }).to_string(), &reason)
                    .await
            }
            Outcome::Later { after, .. } => {
                self.leave_alone(channel, *after, request_id).await;
                false
            }
        };
        for kept in kept {
            self.end_one(channel, kept, was_told, request_id).await;
        }
    }

    async fn end_one(&self, channel: &Channel, kept: &Kept, was_told: bool, request_id: &str) {
        let writer = self.writer(request_id);
        let ended = self.ledger().end_kept(kept, was_told, writer).await;
        let (alert, name) = heard(channel, kept);
        match ended {
            Ok(()) => {
                self.heard.borrow_mut().remove(&(alert, name));
            }
            Err(error) => {
                tracing::warn!(function = "notify", %error, "could not write down what was told");
                if was_told {
                    self.remember(&alert, &name);
                }
            }
        }
    }
}

/// What a process keeps in mind of something that it told, and could not write that down.
fn heard(channel: &Channel, kept: &Kept) -> (String, String) {
    let what = format!("{} {}", kept.count, kept.alert);
    (what, channel.name.as_str().to_owned())
}
