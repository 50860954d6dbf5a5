//! What ECR says of single images, by their names.

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageIdentifier, ImageStatusFilter};
use jiff::Timestamp;
use tidewaiter_image::manifest;
use tidewaiter_rules::names::{Digest, Repository};

use crate::{CallError, Clients};

const CALL: &str = "DescribeImages";

/// How people name an image of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By its digest.
    Digest(Digest),
    /// By a tag, which may lead to another image tomorrow.
    Tag(String),
}

/// An image as ECR has it at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageNow {
    /// Which it is.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// `ACTIVE`, `ARCHIVED`, `ACTIVATING`, or what else ECR says.
    pub status: String,
    /// Whether it is an index of other images.
    pub is_index: bool,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
}

impl ImageNow {
    /// Whether it is in the archive, where nobody can pull it.
    pub fn is_archived(&self) -> bool {
        self.status == "ARCHIVED"
    }
}

/// The image that a name leads to, in the archive or not; `None` where there is none.
///
/// # Errors
/// When the call fails, or the repository does not exist.
pub async fn describe_image(
    clients: &Clients,
    repository: &Repository,
    reference: &Reference,
) -> Result<Option<ImageNow>, CallError> {
    let identifier = ImageIdentifier::builder();
    let identifier = match reference {
        Reference::Digest(digest) => identifier.image_digest(digest.as_str()),
        Reference::Tag(tag) => identifier.image_tag(tag),
    };
    // What is in the archive is shown only if asked for.
    let any = DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build();
    let answer = clients
        .ecr
        .describe_images()
        .registry_id(repository.place().account())
        .repository_name(repository.name())
        .image_ids(identifier.build())
        .filter(any)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = CallError::of(CALL, &error);
            return match error.code() {
                Some("ImageNotFoundException") => Ok(None),
                _ => Err(error),
            };
        }
    };
    let Some(image) = answer.image_details().first() else {
        return Ok(None);
    };
    let digest = image.image_digest().unwrap_or_default();
    let digest =
        Digest::parse(digest).map_err(|error| CallError::permanent(CALL, error.to_string()))?;
    let media_type = image.image_manifest_media_type();
    let pushed_at = image.image_pushed_at();
    Ok(Some(ImageNow {
        digest,
        tags: image.image_tags().to_vec(),
        status: image
            .image_status()
            .map_or("ACTIVE", |status| status.as_str())
            .to_owned(),
        is_index: media_type.is_some_and(manifest::is_index),
        pushed_at: pushed_at.and_then(|time| Timestamp::from_second(time.secs()).ok()),
    }))
}

#[cfg(test)]
mod tests {
    use tidewaiter_rules::names::Place;

    use super::*;
    use crate::wire::{Answer, Wire};

    #[tokio::test(start_paused = true)]
    async fn an_image_in_the_archive_is_found_by_its_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let found = digest.clone();
        let wire = Wire::new(move |call| {
            assert_eq!(call.parameters["filter"]["imageStatus"], "ANY");
            assert_eq!(call.parameters["imageIds"][0]["imageTag"], "1.0");
            Answer::json(format!(
                r#"{{"imageDetails":[{{"imageDigest":"{found}","imageTags":["1.0"],"imageStatus":"ARCHIVED",
                    "imageManifestMediaType":"application/vnd.oci.image.index.v1+json","imagePushedAt":1700000000}}]}}"#
            ))
        });
        let place = Place::of_region("eu-west-1", "111122223333").unwrap();
        let repository = Repository::new(place.clone(), "app").unwrap();
        let tag = Reference::Tag("1.0".to_owned());
        let image = describe_image(&wire.clients(place), &repository, &tag).await;
        let image = image.unwrap().unwrap();
        assert!(image.is_archived() && image.is_index);
        assert_eq!(image.digest.as_str(), digest);
    }
}
