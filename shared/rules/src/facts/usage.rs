//! What runs of an image and of what stands and falls with it.

use crate::names::{Digest, TaskArn};

/// What was found running. Where [`Usage::unknown`] says why not all could be seen, there may be more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// What runs, by cluster.
    pub runs: Vec<Run>,
    /// Why there may be more.
    pub unknown: Option<String>,
}

/// Tasks of one service, or started alike without one, that run the same revision and image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The name of the cluster.
    pub cluster: String,
    /// The service; `None` for tasks that were started by themselves.
    pub service: Option<String>,
    /// `FAMILY:REVISION`.
    pub task_definition: String,
    /// The digest that the container was started from: the platform's manifest or the index.
    pub digest: Digest,
    /// How many tasks. None runs now where a service's revision names the image and the service is
    /// scaled to nothing, or has not started it yet.
    pub tasks: u64,
    /// Some of the tasks, at most [`MOST_ARNS`]. Tasks with the shorter ARNs of old are not among
    /// them.
    pub task_arns: Vec<TaskArn>,
    /// Who answers for it, from the tasks' tags: `KEY=VALUE`.
    pub owners: Vec<String>,
}

/// How many tasks a [`Run`] names.
pub const MOST_ARNS: usize = 20;

/// Tags by which accounts commonly say who answers for something, in lower case.
pub const OWNER_TAGS: &[&str] = &[
    "owner",
    "owners",
    "service-owner",
    "team",
    "contact",
    "squad",
    "email",
];

/// Adds a task to what runs, or counts it where such tasks are there already.
pub fn add_run(runs: &mut Vec<Run>, run: Run) {
    let same = runs.iter_mut().find(|known| {
        (
            &known.cluster,
            &known.service,
            &known.task_definition,
            &known.digest,
        ) == (
            &run.cluster,
            &run.service,
            &run.task_definition,
            &run.digest,
        )
    });
    match same {
        Some(known) => {
            known.tasks = known.tasks.saturating_add(run.tasks);
            known.task_arns.extend(run.task_arns);
            known.task_arns.truncate(MOST_ARNS);
            for owner in run.owners {
                if !known.owners.contains(&owner) {
                    known.owners.push(owner);
                }
            }
        }
        None => runs.push(run),
    }
}

/// What one container of a task says of the image that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// This manifest.
    From(Digest),
    /// Another repository's image.
    Other,
    /// An image of this repository, and it does not say which.
    Unsaid,
}

/// Reads what ECS says of a container (`DescribeTasks`). A digest is missing until the image is
/// pulled, and where version consistency is switched off; the reference may hold one then, and else
/// tells the repository alone, because a tag may lead elsewhere by now.
pub fn started(repository: &str, image: Option<&str>, digest: Option<&str>) -> Started {
    if let Some(digest) = digest.and_then(|digest| Digest::parse(digest).ok()) {
        return Started::From(digest);
    }
    let Some(image) = image else {
        // AWS's own sidecars alone have none.
        return if digest.is_some() {
            Started::Unsaid
        } else {
            Started::Other
        };
    };
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Digest::parse(digest).ok()),
        None => (image, None),
    };
    if let Some(digest) = digest {
        return Started::From(digest);
    }
    let path = name.split_once('/').map_or(name, |(_, path)| path);
    let path = path.split_once(':').map_or(path, |(path, _)| path);
    // Whatever the registry's host: ECR has several for one registry.
    if path == repository {
        Started::Unsaid
    } else {
        Started::Other
    }
}
