//! A batch of alerts to their channels, each alert once in each.
//!
//! `tidewaiter_aws::ledger` says how nothing is lost by a kill, and how often a message can repeat. What
//! fails in one channel fails there alone: the queue delivers the alert again, and the ledger knows the
//! channels that have it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use tidewaiter_aws::{
    dead_letter,
    ledger::{Claim, Ledger, Turn, Writer},
};
use tidewaiter_lambda::{Batch, Failures, Message};
use tidewaiter_notify::{
    Channel, Channels, Content, Due, Flaps, Incoming, Kept, Kind, Outcome, Plan, Summary, Telling,
    Thread, plan,
};
use tidewaiter_report::Change;
use tidewaiter_rules::ledger::Key;
use tokio::time::Instant;

use crate::{sending::send, settings::Settings};

/// How much a process keeps in mind of what it told without the ledger.
const HEARD: usize = 10_000;

/// How long a channel is left alone that did not answer, in seconds: the rest of the batch waits for no
/// time-out of its own.
const SILENT: i64 = 20;

/// The function at work.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) settings: Settings,
    /// What was told while the ledger could not be asked: alerts and channels.
    heard: RefCell<BTreeSet<(String, String)>>,
    /// Channels that are left alone, until when.
    silent: RefCell<BTreeMap<String, Timestamp>>,
    pub(crate) now: fn() -> Timestamp,
}

/// An alert and the messages of the queue that carry it.
struct Carried<'a> {
    messages: Vec<&'a Message>,
}

/// What a batch came to.
#[derive(Default)]
struct Sum {
    sent: usize,
    kept: usize,
    refused: usize,
    later: usize,
    known: usize,
}

