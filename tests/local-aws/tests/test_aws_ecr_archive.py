"""Amazon ECR: the archive storage class."""

from __future__ import annotations

from typing import Any

import pytest
from aws_helpers import eventually
from botocore.exceptions import ClientError
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient


def store(ecr: Any, target: str, **image_id: str) -> dict[str, Any]:
    return ecr.update_image_storage_class(
        repositoryName="app",
        imageId=image_id or {"imageTag": "1"},
        targetStorageClass=target,
    )


def digests(ecr: Any, **only: str) -> list[str]:
    more = {"filter": only} if only else {}
    listed = ecr.list_images(repositoryName="app", **more)["imageIds"]
    described = ecr.describe_images(repositoryName="app", **more)["imageDetails"]
    found = [item["imageDigest"] for item in listed]
    assert found == [item["imageDigest"] for item in described]
    return found


@pytest.fixture
def image(ecr: Any, registry: RegistryClient) -> str:
    return registry.push_image("app", "1")


def test_archived_image_is_listed_only_if_asked_for(ecr: Any, image: str) -> None:
    assert store(ecr, "ARCHIVE")["imageStatus"] == "ARCHIVED"
    assert digests(ecr) == []
    assert digests(ecr, imageStatus="ACTIVE") == []
    assert digests(ecr, imageStatus="ARCHIVED") == [image]
    assert digests(ecr, imageStatus="ANY") == [image]


def test_archived_image_is_described_if_named(ecr: Any, image: str) -> None:
    store(ecr, "ARCHIVE")
    (detail,) = ecr.describe_images(
        repositoryName="app", imageIds=[{"imageDigest": image}]
    )["imageDetails"]
    assert detail["imageStatus"] == "ARCHIVED"
    assert detail["imageTags"] == ["1"]
    assert detail["lastArchivedAt"]


def test_archived_image_cannot_be_pulled(
    ecr: Any, image: str, registry: RegistryClient
) -> None:
    assert registry.pull_status("app", "1") == 200
    store(ecr, "ARCHIVE")
    for reference in ("1", image):
        answer = registry.pull("app", reference)
        assert answer.status == 404
        assert b"MANIFEST_UNKNOWN" in answer.body
    answer = ecr.batch_get_image(
        repositoryName="app", imageIds=[{"imageTag": "1"}, {"imageDigest": image}]
    )
    assert answer["images"] == []
    codes = {failure["failureCode"] for failure in answer["failures"]}
    assert codes == {"ImageNotFound"}


def test_archived_image_has_no_scan(aws: LocalAws, ecr: Any, image: str) -> None:
    finding = {"name": "CVE-1", "severity": "HIGH"}
    aws.control("scan", {"repo": "app", "tag": "1", "findings": [finding]})
    store(ecr, "ARCHIVE")
    answer = ecr.describe_image_scan_findings(
        repositoryName="app", imageId={"imageDigest": image}
    )
    assert answer["imageScanStatus"]["status"] == "IMAGE_ARCHIVED"
    assert "imageScanFindings" not in answer
    with pytest.raises(ClientError, match="ImageArchivedException"):
        ecr.start_image_scan(repositoryName="app", imageId={"imageDigest": image})


def test_restored_image_is_activating_first_and_then_active(
    ecr: Any, image: str, registry: RegistryClient
) -> None:
    store(ecr, "ARCHIVE")
    assert store(ecr, "STANDARD")["imageStatus"] == "ACTIVATING"
    eventually(lambda: registry.pull_status("app", "1") == 200)
    assert digests(ecr) == [image]
    with pytest.raises(ClientError, match="ScanNotFoundException"):
        ecr.describe_image_scan_findings(
            repositoryName="app", imageId={"imageDigest": image}
        )


def test_push_of_an_archived_image_restores_it_at_once(
    ecr: Any, image: str, registry: RegistryClient
) -> None:
    text = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    store(ecr, "ARCHIVE")
    assert registry.push_image("app", "1") == image
    assert digests(ecr) == [image]
    store(ecr, "ARCHIVE")
    ecr.put_image(
        repositoryName="app",
        imageTag="1",
        imageManifest=text["images"][0]["imageManifest"],
    )
    assert digests(ecr) == [image]
    assert registry.pull_status("app", "1") == 200


def test_image_of_an_active_index_cannot_be_archived(
    ecr: Any, registry: RegistryClient
) -> None:
    parent, (child, _other) = registry.push_index("app", "m")
    with pytest.raises(
        ClientError, match="ImageStorageClassUpdateNotSupportedException"
    ):
        store(ecr, "ARCHIVE", imageDigest=child)
    store(ecr, "ARCHIVE", imageDigest=parent)
    assert store(ecr, "ARCHIVE", imageDigest=child)["imageStatus"] == "ARCHIVED"


def test_storage_class_of_unknown_image_is_refused(ecr: Any) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        store(ecr, "ARCHIVE")


def test_storage_class_is_of_one_region(aws: LocalAws, ecr: Any, image: str) -> None:
    elsewhere = aws.client("ecr", "eu-west-1")
    elsewhere.create_repository(repositoryName="app")
    west = RegistryClient(aws.endpoint, region="eu-west-1")
    assert west.push_image("app", "1") == image
    store(ecr, "ARCHIVE")
    assert west.pull_status("app", "1") == 200
    assert digests(elsewhere) == [image]
