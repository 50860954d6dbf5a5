//! Listing what ECS runs, call by call, no faster than the account can spare.

use std::time::Duration;

use aws_sdk_ecs::types::{
    DesiredStatus, Failure, Service, ServiceField, ServiceRevision, Task, TaskField,
};
use tidewaiter_rules::names::quoted;
use tokio::time::{Instant, sleep};

use crate::{CallError, Clients};

/// The buckets that the calls draw on are refilled at 20 a second each (ECS Developer Guide, "Request
/// throttling"): together the calls here take no more than half of what flows into one.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a listing may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// `ListTasks` and `DescribeTasks`, which share a bucket of 100 with the account's own calls.
    pub(super) tasks: usize,
    /// `ListServices` and `DescribeServices`: a bucket of 100.
    pub(super) services: usize,
    /// `DescribeServiceRevisions`: a bucket of 50.
    pub(super) revisions: usize,
    /// When it has to be over.
    pub(super) end: Option<Instant>,
}

/// Why a listing ended before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The account has more than the limits let it ask for, and how it says so.
    Limit(String),
    /// A call failed.
    Failed(CallError),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// What was described, and why something was left out.
pub(super) struct Described<T> {
    pub(super) found: Vec<T>,
    pub(super) unknown: Option<String>,
}

/// One page of ARNs.
pub(super) struct Page {
    pub(super) arns: Vec<String>,
    pub(super) token: Option<String>,
}

/// A listing under way.
pub(super) struct Listing<'a> {
    clients: &'a Clients,
    limits: Limits,
    tasks: usize,
    services: usize,
    revisions: usize,
}

impl<'a> Listing<'a> {
    pub(super) fn new(clients: &'a Clients, limits: Limits) -> Self {
        Self {
            clients,
            limits,
            tasks: 0,
            services: 0,
            revisions: 0,
        }
    }

