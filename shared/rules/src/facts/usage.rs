//! What runs of an image and of what stands and falls with it.

use jiff::Timestamp;

use crate::{
    catalogue::ImageReference,
    names::{Digest, Place, Repository, TaskArn},
};

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

/// Drops what says that a service would start from an image where tasks of it say that they did. Who
/// answers for the service answers for its tasks.
pub fn settle(runs: &mut Vec<Run>) {
    let idle: Vec<Run> = runs.extract_if(.., |run| run.tasks == 0).collect();
    for run in idle {
        let of_same = |known: &&mut Run| {
            known.tasks > 0
                && (&known.cluster, &known.service, &known.task_definition)
                    == (&run.cluster, &run.service, &run.task_definition)
        };
        let mut is_known = false;
        for known in runs.iter_mut().filter(of_same) {
            is_known = true;
            for owner in &run.owners {
                if !known.owners.contains(owner) {
                    known.owners.push(owner.clone());
                }
            }
        }
        if !is_known {
            runs.push(run);
        }
    }
    runs.sort();
}

/// A task at a moment, as far as the images of its own account and region are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSeen {
    /// Where it runs.
    pub place: Place,
    /// Its ARN.
    pub arn: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The service; `None` for a task that was started by itself.
    pub service: Option<String>,
    /// `FAMILY:REVISION`.
    pub task_definition: String,
    /// Counts the changes of the task: of two reports the one with the greater number holds.
    pub version: i64,
    /// Whether it is to run, or to go on running. One that is being stopped starts nothing any more.
    pub is_running: bool,
    /// As of when.
    pub at: Timestamp,
    /// Its images, each once.
    pub images: Vec<OwnImage>,
}

/// An image of the account's own registry in the task's region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnImage {
    /// Where it is kept.
    pub repository: Repository,
    /// The digest that the container was started from; `None` until it is pulled.
    pub digest: Option<Digest>,
}

