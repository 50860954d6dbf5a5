//! `tidewaiter doctor --probe`: registers a task definition that the policy denies, follows what becomes of it,
//! and takes it away again.
//!
//! Nothing exempts a probe: it is judged like whatever else is registered, and its family's name is all
//! that tells on-call what it is. Nothing runs it, and nothing could: its image is nowhere.

mod seen;

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde::Deserialize;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use tidewaiter_aws::{
    Account, CallError, Prober,
    inspect::Stack,
    ledger::{Ledger, Writer},
};
use tidewaiter_report::{Standing as Told, clean};
use tidewaiter_rules::{ledger::Key, names::TaskDefinitionArn};
use tokio::time::{Instant, sleep};

use super::{command::Commands, report::Check};
use crate::account::console::Console;
use seen::{Channels, Handled, Left, Seen};

/// What the name of every such family begins with. No rule, waiver or filter knows it.
pub(in crate::account) const FAMILY: &str = "tidewaiter-probe-";

/// Between two looks. Reading a log is allowed five times a second in the whole account.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same, once it is clear that it takes its time.
const LATER: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon a signal is heard.
const GLANCE: Duration = Duration::from_millis(100);

/// How long after the function has ended something may still come to light that it did.
const GRACE: Duration = Duration::from_secs(15);

/// Clocks differ: lines from a little before the registration are read as well.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// How much of what a log says is shown, in characters.
const REASON: usize = 300;

/// What is probed.
pub(super) struct Target<'a> {
    pub(super) account: &'a Account,
    pub(super) stack: &'a Stack,
    pub(super) commands: &'a Commands,
}

/// Where to look.
struct Places<'a> {
    ledger: &'a str,
    log: &'a str,
    /// The log of the delivery to channels, where the stack has one.
    notify: Option<&'a str>,
    is_enforcing: bool,
}

impl<'a> Places<'a> {
    fn of(stack: &'a Stack) -> Result<Self, String> {
        let output = |name: &str| stack.outputs.get(name).map(String::as_str);
        let needed = |name: &str| {
            output(name).ok_or_else(|| {
                format!("cannot probe: the stack has no output `{name}`: is it one of Tidewaiter, and as new as this program?")
            })
        };
        Ok(Self {
            ledger: needed("LedgerName")?,
            log: needed("TaskDefinitionGuardLogGroup")?,
            notify: output("NotifyLogGroup"),
            is_enforcing: needed("Mode")? == "enforce",
        })
    }
}

/// The line that the function writes of each event.
#[derive(Deserialize)]
struct Line {
    message: String,
    subject: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    rules: String,
    #[serde(default)]
    effects: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    reason: String,
}

/// The line that the delivery to channels writes of each batch.
#[derive(Deserialize)]
struct Delivered {
    message: String,
    sent: u64,
    kept: u64,
    refused: u64,
    later: u64,
}

/// One probe.
struct Probe<'a> {
    prober: Prober<'a>,
    ledger: Ledger<'a>,
    places: Places<'a>,
    family: String,
    timeout: Duration,
}

/// Probes a stack; what was found, hop by hop.
///
/// # Errors
/// When the stack does not say where to look.
pub(super) async fn run(
    target: &Target<'_>,
    timeout: Duration,
    console: &Console,
) -> Result<Vec<Check>, String> {
    run_until(target, timeout, console, interrupted()).await
}

/// Ends when somebody wants the program to end, by Ctrl-C or SIGTERM. From here on neither ends it by itself.
async fn interrupted() {
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Whoever cannot be told is not told: the program then ends at once, as ever.
        let _ = flag::register(signal, is_ended.clone());
    }
    while !is_ended.load(Ordering::Relaxed) {
        sleep(GLANCE).await;
    }
}

async fn run_until(
    target: &Target<'_>,
    timeout: Duration,
    console: &Console,
    stop: impl Future<Output = ()>,
) -> Result<Vec<Check>, String> {
    let places = Places::of(target.stack)?;
    let random = RandomState::new().hash_one(Timestamp::now().as_nanosecond());
    let probe = Probe {
        prober: target.account.prober(),
        ledger: Ledger::new(target.account.clients(), places.ledger),
        places,
        family: format!("{FAMILY}{random:016x}"),
        timeout,
    };
    let mut seen = Seen::of(&probe.family, probe.places.is_enforcing, timeout);
    // Whoever may not list them misses a hint.
    seen.others = probe.prober.families(FAMILY).await.unwrap_or_default();
    let following = console.progress("the probe is on its way");
    let mut stop = pin!(stop);
    // Not to be interrupted: what is registered has to be known to be taken away.
    let arn = match probe.prober.register(&probe.family).await {
        Ok(arn) => arn,
        Err(error) => {
            seen.refused = Some(error);
            return Ok(seen.checks(target.commands));
        }
    };
    seen.arn = Some(arn.clone());
    seen.registered_at = Some(Timestamp::now());
    let begun = Instant::now();
    let follow = probe.follow(&arn, &mut seen);
    tokio::select! {
        () = follow => {}
        () = &mut stop => seen.is_interrupted = true,
    }
    seen.followed = begun.elapsed();
    seen.left = Some(probe.clean_up(&arn).await);
    drop(following);
    Ok(seen.checks(target.commands))
}

