//! What uses an image: asked of ECS at the moment of deciding, and in accounts that are too large for
//! that, of the index in the ledger. Where neither can tell, it stays unknown, and nothing that may
//! run is touched.

mod index;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{Service, ServiceRevision, Tag, Task};
use jiff::Timestamp;
use tidewaiter_rules::{
    Field,
    facts::{
        Family, Run, Usage,
        usage::{OWNER_TAGS, Started, add_run, settle, started},
    },
    names::{Digest, Repository, TaskArn, TaskDefinitionArn, quoted},
};

use super::listing::{Limits, Listing, Page, Stop, is_cluster_gone, name_of};
use crate::{CallError, Clients, ledger::Ledger};

/// An evaluation takes at most half of what the account's buckets hold.
const LIMITS: Limits = Limits {
    tasks: 50,
    services: 50,
    revisions: 25,
    end: None,
};

/// What uses `digest` and what it stands and falls with, and what AWS refused of that.
pub(super) async fn usage(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    repository: &Repository,
    digest: &Digest,
    family: &Field<Family>,
) -> Result<(Usage, Option<CallError>), CallError> {
    let mut wanted = BTreeSet::from([digest.clone()]);
    if let Some(family) = family.known() {
        wanted.extend(family.indexes.iter().map(|index| index.digest.clone()));
        wanted.extend(family.siblings.iter().map(|one| one.digest.clone()));
    }
    let unknown = family
        .unknown()
        .map(|reason| format!("which indexes lead to the image is not known: {reason}"));
    search(clients, ledger, now, repository, &wanted, unknown).await
}

/// What uses any of these images.
pub(super) async fn of(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    repository: &Repository,
    wanted: &BTreeSet<Digest>,
) -> Result<Usage, CallError> {
    let (usage, _) = search(clients, ledger, now, repository, wanted, None).await?;
    Ok(usage)
}

async fn search(
    clients: &Clients,
    ledger: Ledger<'_>,
    now: Timestamp,
    repository: &Repository,
    wanted: &BTreeSet<Digest>,
    unknown: Option<String>,
) -> Result<(Usage, Option<CallError>), CallError> {
    let mut search = Search::new(clients, LIMITS, repository, wanted, unknown.clone());
    let stop = match search.account().await {
        Ok(()) => return Ok((search.usage(), None)),
        Err(stop) => stop,
    };
    let stop = match stop {
        // What was found before is found again there.
        Stop::Limit(reason) => {
            let search = Search::new(clients, index::LIMITS, repository, wanted, unknown);
            let usage = index::usage(ledger, now, search, reason).await?;
            return Ok((usage, None));
        }
        Stop::Failed(error) => error,
    };
    if stop.is_transient() {
        return Err(stop);
    }
    tracing::error!(error = %stop, "what runs the image is not known");
    search.unknown(stop.to_string());
    Ok((search.usage(), Some(stop).filter(CallError::is_refusal)))
}

struct Search<'a> {
    listing: Listing<'a>,
    repository: &'a Repository,
    wanted: &'a BTreeSet<Digest>,
    usage: Usage,
}

impl<'a> Search<'a> {
    fn new(
        clients: &'a Clients,
        limits: Limits,
        repository: &'a Repository,
        wanted: &'a BTreeSet<Digest>,
        unknown: Option<String>,
    ) -> Self {
        Self {
            listing: Listing::new(clients, limits),
            repository,
            wanted,
            usage: Usage {
                runs: Vec::new(),
                unknown,
            },
        }
    }

    fn usage(mut self) -> Usage {
        settle(&mut self.usage.runs);
        self.usage
    }

    /// The first reason is told: it is the one to mend first.
    fn unknown(&mut self, reason: String) {
        self.usage.unknown.get_or_insert(reason);
    }

    async fn account(&mut self) -> Result<(), Stop> {
        for cluster in self.listing.clusters().await? {
            match self.cluster(&cluster).await {
                Err(stop) if is_cluster_gone(&stop) => {}
                searched => searched?,
            }
        }
        Ok(())
    }

