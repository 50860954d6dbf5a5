//! The functions that no world is built for, with every call of theirs failing in every way: what AWS has is
//! a script, and only the ledger keeps what is written.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidewaiter_aws::wire::Coming;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    chaos::{Chaos, Lost},
    faults::{Row, Way},
    watch::Told,
    *,
};
use crate::{batch::Batch, recorder::Recorder};

/// What changes something in ECS, beside what worlds know.
pub(super) const WRITES: [&str; 4] = [
    "BatchDeleteImage",
    "StopServiceDeployment",
    "StopTask",
    "UpdateService",
];

/// Runs one with every so-manieth of all that can be in its way.
type Tried = fn(usize) -> Row;

/// Every one, by its name: what it comes to with every `step`th of all that can be in its way.
pub(super) const ALL: [(&str, Tried); 5] = [
    ("a deployment of a quarantined image", deployment),
    ("a task that runs a bad image", task),
    ("a review that deletes an image", review),
    ("the index of tasks: a batch", |step| {
        listing("the index of tasks: a batch", record, false, step)
    }),
    ("the index of tasks: a listing", |step| {
        listing("the index of tasks: a listing", reconcile, true, step)
    }),
];

/// A delivery to a new sandbox; whether it is dealt with.
type Handled = Pin<Box<dyn Future<Output = bool>>>;

type Script = dyn Fn(&Call, &BTreeSet<String>) -> Answer + Send + Sync;

/// An event, and all that it meets.
struct Play {
    name: &'static str,
    /// The ledger as it is before.
    table: Table,
    /// What AWS answers, after what was done before.
    script: Arc<Script>,
    deliver: fn(Wire) -> Handled,
    /// Whether it comes again at its time, whatever became of it.
    is_scheduled: bool,
}

/// What all of it came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    /// What was asked of ECS and ECR.
    done: BTreeSet<String>,
    /// What is told of each subject in the end: whether it is over.
    told: BTreeMap<String, bool>,
    /// The states in the ledger.
    ledger: BTreeMap<String, Option<String>>,
}

/// What has been so far.
#[derive(Default)]
struct Seen {
    operations: Vec<String>,
    done: BTreeSet<String>,
    told: Vec<Told>,
    /// How many alerts had been told when something was put aside.
    aside: Vec<usize>,
}

impl Seen {
    fn note(&mut self, call: &Call) {
        match call.operation.as_str() {
            "Publish" => self.told.push(Told::of(call)),
            "SendMessage" => self.aside.push(self.told.len()),
            operation
                if super::watch::WRITES.contains(&operation) || WRITES.contains(&operation) =>
            {
                self.done.insert(format!("{operation} {}", call.parameters));
            }
            _ => {}
        }
    }
}

impl Play {
    fn row(&self, step: usize) -> Row {
        let (expected, way, operations) = self.run(Chaos::of(3).at_once());
        assert_eq!(way, Ok(Way::Same), "{}", self.name);
        assert!(!expected.ledger.is_empty(), "{}", self.name);
        Row::of(self.name, &operations, step, |chaos| {
            let (end, way, _) = self.run(chaos);
            let way = way?;
            if end == expected {
                Ok(way)
            } else {
                Err(format!("ends otherwise: {end:?}, not {expected:?}"))
            }
        })
    }

    /// Runs it to its end, and what is given up once more; gives what it came to, how, and what was called.
    fn run(&self, chaos: Chaos) -> (End, Result<Way, String>, Vec<String>) {
        let runtime = paused();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            begin();
            let table = self.table.copy();
            let seen = Arc::new(Mutex::new(Seen::default()));
            let killed = Arc::new(Notify::new());
            let wire = self.wire(&table, &seen, &killed, chaos);
            let mut is_given_up = true;
            // As often as Lambda tries an event; and once somebody brings it back, or its time comes again.
            for after in [1, 60, 120] {
                sleep(Duration::from_secs(after)).await;
                if self.deliver(&wire, &killed).await {
                    is_given_up = false;
                    break;
                }
            }
            let operations = seen.lock().unwrap().operations.clone();
            let (mut way, aside) = {
                let seen = seen.lock().unwrap();
                let told = &seen.told;
                let tells = |told: &Told| told.kind == "failure" || told.is_withheld();
                let is_told = |after: &usize| told.iter().skip(*after).any(tells);
                let is_told = seen.aside.iter().all(is_told);
                let way = if is_told {
                    Ok(Way::Same)
                } else {
                    Err("an event is put aside, and nobody is told".to_owned())
                };
                (way, seen.aside.len())
            };
            if is_given_up || aside > 0 || self.is_scheduled {
                sleep(Duration::from_hours(1)).await;
                if !self.deliver(&wire, &killed).await || seen.lock().unwrap().aside.len() > aside {
                    way = Err("it cannot be redriven".to_owned());
                } else if is_given_up || aside > 0 {
                    way = way.map(|_| Way::Redriven);
                }
            }
            let seen = seen.lock().unwrap();
            let decisions = seen.told.iter().filter(|told| told.kind == "decision");
            let told = decisions.map(|told| (told.subject.clone(), told.change == "resolved"));
            // When something was done decides which hour it counts in.
            let keys = table
                .keys()
                .into_iter()
                .filter(|key| !key.starts_with("budget"));
            let end = End {
                done: seen.done.clone(),
                told: told.collect(),
                ledger: keys
                    .map(|key| (key.clone(), table.attribute(&key, "state")))
                    .collect(),
            };
            (end, way, operations)
        })
    }

    async fn deliver(&self, wire: &Wire, killed: &Notify) -> bool {
        let handled = timeout(Duration::from_mins(2), (self.deliver)(wire.clone()));
        tokio::select! {
            biased;
            () = killed.notified() => false,
            handled = handled => handled.unwrap_or(false),
        }
    }

    fn wire(
        &self,
        table: &Table,
        seen: &Arc<Mutex<Seen>>,
        killed: &Arc<Notify>,
        chaos: Chaos,
    ) -> Wire {
        let (table, seen, killed) = (table.clone(), seen.clone(), killed.clone());
        let (script, chaos) = (self.script.clone(), Arc::new(Mutex::new(chaos)));
        let number = AtomicUsize::new(0);
        Wire::over(move |call| -> Coming {
            let (table, seen, killed) = (table.clone(), seen.clone(), killed.clone());
            let (script, chaos) = (script.clone(), chaos.clone());
            let number = number.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                seen.lock().unwrap().operations.push(call.operation.clone());
                let (fault, lost) = {
                    let mut chaos = chaos.lock().unwrap();
                    let lost = chaos.kill.filter(|(kill, _)| *kill == number);
                    let fault = chaos.failing.as_mut();
                    (fault.and_then(|it| it.strike(number, 0, &call)), lost)
                };
                sleep(Duration::from_millis(20)).await;
                let real = || {
                    let mut seen = seen.lock().unwrap();
                    let done = seen.done.clone();
                    seen.note(&call);
                    table.answer(&call).unwrap_or_else(|| script(&call, &done))
                };
                match (fault, lost) {
                    (Some((fault, reaches)), _) => {
                        let answer = reaches.then(real);
                        fault.answer(answer).await
                    }
                    (None, Some((_, lost))) => {
                        if lost == Lost::Answer {
                            real();
                        }
                        killed.notify_one();
                        std::future::pending().await
                    }
                    (None, None) => real(),
                }
            })
        })
    }
}

