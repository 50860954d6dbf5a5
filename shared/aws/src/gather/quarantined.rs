//! What there is to judge of images that are in quarantine, long after the event that put them there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Family, Image, Quarantine, Scan, ScanState, Scanner, Surroundings},
    names::{Digest, Repository},
};

use super::{family, usage};
use crate::{CallError, Clients, ledger::Ledger};

/// What became of an image that is in quarantine.
#[derive(Debug, Clone, PartialEq)]
pub enum Reviewed {
    /// It is in the archive: this is known of it.
    Facts(Box<Facts>),
    /// It has been deleted.
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
    images: Vec<(Digest, Quarantine)>,
    held: &BTreeSet<Digest>,
    now: Timestamp,
) -> Result<Vec<Reviewed>, CallError> {
    let inventory = match family::inventory(clients, repository).await {
        Ok(inventory) => inventory,
        Err(error) if error.code() == Some("RepositoryNotFoundException") => {
            let gone = |(digest, _)| Reviewed::Gone(digest);
            return Ok(images.into_iter().map(gone).collect());
        }
        Err(error) => return Err(error),
    };
    let children = family::indexes(clients, repository, &inventory.indexes).await?;
    let mut reviewed = Vec::new();
    let (mut archived_indexes, mut archived) = (Vec::new(), Vec::new());
    for (digest, quarantine) in images {
        match inventory.listed.get(&digest) {
            None => reviewed.push(Reviewed::Gone(digest)),
            Some(listed) if !listed.is_archived => reviewed.push(Reviewed::Back(digest)),
            Some(_) if inventory.archived_indexes.contains(&digest) => {
                archived_indexes.push((digest, quarantine));
            }
            Some(_) => archived.push((digest, quarantine)),
        }
    }
    archived_indexes.append(&mut archived);
    if archived_indexes.is_empty() {
        return Ok(reviewed);
    }
    let usage = usage::of(clients, ledger, now, repository, held).await?;
    for (digest, quarantine) in archived_indexes {
        let listed = inventory.listed.get(&digest);
        let image = Image {
            repository: repository.clone(),
            tags: listed.map(|one| one.tags.clone()).unwrap_or_default(),
            pushed_at: listed.and_then(|one| one.pushed_at),
            is_restored: false,
            quarantine: Some(quarantine),
            scan: Scan::counted(Scanner::Basic, ScanState::Archived, BTreeMap::new()),
            surroundings: Surroundings {
                family: Family::of(&digest, &inventory.listed, &children).into(),
                usage: Some(usage.clone()),
                ..Surroundings::default()
            },
            digest: Some(digest),
        };
        reviewed.push(Reviewed::Facts(Box::new(Facts {
            place: Some(repository.place().clone()),
            observed_at: Some(now),
            subject: Subject::Image(Box::new(image)),
        })));
    }
    Ok(reviewed)
}
