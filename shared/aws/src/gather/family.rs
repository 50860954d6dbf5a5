//! The indexes that lead to an image, from the repository's own lists.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
};
use jiff::Timestamp;
use tidewaiter_image::manifest;
use tidewaiter_rules::{
    Field,
    facts::{
        Family, Scan, Scanner,
        family::{Build, Child, Listed, Role},
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

/// How many platforms of a pushed index are looked up. The largest official images have about ten.
const MOST_CHILDREN: usize = 100;

/// How many builds are looked at for one that is clean, and how many platforms of each.
const MOST_BUILDS: usize = 3;
const MOST_PLATFORMS: usize = 5;

/// What a repository holds.
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) listed: BTreeMap<Digest, Listed>,
    /// Those that can be pulled.
    pub(super) indexes: Vec<Digest>,
    pub(super) archived_indexes: BTreeSet<Digest>,
    /// What those indexes lead to, once that has been read.
    children: BTreeMap<Digest, Vec<Child>>,
    /// What AWS refused, so that the family is not known.
    pub(super) refused: Option<CallError>,
}

/// The family of an image; unknown where not all of the repository could be read.
pub(super) async fn family(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<(Field<Family>, Inventory), CallError> {
    let unknown = |error: CallError| {
        if error.is_transient() {
            Err(error)
        } else {
            tracing::error!(%error, "the indexes of the repository are not known");
            let reason = error.to_string();
            let inventory = Inventory {
                refused: Some(error).filter(CallError::is_refusal),
                ..Inventory::default()
            };
            Ok((Field::Unknown(reason), inventory))
        }
    };
    let mut inventory = match inventory(clients, repository).await {
        Ok(inventory) => inventory,
        Err(error) => return unknown(error),
    };
    if !inventory.listed.contains_key(digest) {
        let reason = format!("{LIST} does not list the image: it may have been deleted since");
        return Ok((Field::Unknown(reason), inventory));
    }
    match indexes(clients, repository, &inventory.indexes).await {
        Ok(indexes) => {
            let family = Family::of(digest, &inventory.listed, &indexes);
            inventory.children = indexes;
            Ok((family.into(), inventory))
        }
        Err(error) => unknown(error),
    }
}

pub(super) async fn inventory(
    clients: &Clients,
    repository: &Repository,
) -> Result<Inventory, CallError> {
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
    /// What a tag leads to, where that can be pulled.
    pub(super) fn tagged(&self, tag: &str) -> Option<Digest> {
        let mut listed = self.listed.values();
        let found = listed.find(|one| one.tags.iter().any(|known| known == tag))?;
        (!found.is_archived).then(|| found.digest.clone())
    }

    /// The scans of all platforms of an image; none where they cannot be read.
    pub(super) async fn scans(
        &self,
        clients: &Clients,
        repository: &Repository,
        digest: &Digest,
    ) -> Vec<(Digest, Scan)> {
        let Some(listed) = self.listed.get(digest) else {
            return Vec::new();
        };
        scans(clients, repository, platforms(listed, self))
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "whether an image is clean is not known");
                Vec::new()
            })
    }

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
        if is_index && is_archived {
            self.archived_indexes.insert(digest.clone());
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
pub(super) async fn indexes(
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

/// The platforms that an index leads to; none where it is no index, or is not there any more.
///
/// # Errors
/// When it cannot be read, or leads to more platforms than anybody builds.
pub async fn platforms_of(
    clients: &Clients,
    repository: &Repository,
    index: &Digest,
) -> Result<Vec<Digest>, CallError> {
    let identifier = ImageIdentifier::builder()
        .image_digest(index.as_str())
        .build();
    let answer = clients
        .ecr
        .batch_get_image()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(identifier)
        .set_accepted_media_types(Some(manifest::MEDIA_TYPES.map(str::to_owned).to_vec()))
        .send()
        .await
        .map_err(|error| CallError::of(MANIFESTS, &error));
    let answer = match answer {
        Err(error) if error.code() == Some("RepositoryNotFoundException") => return Ok(Vec::new()),
        answer => answer?,
    };
    let mut platforms = Vec::new();
    for image in answer.images() {
        let media_type = image.image_manifest_media_type();
        if !media_type.is_some_and(manifest::is_index) {
            continue;
        }
        let written = image.image_manifest().unwrap_or_default();
        let children = manifest::children(written).map_err(|error| {
            CallError::permanent(MANIFESTS, format!("index {index} cannot be read: {error}"))
        })?;
        let children = children.into_iter();
        platforms.extend(
            children
                .filter(|child| matches!(child.role, Role::Platform(_)))
                .map(|child| child.digest),
        );
    }
    platforms.sort();
    platforms.dedup();
    if platforms.len() > MOST_CHILDREN {
        let reason = format!("index {index} leads to more than {MOST_CHILDREN} platforms");
        return Err(CallError::permanent(MANIFESTS, reason));
    }
    Ok(platforms)
}

/// The newest builds that are not of the family, with the scans of their platforms. What cannot be read
/// of one leaves it out: it is advice that is looked for.
pub(super) async fn builds(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
    family: &Field<Family>,
    inventory: &Inventory,
) -> Vec<Build> {
    let Some(family) = family.known() else {
        return Vec::new();
    };
    let is_of_family = |other: &Digest| {
        other == digest
            || family.indexes.iter().any(|index| index.digest == *other)
            || family
                .siblings
                .iter()
                .any(|sibling| sibling.digest == *other)
    };
    let mut newest: Vec<(&Listed, &String)> = inventory
        .listed
        .values()
        .filter(|one| !one.is_archived && !is_of_family(&one.digest))
        .filter_map(|one| Some((one, version(&one.tags)?)))
        .collect();
    newest.sort_by_key(|(one, _)| std::cmp::Reverse(one.pushed_at));
    let mut builds = Vec::new();
    for (one, tag) in newest.into_iter().take(MOST_BUILDS) {
        match scans(clients, repository, platforms(one, inventory)).await {
            Ok(scans) => builds.push(Build {
                tag: tag.clone(),
                scans,
            }),
            Err(error) => tracing::warn!(%error, "a build cannot be offered as replacement"),
        }
    }
    builds
}

/// The tag that says most: `latest` says nothing, and signatures and their like are tagged with what
/// they are about.
fn version(tags: &[String]) -> Option<&String> {
    let mut tags = tags.iter().filter(|tag| !tag.starts_with("sha256-"));
    let first = tags.next()?;
    if first == "latest" {
        Some(tags.next().unwrap_or(first))
    } else {
        Some(first)
    }
}

/// What would have to be clean: the platforms of an index, or the image itself; none where there are
/// too many to look at.
fn platforms(one: &Listed, inventory: &Inventory) -> Vec<Digest> {
    let Some(children) = inventory.children.get(&one.digest) else {
        return vec![one.digest.clone()];
    };
    let platforms = children
        .iter()
        .filter(|child| matches!(child.role, Role::Platform(_)));
    let platforms: Vec<Digest> = platforms.map(|child| child.digest.clone()).collect();
    if platforms.len() > MOST_PLATFORMS {
        return Vec::new();
    }
    platforms
}

async fn scans(
    clients: &Clients,
    repository: &Repository,
    digests: Vec<Digest>,
) -> Result<Vec<(Digest, Scan)>, CallError> {
    let mut scans = Vec::with_capacity(digests.len());
    for digest in digests {
        let pages = super::pages(clients, repository, &digest).await?;
        scans.push((digest, pages.into_scan(Scanner::Basic, &BTreeMap::new())));
    }
    Ok(scans)
}
