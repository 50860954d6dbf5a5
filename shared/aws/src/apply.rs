//! Steps of a plan, done: one change an arm, no choices left.

pub(crate) mod tags;

use std::time::Duration;

use aws_sdk_ecr::types::{ImageIdentifier, TargetStorageClass};
use tidewaiter_rules::{
    Action, Effect,
    names::TaskDefinitionArn,
    names::{Digest, Repository},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use crate::{CallError, Clients};

/// Applies one action. That the same action was applied before is no failure.
pub async fn apply(clients: &Clients, action: &Action) -> Effect {
    let done = match action {
        Action::DeregisterTaskDefinition(arn) => deregister(clients, arn).await,
        Action::ArchiveImage(repository, digest) => archive(clients, repository, digest).await,
        Action::TagImage(repository, digest, tag) => {
            tags::tag(clients, repository, digest, tag).await
        }
        Action::UntagImage(repository, digest, tag) => {
            tags::untag(clients, repository, digest, tag).await
        }
        Action::DeleteImage(repository, digest) => tags::delete(clients, repository, digest).await,
    };
    done.unwrap_or_else(|error| Effect::Failed {
        will_retry: error.is_transient(),
        error: error.to_string(),
    })
}

async fn deregister(clients: &Clients, arn: &TaskDefinitionArn) -> Result<Effect, CallError> {
    clients.pacer.wait().await;
    let call = clients
        .ecs
        .deregister_task_definition()
        .task_definition(arn.to_string());
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of("DeregisterTaskDefinition", &error);
    let is_refused = error.code() == Some("ClientException");
    if is_refused && error.says("inactive") {
        Ok(Effect::Done)
    } else if is_refused && (error.says("unable to describe") || error.says("does not exist")) {
        Ok(Effect::Gone)
    } else {
        Err(error)
    }
}

async fn archive(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<Effect, CallError> {
    let image = ImageIdentifier::builder()
        .image_digest(digest.as_str())
        .build();
    let call = clients
        .ecr
        .update_image_storage_class()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_id(image)
        .target_storage_class(TargetStorageClass::Archive);
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of("UpdateImageStorageClass", &error);
    match error.code() {
        Some("ImageNotFoundException" | "RepositoryNotFoundException") => Ok(Effect::Gone),
        // When ECR refuses is not documented, but that an index goes before what it leads to.
        Some("ImageStorageClassUpdateNotSupportedException") => Err(error.because(
            "ECR does not archive this image, and it can still be pulled. If an index that leads to it was pushed meanwhile, send the event again; else delete the image, or deny pulls in the repository's policy",
        )),
        _ => Err(error),
    }
}

/// Holds calls that share a token bucket with customers below its refill. `DeregisterTaskDefinition`
/// shares one of 20 with `RegisterTaskDefinition`, refilled at 1 a second an account and region (ECS
/// Developer Guide, "Request throttling"); at one call in two seconds, deployments keep half.
#[derive(Debug, Default)]
pub(crate) struct Pacer(Mutex<Option<Instant>>);

impl Pacer {
    const INTERVAL: Duration = Duration::from_secs(2);

    /// Returns at once the first time, and then no sooner than two seconds after it last did.
    pub(crate) async fn wait(&self) {
        let mut next = self.0.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + Self::INTERVAL);
    }
}