    /// Every cluster.
    pub(super) async fn clusters(&mut self) -> Result<Vec<String>, Stop> {
        let mut clusters = Vec::new();
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
                .map_err(|error| CallError::of("ListClusters", &error))?;
            clusters.extend(page.cluster_arns.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(clusters);
            }
            self.wait().await?;
        }
    }

    /// Up to 100 tasks of a cluster that run or are to. Those that are still to start are listed as
    /// running too.
    pub(super) async fn tasks(
        &mut self,
        cluster: &str,
        token: Option<String>,
    ) -> Result<Page, Stop> {
        self.count_task_call().await?;
        let page = self
            .clients
            .ecs
            .list_tasks()
            .cluster(cluster)
            .desired_status(DesiredStatus::Running)
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| CallError::of("ListTasks", &error))?;
        Ok(Page {
            arns: page.task_arns.unwrap_or_default(),
            token: page.next_token,
        })
    }

    /// Up to 100 tasks of a cluster, with their tags.
    pub(super) async fn describe_tasks(
        &mut self,
        cluster: &str,
        arns: Vec<String>,
    ) -> Result<Described<Task>, Stop> {
        const CALL: &str = "DescribeTasks";
        self.count_task_call().await?;
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
        let failures = answer.failures.unwrap_or_default();
        let found = answer.tasks.unwrap_or_default();
        Ok(Described {
            unknown: left_out(CALL, asked, found.len(), &failures),
            found,
        })
    }

    /// Up to 100 services of a cluster.
    pub(super) async fn services(
        &mut self,
        cluster: &str,
        token: Option<String>,
    ) -> Result<Page, Stop> {
        self.count_service_call().await?;
        let page = self
            .clients
            .ecs
            .list_services()
            .cluster(cluster)
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| CallError::of("ListServices", &error))?;
        Ok(Page {
            arns: page.service_arns.unwrap_or_default(),
            token: page.next_token,
        })
    }

    /// Services of a cluster by ARN or name, with their tags.
    pub(super) async fn describe_services(
        &mut self,
        cluster: &str,
        services: &[String],
    ) -> Result<Described<Service>, Stop> {
        const CALL: &str = "DescribeServices";
        let mut described = Described {
            found: Vec::new(),
            unknown: None,
        };
        for batch in services.chunks(10) {
            self.count_service_call().await?;
            let answer = self
                .clients
                .ecs
                .describe_services()
                .cluster(cluster)
                .set_services(Some(batch.to_vec()))
                .include(ServiceField::Tags)
                .send()
                .await
                .map_err(|error| CallError::of(CALL, &error))?;
            let failures = answer.failures.unwrap_or_default();
            let found = answer.services.unwrap_or_default();
            let unknown = left_out(CALL, batch.len(), found.len(), &failures);
            described.unknown = described.unknown.or(unknown);
            described.found.extend(found);
        }
        Ok(described)
    }

    /// The revisions of services, which tell the digests that their tasks are started from.
    pub(super) async fn describe_revisions(
        &mut self,
        revisions: &[String],
    ) -> Result<Described<ServiceRevision>, Stop> {
        const CALL: &str = "DescribeServiceRevisions";
        let mut described = Described {
            found: Vec::new(),
            unknown: None,
        };
        for batch in revisions.chunks(20) {
            if self.revisions == self.limits.revisions {
                return Err(too_many("revisions of services", self.limits.revisions));
            }
            self.revisions += 1;
            self.wait().await?;
            let answer = self
                .clients
                .ecs
                .describe_service_revisions()
                .set_service_revision_arns(Some(batch.to_vec()))
                .send()
                .await
                .map_err(|error| CallError::of(CALL, &error))?;
            let failures = answer.failures.unwrap_or_default();
            let found = answer.service_revisions.unwrap_or_default();
            let unknown = left_out(CALL, batch.len(), found.len(), &failures);
            described.unknown = described.unknown.or(unknown);
            described.found.extend(found);
        }
        Ok(described)
    }

    async fn count_task_call(&mut self) -> Result<(), Stop> {
        if self.tasks == self.limits.tasks {
            return Err(too_many("clusters and tasks", self.limits.tasks));
        }
        self.tasks += 1;
        self.wait().await
    }

    async fn count_service_call(&mut self) -> Result<(), Stop> {
        if self.services == self.limits.services {
            return Err(too_many("clusters and services", self.limits.services));
        }
        self.services += 1;
        self.wait().await
    }

    async fn wait(&self) -> Result<(), Stop> {
        if self.limits.end.is_some_and(|end| Instant::now() >= end) {
            return Err(Stop::Limit(
                "the account has more than can be listed in the time of one invocation".to_owned(),
            ));
        }
        if self.tasks + self.services + self.revisions > 1 {
            sleep(INTERVAL).await;
        }
        Ok(())
    }
}

fn too_many(what: &str, calls: usize) -> Stop {
    Stop::Limit(format!(
        "the account has more {what} than {calls} calls can list"
    ))
}

/// Why less was described than asked for. What is missing is gone: that says nothing.
fn left_out(call: &str, asked: usize, found: usize, failures: &[Failure]) -> Option<String> {
    let gone = |failure: &&Failure| failure.reason() == Some("MISSING");
    if let Some(failure) = failures.iter().find(|failure| !gone(failure)) {
        let reason = failure.reason().unwrap_or("no reason");
        return Some(format!("{call} left out one: {}", quoted(reason)));
    }
    let is_short = found + failures.len() < asked;
    is_short.then(|| format!("{call} left out some without a reason"))
}

/// Whether a cluster has been deleted since it was listed: nothing runs in it.
pub(super) fn is_cluster_gone(stop: &Stop) -> bool {
    matches!(stop, Stop::Failed(error) if error.code() == Some("ClusterNotFoundException"))
}

/// The last part of an ARN's path.
pub(super) fn name_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}
