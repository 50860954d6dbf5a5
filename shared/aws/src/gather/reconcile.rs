//! The index of what uses images, set right by listing the account.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::Task;
use jiff::Timestamp;
use tidewaiter_rules::{
    facts::usage::{OwnImage, TaskSeen},
    names::{Digest, Place, ServiceArn, TaskArn},
};
use tokio::time::Instant;

use super::{
    listing::{Limits, Listing, Page, Stop, is_cluster_gone, name_of},
    usage::{by_revision, short},
};
use crate::{
    CallError, Clients,
    ledger::{Ledger, Reporter},
};

/// What a listing came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Tasks that were found.
    pub tasks: u64,
    /// Services that were found.
    pub services: u64,
    /// Why not everything was.
    pub incomplete: Option<String>,
}

/// Lists every task and service of the account until `end` and writes down what they use. What a
/// complete listing does not find is gone; an incomplete one changes nothing about what is relied on.
///
/// # Errors
/// When a call fails and time can help.
pub async fn reconcile(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    end: Instant,
) -> Result<Reconciled, CallError> {
    let limits = Limits {
        tasks: usize::MAX,
        services: usize::MAX,
        revisions: usize::MAX,
        end: Some(end),
    };
    let mut account = Account {
        listing: Listing::new(clients, limits),
        ledger,
        place: clients.home(),
        now,
        reconciled: Reconciled::default(),
    };
    let listed = account.list().await;
    let mut reconciled = account.reconciled;
    match listed {
        Ok(()) => {}
        Err(Stop::Limit(reason)) => reconciled.incomplete = Some(reason),
        Err(Stop::Failed(error)) if error.is_transient() => return Err(error),
        Err(Stop::Failed(error)) => reconciled.incomplete = Some(error.to_string()),
    }
    match &reconciled.incomplete {
        None => ledger.complete_index(now, reconciled.tasks).await?,
        Some(reason) => ledger.leave_index_incomplete(now, reason).await?,
    }
    Ok(reconciled)
}

struct Account<'a> {
    listing: Listing<'a>,
    ledger: Ledger<'a>,
    place: &'a Place,
    now: Timestamp,
    reconciled: Reconciled,
}

impl Account<'_> {
    async fn list(&mut self) -> Result<(), Stop> {
        for cluster in self.listing.clusters().await? {
            match self.cluster(&cluster).await {
                Err(stop) if is_cluster_gone(&stop) => {}
                listed => listed?,
            }
        }
        Ok(())
    }

    async fn cluster(&mut self, cluster: &str) -> Result<(), Stop> {
        let mut token = None;
        loop {
            let Page { arns, token: next } = self.listing.tasks(cluster, token).await?;
            if !arns.is_empty() {
                self.tasks(cluster, arns).await?;
            }
            token = next;
            if token.is_none() {
                break;
            }
        }
        loop {
            let Page { arns, token: next } = self.listing.services(cluster, token).await?;
            self.services(cluster, &arns).await?;
            token = next;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn tasks(&mut self, cluster: &str, arns: Vec<String>) -> Result<(), Stop> {
        let described = self.listing.describe_tasks(cluster, arns).await?;
        self.left_out(described.unknown);
        for task in &described.found {
            self.reconciled.tasks += 1;
            let seen = seen(task, self.place, self.now);
            self.ledger.record(&seen, Reporter::Listing).await?;
        }
        Ok(())
    }

    async fn services(&mut self, cluster: &str, arns: &[String]) -> Result<(), Stop> {
        let described = self.listing.describe_services(cluster, arns).await?;
        self.left_out(described.unknown);
        let by_revision = by_revision(&described.found);
        let revisions: Vec<String> = by_revision.keys().map(|arn| (*arn).to_owned()).collect();
        let revisions = self.listing.describe_revisions(&revisions).await?;
        self.left_out(revisions.unknown);
        self.reconciled.services += described.found.len() as u64;
        for revision in &revisions.found {
            let arn = revision.service_revision_arn().unwrap_or_default();
            let service = by_revision.get(arn).and_then(|it| it.service_arn());
            // A service with the shorter ARN of old cannot be asked for later by what is written here.
            let Some(service) = service.and_then(ServiceArn::parse) else {
                continue;
            };
            let images = revision.container_images().iter();
            let digests: BTreeSet<Digest> = images
                .filter_map(|image| OwnImage::of(self.place, image.image(), image.image_digest()))
                .filter_map(|image| image.digest)
                .collect();
            let definition = short(revision.task_definition().unwrap_or_default());
            for digest in digests {
                self.ledger
                    .record_service(&digest, &service, &definition, self.now)
                    .await?;
            }
        }
        Ok(())
    }

    fn left_out(&mut self, unknown: Option<String>) {
        if self.reconciled.incomplete.is_none() {
            self.reconciled.incomplete = unknown;
        }
    }
}

/// What `DescribeTasks` says of a task, as its event would.
fn seen(task: &Task, place: &Place, now: Timestamp) -> TaskSeen {
    let arn = task.task_arn().unwrap_or_default();
    let mut images: Vec<OwnImage> = task
        .containers()
        .iter()
        .filter_map(|container| OwnImage::of(place, container.image(), container.image_digest()))
        .collect();
    images.sort();
    images.dedup();
    let stopped = Some("STOPPED");
    TaskSeen {
        place: place.clone(),
        arn: arn.to_owned(),
        cluster: TaskArn::parse(arn).map_or_else(
            || name_of(task.cluster_arn().unwrap_or_default()),
            |arn| arn.cluster().to_owned(),
        ),
        service: task
            .group()
            .and_then(|group| group.strip_prefix("service:"))
            .map(str::to_owned),
        task_definition: short(task.task_definition_arn().unwrap_or_default()),
        version: task.version(),
        is_running: task.last_status() != stopped && task.desired_status() != stopped,
        at: now,
        images,
    }
}
