//! A batch of alerts to their channels, each alert once in each.
//!
//! `tidewaiter_aws::ledger` says how nothing is lost by a kill, and how often a message can repeat. What
//! fails in one channel fails there alone: the queue delivers the alert again, and the ledger knows the
//! channels that have it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tidewaiter_aws::ledger::{Ledger, Writer};
use tidewaiter_lambda::{Batch, Failures, Message};
use tidewaiter_notify::{
    Channel, Channels, Content, Incoming, Kind, Outcome, Summary, Telling, Thread,
};
use tidewaiter_report::{
    Change,
    emf::{Metric, Metrics},
};
use tokio::time::Instant;

use crate::{sending::send, settings::Settings};

/// The longest that one message may take: twice a request, and a secret that is read again.
pub(crate) const LONGEST: Duration = Duration::from_secs(25);

/// The function at work.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) settings: Settings,
    /// What was told while the ledger could not be asked: alerts and channels.
    pub(crate) heard: RefCell<BTreeSet<(String, String)>>,
    /// Channels that are left alone, until when.
    pub(crate) silent: RefCell<BTreeMap<String, Timestamp>>,
    /// What this invocation came to so far.
    metrics: RefCell<Metrics>,
    pub(crate) now: fn() -> Timestamp,
}

/// An alert and the messages of the queue that carry it.
pub(crate) struct Carried<'a> {
    pub(crate) messages: Vec<&'a Message>,
}

/// What a batch came to.
#[derive(Default)]
pub(crate) struct Sum {
    /// The alerts that have to come again, by their places.
    pub(crate) pending: BTreeSet<usize>,
    sent: usize,
    pub(crate) kept: usize,
    refused: usize,
    pub(crate) later: usize,
    pub(crate) known: usize,
}

/// Neither the topic nor the queue keeps an order: what is about the same stands in its own.
fn in_sequence<'b>(
    alerts: Vec<Incoming>,
    carried: Vec<Carried<'b>>,
) -> (Vec<Incoming>, Vec<Carried<'b>>) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (place, alert) in alerts.iter().enumerate() {
        places.entry(alert.key.clone()).or_insert(place);
    }
    let mut all: Vec<(Incoming, Carried<'b>)> = alerts.into_iter().zip(carried).collect();
    all.sort_by_key(|(alert, _)| (places.get(&alert.key).copied(), alert.notice.sequence()));
    all.into_iter().unzip()
}

impl Delivery {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            heard: RefCell::default(),
            silent: RefCell::default(),
            metrics: RefCell::default(),
            now: Timestamp::now,
        }
    }

    /// The numbers of what was told since this was last asked.
    pub(crate) fn take_metrics(&self) -> Metrics {
        let mut metrics = self.metrics.take();
        let failures = self.settings.clients.take_ledger_failures();
        metrics.add(Metric::LedgerFailures, failures);
        let is_invalid = u64::from(self.settings.channels.is_err());
        metrics.set(Metric::ChannelsInvalid, is_invalid);
        metrics
    }

    pub(crate) fn count(&self, metric: Metric, count: usize) {
        self.metrics.borrow_mut().add(metric, count);
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
                self.count(Metric::Retries, failures.len());
                return failures;
            }
        };
        let (alerts, carried) = self.read_all(batch, &mut failures).await;
        let mut sum = Sum::default();
        let told = self
            .claim(channels, &alerts, &carried, request_id, &mut sum)
            .await;
        let plan = self.plan(channels, &alerts, &told, request_id).await;
        self.keep_all(&plan.kept, &alerts, request_id, &mut sum)
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
            if Instant::now() + LONGEST >= end || self.is_silent(channel) {
                self.end_all(channel, &about, "waiting", None, request_id)
                    .await;
                sum.pending.extend(indexes);
                sum.later += indexes.len();
                continue;
            }
            if !self.may_send(channel, request_id).await {
                self.over_rate(channel, indexes, &about, request_id, &mut sum)
                    .await;
                continue;
            }
            let outcome = self
                .tell(channels, channel, &about, message.content, request_id)
                .await;
            Self::log(channel, &about, &outcome, request_id);
            self.conclude(
                channel,
                (indexes, &about),
                outcome,
                &carried,
                request_id,
                &mut sum,
            )
            .await;
        }
        let waiting = sum.pending.iter().filter_map(|index| carried.get(*index));
        for message in waiting.flat_map(|carried| &carried.messages) {
            failures.add(&message.id);
        }
        self.count(Metric::MessagesDelivered, sum.sent);
        self.count(Metric::MessagesKept, sum.kept);
        self.count(Metric::MessagesRefused, sum.refused);
        self.count(Metric::Retries, failures.len());
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

    /// The alerts of a batch, each once, and what carries them. What is none is put aside.
    async fn read_all<'b>(
        &self,
        batch: &'b Batch,
        failures: &mut Failures,
    ) -> (Vec<Incoming>, Vec<Carried<'b>>) {
        let (mut alerts, mut carried): (Vec<Incoming>, Vec<Carried<'b>>) = (Vec::new(), Vec::new());
        for message in batch.messages() {
            match Incoming::read(&message.body) {
                Ok(alert) => {
                    let known = alerts.iter().position(|known| known.id == alert.id);
                    if let Some(known) = known.and_then(|known| carried.get_mut(known)) {
                        known.messages.push(message);
                    } else {
                        alerts.push(alert);
                        carried.push(Carried {
                            messages: vec![message],
                        });
                    }
                }
                Err(error) => {
                    if !self.put_aside(&message.body, &error.to_string()).await {
                        failures.add(&message.id);
                    }
                }
            }
        }
        in_sequence(alerts, carried)
    }

    /// Writes down what became of a message.
    async fn conclude(
        &self,
        channel: &Channel,
        (indexes, about): (&[usize], &[&Incoming]),
        outcome: Outcome,
        carried: &[Carried<'_>],
        request_id: &str,
        sum: &mut Sum,
    ) {
        match outcome {
            Outcome::Delivered(_) => {
                self.end_all(channel, about, "sent", None, request_id).await;
                sum.sent += about.len();
            }
            Outcome::Refused(reason) | Outcome::Unauthorized(reason) => {
                for (index, alert) in indexes.iter().zip(about) {
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
                        sum.pending.insert(*index);
                    }
                }
            }
            Outcome::Later { after, .. } => {
                self.leave_alone(channel, after, request_id).await;
                self.end_all(channel, about, "waiting", None, request_id)
                    .await;
                sum.pending.extend(indexes);
                sum.later += about.len();
            }
        }
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
        if channel.kind == Kind::SlackBot && !alert.change.opens() {
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

    pub(crate) fn log(channel: &Channel, about: &[&Incoming], outcome: &Outcome, request_id: &str) {
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
