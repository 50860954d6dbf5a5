//! What the quarantine of an image takes: its indexes first, then itself, then what only those
//! indexes lead to.

use serde::Serialize;

use super::{Action, Withheld};
use crate::{
    facts::{Family, Image, ScanState},
    names::{Digest, Place},
    policy::InUse,
};

/// A part of a denied image that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The manifest.
    pub digest: String,
    /// Its platform, as the index has it.
    pub platform: String,
    /// Why.
    pub reason: String,
}

/// The actions, in order, and what is left as it is.
pub(super) fn quarantine(
    image: &Image,
    in_use: InUse,
    home: Option<&Place>,
) -> Result<(Vec<Action>, Vec<Kept>), Withheld> {
    let digest = image.digest.as_ref().ok_or(Withheld::NotIdentified)?;
    let place = image.repository.place();
    if home.is_some_and(|home| home != place) {
        return Err(Withheld::Elsewhere);
    }
    // What the ledger holds needs a release; of other images a person may know better.
    if image.is_restored && image.quarantine.is_none() {
        return Err(Withheld::Restored);
    }
    let (targets, kept) = match image.surroundings.family.known() {
        Some(family) => parts(digest, family),
        None => (vec![digest.clone()], Vec::new()),
    };
    let is_archived = |target: &Digest| target == digest && image.scan.state == ScanState::Archived;
    let targets: Vec<Digest> = targets
        .into_iter()
        .filter(|one| !is_archived(one))
        .collect();
    if targets.is_empty() {
        return Err(Withheld::AlreadyDone);
    }
    match in_use {
        InUse::Alert => unused(image, &targets, home)?,
        InUse::Quarantine => {}
    }
    let archive = |target| Action::ArchiveImage(image.repository.clone(), target);
    Ok((targets.into_iter().map(archive).collect(), kept))
}

/// Whether nothing runs any of it. What is not known counts as running: a service that cannot pull
/// does not come back.
fn unused(image: &Image, targets: &[Digest], home: Option<&Place>) -> Result<(), Withheld> {
    let around = &image.surroundings;
    let Some(usage) = &around.usage else {
        // A dry run without an account has nobody to ask, and nobody applies it.
        return home.map_or(Ok(()), |_| Err(Withheld::UsageUnknown));
    };
    if usage.runs.iter().any(|run| targets.contains(&run.digest)) {
        Err(Withheld::InUse)
    } else if usage.unknown.is_some() || around.family.known().is_none() {
        Err(Withheld::UsageUnknown)
    } else {
        Ok(())
    }
}

/// Every index that leads to the image is as bad as the image is, whatever else it leads to. What
/// another index leads to as well, or has a tag of its own, is an image in its own right, and judged
/// by its own scan. Attestations and other artifacts run nowhere and stay as evidence.
fn parts(digest: &Digest, family: &Family) -> (Vec<Digest>, Vec<Kept>) {
    let mut targets: Vec<Digest> = Vec::new();
    targets.extend(family.indexes.iter().map(|index| index.digest.clone()));
    if !family.is_archived {
        targets.push(digest.clone());
    }
    let mut kept = Vec::new();
    for sibling in family.siblings.iter().filter(|one| !one.is_archived) {
        let reason = match (&sibling.shared_with, sibling.tags.is_empty()) {
            (Some(index), _) => {
                format!("index {index} leads to it too, and not to the denied image")
            }
            (None, false) => "it has a tag of its own, and is judged by its own scan".to_owned(),
            (None, true) => {
                targets.push(sibling.digest.clone());
                continue;
            }
        };
        kept.push(Kept {
            digest: sibling.digest.to_string(),
            platform: sibling.platform.clone(),
            reason,
        });
    }
    (targets, kept)
}
