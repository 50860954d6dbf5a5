//! The indexes that lead to an image, from the repository's own lists.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
};
use jiff::Timestamp;
use tidewaiter_image::manifest;
use tidewaiter_rules::{
    Field,
    facts::{
        Family,
        family::{Child, Listed},
    },
    names::{Digest, Repository},
};

use crate::{CallError, Clients};

const LIST: &str = "DescribeImages";
const MANIFESTS: &str = "BatchGetImage";

/// A thousand images a page. What is beyond is unknown, and not taken to be fine.
const MOST_PAGES: usize = 20;

/// A hundred a call, which is the most that ECR takes.
const MOST_INDEXES: usize = 2000;

/// What a repository holds.
#[derive(Default)]
struct Inventory {
    listed: BTreeMap<Digest, Listed>,
    indexes: Vec<Digest>,
}

/// The family of an image; unknown where not all of the repository could be read.
pub(super) async fn family(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<Field<Family>, CallError> {
    let unknown = |error: CallError| {
        if error.is_transient() {
            Err(error)
        } else {
            tracing::error!(%error, "the indexes of the repository are not known");
            Ok(Field::Unknown(error.to_string()))
        }
    };
    let inventory = match inventory(clients, repository).await {
        Ok(inventory) => inventory,
        Err(error) => return unknown(error),
    };
    if !inventory.listed.contains_key(digest) {
        return Ok(Field::Unknown(format!(
            "{LIST} does not list the image: it may have been deleted since"
        )));
    }
    match indexes(clients, repository, &inventory.indexes).await {
        Ok(indexes) => Ok(Family::of(digest, &inventory.listed, &indexes).into()),
        Err(error) => unknown(error),
    }
}

async fn inventory(clients: &Clients, repository: &Repository) -> Result<Inventory, CallError> {
    let mut inventory = Inventory::default();
    let mut token = None;
    // What is in the archive is listed only if asked for.
    let any = DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build();
    for _ in 0..MOST_PAGES {
        let page = clients
            .ecr
            .describe_images()
            .registry_id(repository.place().account())
            .repository_name(repository.name())
            .filter(any.clone())
            .max_results(1000)
            .set_next_token(token.take())
            .send()
            .await
            .map_err(|error| CallError::of(LIST, &error))?;
        for image in page.image_details() {
            inventory.add(image)?;
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(inventory);
        }
    }
    Err(CallError::permanent(
        LIST,
        format!(
            "the repository has more than {MOST_PAGES} pages of images: let a lifecycle policy expire some"
        ),
    ))
}

impl Inventory {
    fn add(&mut self, image: &ImageDetail) -> Result<(), CallError> {
        // One that cannot be named cannot be what is looked for.
        let Some(digest) = image
            .image_digest()
            .and_then(|text| Digest::parse(text).ok())
        else {
            return Ok(());
        };
        let is_archived = image.image_status() == Some(&ImageStatus::Archived);
        let is_index = image
            .image_manifest_media_type()
            .is_some_and(manifest::is_index);
        // Nobody can pull an archived one, and ECR does not show what it leads to.
        if is_index && !is_archived {
            if self.indexes.len() == MOST_INDEXES {
                return Err(CallError::permanent(
                    LIST,
                    format!(
                        "the repository has more than {MOST_INDEXES} indexes: let a lifecycle policy expire some"
                    ),
                ));
            }
            self.indexes.push(digest.clone());
        }
        let pushed_at = image.image_pushed_at();
        let listed = Listed {
            tags: image.image_tags().to_vec(),
            is_archived,
            pushed_at: pushed_at.and_then(|time| Timestamp::from_second(time.secs()).ok()),
            digest,
        };
        self.listed.insert(listed.digest.clone(), listed);
        Ok(())
    }
}

/// What each of the indexes leads to.
async fn indexes(
    clients: &Clients,
    repository: &Repository,
    digests: &[Digest],
) -> Result<BTreeMap<Digest, Vec<Child>>, CallError> {
    let identifier = |digest: &Digest| {
        ImageIdentifier::builder()
            .image_digest(digest.as_str())
            .build()
    };
    let mut indexes = BTreeMap::new();
    for batch in digests.chunks(100) {
        let answer = clients
            .ecr
            .batch_get_image()
            .registry_id(repository.place().account())
            .repository_name(repository.name())
            .set_image_ids(Some(batch.iter().map(identifier).collect()))
            .set_accepted_media_types(Some(manifest::MEDIA_TYPES.map(str::to_owned).to_vec()))
            .send()
            .await
            .map_err(|error| CallError::of(MANIFESTS, &error))?;
        for image in answer.images() {
            let digest = image.image_id().and_then(|id| id.image_digest());
            let Some(digest) = digest.and_then(|text| Digest::parse(text).ok()) else {
                continue;
            };
            let written = image.image_manifest().unwrap_or_default();
            let children = manifest::children(written).map_err(|error| {
                CallError::permanent(MANIFESTS, format!("index {digest} cannot be read: {error}"))
            })?;
            indexes.insert(digest, children);
        }
        for failure in answer.failures() {
            let code = failure
                .failure_code()
                .map_or("no reason", |code| code.as_str());
            // Deleted since, it leads nowhere any more.
            if code != "ImageNotFound" {
                let digest = failure.image_id().and_then(|id| id.image_digest());
                let reason = format!("index {} was not given: {code}", digest.unwrap_or("?"));
                return Err(CallError::permanent(MANIFESTS, reason));
            }
        }
        let is_missing = |digest: &&Digest| {
            let gone = |id: &ImageIdentifier| id.image_digest() == Some(digest.as_str());
            !indexes.contains_key(*digest)
                && !answer
                    .failures()
                    .iter()
                    .any(|failure| failure.image_id().is_some_and(gone))
        };
        if let Some(digest) = batch.iter().find(is_missing) {
            let reason = format!("the answer says nothing of index {digest}");
            return Err(CallError::permanent(MANIFESTS, reason));
        }
    }
    Ok(indexes)
}
