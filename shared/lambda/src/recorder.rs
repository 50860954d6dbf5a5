//! The index of what uses images: kept from the events of tasks, and set right by listing the account.
//! Nothing is judged here, and nothing but the ledger is written.

use std::{cell::RefCell, collections::BTreeMap};

use jiff::Timestamp;
use tidewaiter_aws::{
    CallError, dead_letter,
    ledger::{Ledger, Reporter},
    publish, reconcile,
};
use tidewaiter_events::{Parsed, parse};
use tidewaiter_report::{
    Alert, Failure, Fate,
    emf::{Metric, Metrics},
};
use tidewaiter_rules::facts::usage::TaskSeen;
use tokio::time::Instant;

use crate::{Batch, Failures, HandleError, Settings, batch::Message};

/// Writes in a row that failed, after which the rest of a batch waits too: what the ledger refuses to
/// three it refuses to the others.
const STOP_AFTER: usize = 3;

/// A function that keeps the index.
#[derive(Debug)]
pub struct Recorder {
    name: &'static str,
    settings: Settings,
    /// What this invocation came to so far.
    metrics: RefCell<Metrics>,
    /// The clock.
    pub(crate) now: fn() -> Timestamp,
}

/// The latest report of a task in a batch, and the messages that it stands for.
struct Report<'a> {
    seen: Box<TaskSeen>,
    messages: Vec<&'a Message>,
}

impl Recorder {
    /// A function with its settings.
    pub fn new(name: &'static str, settings: Settings) -> Self {
        Self {
            name,
            settings,
            metrics: RefCell::default(),
            now: Timestamp::now,
        }
    }

    /// The numbers of what was done since this was last asked.
    pub fn take_metrics(&self) -> Metrics {
        let mut metrics = self.metrics.take();
        let failures = self.settings.clients.take_ledger_failures();
        metrics.add(Metric::LedgerFailures, failures);
        metrics
    }

    fn count(&self, metric: Metric, count: usize) {
        self.metrics.borrow_mut().add(metric, count);
    }

    fn state(&self, metric: Metric, value: u64) {
        self.metrics.borrow_mut().set(metric, value);
    }

    /// Writes down what became of tasks; the answer says which messages have to be delivered again. Of
    /// several reports of a task in one batch the latest stands for all.
    pub async fn record(&self, batch: &Batch, request_id: &str, end: Instant) -> Failures {
        let start = Instant::now();
        let mut failures = Failures::default();
        let mut reports: BTreeMap<String, Report<'_>> = BTreeMap::new();
        let mut aside = Vec::new();
        let mut ignored = 0_usize;
        for message in &batch.messages {
            match parse(message.body.as_bytes()) {
                // Another account's bus may forward its events: what runs there is for the stack there.
                Ok(Parsed::TaskChanged(seen))
                    if seen.images.is_empty() || seen.place != *self.settings.clients.home() =>
                {
                    ignored += 1;
                }
                Ok(Parsed::TaskChanged(seen)) => add(&mut reports, seen, message),
                Ok(Parsed::Ignored(reason)) => aside.push((message, reason.to_string())),
                Ok(_) => aside.push((
                    message,
                    "another function is for such events: check the rules and their targets"
                        .to_owned(),
                )),
                Err(error) => aside.push((message, error.to_string())),
            }
        }
        let tasks = reports.len();
        let mut in_row = 0;
        for report in reports.into_values() {
            if in_row == STOP_AFTER || Instant::now() >= end {
                failures.add_all(&report.messages);
                continue;
            }
            match self.ledger().record(&report.seen, Reporter::Event).await {
                Ok(()) => {
                    in_row = 0;
                    self.count(Metric::TasksRecorded, 1);
                }
                Err(error) => {
                    tracing::error!(function = self.name, task = report.seen.arn, %error, "a task could not be written down");
                    in_row += 1;
                    failures.add_all(&report.messages);
                }
            }
        }
        let put_aside = aside.len();
        self.give_up(aside, &mut failures).await;
        self.count(Metric::Ignored, ignored);
        self.count(Metric::Retries, failures.len());
        tracing::info!(
            function = self.name,
            request_id,
            messages = batch.messages.len(),
            ignored,
            tasks,
            put_aside,
            returned = failures.len(),
            duration_ms = milliseconds(start),
            "batch"
        );
        failures
    }

    /// Lists the account until `end` and sets the index right.
    ///
    /// # Errors
    /// When doing it again may succeed.
    pub async fn reconcile(&self, request_id: &str, end: Instant) -> Result<(), HandleError> {
        let start = Instant::now();
        let clients = &self.settings.clients;
        let reconciled = reconcile(clients, self.ledger(), (self.now)(), end).await;
        let reconciled = reconciled.inspect_err(|error| {
            self.count(Metric::Retries, 1);
            tracing::error!(function = self.name, request_id, %error, "the account could not be listed");
        })?;
        let (tasks, services) = (reconciled.tasks, reconciled.services);
        let duration_ms = milliseconds(start);
        let is_incomplete = u64::from(reconciled.incomplete.is_some());
        self.state(Metric::TasksListed, tasks);
        self.state(Metric::ListingIncomplete, is_incomplete);
        match &reconciled.incomplete {
            None => tracing::info!(
                function = self.name,
                request_id,
                tasks,
                services,
                duration_ms,
                "reconciled"
            ),
            Some(reason) => tracing::error!(
                function = self.name,
                request_id,
                tasks,
                services,
                reason,
                duration_ms,
                "reconciled in part: until a listing comes to its end, images may be taken to run"
            ),
        }
        Ok(())
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.settings.clients, &self.settings.ledger)
    }

    /// Puts aside what no further attempt can help, and tells of all of it at once.
    async fn give_up(&self, aside: Vec<(&Message, String)>, failures: &mut Failures) {
        let mut told: Option<(usize, String)> = None;
        for (message, reason) in aside {
            match self.put_aside(message, &reason).await {
                Ok(()) => {
                    told.get_or_insert((0, reason)).0 += 1;
                    self.count(Metric::DeadLettered, 1);
                }
                Err(error) => {
                    tracing::error!(function = self.name, %error, "cannot put a message aside");
                    failures.add(&message.id);
                }
            }
        }
        let Some((count, reason)) = told else {
            return;
        };
        let error = match count {
            1 => reason,
            count => format!("{count} events of one batch; the first: {reason}"),
        };
        let alert = Alert::of_failure(&Failure {
            event: None,
            error: &error,
            fate: Fate::DeadLetter,
            mode: self.settings.mode,
            home: self.settings.clients.home(),
        });
        // They are in the dead-letter queue, whose alarm rings too: once more would only double them.
        let topic_arn = &self.settings.topic_arn;
        match publish(&self.settings.clients, topic_arn, &alert.message()).await {
            Ok(()) => self.count(Metric::AlertsSent, 1),
            Err(error) => {
                tracing::error!(function = self.name, %error, "cannot tell of events put aside");
            }
        }
    }

    async fn put_aside(&self, message: &Message, reason: &str) -> Result<(), CallError> {
        let queue_url = &self.settings.dead_letter_queue_url;
        dead_letter(&self.settings.clients, queue_url, &message.body, reason).await
    }
}

fn add<'a>(reports: &mut BTreeMap<String, Report<'a>>, seen: Box<TaskSeen>, message: &'a Message) {
    if let Some(report) = reports.get_mut(&seen.arn) {
        report.messages.push(message);
        if report.seen.version < seen.version {
            report.seen = seen;
        }
    } else {
        let messages = vec![message];
        reports.insert(seen.arn.clone(), Report { seen, messages });
    }
}

fn milliseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
