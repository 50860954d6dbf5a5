//! A sandbox of a function: one event at a time, until it is killed.

use std::{sync::Arc, time::Duration};

use tidewaiter_aws::wire::Coming;
use tokio::{
    sync::{Mutex as Turn, Notify},
    time::{sleep, timeout},
};

use super::{chaos::Lost, faults::Fault, *};

/// What all processes of a world share: AWS, and chance.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) aws: Mutex<Aws>,
    pub(super) chaos: Mutex<Chaos>,
}

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Definitions,
    Scans,
    Pushes,
}

impl Role {
    pub(super) const ALL: [Self; 3] = [Self::Definitions, Self::Scans, Self::Pushes];

    /// How long the template lets an invocation take.
    const fn time_out(self) -> Duration {
        match self {
            Self::Scans => Duration::from_mins(5),
            Self::Definitions | Self::Pushes => Duration::from_mins(2),
        }
    }

    fn function(self) -> Function {
        let (name, subject) = match self {
            Self::Definitions => ("task-definition-guard", SubjectKind::TaskDefinition),
            Self::Scans => ("image-scan-guard", SubjectKind::Image),
            Self::Pushes => ("image-push-guard", SubjectKind::Image),
        };
        Function { name, subject }
    }
}

/// What every process of a world is set up with.
#[derive(Debug, Clone)]
pub(super) struct SetUp {
    pub(super) mode: Mode,
    /// Lines of the policy.
    pub(super) policy: String,
}

/// One sandbox.
pub(super) struct Process {
    role: Role,
    clock: fn() -> Timestamp,
    set_up: SetUp,
    wire: Wire,
    killed: Arc<Notify>,
    guard: Turn<Guard>,
}

impl Process {
    pub(super) fn new(number: usize, role: Role, set_up: SetUp, shared: &Arc<Shared>) -> Self {
        let killed = Arc::new(Notify::new());
        let (aws, kill) = (shared.clone(), killed.clone());
        let wire = Wire::over(move |call| carry(number, call, aws.clone(), kill.clone()));
        let is_rough = shared.chaos.lock().unwrap().is_rough();
        let clock = match number % 2 {
            _ if !is_rough => now,
            0 => behind,
            _ => ahead,
        };
        let guard = Turn::new(started(role, clock, &set_up, &wire));
        Self {
            role,
            clock,
            set_up,
            wire,
            killed,
            guard,
        }
    }

    /// Has one event handled; whether it is dealt with.
    pub(super) async fn handle(&self, payload: &str, request_id: &str) -> bool {
        let mut guard = self.guard.lock().await;
        let handled = tokio::select! {
            biased;
            () = self.killed.notified() => None,
            handled = timeout(self.role.time_out(), guard.handle(payload, request_id)) => {
                handled.ok().map(|handled| handled.is_ok())
            }
        };
        if handled.is_none() {
            *guard = started(self.role, self.clock, &self.set_up, &self.wire);
        }
        handled.unwrap_or(false)
    }

    /// Has a batch handled; gives the ids of the messages that have to come again.
    pub(super) async fn handle_batch(
        &self,
        messages: &[(String, String)],
        request_id: &str,
    ) -> Vec<String> {
        let mut guard = self.guard.lock().await;
        let batch = storm::batch(messages);
        let handled = tokio::select! {
            biased;
            () = self.killed.notified() => None,
            failures = timeout(self.role.time_out(), guard.handle_batch(&batch, request_id, storm::at_ease())) => {
                failures.ok().map(|failures| storm::failed(&failures))
            }
        };
        handled.unwrap_or_else(|| {
            *guard = started(self.role, self.clock, &self.set_up, &self.wire);
            messages.iter().map(|(id, _)| id.clone()).collect()
        })
    }
}

/// A function as it is after its start.
fn started(role: Role, clock: fn() -> Timestamp, set_up: &SetUp, wire: &Wire) -> Guard {
    let mut guard = guard(set_up.mode, SubjectKind::Image, wire);
    guard.function = role.function();
    guard.now = clock;
    let policy = format!("version: 1\n{}\n", set_up.policy);
    guard.settings.policy = Policy::from_yaml(&policy, now()).unwrap();
    guard
}

const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

fn behind() -> Timestamp {
    now() - SKEW
}

fn ahead() -> Timestamp {
    now() + SKEW
}

/// A call on its way to AWS and back, or as far as it comes.
fn carry(process: usize, call: Call, shared: Arc<Shared>, killed: Arc<Notify>) -> Coming {
    Box::pin(async move {
        let (there, back, lost, fault) = {
            let number = shared.aws.lock().unwrap().watch.started(&call.operation);
            let mut chaos = shared.chaos.lock().unwrap();
            let lost = chaos.kill.filter(|(kill, _)| *kill == number);
            let failing = chaos.failing.as_mut();
            let mut fault = failing.and_then(|it| it.strike(number, process, &call));
            let passed = Instant::now() - BEGAN.get().unwrap();
            if chaos.throttles(&call.operation, passed) {
                fault.get_or_insert((Fault::Throttled, false));
            }
            (chaos.way(), chaos.way(), lost.map(|(_, lost)| lost), fault)
        };
        sleep(there).await;
        if let Some((fault, reaches)) = fault {
            let answer = reaches.then(|| shared.aws.lock().unwrap().answer(process, &call));
            return fault.answer(answer).await;
        }
        if lost == Some(Lost::Request) {
            return kill(&killed).await;
        }
        let answer = shared.aws.lock().unwrap().answer(process, &call);
        if lost == Some(Lost::Answer) {
            return kill(&killed).await;
        }
        sleep(back).await;
        answer
    })
}

async fn kill(killed: &Notify) -> Answer {
    killed.notify_one();
    std::future::pending().await
}
