//! What is done to an image by its tags, and its deletion: two operations of ECR that do more than they
//! are asked for, each after one look at what is there.

use aws_sdk_ecr::types::{ImageFailure, ImageFailureCode, ImageIdentifier};
use tidewaiter_image::manifest;
use tidewaiter_rules::{
    Effect,
    names::{Digest, ImageTag, Repository},
};

use crate::{CallError, Clients};

const GET: &str = "BatchGetImage";
const PUT: &str = "PutImage";
const DESCRIBE: &str = "DescribeImages";
const DELETE: &str = "BatchDeleteImage";

/// Puts one more tag on an image: its own manifest again, byte by byte, or it would be another image.
pub(crate) async fn tag(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
    tag: &ImageTag,
) -> Result<Effect, CallError> {
    let got = clients
        .ecr
        .batch_get_image()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(by_digest(digest))
        .set_accepted_media_types(Some(manifest::MEDIA_TYPES.map(str::to_owned).to_vec()))
        .send()
        .await;
    let got = match got.map_err(|error| CallError::of(GET, &error)) {
        Ok(got) => got,
        Err(error) if is_gone(&error) => return Ok(Effect::Gone),
        Err(error) => return Err(error),
    };
    if let Some(failure) = got.failures().first() {
        return match failure.failure_code() {
            Some(ImageFailureCode::ImageNotFound) => Ok(Effect::Gone),
            _ => Err(CallError::permanent(GET, reason(failure))),
        };
    }
    let image = got.images().first();
    let Some(written) = image.and_then(|image| image.image_manifest()) else {
        return Err(CallError::permanent(GET, "the answer holds no manifest"));
    };
    let call = clients
        .ecr
        .put_image()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_manifest(written)
        .set_image_manifest_media_type(
            image
                .and_then(|image| image.image_manifest_media_type())
                .map(str::to_owned),
        )
        .image_digest(digest.as_str())
        .image_tag(tag.as_str());
    let Err(error) = call.send().await else {
        return Ok(Effect::Done);
    };
    let error = CallError::of(PUT, &error);
    match error.code() {
        // The same tag on the same image.
        Some("ImageAlreadyExistsException") => Ok(Effect::Done),
        Some("RepositoryNotFoundException") => Ok(Effect::Gone),
        Some("ImageTagAlreadyExistsException") => Err(error.because(
            "another image has this tag, and tags cannot be moved in this repository: look at how it came by it, and delete the tag there",
        )),
        _ => Err(error),
    }
}

/// Takes a tag from an image. ECR goes by the tag alone and deletes an image with its last one, so
/// it is looked at first: the tag may be on another image by now, or the only one left.
pub(crate) async fn untag(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
    tag: &ImageTag,
) -> Result<Effect, CallError> {
    let described = clients
        .ecr
        .describe_images()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(by_digest(digest))
        .send()
        .await;
    let described = match described.map_err(|error| CallError::of(DESCRIBE, &error)) {
        Ok(described) => described,
        Err(error) if is_gone(&error) => return Ok(Effect::Gone),
        Err(error) => return Err(error),
    };
    let image = described.image_details().first();
    let tags = image.map_or(&[][..], |image| image.image_tags());
    if !tags.iter().any(|other| other == tag.as_str()) {
        return Ok(Effect::Done);
    }
    if tags.len() == 1 {
        return Err(CallError::permanent(
            DELETE,
            "not called: this is the image's last tag, and ECR would delete the image with it. Put another tag on it, and send the event again",
        ));
    }
    let by_tag = ImageIdentifier::builder().image_tag(tag.as_str()).build();
    match remove(clients, repository, by_tag).await? {
        None | Some((ImageFailureCode::ImageNotFound, _)) => Ok(Effect::Done),
        Some((_, error)) => Err(error),
    }
}

/// Deletes an image with all its tags.
pub(super) async fn delete(
    clients: &Clients,
    repository: &Repository,
    digest: &Digest,
) -> Result<Effect, CallError> {
    match remove(clients, repository, by_digest(digest)).await {
        Ok(None) => Ok(Effect::Done),
        Ok(Some((ImageFailureCode::ImageNotFound, _))) => Ok(Effect::Gone),
        Ok(Some((ImageFailureCode::ImageReferencedByManifestList, error))) => Err(error.because(
            "an index leads to the image, and has to be deleted first: if it is in quarantine too, it is deleted when its own days are over, and this one after it",
        )),
        Err(error) if is_gone(&error) => Ok(Effect::Gone),
        Ok(Some((_, error))) | Err(error) => Err(error),
    }
}

/// `BatchDeleteImage` of one; what it says within an answer that is a success as a whole.
async fn remove(
    clients: &Clients,
    repository: &Repository,
    image: ImageIdentifier,
) -> Result<Option<(ImageFailureCode, CallError)>, CallError> {
    let answer = clients
        .ecr
        .batch_delete_image()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(image)
        .send()
        .await
        .map_err(|error| CallError::of(DELETE, &error))?;
    Ok(answer.failures().first().map(|failure| {
        let code = failure.failure_code().cloned();
        let code = code.unwrap_or(ImageFailureCode::from("no code"));
        (code, CallError::permanent(DELETE, reason(failure)))
    }))
}

fn by_digest(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder()
        .image_digest(digest.as_str())
        .build()
}

fn is_gone(error: &CallError) -> bool {
    matches!(
        error.code(),
        Some("ImageNotFoundException" | "RepositoryNotFoundException")
    )
}

fn reason(failure: &ImageFailure) -> String {
    let code = failure
        .failure_code()
        .map_or("no code", |code| code.as_str());
    match failure.failure_reason() {
        Some(reason) => format!("{code}: {reason}"),
        None => code.to_owned(),
    }
}
