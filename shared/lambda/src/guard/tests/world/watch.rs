//! What must hold at every call, whatever happens around it.

use std::collections::{BTreeMap, BTreeSet};

use tidewaiter_rules::ledger::Hour;

use super::{ecs::cluster_of, population::Kind, process::Role, *};

/// What changes something in ECS or ECR.
pub(super) const WRITES: [&str; 2] = ["DeregisterTaskDefinition", "UpdateImageStorageClass"];

/// An alert that went out, as far as a repetition is concerned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) change: String,
    pub(super) subject: String,
    /// The id of the event that it is about.
    pub(super) event: String,
    pub(super) decision: String,
    /// What became of it: effects, and what kept more from being done.
    pub(super) became: Vec<String>,
    /// What was acted on.
    pub(super) targets: Vec<String>,
}

impl Told {
    /// Whether it is about the event in a payload, or about its subject.
    pub(super) fn is_about(&self, payload: &str) -> bool {
        let Ok(Parsed::Event(event)) = parse(payload.as_bytes()) else {
            return false;
        };
        let id = event.origin().id.clone().unwrap_or_default();
        self.event == id || self.subject == event.subject_id()
    }

    pub(super) fn of(call: &Call) -> Self {
        let message: Value =
            serde_json::from_str(call.parameters["Message"].as_str().unwrap()).unwrap();
        let alert: Value = serde_json::from_str(message["default"].as_str().unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let actions = alert["actions"].as_array().into_iter().flatten();
        let mut became: Vec<String> = actions.clone().map(|it| text(&it["effect"])).collect();
        became.extend([text(&alert["withheld"]), text(&alert["held_back"])]);
        Self {
            kind: text(&alert["kind"]),
            change: text(&alert["change"]),
            subject: text(&alert["subject"]["id"]),
            event: text(&alert["event"]),
            decision: text(&alert["decision"]),
            became,
            targets: actions.map(|it| text(&it["target"])).collect(),
        }
    }
}

impl Told {
    /// Whether it says why something was left.
    pub(super) fn is_withheld(&self) -> bool {
        self.became.iter().any(|it| !it.is_empty() && it != "done")
    }
}

/// A witness of all calls.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The operations of all calls that have set out, in order.
    pub(super) started: Vec<String>,
    /// Operations that reached AWS, by how often.
    pub(super) calls: BTreeMap<String, usize>,
    pub(super) told: Vec<Told>,
    /// What must not have been.
    pub(super) broken: Vec<String>,
    /// Acts of each function in each hour.
    pub(super) acts: BTreeMap<(usize, Hour), u32>,
    /// Since when the functions are paused.
    paused: Option<Instant>,
    may_change: bool,
    may_break_what_runs: bool,
    most_acts: u32,
    /// When each process last asked for the tasks of a cluster, for what it is about.
    asked: BTreeMap<(usize, String), Instant>,
    /// When each process last asked whether it is paused.
    permitted: BTreeMap<usize, Instant>,
}

impl Watch {
    /// What is to be expected of the functions.
    pub(super) fn expect(&mut self, mode: Mode, policy: &Policy, may_break_what_runs: bool) {
        self.may_change = mode == Mode::Enforce;
        self.most_acts = policy.max_actions_per_hour();
        self.may_break_what_runs = may_break_what_runs;
    }

    pub(super) fn pause(&mut self, is_paused: bool) {
        self.paused = is_paused.then(Instant::now);
    }

    /// A call sets out; gives its number.
    pub(super) fn started(&mut self, operation: &str) -> usize {
        self.started.push(operation.to_owned());
        self.started.len() - 1
    }

    /// How many calls have set out.
    pub(super) fn count(&self) -> usize {
        self.started.len()
    }
}

/// Looks at a call before it is answered.
pub(super) fn look(aws: &mut Aws, process: usize, call: &Call) {
    let watch = &mut aws.watch;
    *watch.calls.entry(call.operation.clone()).or_default() += 1;
    let is_first_page = call.parameters["nextToken"].is_null();
    match call.operation.as_str() {
        // Before anything is acted on its repository is listed, and then what runs.
        "DescribeImages" if is_first_page => watch.asked.retain(|(who, _), _| *who != process),
        "ListTasks" if is_first_page => {
            let cluster = call.parameters["cluster"].as_str().unwrap();
            let name = cluster.rsplit('/').next().unwrap();
            watch
                .asked
                .insert((process, name.to_owned()), Instant::now());
        }
        "GetItem" if call.parameters["Key"]["id"]["S"] == "switch" => {
            watch.permitted.insert(process, Instant::now());
        }
        operation if WRITES.contains(&operation) => act(aws, process, call),
        _ => {}
    }
}

/// Looks at a change on its way.
fn act(aws: &mut Aws, process: usize, call: &Call) {
    let mut broken = Vec::new();
    let watch = &aws.watch;
    if !watch.may_change {
        broken.push("something is changed in audit mode");
    }
    let permitted = watch.permitted.get(&process);
    if watch
        .paused
        .is_some_and(|since| permitted.is_none_or(|asked| *asked > since))
    {
        broken.push("something is changed while the functions are paused");
    }
    let undo = aws.table.attribute(&entry(call), "undo");
    if undo.is_none_or(|undo| undo.is_empty()) {
        broken.push("something is changed whose undo is not in the ledger");
    }
    if call.operation == "UpdateImageStorageClass" && !watch.may_break_what_runs {
        let target = Registry::named(call, &call.parameters["imageId"]).unwrap();
        if runs(aws, process, target) {
            broken.push("an image is archived that ran when that was asked");
        }
    }
    let watch = &mut aws.watch;
    let function = process / 2;
    let acts = watch.acts.entry((function, Hour::of(now()))).or_default();
    *acts += 1;
    if *acts > watch.most_acts {
        broken.push("more is changed in an hour than the budget has");
    }
    let broken = broken.into_iter();
    let told = broken.map(|what| format!("{what}: {:?} {call:?}", Role::ALL[function]));
    watch.broken.extend(told);
}

/// The ledger's entry of an act.
fn entry(call: &Call) -> String {
    if call.operation == "DeregisterTaskDefinition" {
        let arn = call.parameters["taskDefinition"].as_str().unwrap();
        return format!("action#deregister-task-definition:{arn}");
    }
    let id = Registry::named(call, &call.parameters["imageId"]).unwrap();
    format!("action#archive-image:{}", name(id))
}

/// Whether a task needs the image that was there to be seen when the process asked. One that was
/// started after that is not in its power: ECR takes no condition.
fn runs(aws: &Aws, process: usize, target: ImageId) -> bool {
    aws.ecs.tasks.iter().any(|(number, task)| {
        let children = IMAGES[task.image].children.iter();
        let platforms = children.filter(|(child, _)| IMAGES[*child].kind == Kind::Image);
        let needs: BTreeSet<ImageId> = platforms
            .map(|(child, _)| *child)
            .chain([task.image])
            .collect();
        let cluster = cluster_of(*number).to_owned();
        let asked = aws.watch.asked.get(&(process, cluster));
        needs.contains(&target) && asked.is_none_or(|asked| task.since <= *asked)
    })
}
