//! A simulated AWS under the real functions.
//!
//! ECR, ECS and the ledger's table hold state and answer the clients' own requests. What people and AWS
//! do is a list of [`Happening`]s with their times; each emits the events that AWS would send, and
//! [`Chaos`] decides when, how often and to which process each of them is delivered, how long every
//! call takes, and before which call a process is killed. Whatever asks to be delivered again is, as
//! Lambda and SQS do it, until nothing is left. [`Watch`] looks at every call on its way.
//!
//! Time is tokio's, which stands still until everybody waits: a world of a day costs milliseconds. All
//! chance comes from one seed, so that a world can be run again.

pub(super) mod buckets;
mod bursts;
pub(super) mod chaos;
mod course;
mod ecr;
mod ecs;
mod faults;
mod happening;
mod incidents;
mod population;
mod process;
mod properties;
mod scripted;
mod watch;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use tokio::time::Instant;

use super::*;
use buckets::Buckets;
use chaos::Chaos;
use course::World;
use ecr::Registry;
use ecs::Ecs;
use happening::Happening;
use population::{IMAGES, ImageId};
use watch::Watch;

/// When every world begins.
const BEGINNING: &str = "2026-11-23T13:00:00Z";

thread_local! {
    /// The instant at which the world of this thread began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Has the world of this thread begin now.
pub(super) fn begin() {
    BEGAN.set(Some(Instant::now()));
}

/// The clock of this thread's world.
pub(super) fn now() -> Timestamp {
    let began = BEGAN.get().expect("a world has begun");
    let passed = jiff::SignedDuration::try_from(Instant::now() - began).unwrap();
    BEGINNING.parse::<Timestamp>().unwrap() + passed
}

/// An event as EventBridge delivers it.
fn announced(source: &str, kind: &str, resources: &Value, detail: &Value) -> Value {
    json!({"version": "0", "detail-type": kind, "source": source, "account": ACCOUNT, "region": REGION,
        "time": now().to_string(), "resources": resources, "detail": detail})
}

/// Everything that a process can reach by a call.
#[derive(Debug)]
struct Aws {
    registry: Registry,
    ecs: Ecs,
    table: Table,
    watch: Watch,
    buckets: Buckets,
    /// What the functions' own calls have AWS announce.
    caused: Vec<Value>,
    /// What was put into dead-letter queues by the functions themselves.
    aside: Vec<Aside>,
}

/// What a function put into its dead-letter queue, and how many alerts had been told by then.
#[derive(Debug, Clone)]
struct Aside {
    payload: String,
    after: usize,
}

impl Aws {
    fn new(is_enhanced: bool) -> Self {
        Self {
            registry: Registry::new(is_enhanced),
            ecs: Ecs::default(),
            table: Table::default(),
            watch: Watch::default(),
            buckets: Buckets::default(),
            caused: Vec::new(),
            aside: Vec::new(),
        }
    }

    fn answer(&mut self, process: usize, call: &Call) -> Answer {
        watch::look(self, process, call);
        if !self.buckets.take(&call.operation) {
            let broken = format!("{} is called more than its bucket holds", call.operation);
            self.watch.broken.push(broken);
        }
        if let Some(answer) = self.table.answer(call) {
            return answer;
        }
        if let Some(answer) = self.registry.answer(call) {
            return answer;
        }
        if let Some(answer) = self.ecs.answer(call) {
            self.caused.append(&mut self.ecs.announced);
            return answer;
        }
        match call.operation.as_str() {
            "Publish" => self.watch.told.push(watch::Told::of(call)),
            "SendMessage" => self.aside.push(Aside {
                payload: call.parameters["MessageBody"].as_str().unwrap().to_owned(),
                after: self.watch.told.len(),
            }),
            other => panic!("the world does not know {other}"),
        }
        Answer::empty()
    }
}

/// What all of it came to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What can be pulled.
    pullable: BTreeSet<String>,
    /// What the ledger has in quarantine, and cannot be pulled.
    quarantined: BTreeSet<String>,
    /// What the ledger has in quarantine, can be pulled, and is denied.
    slipped: BTreeSet<String>,
    /// Revisions that nothing new can use.
    inactive: BTreeSet<usize>,
}

impl Outcome {
    fn of(aws: &Aws) -> Self {
        let is_held = |id: &ImageId| {
            let spec = &IMAGES[*id];
            let entry = format!("quarantine {}@{}", spec.digest(), spec.arn());
            aws.table.attribute(&entry, "state").as_deref() == Some("quarantined")
        };
        let is_pullable = |id: &ImageId| aws.registry.is_pullable(*id);
        let images = || 0..IMAGES.len();
        let held = || images().filter(is_held);
        let slipped = held().filter(|id| is_pullable(id) && aws.registry.is_bad(*id));
        Self {
            pullable: images().filter(is_pullable).map(name).collect(),
            quarantined: held().filter(|id| !is_pullable(id)).map(name).collect(),
            slipped: slipped.map(name).collect(),
            inactive: aws.ecs.inactive.clone(),
        }
    }
}

/// An image as actions name it.
fn name(id: ImageId) -> String {
    format!("{}@{}", IMAGES[id].arn(), IMAGES[id].digest())
}
