//! Actions on images as commands for a POSIX shell, made of checked names only.

use crate::names::{Digest, ImageTag, Repository};

/// Every form of manifest that an image may have. By a list that lacks its own, ECR would give another.
const MEDIA_TYPES: &str = "application/vnd.oci.image.index.v1+json application/vnd.docker.distribution.manifest.list.v2+json application/vnd.oci.image.manifest.v1+json application/vnd.docker.distribution.manifest.v2+json";

/// `aws ecr OPERATION` about a repository.
fn ecr(operation: &str, repository: &Repository) -> String {
    format!(
        "aws ecr {operation} --region {} --registry-id {} --repository-name {}",
        repository.place().region(),
        repository.place().account(),
        repository.name()
    )
}

/// Puts an image into a storage class.
pub(super) fn store(repository: &Repository, digest: &Digest, class: &str) -> String {
    let update = ecr("update-image-storage-class", repository);
    format!("{update} --image-id imageDigest={digest} --target-storage-class {class}")
}

/// Puts a tag on an image. The manifest goes from answer to request by `jq`, because a shell would
/// take a line's end from it, and with that it would be another image.
pub(super) fn tag(repository: &Repository, digest: &Digest, tag: &ImageTag) -> String {
    let get = ecr("batch-get-image", repository);
    let region = repository.place().region();
    format!(
        "{get} --image-ids imageDigest={digest} --accepted-media-types {MEDIA_TYPES} --output json | jq '.images[0] | {{registryId, repositoryName, imageManifest, imageManifestMediaType, imageDigest: \"{digest}\", imageTag: \"{tag}\"}}' > put-image.json && aws ecr put-image --region {region} --cli-input-json file://put-image.json"
    )
}

/// Takes a tag from an image, if that has another one: with its last tag ECR deletes an image.
pub(super) fn untag(repository: &Repository, digest: &Digest, tag: &ImageTag) -> String {
    let describe = ecr("describe-images", repository);
    let delete = ecr("batch-delete-image", repository);
    format!(
        "{describe} --image-ids imageDigest={digest} --output json | jq -e '.imageDetails[0].imageTags | length > 1 and any(. == \"{tag}\")' && {delete} --image-ids imageTag={tag}"
    )
}

/// Deletes an image with all its tags.
pub(super) fn delete(repository: &Repository, digest: &Digest) -> String {
    let delete = ecr("batch-delete-image", repository);
    format!("{delete} --image-ids imageDigest={digest}")
}

/// What stands where a command brings an image back, and none does: a comment, which does nothing.
pub(super) fn push_again(repository: &Repository, digest: &Digest) -> String {
    let name = repository.name();
    format!("# no command brings {name}@{digest} back: push it again from a copy, or build it anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Place;

    #[test]
    fn an_image_is_deleted_by_its_digest_alone() {
        let place = Place::of_region("eu-west-1", "111122223333").unwrap();
        let repository = Repository::new(place, "team/app").unwrap();
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(
            delete(&repository, &Digest::parse(&digest).unwrap()),
            format!(
                "aws ecr batch-delete-image --region eu-west-1 --registry-id 111122223333 --repository-name team/app --image-ids imageDigest={digest}"
            )
        );
    }
}
