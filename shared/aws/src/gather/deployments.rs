//! Deployments in flight, and what services would deploy anew.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_ecs::types::{DeploymentControllerType, ServiceDeploymentStatus, TaskDefinitionStatus};
use tidewaiter_rules::{
    Field,
    facts::{
        Deployment, Usage,
        deployment::{DeployedImage, Named, Reference, Revision, Service, Tagged},
    },
    names::{Digest, Repository, ServiceArn, ServiceDeploymentArn, TaskDefinitionArn, quoted},
};

use super::family::Inventory;
use crate::{CallError, Clients};

/// How many services of an image are looked at: what an event can stand for in calls.
const MOST_SERVICES: usize = 20;

/// The deployment of a service that has not ended, where there is one and AWS names it.
pub(super) async fn in_flight(
    clients: &Clients,
    service: &ServiceArn,
) -> Result<Option<Deployment>, CallError> {
    const LIST: &str = "ListServiceDeployments";
    const DESCRIBE: &str = "DescribeServiceDeployments";
    let listed = clients
        .ecs
        .list_service_deployments()
        .cluster(service.cluster())
        .service(service.to_string())
        .status(ServiceDeploymentStatus::Pending)
        .status(ServiceDeploymentStatus::InProgress)
        .send()
        .await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let error = CallError::of(LIST, &error);
            return match error.code() {
                Some("ServiceNotFoundException" | "ClusterNotFoundException") => Ok(None),
                _ => Err(error),
            };
        }
    };
    let arns = listed.service_deployments().iter();
    let mut arns = arns.filter_map(|one| one.service_deployment_arn());
    let Some(arn) = arns.find_map(ServiceDeploymentArn::parse) else {
        return Ok(None);
    };
    let described = clients
        .ecs
        .describe_service_deployments()
        .service_deployment_arns(arn.to_string())
        .send()
        .await
        .map_err(|error| CallError::of(DESCRIBE, &error))?;
    let Some(described) = described.service_deployments().first() else {
        return Ok(None);
    };
    let target = described
        .target_service_revision()
        .and_then(|revision| revision.arn());
    let target = target.ok_or_else(|| {
        CallError::permanent(DESCRIBE, format!("the answer names no target of {arn}"))
    })?;
    let sources = described.source_service_revisions().iter();
    let sources: Vec<&str> = sources.filter_map(|revision| revision.arn()).collect();
    let mut read = revisions(clients, target, &sources).await?;
    let target = read.remove(target).ok_or_else(|| {
        CallError::permanent(REVISIONS, format!("the answer says nothing of {target}"))
    })?;
    // One that AWS does not describe any more is none to go back to.
    let sources = sources
        .iter()
        .map(|source| read.remove(*source).unwrap_or_default());
    Ok(Some(Deployment {
        sources: sources.collect(),
        target,
        arn,
    }))
}

const REVISIONS: &str = "DescribeServiceRevisions";

/// A call takes 20; a deployment takes the place of one revision, or of few.
async fn revisions(
    clients: &Clients,
    target: &str,
    sources: &[&str],
) -> Result<BTreeMap<String, Revision>, CallError> {
    let mut call = clients
        .ecs
        .describe_service_revisions()
        .service_revision_arns(target);
    for source in sources.iter().filter(|source| **source != target).take(19) {
        call = call.service_revision_arns(*source);
    }
    let answer = call.send().await;
    let answer = answer.map_err(|error| CallError::of(REVISIONS, &error))?;
    let mut read = BTreeMap::new();
    for revision in answer.service_revisions() {
        let definition = revision.task_definition().unwrap_or_default();
        let mut images = Vec::new();
        for image in revision.container_images() {
            let mut deployed = DeployedImage::new(
                image.container_name().unwrap_or_default(),
                image.image().unwrap_or_default(),
                image.image_digest(),
            );
            resolve(clients, image.image().unwrap_or_default(), &mut deployed).await?;
            images.push(deployed);
        }
        let name = revision.service_revision_arn().unwrap_or_default();
        read.insert(
            name.to_owned(),
            Revision {
                task_definition: TaskDefinitionArn::parse(definition).ok(),
                deregistered: None,
                images,
            },
        );
    }
    Ok(read)
}

/// Looks up what the tag leads to now, where ECS has not decided yet what it means.
async fn resolve(
    clients: &Clients,
    reference: &str,
    image: &mut DeployedImage,
) -> Result<(), CallError> {
    let (Some(_), Some(repository)) = (image.digest.unknown(), &image.repository) else {
        return Ok(());
    };
    if repository.place() != clients.home() {
        return Ok(());
    }
    let Reference::Tag(tag) = Reference::to(repository, reference) else {
        return Ok(());
    };
    match led_to(clients, repository, &tag).await {
        Ok(digest) => image.digest = digest,
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => image.digest = Field::Unknown(error.to_string()),
    }
    Ok(())
}

