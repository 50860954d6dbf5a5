//! What is done to images (`ECR Image Action`): pushes, and returns from the archive.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Scan, ScanState, Scanner},
    names::{Digest, InvalidName, Repository},
};

use crate::{Ignored, InvalidEvent, Scanned, envelope::Envelope};

/// An image that can be pulled from now on: pushed, or restored from the archive.
///
/// A digest that was scanned before is not announced by a scan again: without these events, what is
/// known to be bad comes back by being pushed once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// The image. The event tells nothing of its scan.
    pub image: Scanned,
    /// How it came.
    pub arrival: Arrival,
    /// Whether it may lead to other images: an index, or what the event does not call anything.
    pub may_be_index: bool,
}

/// How an image came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// `PUSH`: by its manifest or by a further tag. An archived image is restored by it.
    Push,
    /// `UPDATE_STORAGE_CLASS` to `STANDARD`: somebody took it out of the archive.
    Restore,
}

impl Pushed {
    /// The facts with this scan, which has been read elsewhere.
    pub fn facts(&self, scan: Scan) -> Facts {
        let mut facts = self.image.facts(scan);
        if let Subject::Image(image) = &mut facts.subject {
            image.is_restored = self.arrival == Arrival::Restore;
        }
        facts
    }
}

/// `detail` (EventBridge schema `aws.ecr@ECRImageAction`). Only the first three are always there.
#[derive(Debug, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "the detail of an image action event"
)]
pub(crate) struct ActionDetail {
    #[serde(default)]
    action_type: Option<String>,
    #[serde(default)]
    repository_name: Option<String>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    image_digest: Option<String>,
    #[serde(default)]
    image_tag: Option<String>,
    #[serde(default)]
    target_storage_class: Option<String>,
    #[serde(default)]
    manifest_media_type: Option<String>,
    #[serde(default)]
    artifact_media_type: Option<String>,
}

pub(crate) fn pushed(
    envelope: &Envelope<'_>,
    detail: ActionDetail,
) -> Result<Result<Pushed, Ignored>, InvalidEvent> {
    let Some(action) = detail.action_type.as_deref() else {
        return Err(InvalidEvent::new("`detail` has no `action-type`"));
    };
    let arrival = match (action, detail.target_storage_class.as_deref()) {
        ("PUSH", _) => Arrival::Push,
        ("UPDATE_STORAGE_CLASS", Some("STANDARD")) => Arrival::Restore,
        _ => return Ok(Err(Ignored::OtherAction(action.to_owned()))),
    };
    // A result that is missing may be a success.
    if let Some(result) = detail.result.as_deref().filter(|it| *it != "SUCCESS") {
        return Ok(Err(Ignored::FailedAction(result.to_owned())));
    }
    if let Some(artifact) = artifact(&detail) {
        return Ok(Err(Ignored::OtherArtifact(artifact.to_owned())));
    }
    let invalid = |error: InvalidName| InvalidEvent::new(error.to_string());
    let manifest = detail.manifest_media_type.as_deref();
    let may_be_index = manifest.is_none_or(|it| INDEXES.contains(&it));
    let origin = envelope.origin();
    let place = origin.place.clone();
    let place = place.ok_or(InvalidEvent::new("it has no `account` and `region`"))?;
    let name = detail.repository_name.as_deref();
    let name = name.ok_or(InvalidEvent::new("`detail` has no `repository-name`"))?;
    let digest = detail.image_digest.as_deref().map(Digest::parse);
    Ok(Ok(Pushed {
        image: Scanned {
            origin,
            repository: Repository::new(place, name).map_err(invalid)?,
            digest: digest.transpose().map_err(invalid)?,
            tags: detail.image_tag.into_iter().collect(),
            // What ECR answers tells who scanned.
            scanner: Scanner::Basic,
            state: ScanState::NotFound,
            counts: BTreeMap::new(),
        },
        arrival,
        may_be_index,
    }))
}

/// Media types of an image's configuration. Others are of signatures, attestations, charts and the
/// like; the empty one is what artifacts without a configuration have.
const CONFIGURATIONS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// Media types of manifests: of one image, and of an index of several.
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// What it is, where AWS says that it is no image. A type is part of what the digest is made from. A
/// tag is not: anybody can put `sha256-DIGEST.sig` on an image, and what is left alone for its tag
/// would be restored by that.
fn artifact(detail: &ActionDetail) -> Option<&str> {
    let manifest = detail.manifest_media_type.as_deref();
    let configuration = detail.artifact_media_type.as_deref();
    // Of an index ECR may name the manifest's type twice.
    let is_image = |it: &&str| CONFIGURATIONS.contains(it) || MANIFESTS.contains(it);
    let other_manifest = manifest.filter(|it| !MANIFESTS.contains(it));
    other_manifest.or(configuration.filter(|it| !is_image(it)))
}
