//! What became of a task (`ECS Task State Change`).

use serde::Deserialize;
use tidewaiter_rules::{
    facts::usage::{OwnImage, TaskSeen},
    names::{TaskArn, TaskDefinitionArn, quoted},
};

use crate::{
    InvalidEvent,
    envelope::{Envelope, timestamp},
};

/// `detail`: the task as `DescribeTasks` answers with it (ECS Developer Guide, "Amazon ECS task state
/// change events"), as far as its images are concerned. Overrides and environments are not read.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "the detail of a task state change event"
)]
pub(crate) struct TaskDetail {
    #[serde(default)]
    task_arn: Option<String>,
    #[serde(default)]
    cluster_arn: Option<String>,
    #[serde(default)]
    task_definition_arn: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    last_status: Option<String>,
    #[serde(default)]
    desired_status: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    version: Option<i64>,
    #[serde(default)]
    containers: Vec<ContainerDetail>,
}

/// AWS's own sidecars have no image, and `"null"` for a number.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a container")]
struct ContainerDetail {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    image_digest: Option<String>,
}

/// An ARN that is to be a key must not be anybody's text.
const LONGEST_ARN: usize = 500;

pub(crate) fn seen(envelope: &Envelope<'_>, detail: &TaskDetail) -> Result<TaskSeen, InvalidEvent> {
    let missing = |name: &str| InvalidEvent::new(format!("`detail` has no `{name}`"));
    let arn = detail.task_arn.as_deref().ok_or(missing("taskArn"))?;
    if !arn.starts_with("arn:") || !arn.contains(":task/") || arn.len() > LONGEST_ARN {
        return Err(InvalidEvent::new(format!(
            "{} is not the ARN of a task",
            quoted(arn)
        )));
    }
    let origin = envelope.origin();
    let place = origin.place;
    let place = place.ok_or(InvalidEvent::new("it has no `account` and `region`"))?;
    // Without it nobody can tell which of two events is the later one.
    let version = detail.version.ok_or(missing("version"))?;
    let updated = detail.updated_at.as_deref().and_then(timestamp);
    let at = origin.time.or(updated);
    let stopped = Some("STOPPED");
    let definition = detail.task_definition_arn.as_deref().unwrap_or_default();
    let mut images: Vec<OwnImage> = detail
        .containers
        .iter()
        .filter_map(|container| {
            let digest = container.image_digest.as_deref();
            OwnImage::of(&place, container.image.as_deref(), digest)
        })
        .collect();
    images.sort();
    images.dedup();
    Ok(TaskSeen {
        cluster: TaskArn::parse(arn).map_or_else(
            || last_part(detail.cluster_arn.as_deref().unwrap_or_default()),
            |arn| arn.cluster().to_owned(),
        ),
        service: detail
            .group
            .as_deref()
            .and_then(|group| group.strip_prefix("service:"))
            .map(str::to_owned),
        task_definition: TaskDefinitionArn::parse(definition)
            .map_or_else(|_| last_part(definition), |arn| arn.short()),
        is_running: detail.last_status.as_deref() != stopped
            && detail.desired_status.as_deref() != stopped,
        at: at.ok_or(InvalidEvent::new("it has no `time`"))?,
        arn: arn.to_owned(),
        place,
        version,
        images,
    })
}

fn last_part(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}
