//! Findings of Amazon Inspector, one an event (`Inspector2 Finding`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use tidewaiter_rules::{
    facts::{InspectorFinding, ScanState, Scanner, Vulnerability, moment},
    names::{Digest, InvalidName, Place, Repository},
};

use crate::{Found, InvalidEvent, Scanned, envelope::Envelope, read};

/// What `detail` says beside the finding itself (Inspector API, `Finding`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the detail of a finding event")]
struct Detail {
    #[serde(default)]
    aws_account_id: Option<String>,
    #[serde(default)]
    resources: Option<Vec<Resource>>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    aws_ecr_container_image: Option<ContainerImage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerImage {
    repository_name: Option<String>,
    registry: Option<String>,
    image_hash: Option<String>,
    image_tags: Option<Vec<String>>,
    pushed_at: Option<String>,
    last_in_use_at: Option<String>,
    in_use_count: Option<u64>,
}

const IMAGE: &str = "AWS_ECR_CONTAINER_IMAGE";

/// The finding that an event is about; `None` where that is not about a container image in ECR.
pub(crate) fn found(envelope: &Envelope<'_>, detail: &str) -> Result<Option<Found>, InvalidEvent> {
    let members: Detail = read(detail)?;
    let resources = members.resources.unwrap_or_default();
    let of_image = resources
        .into_iter()
        .find(|resource| resource.r#type.as_deref() == Some(IMAGE));
    let Some(resource) = of_image else {
        return Ok(None);
    };
    let arn = resource.id;
    let image = resource
        .details
        .and_then(|details| details.aws_ecr_container_image);
    let image = image.unwrap_or_default();
    let invalid = |error: InvalidName| InvalidEvent::new(error.to_string());
    let origin = envelope.origin();
    let repository = match arn.as_deref().filter(|arn| arn.starts_with("arn:")) {
        // The ARN knows the region too, which may not be the envelope's.
        Some(arn) => Repository::parse_arn(arn).map_err(invalid)?,
        None => named(&image, origin.place.as_ref())?,
    };
    let in_arn = arn
        .as_deref()
        .and_then(|arn| arn.rsplit_once('/'))
        .map(|(_, last)| last);
    let in_arn = in_arn.filter(|last| last.starts_with("sha256:"));
    let digest = image.image_hash.as_deref().or(in_arn);
    let digest = digest.map(Digest::parse).transpose().map_err(invalid)?;
    let vulnerability = Vulnerability::from(read::<InspectorFinding>(detail)?);
    let counted = vulnerability
        .is_active()
        .then(|| (vulnerability.severity.clone(), 1));
    let time = |text: Option<String>| -> Option<Timestamp> { moment(text.as_deref()?) };
    Ok(Some(Found {
        image: Scanned {
            origin,
            repository,
            digest,
            tags: image.image_tags.unwrap_or_default(),
            scanner: Scanner::Enhanced,
            state: ScanState::InPart,
            counts: BTreeMap::from_iter(counted),
        },
        vulnerability,
        owner: members.aws_account_id,
        pushed_at: time(image.pushed_at),
        in_use: image.in_use_count,
        last_in_use_at: time(image.last_in_use_at),
    }))
}

/// The repository by its name and registry, in the region of the event.
fn named(image: &ContainerImage, place: Option<&Place>) -> Result<Repository, InvalidEvent> {
    let invalid = |error: InvalidName| InvalidEvent::new(error.to_string());
    let name = image.repository_name.as_deref();
    let name = name.ok_or(InvalidEvent::new(
        "the finding's image has no `repositoryName`",
    ))?;
    let place = place.ok_or(InvalidEvent::new("it has no `account` and `region`"))?;
    let place = match image.registry.as_deref() {
        Some(registry) => {
            Place::new(place.partition(), place.region(), registry).map_err(invalid)?
        }
        None => place.clone(),
    };
    Repository::new(place, name).map_err(invalid)
}
