//! Which of the images that a task definition names cannot be pulled.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageIdentifier, ImageStatus, ImageStatusFilter};
use jiff::Timestamp;
use tidewaiter_rules::{
    Facts, Subject,
    facts::{Barred, NamedImage, Quarantine, Version},
    names::{Digest, Repository},
};

use crate::{CallError, Clients, ledger::Ledger};

const DESCRIBE: &str = "DescribeImages";

/// Images of the registry that one definition may name; ECS takes ten containers.
const MOST: usize = 20;

/// Looks up the images of a definition that are in this account and region, in the ledger and in ECR; none
/// of either is asked about others. `now` is when releases are to hold.
///
/// # Errors
/// When time can help. What cannot be read otherwise is unknown, with the reason.
pub async fn gather_barred(
    clients: &Clients,
    ledger: &Ledger<'_>,
    facts: &mut Facts,
    now: Timestamp,
) -> Result<(), CallError> {
    let Subject::TaskDefinition(definition) = &mut facts.subject else {
        return Ok(());
    };
    let references = definition.container_definitions.iter();
    let named: BTreeMap<&String, NamedImage> = references
        .filter_map(|container| {
            let reference = container.image.known()?;
            let image = NamedImage::in_registry_of(clients.home(), reference)?;
            Some((reference, image))
        })
        .collect();
    let mut found = BTreeMap::new();
    for (number, (reference, image)) in named.into_iter().enumerate() {
        let barred = if number < MOST {
            barred(clients, ledger, &image, now).await
        } else {
            let reason = format!("the definition names more than {MOST} images of the registry");
            Ok(Some(Barred::Unknown(reason)))
        };
        let barred = match barred {
            Ok(barred) => barred,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => Some(Barred::Unknown(error.to_string())),
        };
        if let Some(barred) = barred {
            found.insert(reference.clone(), barred);
        }
    }
    definition.barred = found;
    Ok(())
}

async fn barred(
    clients: &Clients,
    ledger: &Ledger<'_>,
    image: &NamedImage,
    now: Timestamp,
) -> Result<Option<Barred>, CallError> {
    let NamedImage {
        repository,
        version,
    } = image;
    if let Version::Digest(digest) = version
        && let Some(held) = held(ledger, repository, digest, now).await?
    {
        return Ok(Some(Barred::Quarantined(held)));
    }
    let Some((digest, is_archived)) = described(clients, image).await? else {
        return Ok(None);
    };
    if let (Version::Tag(_), Some(digest)) = (version, digest)
        && let Some(held) = held(ledger, repository, &digest, now).await?
    {
        return Ok(Some(Barred::Quarantined(held)));
    }
    Ok(is_archived.then_some(Barred::Archived))
}

async fn held(
    ledger: &Ledger<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<Quarantine>, CallError> {
    let known = ledger.quarantined(repository, digest, now).await?;
    Ok(known.and_then(|known| known.quarantine(None)))
}

/// The digest of an image and whether it is in the archive; `None` where there is no such image (yet).
async fn described(
    clients: &Clients,
    image: &NamedImage,
) -> Result<Option<(Option<Digest>, bool)>, CallError> {
    let identifier = match &image.version {
        Version::Tag(tag) => ImageIdentifier::builder().image_tag(tag),
        Version::Digest(digest) => ImageIdentifier::builder().image_digest(digest.as_str()),
    };
    // What is in the archive is listed only if asked for.
    let any = DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build();
    let answer = clients
        .ecr
        .describe_images()
        .registry_id(image.repository.place().account())
        .repository_name(image.repository.name())
        .image_ids(identifier.build())
        .filter(any)
        .send()
        .await;
    match answer.map_err(|error| CallError::of(DESCRIBE, &error)) {
        Ok(answer) => Ok(answer.image_details().first().map(|detail| {
            let digest = detail.image_digest();
            let digest = digest.and_then(|text| Digest::parse(text).ok());
            let is_archived = detail.image_status() == Some(&ImageStatus::Archived);
            (digest, is_archived)
        })),
        Err(error) => match error.code() {
            Some("ImageNotFoundException" | "RepositoryNotFoundException") => Ok(None),
            _ => Err(error),
        },
    }
}
