"""Amazon ECR: scans and their findings."""

from __future__ import annotations

from typing import Any

import pytest
from aws_helpers import eventually
from botocore.exceptions import ClientError
from local_aws.process import LocalAws, LocalAwsError
from local_aws.registry_client import RegistryClient

FINDING = {"name": "CVE-2024-1", "severity": "HIGH", "uri": "https://example.com"}
ENHANCED = {
    "findingArn": "arn:aws:inspector2:us-east-1:123456789012:finding/1",
    "severity": "CRITICAL",
    "status": "ACTIVE",
    "type": "PACKAGE_VULNERABILITY",
    "firstObservedAt": "2026-11-20T09:00:00Z",
    "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2024-2"},
}


def findings(ecr: Any, tag: str = "1", **more: Any) -> dict[str, Any]:
    return ecr.describe_image_scan_findings(
        repositoryName="app", imageId={"imageTag": tag}, **more
    )


def test_findings_before_any_scan_do_not_exist(
    ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    with pytest.raises(ClientError, match="ScanNotFoundException"):
        findings(ecr)


def test_findings_of_unknown_image_do_not_exist(ecr: Any) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        findings(ecr)


def test_started_scan_completes_with_what_is_seeded(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    digest = registry.push_image("app", "1")
    aws.control(
        "scan", {"repo": "app", "tag": "1", "findings": [FINDING], "later": True}
    )
    answer = ecr.start_image_scan(repositoryName="app", imageId={"imageTag": "1"})
    assert answer["imageScanStatus"]["status"] == "IN_PROGRESS"
    assert answer["imageId"] == {"imageDigest": digest, "imageTag": "1"}
    assert "imageScanFindings" not in findings(ecr)
    eventually(lambda: findings(ecr)["imageScanStatus"]["status"] == "COMPLETE")
    found = findings(ecr)["imageScanFindings"]
    assert found["findingSeverityCounts"] == {"HIGH": 1}
    assert found["findings"][0]["name"] == "CVE-2024-1"
    assert "enhancedFindings" not in found


def test_scan_without_seed_finds_nothing(ecr: Any, registry: RegistryClient) -> None:
    registry.push_image("app", "1")
    ecr.start_image_scan(repositoryName="app", imageId={"imageTag": "1"})
    eventually(lambda: findings(ecr)["imageScanStatus"]["status"] == "COMPLETE")
    assert findings(ecr)["imageScanFindings"]["findings"] == []


def test_enhanced_findings_are_another_member_and_stay_active(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    aws.control("scan", {"repo": "app", "tag": "1", "enhancedFindings": [ENHANCED]})
    answer = findings(ecr)
    assert answer["imageScanStatus"]["status"] == "ACTIVE"
    found = answer["imageScanFindings"]
    assert "findings" not in found
    assert found["enhancedFindings"][0]["firstObservedAt"].year == 2026
    assert found["findingSeverityCounts"] == {"CRITICAL": 1}


def test_counts_may_have_untriaged(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    counts = {"CRITICAL": 2, "UNTRIAGED": 3}
    aws.control("scan", {"repo": "app", "tag": "1", "enhanced": True, "counts": counts})
    assert findings(ecr)["imageScanFindings"]["findingSeverityCounts"] == counts


def test_findings_come_in_pages(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    many = [{**FINDING, "name": f"CVE-{number}"} for number in range(250)]
    aws.control("scan", {"repo": "app", "tag": "1", "findings": many})
    sizes, names, token = [], [], {}
    while True:
        answer = findings(ecr, **token)
        page = answer["imageScanFindings"]["findings"]
        assert answer["imageScanFindings"]["findingSeverityCounts"] == {"HIGH": 250}
        sizes.append(len(page))
        names += [finding["name"] for finding in page]
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert sizes == [100, 100, 50]
    assert names == [finding["name"] for finding in many]
    assert len(findings(ecr, maxResults=1000)["imageScanFindings"]["findings"]) == 250


@pytest.mark.parametrize("size", [1001])
def test_page_size_has_limits(ecr: Any, registry: RegistryClient, size: int) -> None:
    registry.push_image("app", "1")
    with pytest.raises(ClientError, match="InvalidParameterException"):
        findings(ecr, maxResults=size)


@pytest.mark.parametrize(
    "status",
    [
        "IN_PROGRESS",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "PENDING",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_SIZE_EXCEEDED",
    ],
)
def test_scan_that_is_not_complete_has_status_and_no_findings(
    aws: LocalAws, ecr: Any, registry: RegistryClient, status: str
) -> None:
    registry.push_image("app", "1")
    aws.control("scan", {"repo": "app", "tag": "1", "status": status})
    answer = findings(ecr)
    assert answer["imageScanStatus"]["status"] == status
    assert "imageScanFindings" not in answer


def test_scan_of_an_index_is_unsupported(ecr: Any, registry: RegistryClient) -> None:
    registry.push_index("app", "m")
    with pytest.raises(ClientError, match="UnsupportedImageTypeException"):
        ecr.start_image_scan(repositoryName="app", imageId={"imageTag": "m"})


def test_scan_by_hand_is_refused_with_enhanced_scanning(
    ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    with pytest.raises(ClientError, match="This feature is disabled"):
        ecr.start_image_scan(repositoryName="app", imageId={"imageTag": "1"})


def test_push_is_scanned_if_the_repository_says_so(
    aws: LocalAws, registry: RegistryClient
) -> None:
    ecr = aws.client("ecr")
    ecr.create_repository(
        repositoryName="app", imageScanningConfiguration={"scanOnPush": True}
    )
    registry.push_image("app", "1")
    eventually(lambda: findings(ecr)["imageScanStatus"]["status"] == "COMPLETE")


def test_findings_belong_to_repository_digest_and_region(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    west = aws.client("ecr", "eu-west-1")
    west.create_repository(repositoryName="app")
    ecr.create_repository(repositoryName="other")
    registry_west = RegistryClient(aws.endpoint, region="eu-west-1")
    digests = {
        registry.push_image("app", "1"),
        registry.push_image("other", "1"),
        registry_west.push_image("app", "1"),
    }
    assert len(digests) == 1
    registry.push_image("app", "2", seed=2)
    aws.control("scan", {"repo": "app", "tag": "1", "findings": [FINDING]})
    assert findings(ecr)["imageScanFindings"]["findings"]
    for client, repository, tag in (
        (west, "app", "1"),
        (ecr, "other", "1"),
        (ecr, "app", "2"),
    ):
        with pytest.raises(ClientError, match="ScanNotFoundException"):
            client.describe_image_scan_findings(
                repositoryName=repository, imageId={"imageTag": tag}
            )


def test_image_deleted_and_pushed_again_has_no_findings(
    aws: LocalAws, ecr: Any, registry: RegistryClient
) -> None:
    registry.push_image("app", "1")
    aws.control("scan", {"repo": "app", "tag": "1", "findings": [FINDING]})
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    registry.push_image("app", "1")
    with pytest.raises(ClientError, match="ScanNotFoundException"):
        findings(ecr)


@pytest.mark.parametrize(
    "body",
    [
        {"repo": "nope", "tag": "1"},
        {"repo": "app", "tag": "nope"},
        {"repo": "app"},
        {"repo": "app", "tag": "1", "status": "DONE"},
        {"repo": "app", "tag": "m"},
    ],
)
def test_seed_that_makes_no_sense_is_refused(
    aws: LocalAws, ecr: Any, registry: RegistryClient, body: dict[str, Any]
) -> None:
    registry.push_image("app", "1")
    registry.push_index("app", "m")
    with pytest.raises(LocalAwsError):
        aws.control("scan", body)
