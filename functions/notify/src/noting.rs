//! What the ledger is asked and told about a batch.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use tidewaiter_aws::{
    dead_letter,
    ledger::{Claim, Ledger, Turn},
};
use tidewaiter_notify::{Channel, Channels, Due, Flaps, Incoming, Kept, Outcome, Plan, plan};
use tidewaiter_report::{Change, emf::Metric};
use tidewaiter_rules::ledger::Key;

use crate::delivery::{Carried, Delivery, Sum};

/// How much a process keeps in mind of what it told without the ledger.
const HEARD: usize = 10_000;

/// How long a channel is left alone that did not answer, in seconds: the rest of the batch waits for no
/// time-out of its own.
const SILENT: i64 = 20;

impl Delivery {
    /// The pairs of alerts and channels that are ours to tell.
    pub(crate) async fn claim<'c>(
        &self,
        channels: &'c Channels,
        alerts: &[Incoming],
        carried: &[Carried<'_>],
        request_id: &str,
        sum: &mut Sum,
    ) -> Vec<(usize, &'c Channel)> {
        let ledger = self.ledger();
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        let mut told = Vec::new();
        for (index, (alert, carried)) in alerts.iter().zip(carried).enumerate() {
            for channel in channels.of_alert(alert) {
                let name = channel.name.as_str();
                if asked.insert(name)
                    && let Ok(Turn::NotBefore(until)) = ledger.turn(name, (self.now)()).await
                {
                    self.silent.borrow_mut().insert(name.to_owned(), until);
                }
                if self.is_silent(channel) {
                    sum.pending.insert(index);
                    sum.later += 1;
                    continue;
                }
                let key = Key::delivery(&alert.id, name);
                let message = carried
                    .messages
                    .first()
                    .map_or("", |message| message.id.as_str());
                match ledger
                    .claim_delivery(&key, message, self.writer(request_id))
                    .await
                {
                    Ok(Claim::Ours) if self.is_overtaken(alert, channel, request_id).await => {
                        self.end(name, alert, "overtaken", None, request_id).await;
                        sum.known += 1;
                    }
                    Ok(Claim::Ours) => told.push((index, channel)),
                    Ok(Claim::Told) => sum.known += 1,
                    // Whether it did is seen later.
                    Ok(Claim::Anothers) => {
                        sum.pending.insert(index);
                    }
                    Err(error) => {
                        tracing::warn!(function = "notify", %error, "could not ask whether it was told before");
                        if self.remember(&alert.id, name) {
                            told.push((index, channel));
                        }
                    }
                }
            }
        }
        told
    }

    /// Whether a machine was told of a later state already: what was opened before it was resolved must not
    /// stay open there. People see which is which.
    async fn is_overtaken(&self, alert: &Incoming, channel: &Channel, request_id: &str) -> bool {
        let Some(sequence) = alert
            .notice
            .sequence()
            .filter(|_| channel.kind.keeps_state())
        else {
            return false;
        };
        let name = channel.name.as_str();
        let writer = self.writer(request_id);
        let ledger = self.ledger();
        let asked = ledger.is_in_sequence(&alert.key, name, sequence, writer);
        // Who cannot ask tells.
        !asked.await.unwrap_or(true)
    }

