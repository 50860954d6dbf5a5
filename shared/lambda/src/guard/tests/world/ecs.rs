//! ECS as the guards see it: what runs, and task definitions.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::{ecr::page, *};

/// A task that runs, or is about to.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) image: ImageId,
    /// When it came to be listed.
    pub(super) since: Instant,
    /// Whether its image has been pulled; before that it does not say which one that is.
    pub(super) is_running: bool,
}

/// Two clusters, and what people registered.
#[derive(Debug, Default)]
pub(super) struct Ecs {
    /// By number; even ones are in the first cluster, in a service.
    pub(super) tasks: BTreeMap<u8, Task>,
    /// Revisions of `ci-builder` that new tasks can use.
    pub(super) active: BTreeSet<usize>,
    pub(super) inactive: BTreeSet<usize>,
    /// What CloudTrail has to tell since it was last asked.
    pub(super) announced: Vec<Value>,
}

const CLUSTERS: [&str; 2] = ["prod", "edge"];

pub(super) fn cluster_of(task: u8) -> &'static str {
    CLUSTERS[usize::from(task % 2)]
}

impl Ecs {
    /// Somebody starts a task, or a service does.
    pub(super) fn start(&mut self, number: u8, image: ImageId) {
        let task = Task {
            image,
            since: Instant::now(),
            is_running: false,
        };
        self.tasks.entry(number).or_insert(task);
    }

    /// It pulls its image, and stops where it cannot.
    pub(super) fn pull(&mut self, number: u8, registry: &Registry) {
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        task.is_running |= registry.is_pullable(task.image);
        if !task.is_running {
            self.tasks.remove(&number);
        }
    }

    pub(super) fn register(&mut self, revision: usize) -> Vec<Value> {
        if !self.active.insert(revision) {
            return Vec::new();
        }
        let mut event: Value = serde_json::from_str(&ledger::privileged(revision)).unwrap();
        let id = format!("registered-{revision}");
        event["detail"]["eventID"] = json!(id);
        event["detail"]["eventTime"] = json!(now().to_string());
        event["time"] = json!(now().to_string());
        event["id"] = json!(id);
        vec![event]
    }

    /// A person deregisters a revision. What CloudTrail has to tell of it.
    pub(super) fn deregister_by_hand(&mut self, revision: usize) -> Vec<Value> {
        self.inactive.insert(revision);
        let name = format!("ci-builder:{revision}");
        vec![deregistered(&arn("task-definition", &name))]
    }

    /// The answer to a call; `None` where it is none of ECS's.
    pub(super) fn answer(&mut self, call: &Call) -> Option<Answer> {
        Some(match call.operation.as_str() {
            "ListClusters" => {
                let arns = CLUSTERS.map(|name| arn("cluster", name));
                let (page, next) = page(&arns, call, 1);
                Answer::json(json!({"clusterArns": page, "nextToken": next}).to_string())
            }
            "ListTasks" => {
                assert_eq!(call.parameters["desiredStatus"], "RUNNING");
                let cluster = call.parameters["cluster"].as_str().unwrap_or_default();
                let tasks = self.tasks.keys();
                let arns: Vec<String> = tasks
                    .filter(|number| cluster.ends_with(&format!("/{}", cluster_of(**number))))
                    .map(|number| task_arn(*number))
                    .collect();
                let (page, next) = page(&arns, call, 2);
                Answer::json(json!({"taskArns": page, "nextToken": next}).to_string())
            }
            "DescribeTasks" => self.describe(call),
            // The services' tasks tell all that there is to tell of these: none is scaled to nothing.
            "ListServices" => Answer::json(r#"{"serviceArns": []}"#),
            "DeregisterTaskDefinition" => self.deregister(call),
            _ => return None,
        })
    }

    fn describe(&self, call: &Call) -> Answer {
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for asked in call.parameters["tasks"].as_array().unwrap() {
            let mut known = self.tasks.iter();
            match known.find(|(number, _)| *asked == task_arn(**number)) {
                Some((number, task)) => tasks.push(described(*number, task)),
                None => failures.push(json!({"arn": asked, "reason": "MISSING"})),
            }
        }
        Answer::json(json!({"tasks": tasks, "failures": failures}).to_string())
    }

    fn deregister(&mut self, call: &Call) -> Answer {
        let arn = call.parameters["taskDefinition"].as_str().unwrap();
        let revision = arn.rsplit(':').next().unwrap().parse().unwrap();
        if !self.active.contains(&revision) {
            let message = "The specified task definition does not exist.";
            return Answer::error(400, "ClientException", message);
        }
        if !self.inactive.insert(revision) {
            let message = "The specified task definition is inactive.";
            return Answer::error(400, "ClientException", message);
        }
        self.announced.push(deregistered(arn));
        Answer::empty()
    }
}

/// CloudTrail's record of the call, as EventBridge delivers it.
fn deregistered(arn: &str) -> Value {
    let detail = json!({
        "eventSource": "ecs.amazonaws.com", "eventName": "DeregisterTaskDefinition",
        "eventID": format!("deregistered-{arn}"), "eventTime": now().to_string(),
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "guard"}}},
        "requestParameters": {"taskDefinition": arn},
        "responseElements": {"taskDefinition": {"taskDefinitionArn": arn, "status": "INACTIVE"}},
    });
    announced(
        "aws.ecs",
        "AWS API Call via CloudTrail",
        &json!([]),
        &detail,
    )
}

fn described(number: u8, task: &Task) -> Value {
    let spec = &IMAGES[task.image];
    let cluster = cluster_of(number);
    let group = if number.is_multiple_of(2) {
        "service:web"
    } else {
        "family:web"
    };
    let image = format!(
        "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:1.0",
        spec.repository
    );
    let mut container = json!({"name": "app", "image": image});
    if task.is_running {
        container["imageDigest"] = json!(spec.digest());
    }
    json!({"taskArn": task_arn(number), "clusterArn": arn("cluster", cluster), "group": group,
        "taskDefinitionArn": arn("task-definition", "web:7"), "containers": [container]})
}

fn task_arn(number: u8) -> String {
    arn("task", &format!("{}/{number:032}", cluster_of(number)))
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}")
}
