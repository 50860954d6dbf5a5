//! What there is to judge of images that are in quarantine, long after the event that put them there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tidewaiter_rules::{
    Facts, Subject,
    facts::{
        Family, Image, Quarantine, Scan, ScanState, Scanner, Surroundings, Usage, family::Listed,
    },
    names::{Digest, Repository},
};

use super::{family, usage};
use crate::{
    CallError, Clients,
    ledger::{Deletion, Ledger},
};

/// An image whose days in quarantine are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which it is.
    pub digest: Digest,
    /// Why and since when it is there.
    pub quarantine: Quarantine,
    /// How far its deletion is.
    pub deletion: Option<Deletion>,
}

/// What became of an image that is in quarantine.
#[derive(Debug, Clone, PartialEq)]
pub enum Reviewed {
    /// It is in the archive: this is known of it.
    Facts(Box<Facts>),
    /// A function has begun to delete it, and it is gone: nobody may have told of that yet. What was known of it
    /// when the deletion was begun.
    Deleted(Box<Facts>),
    /// Somebody else has deleted it.
    Gone(Digest),
    /// It can be pulled again, by whatever has brought it back.
    Back(Digest),
}

/// Looks at images of one repository. Those that are in the archive come with what leads to them and with
/// what runs of `held`, all that is in quarantine in the repository: nobody sees any more what an
/// archived index leads to. Indexes come first, as ECR wants them deleted.
///
/// # Errors
/// When what the repository holds cannot be read; see [`CallError::is_transient`].
pub async fn gather_quarantined(
    clients: &Clients,
    ledger: Ledger<'_>,
    repository: &Repository,
    images: Vec<Due>,
    held: &BTreeSet<Digest>,
    now: Timestamp,
) -> Result<Vec<Reviewed>, CallError> {
    let inventory = match family::inventory(clients, repository).await {
        Ok(inventory) => inventory,
        Err(error) if error.code() == Some("RepositoryNotFoundException") => {
            let gone = |due| gone(repository, due, now);
            return Ok(images.into_iter().map(gone).collect());
        }
        Err(error) => return Err(error),
    };
    let children = family::indexes(clients, repository, &inventory.indexes).await?;
    let mut reviewed = Vec::new();
    let (mut archived_indexes, mut archived) = (Vec::new(), Vec::new());
    for due in images {
        match inventory.listed.get(&due.digest) {
            None => reviewed.push(gone(repository, due, now)),
            Some(listed) if !listed.is_archived => reviewed.push(Reviewed::Back(due.digest)),
            Some(_) if inventory.archived_indexes.contains(&due.digest) => {
                archived_indexes.push(due);
            }
            Some(_) => archived.push(due),
        }
    }
    archived_indexes.append(&mut archived);
    if archived_indexes.is_empty() {
        return Ok(reviewed);
    }
    let usage = usage::of(clients, ledger, now, repository, held).await?;
    for due in archived_indexes {
        let surroundings = Surroundings {
            family: Family::of(&due.digest, &inventory.listed, &children).into(),
            usage: Some(usage.clone()),
            ..Surroundings::default()
        };
        let listed = inventory.listed.get(&due.digest);
        let facts = facts(repository, due, listed, surroundings, now);
        reviewed.push(Reviewed::Facts(Box::new(facts)));
    }
    Ok(reviewed)
}

/// What becomes of an image that is not there any more.
fn gone(repository: &Repository, due: Due, now: Timestamp) -> Reviewed {
    if due.deletion.is_none() {
        return Reviewed::Gone(due.digest);
    }
    // Else it would not have been begun.
    let family = Family {
        is_archived: true,
        ..Family::default()
    };
    let surroundings = Surroundings {
        family: family.into(),
        usage: Some(Usage::default()),
        ..Surroundings::default()
    };
    Reviewed::Deleted(Box::new(facts(repository, due, None, surroundings, now)))
}

fn facts(
    repository: &Repository,
    due: Due,
    listed: Option<&Listed>,
    surroundings: Surroundings,
    now: Timestamp,
) -> Facts {
    let image = Image {
        repository: repository.clone(),
        digest: Some(due.digest),
        tags: listed.map(|one| one.tags.clone()).unwrap_or_default(),
        pushed_at: listed.and_then(|one| one.pushed_at),
        is_restored: false,
        quarantine: Some(due.quarantine),
        scan: Scan::counted(Scanner::Basic, ScanState::Archived, BTreeMap::new()),
        surroundings,
    };
    Facts {
        place: Some(repository.place().clone()),
        observed_at: Some(now),
        subject: Subject::Image(Box::new(image)),
    }
}