impl Probe<'_> {
    /// Looks until everything was seen, nothing can come any more, or the time is over.
    async fn follow(&self, arn: &TaskDefinitionArn, seen: &mut Seen) {
        let (begun, since) = (Instant::now(), Timestamp::now().saturating_sub(SKEW));
        let since = since.unwrap_or(Timestamp::MIN);
        let mut ended: Option<Instant> = None;
        loop {
            self.look(arn, since, begun, seen).await;
            if seen.handled.as_ref().is_some_and(Handled::is_final) {
                ended.get_or_insert(Instant::now());
            }
            let is_over = ended.is_some_and(|ended| ended.elapsed() >= GRACE);
            let left = self.timeout.saturating_sub(begun.elapsed());
            if seen.is_complete() || is_over || left.is_zero() {
                break;
            }
            let pause = if begun.elapsed() < PATIENCE {
                INTERVAL
            } else {
                LATER
            };
            sleep(pause.min(left)).await;
        }
        if !self.places.is_enforcing && seen.told.is_some() {
            seen.is_still_active = self.prober.is_active(arn).await.ok().flatten();
        }
        self.look_for_channels(seen).await;
    }

    /// One look at everything that has not been seen yet.
    async fn look(
        &self,
        arn: &TaskDefinitionArn,
        since: Timestamp,
        begun: Instant,
        seen: &mut Seen,
    ) {
        if !seen.is_log_closed && !seen.handled.as_ref().is_some_and(Handled::is_final) {
            match self.handled(since).await {
                Ok(Some(mut handled)) => {
                    handled.after = begun.elapsed();
                    seen.handled = Some(handled);
                }
                Ok(None) => {}
                Err(error) => {
                    seen.is_log_closed = !error.is_transient();
                    seen.unread(&error);
                }
            }
        }
        if seen.told.is_none() {
            match self.is_told(arn).await {
                Ok(true) => seen.told = Some(begun.elapsed()),
                Ok(false) => {}
                Err(error) => seen.unread(&error),
            }
        }
        if self.places.is_enforcing && seen.inactive.is_none() {
            match self.prober.is_active(arn).await {
                Ok(Some(true)) => {}
                Ok(_) => seen.inactive = Some(begun.elapsed()),
                Err(error) => seen.unread(&error),
            }
        }
    }

    /// What the function says of the event, as last said.
    async fn handled(&self, since: Timestamp) -> Result<Option<Handled>, CallError> {
        let lines = self.prober.lines(self.places.log, &self.family, since);
        let lines = lines.await?;
        let said = lines.iter().rev().find_map(|line| {
            let said: Line = serde_json::from_str(&line.message).ok()?;
            let is_ours = said.message == "handled"
                && said.subject.contains(&self.family)
                && said.outcome != "deregistered";
            is_ours.then_some(said)
        });
        Ok(said.map(|said| Handled {
            after: Duration::ZERO,
            decision: clean(&said.decision, REASON),
            rules: clean(&said.rules, REASON),
            effects: clean(&said.effects, REASON),
            outcome: clean(&said.outcome, REASON),
            reason: clean(&said.reason, REASON),
        }))
    }

    /// Whether the alert is with the topic.
    async fn is_told(&self, arn: &TaskDefinitionArn) -> Result<bool, CallError> {
        let key = Key::alert_in("task-definition", &arn.to_string());
        let writer = Writer {
            by: "doctor",
            attempt: "probe",
            now: Timestamp::now(),
        };
        let incident = self.ledger.incident(&key, writer).await?;
        Ok(incident.is_some_and(|incident| {
            matches!(
                incident.standing,
                Told::Told | Told::Resolving | Told::Resolved
            )
        }))
    }

    /// The batch that went to the channels next. Which alerts were in it no log says.
    async fn look_for_channels(&self, seen: &mut Seen) {
        let Some(log) = self.places.notify else {
            return;
        };
        seen.channels = Channels::Unseen;
        if seen.told.is_none() {
            return;
        }
        let Some(since) = seen.registered_at else {
            return;
        };
        // The batching window and some time for the log.
        let end = Instant::now() + GRACE * 2;
        loop {
            match self.prober.lines(log, "delivered", since).await {
                Ok(lines) => {
                    let said = lines.iter().rev().find_map(|line| {
                        let said: Delivered = serde_json::from_str(&line.message).ok()?;
                        (said.message == "delivered").then_some(said)
                    });
                    if let Some(said) = said {
                        seen.channels =
                            Channels::Delivered(said.sent + said.kept, said.refused, said.later);
                        return;
                    }
                }
                Err(error) => {
                    seen.unread(&error);
                    return;
                }
            }
            if Instant::now() >= end {
                return;
            }
            sleep(LATER).await;
        }
    }

    /// Takes the revision away, whatever became of it.
    async fn clean_up(&self, arn: &TaskDefinitionArn) -> Left {
        let is_active = match self.prober.is_active(arn).await {
            Ok(None) => return Left::Nothing,
            Ok(Some(is_active)) => is_active,
            // Whether it has to be is not known: it does no harm.
            Err(_) => true,
        };
        if is_active && let Err(error) = self.prober.deregister(arn).await {
            return Left::Active(error);
        }
        match self.prober.delete(arn).await {
            Ok(()) => Left::Nothing,
            Err(error) => Left::Inactive(error),
        }
    }
}

#[cfg(test)]
mod tests;