impl Delivery {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            heard: RefCell::default(),
            silent: RefCell::default(),
            now: Timestamp::now,
        }
    }

    pub(crate) fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.settings.clients, &self.settings.ledger)
    }

    pub(crate) fn writer<'a>(&self, request_id: &'a str) -> Writer<'a> {
        Writer {
            by: "notify",
            attempt: request_id,
            now: (self.now)(),
        }
    }

    /// Tells a batch until `end`; the answer says which messages have to be delivered again.
    pub(crate) async fn handle(&self, batch: &Batch, request_id: &str, end: Instant) -> Failures {
        let mut failures = Failures::default();
        let channels = match &self.settings.channels {
            Ok(channels) => channels,
            Err(error) => {
                // They end in the dead-letter queue, whose alarm is told by e-mail, and none is lost.
                tracing::error!(function = "notify", request_id, %error, "alerts wait: no channels");
                batch
                    .messages()
                    .iter()
                    .for_each(|message| failures.add(&message.id));
                return failures;
            }
        };
        let (mut alerts, mut carried): (Vec<Incoming>, Vec<Carried<'_>>) = (Vec::new(), Vec::new());
        for message in batch.messages() {
            match Incoming::read(&message.body) {
                Ok(alert) => match alerts.iter().position(|known| known.id == alert.id) {
                    Some(known) => carried
                        .iter_mut()
                        .skip(known)
                        .take(1)
                        .for_each(|c| c.messages.push(message)),
                    None => {
                        alerts.push(alert);
                        carried.push(Carried {
                            messages: vec![message],
                        });
                    }
                },
                Err(error) => {
                    if !self.put_aside(&message.body, &error.to_string()).await {
                        failures.add(&message.id);
                    }
                }
            }
        }
        let mut sum = Sum::default();
        let mut pending: BTreeSet<usize> = BTreeSet::new();
        let told = self
            .claim(
                channels,
                &alerts,
                &carried,
                request_id,
                &mut pending,
                &mut sum,
            )
            .await;
        let plan = self.plan(channels, &alerts, &told, request_id).await;
        self.keep_all(&plan.kept, &alerts, request_id, &mut pending, &mut sum)
            .await;
        for message in &plan.messages {
            let Some(channel) = channels.named(message.channel.as_str()) else {
                continue;
            };
            let indexes = &message.alerts;
            let about: Vec<&Incoming> = indexes
                .iter()
                .filter_map(|index| alerts.get(*index))
                .collect();
            if Instant::now() >= end || self.is_silent(channel) {
                self.end_all(channel, &about, "waiting", None, request_id)
                    .await;
                pending.extend(indexes);
                sum.later += indexes.len();
                continue;
            }
            if !self.may_send(channel, request_id).await {
                self.over_rate(channel, indexes, &about, request_id, &mut pending, &mut sum)
                    .await;
                continue;
            }
            let outcome = self
                .tell(channels, channel, &about, message.content, request_id)
                .await;
            self.log(channel, &about, &outcome, request_id);
            match outcome {
                Outcome::Delivered(_) => {
                    self.end_all(channel, &about, "sent", None, request_id)
                        .await;
                    sum.sent += about.len();
                }
                Outcome::Refused(reason) | Outcome::Unauthorized(reason) => {
                    for (index, alert) in indexes.iter().zip(&about) {
                        let body = carried.get(*index).and_then(|one| one.messages.first());
                        let body = body.map_or("", |message| message.body.as_str());
                        let reason = format!("channel {}: {reason}", channel.name.as_str());
                        if self.put_aside(body, &reason).await {
                            self.end_all(channel, &[alert], "refused", Some(&reason), request_id)
                                .await;
                            sum.refused += 1;
                        } else {
                            self.end_all(channel, &[alert], "waiting", None, request_id)
                                .await;
                            pending.insert(*index);
                        }
                    }
                }
                Outcome::Later { after, .. } => {
                    self.leave_alone(channel, after, request_id).await;
                    self.end_all(channel, &about, "waiting", None, request_id)
                        .await;
                    pending.extend(indexes);
                    sum.later += about.len();
                }
            }
        }
        let waiting = pending.iter().filter_map(|index| carried.get(*index));
        for message in waiting.flat_map(|carried| &carried.messages) {
            failures.add(&message.id);
        }
        tracing::info!(
            function = "notify",
            request_id,
            messages = batch.messages().len(),
            alerts = alerts.len(),
            sent = sum.sent,
            kept = sum.kept,
            refused = sum.refused,
            later = sum.later,
            known = sum.known,
            returned = failures.len(),
            "delivered"
        );
        failures
    }

    /// The pairs of alerts and channels that are ours to tell.
    async fn claim<'c>(
        &self,
        channels: &'c Channels,
        alerts: &[Incoming],
        carried: &[Carried<'_>],
        request_id: &str,
        pending: &mut BTreeSet<usize>,
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
                    pending.insert(index);
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
                    Ok(Claim::Ours) => told.push((index, channel)),
                    Ok(Claim::Told) => sum.known += 1,
                    // Whether it did is seen later.
                    Ok(Claim::Anothers) => {
                        pending.insert(index);
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

    async fn plan(
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
            let counts = matches!(alert.change, Change::Opened | Change::Resolved);
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

    async fn keep_all(
        &self,
        kept: &[Kept],
        alerts: &[Incoming],
        request_id: &str,
        pending: &mut BTreeSet<usize>,
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
                    pending.insert(kept.alert);
                    "waiting"
                }
            };
            sum.kept += usize::from(state == "kept");
            self.end(name, alert, state, None, request_id).await;
        }
    }

    /// What is over the rate of a chat is told together, later; others get it from the queue again.
    async fn over_rate(
        &self,
        channel: &Channel,
        indexes: &[usize],
        about: &[&Incoming],
        request_id: &str,
        pending: &mut BTreeSet<usize>,
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
                pending.insert(*index);
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

    async fn may_send(&self, channel: &Channel, request_id: &str) -> bool {
        let name = channel.name.as_str();
        let (ledger, writer) = (self.ledger(), self.writer(request_id));
        // Who cannot count does not hold back.
        ledger
            .spend_message(name, channel.rate_per_minute, writer)
            .await
            .unwrap_or(true)
    }

    async fn tell(
        &self,
        channels: &Channels,
        channel: &Channel,
        about: &[&Incoming],
        content: Content,
        request_id: &str,
    ) -> Outcome {
        let Some(first) = about.first() else {
            return Outcome::Delivered(None);
        };
        if content == Content::Group {
            let summary = Summary::of_group(about);
            let outcome = send(
                &self.settings,
                channels,
                channel,
                Telling::Summary(&summary),
                None,
                (self.now)(),
            )
            .await;
            self.note_threads(channel, about, &outcome, request_id)
                .await;
            return outcome;
        }
        let changed = match content {
            Content::Flapping(count) => {
                let word = format!(
                    "Flapping: {count} changes within an hour. Quiet from now on, until nothing changes for an hour."
                );
                first.with_word(&word, Change::Opened).ok()
            }
            _ => None,
        };
        self.tell_one(
            channels,
            channel,
            changed.as_ref().unwrap_or(first),
            request_id,
        )
        .await
    }

    /// Tells one alert in full, in its thread where there is one.
    pub(crate) async fn tell_one(
        &self,
        channels: &Channels,
        channel: &Channel,
        alert: &Incoming,
        request_id: &str,
    ) -> Outcome {
        let now = (self.now)();
        let mut thread = None;
        if channel.kind == Kind::SlackBot && alert.change != Change::Opened {
            let known = self
                .ledger()
                .thread(&alert.key, channel.name.as_str(), now)
                .await;
            thread = known.ok().flatten().map(|(conversation, first)| Thread {
                conversation,
                first,
            });
        }
        let telling = Telling::Alert(alert);
        let outcome = send(
            &self.settings,
            channels,
            channel,
            telling,
            thread.as_ref(),
            now,
        )
        .await;
        if thread.is_none() {
            self.note_threads(channel, &[alert], &outcome, request_id)
                .await;
        }
        outcome
    }

    async fn note_threads(
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

    fn is_silent(&self, channel: &Channel) -> bool {
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

    async fn end_all(
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
            Ok(()) => true,
            Err(error) => {
                tracing::error!(function = "notify", %error, "cannot put a message aside");
                false
            }
        }
    }

    /// Whether that is new to this process.
    fn remember(&self, alert: &str, channel: &str) -> bool {
        let mut heard = self.heard.borrow_mut();
        if heard.len() >= HEARD {
            heard.clear();
        }
        heard.insert((alert.to_owned(), channel.to_owned()))
    }

    pub(crate) fn log(
        &self,
        channel: &Channel,
        about: &[&Incoming],
        outcome: &Outcome,
        request_id: &str,
    ) {
        let alerts = about.len();
        let alert = about.first().map_or("", |alert| alert.id.as_str());
        let channel = channel.name.as_str();
        match outcome {
            Outcome::Delivered(_) => {}
            Outcome::Refused(reason) | Outcome::Unauthorized(reason) => {
                tracing::error!(
                    function = "notify",
                    request_id,
                    channel,
                    alert,
                    alerts,
                    reason,
                    "refused"
                );
            }
            Outcome::Later { reason, .. } => {
                tracing::warn!(
                    function = "notify",
                    request_id,
                    channel,
                    alert,
                    alerts,
                    reason,
                    "to be told later"
                );
            }
        }
    }
}
