"""The Docker registry protocol of Amazon ECR."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_aws.registry_client import (
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    RegistryError,
    layer_archive,
    sha256,
)


def test_pushed_image_is_pulled_by_tag_and_digest(
    ecr: Any, registry: RegistryClient
) -> None:
    digest = registry.push_image("app", "1", config={"User": "1000"})
    for reference in ("1", digest):
        answer = registry.pull("app", reference)
        assert answer.status == 200
        assert answer.headers["content-type"] == OCI_MANIFEST
        assert answer.headers["docker-content-digest"] == digest
        assert sha256(answer.body) == digest
    config = json.loads(answer.body)["config"]
    blob = registry.request("GET", f"/v2/app/blobs/{config['digest']}")
    assert json.loads(blob.body)["config"] == {"User": "1000"}


def test_equal_seed_gives_an_equal_image(ecr: Any, registry: RegistryClient) -> None:
    first = registry.push_image("app", "1", seed=7)
    assert registry.push_image("app", "2", seed=7) == first
    assert registry.push_image("app", "3", seed=8) != first
    assert layer_archive(7) == layer_archive(7)


def test_image_pushed_by_registry_is_seen_by_the_api(
    ecr: Any, registry: RegistryClient
) -> None:
    digest = registry.push_image("app", "1")
    (detail,) = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"]) == (digest, ["1"])


def test_image_pushed_by_api_is_pulled_by_digest(
    ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    other = registry.pull("app", "1").body + b"\n"
    ecr.put_image(repositoryName="app", imageManifest=other.decode(), imageTag="2")
    assert registry.pull("app", sha256(other)).body == other


def test_deleted_image_cannot_be_pulled(ecr: Any, registry: RegistryClient) -> None:
    digest = registry.push_image("app", "1")
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": digest}])
    assert registry.pull_status("app", "1") == 404
    assert registry.pull_status("app", digest) == 404


def test_index_is_pushed_with_its_images(ecr: Any, registry: RegistryClient) -> None:
    digest, children = registry.push_index("app", "m")
    answer = registry.pull("app", "m")
    assert answer.headers["content-type"] == OCI_INDEX
    assert sha256(answer.body) == digest
    entries = json.loads(answer.body)["manifests"]
    assert [entry["digest"] for entry in entries] == children
    assert len(set(children)) == 2
    assert all(registry.pull_status("app", child) == 200 for child in children)


def test_index_with_missing_image_is_refused(
    ecr: Any, registry: RegistryClient
) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "0" * 64, "size": 1}
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        registry.push_manifest("app", "m", json.dumps(document).encode(), OCI_INDEX)


def test_immutable_tag_cannot_move(ecr: Any, registry: RegistryClient) -> None:
    registry.push_image("app", "1", seed=1)
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    with pytest.raises(RegistryError, match="TAG_INVALID"):
        registry.push_image("app", "1", seed=2)
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"


def test_push_to_unknown_repository_is_refused(
    ecr: Any, registry: RegistryClient
) -> None:
    with pytest.raises(RegistryError, match="NAME_UNKNOWN"):
        registry.push_image("nope", "1")
