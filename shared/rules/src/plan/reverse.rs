//! The way back from an action, as something that can be done: what `tidewaiter undo` does.

use thiserror::Error;

use super::Action;
use crate::names::{Digest, ImageTag, Place, Repository, TaskDefinitionArn, quoted};

/// What takes back an action. A type of its own, because no function can be led to do it: what was
/// taken back was meant by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverse {
    /// ECR `UpdateImageStorageClass` to `STANDARD`: the image can be pulled again after at most 20
    /// minutes. The same call again changes nothing.
    RestoreImage(Repository, Digest),
    /// ECS `RegisterTaskDefinition` with what the revision holds: AWS cannot make a revision active
    /// again. Each such call makes one more revision.
    RegisterCopy(TaskDefinitionArn),
    /// ECR `PutImage` of the manifest that is there, with the tag that was removed.
    TagAgain(Repository, Digest, ImageTag),
    /// ECR `BatchDeleteImage` of a tag that was put on the image, where it has another.
    UntagAgain(Repository, Digest, ImageTag),
}

impl Reverse {
    /// What it does, for people.
    pub fn summary(&self) -> String {
        match self {
            Self::RestoreImage(repository, digest) => {
                format!("restore {}@{digest} from the archive", repository.name())
            }
            Self::RegisterCopy(arn) => {
                format!("register a copy of {} as a new revision", arn.short())
            }
            Self::TagAgain(repository, digest, tag) => {
                format!("put the tag {tag} on {}@{digest}", repository.name())
            }
            Self::UntagAgain(repository, digest, tag) => {
                format!("remove the tag {tag} from {}@{digest}", repository.name())
            }
        }
    }
}

/// A text that is not the id of an action.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} is not the id of an action: alerts and the ledger give it, as in `archive-image:REPOSITORY_ARN@DIGEST`",
    quoted(.0)
)]
pub struct UnknownAction(String);

impl Action {
    /// The account and region in which it acts.
    pub fn place(&self) -> &Place {
        match self {
            Self::DeregisterTaskDefinition(arn) => arn.place(),
            Self::ArchiveImage(repository, _)
            | Self::TagImage(repository, ..)
            | Self::UntagImage(repository, ..)
            | Self::DeleteImage(repository, _) => repository.place(),
            Self::StopTask { task, .. } => task.place(),
            Self::StopServiceDeployment(deployment, _) => deployment.service().place(),
            Self::ForceNewDeployment(service, _) => service.place(),
        }
    }

    /// What takes it back; `None` where nothing can.
    pub fn reverse(&self) -> Option<Reverse> {
        match self {
            Self::DeregisterTaskDefinition(arn) => Some(Reverse::RegisterCopy(arn.clone())),
            Self::ArchiveImage(repository, digest) => {
                Some(Reverse::RestoreImage(repository.clone(), digest.clone()))
            }
            Self::TagImage(repository, digest, tag) => Some(Reverse::UntagAgain(
                repository.clone(),
                digest.clone(),
                tag.clone(),
            )),
            Self::UntagImage(repository, digest, tag) => Some(Reverse::TagAgain(
                repository.clone(),
                digest.clone(),
                tag.clone(),
            )),
            // How a task was started, or what a service is to run, is for people to say.
            Self::DeleteImage(..)
            | Self::StopTask { .. }
            | Self::StopServiceDeployment(..)
            | Self::ForceNewDeployment(..) => None,
        }
    }

    /// Whether an id is of an action on what runs, whose undo is a command for people.
    pub fn is_undone_by_hand(id: &str) -> bool {
        let name = id.split_once(':').map(|(name, _)| name);
        matches!(
            name,
            Some("stop-task" | "stop-service-deployment" | "force-new-deployment")
        )
    }

    /// Reads an id as [`Action::id`] writes it, of an action that [`Action::reverse`] knows the way back
    /// from.
    ///
    /// # Errors
    /// When the text names no action, or what it acts on is not of the kind that the action is for.
    pub fn parse_id(id: &str) -> Result<Self, UnknownAction> {
        read(id).ok_or_else(|| UnknownAction(id.to_owned()))
    }
}

