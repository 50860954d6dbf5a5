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

mod bursts;
mod chaos;
mod course;
mod ecr;
mod ecs;
mod happening;
mod process;
mod properties;
mod watch;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use tokio::time::Instant;

use super::*;
use chaos::Chaos;
use course::World;
use ecr::{IMAGES, ImageId, Registry};
use ecs::Ecs;
use happening::Happening;
use watch::Watch;

/// When every world begins.
const BEGINNING: &str = "2026-11-23T13:00:00Z";

thread_local! {
    /// The instant at which the world of this thread began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The clock of this thread's world.
fn now() -> Timestamp {
    let began = BEGAN.get().expect("a world has begun");
    let passed = jiff::SignedDuration::try_from(Instant::now() - began).unwrap();
    BEGINNING.parse::<Timestamp>().unwrap() + passed
}

/// An event as EventBridge delivers it.
fn announced(source: &str, kind: &str, resources: Value, detail: Value) -> Value {
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
    /// What was put into dead-letter queues by the functions themselves.
    aside: Vec<String>,
}

impl Aws {
    fn new(is_enhanced: bool) -> Self {
        Self {
            registry: Registry::new(is_enhanced),
            ecs: Ecs::default(),
            table: Table::default(),
            watch: Watch::default(),
            aside: Vec::new(),
        }
    }

    fn answer(&mut self, process: usize, call: &Call) -> Answer {
        watch::look(self, process, call);
        if let Some(answer) = self.table.answer(call) {
            return answer;
        }
        if let Some(answer) = self.registry.answer(call) {
            return answer;
        }
        if let Some(answer) = self.ecs.answer(call) {
            return answer;
        }
        match call.operation.as_str() {
            "Publish" => self.watch.told.push(watch::Told::of(call)),
            "SendMessage" => self.aside.push(call.parameters.to_string()),
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
    /// What the ledger has in quarantine.
    quarantined: BTreeSet<String>,
    /// Revisions that nothing new can use.
    inactive: BTreeSet<usize>,
}

impl Outcome {
    fn of(aws: &Aws) -> Self {
        let images = 0..IMAGES.len();
        let pullable = images.filter(|id| aws.registry.is_pullable(*id)).map(name);
        let keys = aws.table.keys().into_iter();
        let quarantined = keys.filter_map(|key| {
            let is_held = aws.table.attribute(&key, "state").as_deref() == Some("quarantined");
            let image = key.strip_prefix("quarantine ")?;
            is_held.then(|| image.to_owned())
        });
        Self {
            pullable: pullable.collect(),
            quarantined: quarantined.collect(),
            inactive: aws.ecs.inactive.clone(),
        }
    }
}

/// An image as the ledger has it.
fn name(id: ImageId) -> String {
    format!("{}@{}", IMAGES[id].arn(), IMAGES[id].digest())
}