    async fn cluster(&mut self, cluster: &str) -> Result<(), Stop> {
        let mut token = None;
        loop {
            let Page { arns, token: next } = self.listing.tasks(cluster, token).await?;
            self.tasks(cluster, arns).await?;
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

    /// Looks at tasks, at most 100.
    async fn tasks(&mut self, cluster: &str, arns: Vec<String>) -> Result<(), Stop> {
        if arns.is_empty() {
            return Ok(());
        }
        let described = self.listing.describe_tasks(cluster, arns).await?;
        if let Some(reason) = described.unknown {
            self.unknown(reason);
        }
        for task in &described.found {
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
        // One that is being stopped starts nothing any more.
        if task.desired_status() == Some("STOPPED") {
            return;
        }
        let service = task
            .group()
            .and_then(|group| group.strip_prefix("service:"));
        let owners = owners(task.tags());
        let mut found = BTreeSet::new();
        for container in task.containers() {
            let name = self.repository.name();
            match started(name, container.image(), container.image_digest()) {
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
                task_definition: short(task.task_definition_arn().unwrap_or_default()),
                digest,
                tasks: 1,
                task_arns: known.iter().cloned().collect(),
                owners: owners.clone(),
            };
            add_run(&mut self.usage.runs, run);
        }
    }

    /// Looks at what services would start tasks from: one that is scaled to nothing, or has not
    /// started its tasks yet.
    async fn services(&mut self, cluster: &str, services: &[String]) -> Result<(), Stop> {
        let described = self.listing.describe_services(cluster, services).await?;
        if let Some(reason) = described.unknown {
            self.unknown(reason);
        }
        let by_revision = by_revision(&described.found);
        let revisions: Vec<String> = by_revision.keys().map(|arn| (*arn).to_owned()).collect();
        let revisions = self.listing.describe_revisions(&revisions).await?;
        if let Some(reason) = revisions.unknown {
            self.unknown(reason);
        }
        for revision in &revisions.found {
            let arn = revision.service_revision_arn().unwrap_or_default();
            let Some(service) = by_revision.get(arn) else {
                continue;
            };
            for digest in pinned(self.repository.name(), revision) {
                if !self.wanted.contains(&digest) {
                    continue;
                }
                let run = Run {
                    cluster: name_of(service.cluster_arn().unwrap_or(cluster)),
                    service: service.service_name().map(str::to_owned),
                    task_definition: short(revision.task_definition().unwrap_or_default()),
                    digest,
                    tasks: 0,
                    task_arns: Vec::new(),
                    owners: owners(service.tags()),
                };
                add_run(&mut self.usage.runs, run);
            }
        }
        Ok(())
    }
}

/// Services by their revisions in force: the one that it runs, and while it is being deployed, the
/// one before. A service that is being deleted starts nothing.
pub(super) fn by_revision(services: &[Service]) -> BTreeMap<&str, &Service> {
    let active = services
        .iter()
        .filter(|service| service.status() == Some("ACTIVE"));
    let revisions = active.flat_map(|service| {
        let revisions = service.current_service_revisions().iter();
        revisions.filter_map(move |revision| Some((revision.arn()?, service)))
    });
    revisions.collect()
}

/// The digests that a revision's tasks are started from, each once. A container whose tag has not been
/// resolved has none, and gets it from its first task.
pub(super) fn pinned(repository: &str, revision: &ServiceRevision) -> BTreeSet<Digest> {
    let images = revision.container_images().iter();
    let digests =
        images.filter_map(
            |image| match started(repository, image.image(), image.image_digest()) {
                Started::From(digest) => Some(digest),
                Started::Other | Started::Unsaid => None,
            },
        );
    digests.collect()
}

/// `FAMILY:REVISION`.
pub(super) fn short(definition: &str) -> String {
    TaskDefinitionArn::parse(definition)
        .map_or_else(|_| name_of(definition), |definition| definition.short())
}

fn owners(tags: &[Tag]) -> Vec<String> {
    let owner = |tag: &Tag| {
        let key = tag.key()?;
        let is_owner = OWNER_TAGS.contains(&key.to_ascii_lowercase().as_str());
        is_owner.then(|| format!("{key}={}", tag.value().unwrap_or_default()))
    };
    let mut owners: Vec<String> = tags.iter().filter_map(owner).collect();
    owners.sort();
    owners
}
