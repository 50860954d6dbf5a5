//! Deployments of services (`ECS Deployment State Change`).

use serde::Deserialize;
use tidewaiter_rules::names::ServiceArn;

use crate::{Ignored, InvalidEvent, Origin, envelope::Envelope};

/// A deployment of a service that has begun. The event does not tell what it brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Deploying {
    /// Where the event comes from.
    pub origin: Origin,
    /// The service.
    pub service: ServiceArn,
}

impl Deploying {
    /// `CLUSTER/SERVICE`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.service.cluster(), self.service.service())
    }
}

/// `detail` (ECS Developer Guide, "Amazon ECS service deployment state change events").
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "the detail of a deployment event"
)]
pub(crate) struct DeploymentDetail {
    #[serde(default)]
    event_name: Option<String>,
}

pub(crate) fn deploying(
    envelope: &Envelope<'_>,
    detail: DeploymentDetail,
) -> Result<Result<Deploying, Ignored>, InvalidEvent> {
    let Some(name) = detail.event_name else {
        return Err(InvalidEvent::new("`detail` has no `eventName`"));
    };
    if name != "SERVICE_DEPLOYMENT_IN_PROGRESS" {
        return Ok(Err(Ignored::OtherDeployment(name)));
    }
    let resources = envelope.resources();
    let Some(arn) = resources.first() else {
        return Err(InvalidEvent::new("`resources` names no service"));
    };
    Ok(match ServiceArn::parse(arn) {
        Some(service) => Ok(Deploying {
            origin: envelope.origin(),
            service,
        }),
        // Accounts that have not opted into the longer ARNs.
        None => Err(Ignored::ServiceWithoutCluster(arn.clone())),
    })
}
