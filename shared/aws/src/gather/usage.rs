//! What runs of an image, asked of ECS at the moment of deciding. For accounts whose tasks can be
//! listed within the limits below; in larger ones it stays unknown, and nothing that may run is
//! touched.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ecs::types::{DesiredStatus, Task, TaskField};
use tidewaiter_rules::{
    Field,
    facts::{
        Family, Run, Usage,
        usage::{OWNER_TAGS, Started, add_run, started},
    },
    names::{Digest, Repository, TaskArn, TaskDefinitionArn, quoted},
};
use tokio::time::sleep;

use crate::{CallError, Clients};

/// `ListTasks` and `DescribeTasks` share a bucket of 100 with the account's own calls, refilled at 20 a
/// second (ECS Developer Guide, "Request throttling"): an evaluation takes half of what it holds at
/// most, no faster than half of what flows in.
const MOST_CALLS: usize = 50;
const INTERVAL: Duration = Duration::from_millis(100);

/// What runs of `digest` and of what it stands and falls with.
pub(super) async fn usage(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
    family: &Field<Family>,
) -> Result<Usage, CallError> {
    let mut wanted = BTreeSet::from([digest.clone()]);
    if let Some(family) = family.known() {
        wanted.extend(family.indexes.iter().map(|index| index.digest.clone()));
        wanted.extend(family.siblings.iter().map(|one| one.digest.clone()));
    }
    let mut search = Search {
        clients,
        repository: repository.name(),
        wanted,
        calls: 0,
        usage: Usage {
            runs: Vec::new(),
            unknown: family
                .unknown()
                .map(|reason| format!("which indexes lead to the image is not known: {reason}")),
        },
    };
    match search.clusters().await {
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            tracing::error!(%error, "what runs the image is not known");
            search.unknown(error.to_string());
        }
        Ok(()) => {}
    }
    search.usage.runs.sort();
    Ok(search.usage)
}

struct Search<'a> {
    clients: &'a Clients,
    repository: &'a str,
    wanted: BTreeSet<Digest>,
    /// How many calls were made of those that share a bucket.
    calls: usize,
    usage: Usage,
}

impl Search<'_> {
    /// The first reason is told: it is the one to mend first.
    fn unknown(&mut self, reason: String) {
        self.usage.unknown.get_or_insert(reason);
    }

    async fn clusters(&mut self) -> Result<(), CallError> {
        const CALL: &str = "ListClusters";
        let mut token = None;
        loop {
            let page = self
                .clients
                .ecs
                .list_clusters()
                .max_results(100)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| CallError::of(CALL, &error))?;
            for cluster in page.cluster_arns() {
                match self.cluster(cluster).await {
                    // Deleted since: nothing runs in it.
                    Err(error) if error.code() == Some("ClusterNotFoundException") => {}
                    searched => searched?,
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn cluster(&mut self, cluster: &str) -> Result<(), CallError> {
        const CALL: &str = "ListTasks";
        let mut token = None;
        loop {
            self.pace(CALL).await?;
            // Those that are still to start are listed as running too.
            let page = self
                .clients
                .ecs
                .list_tasks()
                .cluster(cluster)
                .desired_status(DesiredStatus::Running)
                .max_results(100)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| CallError::of(CALL, &error))?;
            if !page.task_arns().is_empty() {
                self.tasks(cluster, page.task_arns().to_vec()).await?;
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn tasks(&mut self, cluster: &str, arns: Vec<String>) -> Result<(), CallError> {
        const CALL: &str = "DescribeTasks";
        self.pace(CALL).await?;
        let asked = arns.len();
        let answer = self
            .clients
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(arns))
            .include(TaskField::Tags)
            .send()
            .await
            .map_err(|error| CallError::of(CALL, &error))?;
        let gone = |reason: Option<&str>| reason == Some("MISSING");
        let failures = answer.failures();
        if let Some(failure) = failures.iter().find(|failure| !gone(failure.reason())) {
            let reason = failure.reason().unwrap_or("no reason");
            self.unknown(format!("{CALL} left out a task: {}", quoted(reason)));
        }
        if answer.tasks().len() + failures.len() < asked {
            self.unknown(format!("{CALL} left out tasks without a reason"));
        }
        for task in answer.tasks() {
            self.task(task);
        }
        Ok(())
    }

    fn task(&mut self, task: &Task) {
        let arn = task.task_arn().unwrap_or_default();
        let known = TaskArn::parse(arn);
        let cluster = known.as_ref().map_or_else(
            || name_of(task.cluster_arn().unwrap_or_default()),
            |known| known.cluster().to_owned(),
        );
        let service = task
            .group()
            .and_then(|group| group.strip_prefix("service:"));
        let definition = task.task_definition_arn().unwrap_or_default();
        let definition = TaskDefinitionArn::parse(definition)
            .map_or_else(|_| name_of(definition), |definition| definition.short());
        let mut owners: Vec<String> = task.tags().iter().filter_map(owner).collect();
        owners.sort();
        let mut found = BTreeSet::new();
        for container in task.containers() {
            match started(self.repository, container.image(), container.image_digest()) {
                Started::From(digest) if self.wanted.contains(&digest) => {
                    found.insert(digest);
                }
                Started::From(_) | Started::Other => {}
                Started::Unsaid => self.unknown(format!(
                    "container {} of task {} runs an image of the repository and does not say which",
                    quoted(container.name().unwrap_or_default()),
                    quoted(&name_of(arn)),
                )),
            }
        }
        for digest in found {
            let run = Run {
                cluster: cluster.clone(),
                service: service.map(str::to_owned),
                task_definition: definition.clone(),
                digest,
                tasks: 1,
                task_arns: known.iter().cloned().collect(),
                owners: owners.clone(),
            };
            add_run(&mut self.usage.runs, run);
        }
    }

    async fn pace(&mut self, call: &'static str) -> Result<(), CallError> {
        if self.calls == MOST_CALLS {
            return Err(CallError::permanent(
                call,
                format!("the account has more clusters and tasks than {MOST_CALLS} calls can list"),
            ));
        }
        if self.calls > 0 {
            sleep(INTERVAL).await;
        }
        self.calls += 1;
        Ok(())
    }
}

/// The last part of an ARN's path.
fn name_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

fn owner(tag: &aws_sdk_ecs::types::Tag) -> Option<String> {
    let key = tag.key()?;
    let is_owner = OWNER_TAGS.contains(&key.to_ascii_lowercase().as_str());
    is_owner.then(|| format!("{key}={}", tag.value().unwrap_or_default()))
}
