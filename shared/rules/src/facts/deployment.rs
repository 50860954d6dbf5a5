//! Deployments of services, and what services would deploy anew.

use jiff::Timestamp;

use super::{Quarantine, Scan};
use crate::{
    catalogue::ImageReference,
    field::Field,
    names::{Digest, Repository, ServiceArn, ServiceDeploymentArn, TaskDefinitionArn},
};

/// A deployment of a service that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its name; with the service's.
    pub arn: ServiceDeploymentArn,
    /// What it brings.
    pub target: Revision,
    /// What it takes the place of, which is what a rollback brings back. None of a service's first
    /// deployment.
    pub sources: Vec<Revision>,
}

impl Deployment {
    /// The service.
    pub fn service(&self) -> &ServiceArn {
        self.arn.service()
    }

    /// `CLUSTER/SERVICE`.
    pub fn id(&self) -> String {
        let service = self.service();
        format!("{}/{}", service.cluster(), service.service())
    }
}

/// A service's revision: what its tasks are started from (ECS API, `ServiceRevision`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Revision {
    /// The task definition; `None` where AWS does not name one.
    pub task_definition: Option<TaskDefinitionArn>,
    /// When this project deregistered that definition, as the ledger has it; `None` where it did not, or
    /// nobody asked.
    pub deregistered: Option<Deregistered>,
    /// The images of its containers.
    pub images: Vec<DeployedImage>,
}

/// That a revision of a task definition was deregistered for what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deregistered {
    /// When.
    pub since: Option<Timestamp>,
}

/// The image of a container in a service's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedImage {
    /// The name of the container.
    pub container: String,
    /// The repository, where it is one of a private ECR registry.
    pub repository: Option<Repository>,
    /// The manifest; what it is may not be decided yet when a deployment begins. Absent where nobody has
    /// to know, because the image is of another registry.
    pub digest: Field<Digest>,
    /// The quarantine that the image is in, as the ledger has it.
    pub quarantine: Option<Quarantine>,
}

impl DeployedImage {
    /// The image of a container, as AWS has it: the reference of the task definition, and the manifest
    /// that it was taken to mean, where that is decided.
    pub fn new(container: &str, image: &str, digest: Option<&str>) -> Self {
        let reference = ImageReference::parse(image);
        let repository = reference.as_ref().and_then(ImageReference::ecr_repository);
        let written = reference.as_ref().and_then(|reference| reference.digest);
        let digest = digest.or(written).and_then(|text| Digest::parse(text).ok());
        Self {
            container: container.to_owned(),
            digest: match (digest, &repository) {
                (Some(digest), _) => Field::Known(digest),
                (None, None) => Field::Absent,
                (None, Some(_)) => {
                    Field::Unknown("AWS has not decided yet which image the tag means".to_owned())
                }
            },
            repository,
            quarantine: None,
        }
    }
}

/// What a container's image reference names in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Nothing.
    Other,
    /// A manifest.
    Digest,
    /// What this tag leads to.
    Tag(String),
    /// It cannot be read.
    Unknown,
}

impl Reference {
    /// Reads a reference as task definitions have it.
    pub fn to(repository: &Repository, image: &str) -> Self {
        let Some(reference) = ImageReference::parse(image) else {
            return Self::Unknown;
        };
        if reference.ecr_repository().as_ref() != Some(repository) {
            return Self::Other;
        }
        match reference.digest {
            Some(_) => Self::Digest,
            None => Self::Tag(reference.tag.unwrap_or("latest").to_owned()),
        }
    }
}

impl Revision {
    /// Whether a container of it is known to run one of these images of a repository.
    pub fn runs(&self, repository: &Repository, digests: &[Digest]) -> bool {
        self.images.iter().any(|image| {
            image.repository.as_ref() == Some(repository)
                && image
                    .digest
                    .known()
                    .is_some_and(|digest| digests.contains(digest))
        })
    }

    /// Whether something about it is reason not to bring it back, or cannot be known: images of the
    /// account's registries have to be known by digest and in no quarantine.
    pub fn is_doubtful(&self) -> bool {
        self.task_definition.is_none()
            || self.deregistered.is_some()
            || self
                .images
                .iter()
                .any(|image| image.quarantine.is_some() || image.digest.unknown().is_some())
    }
}

/// A service that runs a denied image.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The service.
    pub arn: ServiceArn,
    /// By what its own task definition names the repository's images.
    pub named: Named,
    /// A deployment of it that has not ended.
    pub deployment: Option<Deployment>,
}

/// By what a service's task definition names the images of a repository.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// By tags alone, each with what it leads to now.
    ByTag(Vec<Tagged>),
    /// By a digest, which a new deployment would deploy again.
    ByDigest,
    /// A new deployment is not known to be possible, or not known to bring anything else; and why.
    Unknown(String),
}

/// What a tag leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The tag.
    pub tag: String,
    /// The manifest that it leads to now.
    pub digest: Digest,
    /// The scans of all its platforms; none where they cannot be read.
    pub scans: Vec<(Digest, Scan)>,
    /// Whether the policy has nothing to say about any of them; see [`crate::judge_tags`].
    pub is_clean: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Place;

    #[test]
    fn a_deployment_is_known_by_its_cluster_and_service() {
        let arn = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/web/9I-wURsUdq";
        let deployment = Deployment {
            arn: ServiceDeploymentArn::parse(arn).unwrap(),
            target: Revision::default(),
            sources: Vec::new(),
        };
        assert_eq!(deployment.id(), "prod/web");
    }

    #[test]
    fn a_reference_is_to_a_repository_by_digest_by_tag_or_not_at_all() {
        let place = Place::of_region("eu-west-1", "111122223333").unwrap();
        let repository = Repository::new(place, "team/app").unwrap();
        let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        for (rest, expected) in [
            (
                format!("{host}/team/app@sha256:{}", "0a".repeat(32)),
                Reference::Digest,
            ),
            (format!("{host}/team/app:1"), Reference::Tag("1".to_owned())),
            (
                format!("{host}/team/app"),
                Reference::Tag("latest".to_owned()),
            ),
            (format!("{host}/team/other:1"), Reference::Other),
            ("ghcr.io/team/app:1".to_owned(), Reference::Other),
            ("not a reference".to_owned(), Reference::Unknown),
        ] {
            assert_eq!(Reference::to(&repository, &rest), expected, "{rest}");
        }
    }
}
