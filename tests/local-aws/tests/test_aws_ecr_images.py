"""Amazon ECR: pushing, listing and deleting images by the API."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_aws.process import LocalAws
from local_aws.registry_client import OCI_INDEX, OCI_MANIFEST, RegistryClient


def manifest(seed: object = 0, **more: Any) -> str:
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": "sha256:" + hashlib.sha256(str(seed).encode()).hexdigest(),
        "size": 7,
    }
    layers = [{**config, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config}
    return json.dumps({**document, "layers": layers, **more})


def index(*digests: str) -> str:
    entries = [{"mediaType": OCI_MANIFEST, "digest": d, "size": 1} for d in digests]
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    )


def put(ecr: Any, tag: str | None = None, seed: object = 0, text: str = "") -> str:
    tagged = {"imageTag": tag} if tag else {}
    answer = ecr.put_image(
        repositoryName="app", imageManifest=text or manifest(seed), **tagged
    )
    return answer["image"]["imageId"]["imageDigest"]


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=code)


def tags(ecr: Any, digest: str) -> list[str]:
    (detail,) = ecr.describe_images(
        repositoryName="app", imageIds=[{"imageDigest": digest}]
    )["imageDetails"]
    return detail.get("imageTags", [])


# --- Pushing


def test_digest_is_that_of_the_manifest_bytes(ecr: Any) -> None:
    expected = hashlib.sha256(manifest().encode()).hexdigest()
    assert put(ecr, "1") == f"sha256:{expected}"


def test_same_image_and_tag_again_already_exists(ecr: Any) -> None:
    put(ecr, "1")
    with refused("ImageAlreadyExistsException"):
        put(ecr, "1")


def test_same_image_with_another_tag_gets_that_tag_too(ecr: Any) -> None:
    digest = put(ecr, "1")
    assert put(ecr, "2") == digest
    assert tags(ecr, digest) == ["1", "2"]


def test_tag_moves_to_the_image_pushed_last(ecr: Any) -> None:
    old, new = put(ecr, "1", seed=1), put(ecr, "1", seed=2)
    assert tags(ecr, new) == ["1"]
    assert tags(ecr, old) == []


def test_wrong_digest_is_refused(ecr: Any) -> None:
    with refused("ImageDigestDoesNotMatchException"):
        ecr.put_image(
            repositoryName="app",
            imageManifest=manifest(),
            imageDigest="sha256:" + "0" * 64,
        )


def test_index_with_missing_image_is_refused(ecr: Any) -> None:
    with refused("ReferencedImagesNotFoundException"):
        put(ecr, "m", text=index("sha256:" + "0" * 64))
    child = put(ecr)
    assert put(ecr, "m", text=index(child))


def test_immutable_tag_cannot_move(ecr: Any) -> None:
    put(ecr, "1", seed=1)
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    with refused("ImageTagAlreadyExistsException"):
        put(ecr, "1", seed=2)
    put(ecr, "2", seed=2)


def test_put_image_to_unknown_repository_is_refused(ecr: Any) -> None:
    with refused("RepositoryNotFoundException"):
        ecr.put_image(repositoryName="nope", imageManifest=manifest())


# --- Reading


def test_list_has_an_entry_for_each_tag(ecr: Any) -> None:
    digest = put(ecr, "1")
    put(ecr, "2")
    bare = put(ecr, seed=2)
    listed = ecr.list_images(repositoryName="app")["imageIds"]
    assert listed == [
        {"imageDigest": digest, "imageTag": "1"},
        {"imageDigest": digest, "imageTag": "2"},
        {"imageDigest": bare},
    ]


def test_list_filters_by_tag_status(ecr: Any) -> None:
    tagged, bare = put(ecr, "1"), put(ecr, seed=2)
    for status, digest in (("TAGGED", tagged), ("UNTAGGED", bare)):
        answer = ecr.list_images(repositoryName="app", filter={"tagStatus": status})
        assert [item["imageDigest"] for item in answer["imageIds"]] == [digest]


def test_list_and_describe_come_in_pages(ecr: Any) -> None:
    digests = [put(ecr, f"t{number}", seed=number) for number in range(5)]
    for operation, member in (
        ("list_images", "imageIds"),
        ("describe_images", "imageDetails"),
    ):
        pages = list(
            ecr.get_paginator(operation).paginate(
                repositoryName="app", PaginationConfig={"PageSize": 2}
            )
        )
        assert [len(page[member]) for page in pages] == [2, 2, 1]
        found = [item["imageDigest"] for page in pages for item in page[member]]
        assert found == digests


def test_describe_of_unknown_image_fails(ecr: Any) -> None:
    for image_id in ({"imageTag": "x"}, {"imageDigest": "sha256:" + "0" * 64}):
        with refused("ImageNotFoundException"):
            ecr.describe_images(repositoryName="app", imageIds=[image_id])


def test_describe_of_unknown_repository_fails(ecr: Any) -> None:
    with refused("RepositoryNotFoundException"):
        ecr.describe_images(repositoryName="nope")


def test_describe_shows_media_types_and_status(ecr: Any) -> None:
    put(ecr, "1")
    (detail,) = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert detail["imageManifestMediaType"] == OCI_MANIFEST
    assert detail["artifactMediaType"] == "application/vnd.oci.image.config.v1+json"
    assert detail["imageStatus"] == "ACTIVE"
    assert detail["imageSizeInBytes"] == 14
    assert "imageScanStatus" not in detail


def test_untagged_image_has_no_tags_member(ecr: Any) -> None:
    put(ecr)
    (detail,) = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert "imageTags" not in detail


def test_batch_get_returns_the_manifest_and_failures(ecr: Any) -> None:
    digest = put(ecr, "1")
    other = put(ecr, "2", seed=2)
    answer = ecr.batch_get_image(
        repositoryName="app",
        imageIds=[
            {"imageTag": "1"},
            {"imageTag": "nope"},
            {"imageTag": "1", "imageDigest": other},
        ],
    )
    (image,) = answer["images"]
    assert image["imageManifest"] == manifest()
    assert image["imageId"] == {"imageTag": "1", "imageDigest": digest}
    codes = [failure["failureCode"] for failure in answer["failures"]]
    assert codes == ["ImageNotFound", "ImageTagDoesNotMatchDigest"]


def test_layer_can_be_downloaded_from_its_url(
    ecr: Any, registry: RegistryClient
) -> None:
    digest = registry.push_blob("app", b"content of a layer")
    answer = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest)
    with urllib.request.urlopen(answer["downloadUrl"]) as response:
        assert response.read() == b"content of a layer"
    with refused("LayersNotFoundException"):
        ecr.get_download_url_for_layer(
            repositoryName="app", layerDigest="sha256:" + "0" * 64
        )


# --- Deleting


def delete(ecr: Any, *image_ids: dict[str, str]) -> tuple[list[Any], list[str]]:
    answer = ecr.batch_delete_image(repositoryName="app", imageIds=list(image_ids))
    return answer["imageIds"], [item["failureCode"] for item in answer["failures"]]


def test_delete_by_tag_only_takes_the_tag(ecr: Any) -> None:
    digest = put(ecr, "1")
    put(ecr, "2")
    gone, failures = delete(ecr, {"imageTag": "1"})
    assert gone == [{"imageDigest": digest, "imageTag": "1"}]
    assert failures == []
    assert tags(ecr, digest) == ["2"]


def test_delete_of_the_last_tag_deletes_the_image(ecr: Any) -> None:
    digest = put(ecr, "1")
    delete(ecr, {"imageTag": "1"})
    with refused("ImageNotFoundException"):
        tags(ecr, digest)


def test_tag_of_an_immutable_repository_can_be_deleted_and_pushed_anew(
    ecr: Any,
) -> None:
    digest = put(ecr, "1")
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    # A further tag is no move of one.
    put(ecr, "2")
    assert delete(ecr, {"imageTag": "1"})[1] == []
    assert tags(ecr, digest) == ["2"]
    assert tags(ecr, put(ecr, "1", seed=2)) == ["1"]


def test_last_tag_of_an_index_image_cannot_be_deleted(ecr: Any) -> None:
    child = put(ecr, "1")
    put(ecr, "m", text=index(child))
    assert delete(ecr, {"imageTag": "1"}) == ([], ["ImageReferencedByManifestList"])
    put(ecr, "2")
    assert delete(ecr, {"imageTag": "1"})[1] == []
    assert tags(ecr, child) == ["2"]


def test_image_of_an_archived_index_cannot_be_deleted(ecr: Any) -> None:
    child = put(ecr)
    parent = put(ecr, "m", text=index(child))
    for digest in (parent, child):
        ecr.update_image_storage_class(
            repositoryName="app",
            imageId={"imageDigest": digest},
            targetStorageClass="ARCHIVE",
        )
    assert delete(ecr, {"imageDigest": child})[1] == ["ImageReferencedByManifestList"]
    assert delete(ecr, {"imageDigest": parent})[1] == []
    assert delete(ecr, {"imageDigest": child})[1] == []


def test_delete_by_digest_takes_all_tags(ecr: Any) -> None:
    digest = put(ecr, "1")
    put(ecr, "2")
    gone, _failures = delete(ecr, {"imageDigest": digest})
    assert [item["imageTag"] for item in gone] == ["1", "2"]
    assert ecr.list_images(repositoryName="app")["imageIds"] == []


def test_delete_of_unknown_image_is_a_failure_in_a_success(ecr: Any) -> None:
    assert delete(ecr, {"imageTag": "x"}) == ([], ["ImageNotFound"])


def test_delete_of_an_index_image_is_refused(ecr: Any) -> None:
    child = put(ecr)
    parent = put(ecr, "m", text=index(child))
    assert delete(ecr, {"imageDigest": child}) == (
        [],
        ["ImageReferencedByManifestList"],
    )
    delete(ecr, {"imageDigest": parent})
    assert delete(ecr, {"imageDigest": child}) == ([{"imageDigest": child}], [])


def test_delete_takes_at_most_100_images(ecr: Any) -> None:
    ids = [{"imageTag": f"t{number}"} for number in range(101)]
    with refused("InvalidParameterException"):
        delete(ecr, *ids)


def test_images_of_another_region_are_not_seen(aws: LocalAws, ecr: Any) -> None:
    put(ecr, "1")
    elsewhere = aws.client("ecr", "eu-west-1")
    elsewhere.create_repository(repositoryName="app")
    assert elsewhere.list_images(repositoryName="app")["imageIds"] == []
