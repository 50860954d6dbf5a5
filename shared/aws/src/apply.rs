//! Steps of a plan, done: one change an arm, no choices left.

pub(crate) mod tags;

use std::time::Duration;

use aws_sdk_ecr::types::{ImageIdentifier, TargetStorageClass};
use aws_sdk_ecs::types::StopServiceDeploymentStopType;
use tidewaiter_rules::{
    Action, Effect,
    names::{Digest, Repository, ServiceArn, ServiceDeploymentArn, TaskArn, TaskDefinitionArn},
    stop_reason,
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
        Action::StopTask { task, rule, .. } => stop_task(clients, task, rule).await,
        Action::StopServiceDeployment(deployment, _) => roll_back(clients, deployment).await,
        Action::ForceNewDeployment(service, _) => deploy_anew(clients, service).await,
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

async fn stop_task(clients: &Clients, task: &TaskArn, rule: &str) -> Result<Effect, CallError> {
    let call = clients
        .ecs
        .stop_task()
        .cluster(task.cluster())
        .task(task.to_string())
        .reason(stop_reason(rule));
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of("StopTask", &error);
    match error.code() {
        Some("ClusterNotFoundException") => Ok(Effect::Gone),
        Some("InvalidParameterException") if error.says("not found") => Ok(Effect::Gone),
        _ => Err(error),
    }
}

async fn roll_back(
    clients: &Clients,
    deployment: &ServiceDeploymentArn,
) -> Result<Effect, CallError> {
    let call = clients
        .ecs
        .stop_service_deployment()
        .service_deployment_arn(deployment.to_string())
        .stop_type(StopServiceDeploymentStopType::Rollback);
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of("StopServiceDeployment", &error);
    match error.code() {
        // It has ended, or somebody stops it already.
        Some("ServiceDeploymentNotFoundException" | "ConflictException") => Ok(Effect::Gone),
        _ => Err(error),
    }
}

async fn deploy_anew(clients: &Clients, service: &ServiceArn) -> Result<Effect, CallError> {
    let call = clients
        .ecs
        .update_service()
        .cluster(service.cluster())
        .service(service.service())
        .force_new_deployment(true);
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of("UpdateService", &error);
    match error.code() {
        Some(
            "ServiceNotFoundException" | "ServiceNotActiveException" | "ClusterNotFoundException",
        ) => Ok(Effect::Gone),
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