fn read(id: &str) -> Option<Action> {
    let (name, target) = id.split_once(':')?;
    match name {
        "deregister-task-definition" => TaskDefinitionArn::parse(target)
            .ok()
            .map(Action::DeregisterTaskDefinition),
        "archive-image" => image(target).map(|(it, digest)| Action::ArchiveImage(it, digest)),
        "delete-image" => image(target).map(|(it, digest)| Action::DeleteImage(it, digest)),
        "tag-image" => tagged(target).map(|(it, digest, tag)| Action::TagImage(it, digest, tag)),
        "untag-image" => {
            tagged(target).map(|(it, digest, tag)| Action::UntagImage(it, digest, tag))
        }
        _ => None,
    }
}

/// `REPOSITORY_ARN@DIGEST`.
fn image(target: &str) -> Option<(Repository, Digest)> {
    let (repository, digest) = target.split_once('@')?;
    let repository = Repository::parse_arn(repository).ok()?;
    Some((repository, Digest::parse(digest).ok()?))
}

/// `REPOSITORY_ARN:TAG@DIGEST`.
fn tagged(target: &str) -> Option<(Repository, Digest, ImageTag)> {
    let (named, digest) = target.split_once('@')?;
    let (repository, tag) = named.rsplit_once(':')?;
    let repository = Repository::parse_arn(repository).ok()?;
    Some((
        repository,
        Digest::parse(digest).ok()?,
        ImageTag::parse(tag).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn every_action_is_read_from_its_own_id() {
        for id in [
            "deregister-task-definition:arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"
                .to_owned(),
            format!(
                "archive-image:arn:aws-cn:ecr:cn-north-1:111122223333:repository/team/app@{DIGEST}"
            ),
            format!("tag-image:arn:aws:ecr:eu-west-1:111122223333:repository/app:q-1@{DIGEST}"),
            format!("untag-image:arn:aws:ecr:eu-west-1:111122223333:repository/app:1.0@{DIGEST}"),
            format!("delete-image:arn:aws:ecr:eu-west-1:111122223333:repository/app@{DIGEST}"),
        ] {
            let action = Action::parse_id(&id).unwrap();
            assert_eq!(action.id(), id);
            let is_final = matches!(action, Action::DeleteImage(..));
            assert_eq!(action.reverse().is_none(), is_final, "{id}");
        }
    }

    #[test]
    fn the_way_back_says_what_it_does() {
        let image = format!("arn:aws:ecr:eu-west-1:111122223333:repository/team/app@{DIGEST}");
        let tagged = |tag: &str| {
            format!("arn:aws:ecr:eu-west-1:111122223333:repository/team/app:{tag}@{DIGEST}")
        };
        for (id, summary) in [
            (
                "deregister-task-definition:arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"
                    .to_owned(),
                "register a copy of web:7 as a new revision".to_owned(),
            ),
            (
                format!("archive-image:{image}"),
                format!("restore team/app@{DIGEST} from the archive"),
            ),
            (
                format!("tag-image:{}", tagged("q-1")),
                format!("remove the tag q-1 from team/app@{DIGEST}"),
            ),
            (
                format!("untag-image:{}", tagged("1.0")),
                format!("put the tag 1.0 on team/app@{DIGEST}"),
            ),
        ] {
            let reverse = Action::parse_id(&id).unwrap().reverse().unwrap();
            assert_eq!(reverse.summary(), summary);
        }
    }

    #[test]
    fn what_runs_is_undone_by_hand() {
        for name in [
            "stop-task",
            "stop-service-deployment",
            "force-new-deployment",
        ] {
            assert!(Action::is_undone_by_hand(&format!("{name}:arn:aws:ecs:x")));
            assert!(!Action::is_undone_by_hand(name), "{name}");
        }
        assert!(!Action::is_undone_by_hand("archive-image:x"));
    }

    #[test]
    fn what_no_action_has_as_id_is_refused() {
        for id in [
            "",
            "archive-image",
            "archive-image:",
            "archive-image:arn:aws:ecr:eu-west-1:111122223333:repository/app",
            "archive-image:arn:aws:ecr:eu-west-1:111122223333:repository/app@sha256:short",
            "archive-image:app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "deregister-task-definition:web:7",
            "untag-image:arn:aws:ecr:eu-west-1:111122223333:repository/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "untag-image:arn:aws:ecr:eu-west-1:111122223333:repository/app:$x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "delete-everything:arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
            "archive-image:arn:aws:ecr:eu-west-1:111122223333:repository/$(x)@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(Action::parse_id(id).is_err(), "{id}");
        }
    }
}