/// A runtime whose clock only goes on where all wait.
fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

fn judge(wire: Wire, path: &'static str, subject: SubjectKind, policy: &'static str) -> Handled {
    Box::pin(async move {
        let mut guard = guard(Mode::Enforce, subject, &wire);
        guard.now = now;
        let policy = format!("version: 1\n{policy}");
        guard.settings.policy = Policy::from_yaml(&policy, now()).unwrap();
        guard.handle(&event(path), "r").await.is_ok()
    })
}

fn deployment(step: usize) -> Row {
    let mut account = running::Account::of("service:web");
    account.deployment = Some((running::scanned(), vec![running::digest("0b")]));
    let runtime = paused();
    Play {
        name: "a deployment of a quarantined image",
        table: runtime.block_on(running::ledger("image")),
        script: Arc::new(move |call, _| account.answer(call)),
        deliver: |wire| {
            let subject = SubjectKind::Deployment;
            judge(
                wire,
                "deployment-guard/in-progress",
                subject,
                running::STOP_DEPLOYMENTS,
            )
        },
        is_scheduled: false,
    }
    .row(step)
}

fn task(step: usize) -> Row {
    let account = running::Account::of("family:web");
    Play {
        name: "a task that runs a bad image",
        table: Table::default(),
        script: Arc::new(move |call, _| account.answer(call)),
        deliver: |wire| {
            judge(
                wire,
                "image-scan-guard/critical",
                SubjectKind::Image,
                running::STOP_TASKS,
            )
        },
        is_scheduled: false,
    }
    .row(step)
}

fn review(step: usize) -> Row {
    let runtime = paused();
    Play {
        name: "a review that deletes an image",
        table: runtime.block_on(methods::held_since("2026-11-01T09:00:00Z")),
        script: Arc::new(|call, done| {
            let is_deleted = done.iter().any(|done| done.starts_with("BatchDeleteImage"));
            match call.operation.as_str() {
                "DescribeImages" if is_deleted => Answer::json(r#"{"imageDetails":[]}"#),
                _ => methods::archived(call),
            }
        }),
        deliver: |wire| {
            judge(
                wire,
                "image-scan-guard/quarantine-review",
                SubjectKind::Image,
                methods::DELETE,
            )
        },
        is_scheduled: true,
    }
    .row(step)
}

/// The functions that keep the index of what runs, over the account of one cluster.
fn listing(
    name: &'static str,
    deliver: fn(Wire) -> Handled,
    is_scheduled: bool,
    step: usize,
) -> Row {
    let account = running::Account::of("family:web");
    Play {
        name,
        table: Table::default(),
        script: Arc::new(move |call, _| account.answer(call)),
        deliver,
        is_scheduled,
    }
    .row(step)
}

fn recorder(wire: &Wire) -> Recorder {
    Recorder::new(
        "usage",
        guard(Mode::Audit, SubjectKind::Image, wire).settings,
    )
}

fn record(wire: Wire) -> Handled {
    Box::pin(async move {
        let messages = ["pending", "running", "stopped"].map(|name| {
            let body = event(&format!("usage-recorder/{name}"));
            json!({"messageId": name, "body": body, "eventSource": "aws:sqs"})
        });
        let batch = Batch::read(&json!({"Records": messages}).to_string()).unwrap();
        let end = Instant::now() + Duration::from_mins(1);
        recorder(&wire).record(&batch, "r", end).await.is_empty()
    })
}

fn reconcile(wire: Wire) -> Handled {
    Box::pin(async move {
        let end = Instant::now() + Duration::from_mins(4);
        recorder(&wire).reconcile("r", end).await.is_ok()
    })
}
