//! Where each dead-letter queue's messages came from, and so where they go back to.

/// The way back of what lies in a queue. Names are those of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The function takes an event at a time, from EventBridge.
    Function(&'static str),
    /// The function takes events from this queue, in batches.
    Queue(&'static str),
    /// Alerts go into the queue. The function that takes them from there is also invoked on a schedule,
    /// and such a turn goes to itself.
    Alerts {
        queue: &'static str,
        function: &'static str,
    },
    /// Bare alerts go into the queue, from which a pipe puts them on the event bus; what came back from the
    /// bus is an event around them.
    Hub(&'static str),
    /// What happened is told on the topic, which a rule fills without any function.
    Topic(&'static str),
}

/// Each dead-letter queue of the template. A test holds it against the template.
const WAYS: &[(&str, Way)] = &[
    (
        "BasicScanFinishedDeadLetters",
        Way::Function("ImageScanGuard"),
    ),
    (
        "DeploymentBegunDeadLetters",
        Way::Function("DeploymentGuard"),
    ),
    (
        "DeploymentGuardDeadLetters",
        Way::Function("DeploymentGuard"),
    ),
    (
        "EnhancedScanFinishedDeadLetters",
        Way::Function("ImageScanGuard"),
    ),
    ("HubDeadLetters", Way::Hub("HubAlerts")),
    (
        "ImageFindingReportedDeadLetters",
        Way::Queue("ImageFindings"),
    ),
    ("ImagePushGuardDeadLetters", Way::Function("ImagePushGuard")),
    ("ImagePushedDeadLetters", Way::Function("ImagePushGuard")),
    ("ImageScanGuardDeadLetters", Way::Function("ImageScanGuard")),
    (
        "NotifyDeadLetters",
        Way::Alerts {
            queue: "Alerts",
            function: "Notify",
        },
    ),
    ("TaskChangedDeadLetters", Way::Queue("TaskChanges")),
    ("TamperDeadLetters", Way::Topic("TamperTopic")),
    (
        "TaskDefinitionGuardDeadLetters",
        Way::Function("TaskDefinitionGuard"),
    ),
    (
        "TaskDefinitionRegisteredDeadLetters",
        Way::Function("TaskDefinitionGuard"),
    ),
    (
        "UsageReconcilerDeadLetters",
        Way::Function("UsageReconciler"),
    ),
    // It takes batches alone, and puts aside the events in them.
    ("UsageRecorderDeadLetters", Way::Queue("TaskChanges")),
];

/// What the name of each such queue ends with.
pub(super) const SUFFIX: &str = "DeadLetters";

impl Way {
    /// The way back from a queue; `None` for one that this program does not know.
    pub(super) fn of(queue: &str) -> Option<Self> {
        let found = WAYS.iter().find(|(name, _)| *name == queue);
        found.map(|(_, way)| *way)
    }

    /// In a few words.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Function(function) => format!("for the function {function}"),
            Self::Queue(queue) | Self::Hub(queue) | Self::Alerts { queue, .. } => {
                format!("for the queue {queue}")
            }
            Self::Topic(topic) => format!("for the topic {topic}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What the template says: queues, and who has them as dead-letter queue.
    fn template() -> BTreeMap<String, Vec<String>> {
        let template = include_str!("../../../../infra/template.yaml");
        let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let (mut resource, mut target) = (String::new(), String::new());
        let mut is_resource = false;
        let named = |line: &str| {
            let name = line.split("!GetAtt ").nth(1);
            let name = name.or_else(|| line.split("!Ref ").nth(1))?;
            Some(name.split([' ', '.']).next()?.to_owned())
        };
        for line in template.lines() {
            if !line.is_empty() && !line.starts_with(' ') {
                is_resource = line == "Resources:";
            }
            let name = line
                .strip_prefix("  ")
                .and_then(|name| name.strip_suffix(':'));
            if let Some(name) = name.filter(|name| is_resource && !name.starts_with([' ', '#'])) {
                name.clone_into(&mut resource);
                if name.ends_with(SUFFIX) {
                    owners.entry(resource.clone()).or_default();
                }
            }
            let words = line.trim_start();
            if words.starts_with("Arn: !GetAtt") || words.starts_with("Arn: !Ref") {
                target = named(line).unwrap();
            }
            let owner = if words.starts_with("DeadLetterConfig:") {
                &target
            } else {
                &resource
            };
            let is_of = ["TargetArn:", "deadLetterTargetArn:", "DeadLetterConfig:"];
            if is_of.iter().any(|start| words.starts_with(start)) {
                let queue = named(line).unwrap();
                owners.entry(queue).or_default().push(owner.clone());
            }
        }
        owners
    }

    #[test]
    fn every_queue_of_the_template_has_its_way_back() {
        let template = template();
        assert!(template.len() >= 15, "{template:?}");
        for (queue, owners) in &template {
            let way = Way::of(queue).unwrap_or_else(|| panic!("no way back from {queue}"));
            let wanted: &[&str] = match way {
                // What puts these aside takes its events from the queue.
                Way::Queue("TaskChanges") if queue == "UsageRecorderDeadLetters" => {
                    &["UsageRecorder"]
                }
                Way::Hub(queue) => &[queue, "HubBusArn"],
                Way::Function(name) | Way::Queue(name) | Way::Topic(name) => &[name],
                Way::Alerts { queue, function } => &[queue, function],
            };
            let is_named = owners.iter().all(|owner| wanted.contains(&owner.as_str()));
            assert!(is_named && !owners.is_empty(), "{queue}: {owners:?}");
        }
    }
}