async fn led_to(
    clients: &Clients,
    repository: &Repository,
    tag: &str,
) -> Result<Field<Digest>, CallError> {
    let answer = clients
        .ecr
        .batch_get_image()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(ImageIdentifier::builder().image_tag(tag).build())
        .send()
        .await
        .map_err(|error| CallError::of("BatchGetImage", &error))?;
    let id = answer.images().first().and_then(|image| image.image_id());
    let digest = id.and_then(|id| Digest::parse(id.image_digest()?).ok());
    Ok(match digest {
        Some(digest) => digest.into(),
        None => Field::Unknown(format!(
            "tag {} leads to no image that can be pulled",
            quoted(tag)
        )),
    })
}

/// The services that run an image, as far as the policy has something done about them. What cannot be
/// read of one leaves it out.
pub(super) async fn services(
    clients: &Clients,
    repository: &Repository,
    inventory: &Inventory,
    usage: &Usage,
) -> Result<Vec<Service>, CallError> {
    let mut services: Vec<Service> = Vec::new();
    let mut seen = Vec::new();
    for run in &usage.runs {
        let service = run.service.as_deref();
        let arn =
            service.and_then(|service| ServiceArn::new(repository.place(), &run.cluster, service));
        let Some(arn) = arn.filter(|arn| !seen.contains(arn)) else {
            continue;
        };
        if seen.len() == MOST_SERVICES {
            break;
        }
        seen.push(arn.clone());
        match service_of(clients, repository, inventory, arn).await {
            Ok(service) => services.push(service),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => tracing::error!(%error, "how a service is deployed is not known"),
        }
    }
    Ok(services)
}

async fn service_of(
    clients: &Clients,
    repository: &Repository,
    inventory: &Inventory,
    arn: ServiceArn,
) -> Result<Service, CallError> {
    let deployment = in_flight(clients, &arn).await?;
    let named = match deployment {
        Some(_) => Named::Unknown("a deployment is in flight".to_owned()),
        None => named(clients, repository, inventory, &arn).await?,
    };
    Ok(Service {
        arn,
        named,
        deployment,
    })
}

/// By what the service's own definition names the repository's images.
async fn named(
    clients: &Clients,
    repository: &Repository,
    inventory: &Inventory,
    arn: &ServiceArn,
) -> Result<Named, CallError> {
    let unknown = |reason: &str| Ok(Named::Unknown(reason.to_owned()));
    let answer = clients
        .ecs
        .describe_services()
        .cluster(arn.cluster())
        .services(arn.service())
        .send()
        .await
        .map_err(|error| CallError::of("DescribeServices", &error))?;
    let Some(service) = answer.services().first() else {
        return unknown("ECS does not know it any more");
    };
    let controller = service.deployment_controller();
    if controller.is_some_and(|controller| *controller.r#type() != DeploymentControllerType::Ecs) {
        return unknown("its deployments are not made by ECS itself");
    }
    let definition = service.task_definition().unwrap_or_default();
    let answer = clients
        .ecs
        .describe_task_definition()
        .task_definition(definition)
        .send()
        .await
        .map_err(|error| CallError::of("DescribeTaskDefinition", &error))?;
    let Some(definition) = answer.task_definition() else {
        return unknown("ECS does not describe its task definition");
    };
    // What ECS makes of a new deployment of such a revision is not documented.
    if definition.status() != Some(&TaskDefinitionStatus::Active) {
        return unknown("its task definition is deregistered");
    }
    let mut tags: Vec<Tagged> = Vec::new();
    for container in definition.container_definitions() {
        match Reference::to(repository, container.image().unwrap_or_default()) {
            Reference::Other => {}
            Reference::Digest => return Ok(Named::ByDigest),
            Reference::Unknown => return unknown("an image of its task definition has no name"),
            Reference::Tag(tag) if tags.iter().any(|known| known.tag == tag) => {}
            Reference::Tag(tag) => {
                let Some(digest) = inventory.tagged(&tag) else {
                    return unknown(
                        "a tag of its task definition leads to no image that can be pulled",
                    );
                };
                let scans = inventory.scans(clients, repository, &digest).await;
                tags.push(Tagged {
                    tag,
                    digest,
                    scans,
                    is_clean: false,
                });
            }
        }
    }
    Ok(Named::ByTag(tags))
}