    pub(crate) async fn plan(
        &self,
        channels: &Channels,
        alerts: &[Incoming],
        told: &[(usize, &Channel)],
        request_id: &str,
    ) -> Plan {
        let ledger = self.ledger();
        let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut flaps: BTreeMap<String, Flaps> = BTreeMap::new();
        for (index, channel) in told {
            let Some(alert) = alerts.get(*index) else {
                continue;
            };
            let counts = alert.change.opens() || alert.change == Change::Resolved;
            if !counts || !channels.damps(channel) || texts.contains_key(&alert.key) {
                continue;
            }
            // Without the ledger nothing is known to flap, and everything is told.
            let known = ledger.flaps(&alert.key).await.ok().flatten();
            let read = known
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok());
            flaps.insert(alert.key.clone(), read.unwrap_or_default());
            texts.insert(alert.key.clone(), known);
        }
        let plan = plan(alerts, told, channels, &mut flaps, (self.now)());
        for (key, before) in texts {
            let seen = flaps
                .get(&key)
                .and_then(|flaps| serde_json::to_string(flaps).ok());
            let Some(seen) = seen.filter(|seen| Some(seen) != before.as_ref()) else {
                continue;
            };
            let noted = ledger.note_flaps(&key, before.as_deref(), &seen, self.writer(request_id));
            if let Err(error) = noted.await {
                tracing::warn!(function = "notify", %error, "could not note a change");
            }
        }
        plan
    }

    pub(crate) async fn keep_all(
        &self,
        kept: &[Kept],
        alerts: &[Incoming],
        request_id: &str,
        sum: &mut Sum,
    ) {
        for kept in kept {
            let Some(alert) = alerts.get(kept.alert) else {
                continue;
            };
            let name = kept.channel.as_str();
            let writer = self.writer(request_id);
            let done = match kept.due {
                Due::Together => {
                    self.ledger()
                        .keep(name, &alert.id, &alert.brief(), kept.at, writer)
                        .await
                }
                Due::Stable => {
                    self.ledger()
                        .keep_last(name, &alert.key, &alert.json, kept.at, writer)
                        .await
                }
            };
            let state = match done {
                Ok(()) => "kept",
                Err(error) => {
                    tracing::warn!(function = "notify", channel = name, %error, "could not keep an alert");
                    sum.pending.insert(kept.alert);
                    "waiting"
                }
            };
            sum.kept += usize::from(state == "kept");
            self.end(name, alert, state, None, request_id).await;
        }
    }

    /// What is over the rate of a chat is told together, later; others get it from the queue again.
    pub(crate) async fn over_rate(
        &self,
        channel: &Channel,
        indexes: &[usize],
        about: &[&Incoming],
        request_id: &str,
        sum: &mut Sum,
    ) {
        let at = Ledger::next_minute((self.now)());
        for (index, alert) in indexes.iter().zip(about) {
            let name = channel.name.as_str();
            let kept = channel.kind.is_chat()
                && self
                    .ledger()
                    .keep(name, &alert.id, &alert.brief(), at, self.writer(request_id))
                    .await
                    .is_ok();
            if kept {
                sum.kept += 1;
            } else {
                sum.pending.insert(*index);
                sum.later += 1;
            }
            self.end(
                name,
                alert,
                if kept { "kept" } else { "waiting" },
                None,
                request_id,
            )
            .await;
        }
    }

    pub(crate) async fn may_send(&self, channel: &Channel, request_id: &str) -> bool {
        let name = channel.name.as_str();
        let (ledger, writer) = (self.ledger(), self.writer(request_id));
        // Who cannot count does not hold back.
        ledger
            .spend_message(name, channel.rate_per_minute, writer)
            .await
            .unwrap_or(true)
    }

    pub(crate) async fn note_threads(
        &self,
        channel: &Channel,
        about: &[&Incoming],
        outcome: &Outcome,
        request_id: &str,
    ) {
        let Outcome::Delivered(Some(thread)) = outcome else {
            return;
        };
        let ledger = self.ledger();
        for alert in about {
            let place = (thread.conversation.as_str(), thread.first.as_str());
            let begun = ledger.begin_thread(
                &alert.key,
                channel.name.as_str(),
                place,
                self.writer(request_id),
            );
            if let Err(error) = begun.await {
                tracing::warn!(function = "notify", %error, "could not note a thread");
            }
        }
    }

    pub(crate) fn is_silent(&self, channel: &Channel) -> bool {
        let silent = self.silent.borrow();
        silent
            .get(channel.name.as_str())
            .is_some_and(|until| *until > (self.now)())
    }

    /// Leaves a channel alone: for as long as it says, or for this batch where it says nothing.
    pub(crate) async fn leave_alone(
        &self,
        channel: &Channel,
        after: Option<u32>,
        request_id: &str,
    ) {
        let seconds = after.map_or(SILENT, i64::from);
        let now = (self.now)();
        let until = now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(now);
        let name = channel.name.as_str();
        self.silent.borrow_mut().insert(name.to_owned(), until);
        if after.is_some()
            && let Err(error) = self
                .ledger()
                .leave_alone(name, until, self.writer(request_id))
                .await
        {
            tracing::warn!(function = "notify", channel = name, %error, "could not note a pause");
        }
    }

    pub(crate) async fn end_all(
        &self,
        channel: &Channel,
        about: &[&Incoming],
        state: &'static str,
        error: Option<&str>,
        request_id: &str,
    ) {
        for alert in about {
            self.end(channel.name.as_str(), alert, state, error, request_id)
                .await;
        }
    }

    async fn end(
        &self,
        channel: &str,
        alert: &Incoming,
        state: &'static str,
        error: Option<&str>,
        request_id: &str,
    ) {
        let key = Key::delivery(&alert.id, channel);
        if state == "waiting" {
            self.heard
                .borrow_mut()
                .remove(&(alert.id.clone(), channel.to_owned()));
        }
        if let Err(error) = self
            .ledger()
            .end_delivery(&key, state, error, self.writer(request_id))
            .await
        {
            tracing::warn!(function = "notify", channel, alert = alert.id, %error, "could not write down what became of an alert");
        }
    }

    /// Puts a message aside; whether that was done.
    pub(crate) async fn put_aside(&self, body: &str, reason: &str) -> bool {
        let queue = &self.settings.dead_letter_queue_url;
        match dead_letter(&self.settings.clients, queue, body, reason).await {
            Ok(()) => {
                self.count(Metric::DeadLettered, 1);
                true
            }
            Err(error) => {
                tracing::error!(function = "notify", %error, "cannot put a message aside");
                false
            }
        }
    }

    /// Whether that is new to this process.
    pub(crate) fn remember(&self, alert: &str, channel: &str) -> bool {
        let mut heard = self.heard.borrow_mut();
        if heard.len() >= HEARD {
            heard.clear();
        }
        heard.insert((alert.to_owned(), channel.to_owned()))
    }
}