impl OwnImage {
    /// Reads what ECS says of a container; `None` where its image is another registry's, or AWS's own
    /// sidecar, which names none.
    pub fn of(place: &Place, image: Option<&str>, digest: Option<&str>) -> Option<Self> {
        let reference = ImageReference::parse(image?)?;
        let (account, region) = reference.ecr_registry()?;
        if (account, region) != (place.account(), place.region()) {
            return None;
        }
        let digest = [digest, reference.digest];
        let mut digests = digest.into_iter().flatten().map(Digest::parse);
        Some(Self {
            repository: Repository::new(place.clone(), &reference.repository).ok()?,
            digest: digests.find_map(Result::ok),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::of_region("eu-west-1", "111122223333").unwrap()
    }

    fn digest(pair: &str) -> String {
        format!("sha256:{}", pair.repeat(32))
    }

    #[test]
    fn a_container_says_its_image_by_digest_by_repository_or_not_at_all() {
        let known = digest("0a");
        let from = || Started::From(Digest::parse(&known).unwrap());
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        for (image, digest, expected) in [
            (None, Some(known.as_str()), from()),
            (Some("other"), Some(known.as_str()), from()),
            (None, None, Started::Other),
            (None, Some("sha256:"), Started::Unsaid),
            (
                Some(format!("{host}/team/app@{known}")).as_deref(),
                None,
                from(),
            ),
            (
                Some(format!("{host}/team/app:1")).as_deref(),
                None,
                Started::Unsaid,
            ),
            (
                Some(format!("{host}/team/app")).as_deref(),
                Some(""),
                Started::Unsaid,
            ),
            (
                Some(format!("{host}/team/other:1")).as_deref(),
                None,
                Started::Other,
            ),
            (Some("team"), None, Started::Other),
        ] {
            assert_eq!(
                started("team/app", image, digest),
                expected,
                "{image:?} {digest:?}"
            );
        }
    }

    #[test]
    fn tasks_of_the_same_are_counted_together_with_all_their_owners() {
        let owned = |tasks: u64, owner: &str| Run {
            cluster: "prod".to_owned(),
            service: Some("web".to_owned()),
            task_definition: "web:7".to_owned(),
            digest: Digest::parse(&digest("0a")).unwrap(),
            tasks,
            task_arns: Vec::new(),
            owners: vec![owner.to_owned()],
        };
        let mut runs = Vec::new();
        for (tasks, owner) in [(2, "ada"), (1, "ada"), (1, "bob")] {
            add_run(&mut runs, owned(tasks, owner));
        }
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].tasks, 4);
        assert_eq!(runs[0].owners, ["ada", "bob"]);
        // What a service would start is dropped where tasks say what they did, and its owners kept.
        runs.push(owned(0, "eve"));
        settle(&mut runs);
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].owners, ["ada", "bob", "eve"]);
        let mut idle = vec![owned(0, "eve")];
        settle(&mut idle);
        assert_eq!(idle.len(), 1);
    }

    #[test]
    fn an_image_of_ones_own_is_known_by_its_registry_whatever_the_hosts_name() {
        for host in [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com",
            "111122223333.dkr-ecr.eu-west-1.on.aws",
        ] {
            let of = |rest: &str, digest: Option<&str>| {
                OwnImage::of(&place(), Some(&format!("{host}/{rest}")), digest)
            };
            let own = of("team/app:1.0", Some(&digest("aa"))).unwrap();
            assert_eq!(own.repository.name(), "team/app");
            assert_eq!(own.digest.unwrap().as_str(), digest("aa"));
            assert_eq!(of("app:1.0", None).unwrap().digest, None);
            let pinned = of(&format!("app@{}", digest("bb")), None).unwrap();
            assert_eq!(pinned.digest.unwrap().as_str(), digest("bb"));
        }
        for image in [
            "nginx",
            "public.ecr.aws/nginx/nginx:1",
            "999988887777.dkr.ecr.eu-west-1.amazonaws.com/app:1.0",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:1.0",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.com/app:1.0",
            "${IMAGE}",
        ] {
            assert_eq!(OwnImage::of(&place(), Some(image), None), None, "{image}");
        }
        assert_eq!(OwnImage::of(&place(), None, Some(&digest("aa"))), None);
    }

    #[test]
    fn a_service_that_runs_is_told_once_with_who_answers_for_it() {
        let run = |service: &str, pair: &str, tasks, owner: &str| Run {
            cluster: "prod".to_owned(),
            service: Some(service.to_owned()),
            task_definition: "web:7".to_owned(),
            digest: Digest::parse(&digest(pair)).unwrap(),
            tasks,
            task_arns: Vec::new(),
            owners: vec![owner.to_owned()],
        };
        let mut runs = vec![
            run("web", "1d", 0, "team=a"),
            run("web", "c3", 2, "team=b"),
            run("idle", "1d", 0, "team=c"),
        ];
        settle(&mut runs);
        let mut busy = run("web", "c3", 2, "team=b");
        busy.owners.push("team=a".to_owned());
        assert_eq!(runs, [run("idle", "1d", 0, "team=c"), busy]);
    }

    #[test]
    fn a_run_names_no_more_tasks_than_it_may() {
        let mut runs = Vec::new();
        for number in 0..50 {
            let arn = format!("arn:aws:ecs:eu-west-1:111122223333:task/prod/{number:032}");
            let run = Run {
                cluster: "prod".to_owned(),
                service: None,
                task_definition: "web:7".to_owned(),
                digest: Digest::parse(&digest("aa")).unwrap(),
                tasks: 1,
                task_arns: TaskArn::parse(&arn).into_iter().collect(),
                owners: Vec::new(),
            };
            add_run(&mut runs, run);
        }
        assert_eq!((runs.len(), runs[0].tasks), (1, 50));
        assert_eq!(runs[0].task_arns.len(), MOST_ARNS);
    }
}
