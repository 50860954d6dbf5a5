//! What the quarantine of an image takes: its indexes first, then itself, then what only those
//! indexes lead to.

use jiff::Timestamp;
use serde::Serialize;

use super::{Action, Withheld};
use crate::{
    facts::{Family, Image, Run, ScanState},
    names::{Digest, ImageTag, Place},
    policy::{InUse, Method},
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

/// How an image is to be put into quarantine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// What is done about one that runs.
    pub(super) in_use: InUse,
    /// By what.
    pub(super) method: Method,
    /// The time, for those who find the image later.
    pub(super) at: Option<Timestamp>,
}

/// The actions, in order, and what is left as it is. `ended` is what does not run any more by then.
pub(super) fn quarantine(
    image: &Image,
    wanted: Wanted,
    home: Option<&Place>,
    ended: &[&Run],
) -> Result<(Vec<Action>, Vec<Kept>), Withheld> {
    let digest = identified(image, home)?;
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
    let actions = match wanted.method {
        Method::Archive | Method::Delete { .. } => {
            let archive =
                |target: &Digest| Action::ArchiveImage(image.repository.clone(), target.clone());
            targets.iter().map(archive).collect()
        }
        Method::Untag => untag(image, &targets, wanted.at, home)?,
    };
    match wanted.in_use {
        InUse::Alert => unused(image, &targets, home, ended)?,
        InUse::Quarantine => {}
    }
    Ok((actions, kept))
}

/// The deletion of an image that is in the archive. Nothing that a policy says has it done to what runs:
/// that cannot be taken back.
pub(super) fn delete(image: &Image, home: Option<&Place>) -> Result<Action, Withheld> {
    let digest = identified(image, home)?;
    let around = &image.surroundings;
    let family = around.family.known().ok_or(Withheld::RunsArchived)?;
    if !family.is_archived {
        return Err(Withheld::Restored);
    }
    if !family.indexes.is_empty() {
        return Err(Withheld::Referenced);
    }
    // Whatever of what was asked for runs: what an archived index leads to is not known.
    let is_unused = around
        .usage
        .as_ref()
        .is_some_and(|usage| usage.runs.is_empty() && usage.unknown.is_none());
    if !is_unused {
        return Err(Withheld::RunsArchived);
    }
    Ok(Action::DeleteImage(
        image.repository.clone(),
        digest.clone(),
    ))
}

fn identified<'a>(image: &'a Image, home: Option<&Place>) -> Result<&'a Digest, Withheld> {
    let digest = image.digest.as_ref().ok_or(Withheld::NotIdentified)?;
    let place = image.repository.place();
    if home.is_some_and(|home| home != place) {
        return Err(Withheld::Elsewhere);
    }
    Ok(digest)
}

/// For each of the digests that has tags: a tag that says what became of it, then away with the others.
fn untag(
    image: &Image,
    targets: &[Digest],
    at: Option<Timestamp>,
    home: Option<&Place>,
) -> Result<Vec<Action>, Withheld> {
    let repository = &image.repository;
    let mut is_tagged = false;
    let mut actions = Vec::new();
    for target in targets {
        let tags: Result<Vec<ImageTag>, _> = tags(image, target, home)?
            .iter()
            .map(|tag| ImageTag::parse(tag))
            .collect();
        let tags = tags.map_err(|_| Withheld::TagsUnknown)?;
        is_tagged |= !tags.is_empty();
        let (marks, others): (Vec<ImageTag>, Vec<ImageTag>) = tags
            .into_iter()
            .partition(|tag| tag.is_of_quarantine(target));
        if marks.is_empty() && !others.is_empty() {
            let mark = ImageTag::of_quarantine(target, at);
            actions.push(Action::TagImage(repository.clone(), target.clone(), mark));
        }
        let away = |tag| Action::UntagImage(repository.clone(), target.clone(), tag);
        actions.extend(others.into_iter().map(away));
    }
    match (actions.is_empty(), is_tagged) {
        (false, _) => Ok(actions),
        (true, true) => Err(Withheld::AlreadyDone),
        (true, false) => Err(Withheld::Untagged),
    }
}

/// The tags of one of the digests, as the repository lists them; in a dry run without an account, as the
/// event names them.
fn tags<'a>(
    image: &'a Image,
    target: &Digest,
    home: Option<&Place>,
) -> Result<&'a [String], Withheld> {
    let is_itself = image.digest.as_ref() == Some(target);
    match image.surroundings.family.known() {
        Some(family) if is_itself => Ok(&family.tags),
        Some(family) => {
            let mut indexes = family.indexes.iter();
            let index = indexes.find(|index| index.digest == *target);
            // A sibling with tags is no target.
            Ok(index.map_or(&[][..], |index| &index.tags))
        }
        None if home.is_none() => Ok(&image.tags),
        None => Err(Withheld::TagsUnknown),
    }
}

/// Whether nothing runs any of it. What is not known counts as running: a service that cannot pull
/// does not come back.
fn unused(
    image: &Image,
    targets: &[Digest],
    home: Option<&Place>,
    ended: &[&Run],
) -> Result<(), Withheld> {
    let around = &image.surroundings;
    let Some(usage) = &around.usage else {
        // A dry run without an account has nobody to ask, and nobody applies it.
        return home.map_or(Ok(()), |_| Err(Withheld::UsageUnknown));
    };
    let mut runs = usage.runs.iter().filter(|run| !ended.contains(run));
    if runs.any(|run| targets.contains(&run.digest)) {
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
pub(super) fn parts(digest: &Digest, family: &Family) -> (Vec<Digest>, Vec<Kept>) {
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
