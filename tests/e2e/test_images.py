"""What becomes of images when their scans end, with the functions as they are deployed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from local_aws.registry_client import RegistryClient
from stack import Stack, eventually, finding

GUARD = "ImageScanGuard"
SEEDS = itertools.count(1)


def push(stack: Stack, registry: RegistryClient, repository: str) -> str:
    """Makes a repository with one image, and gives the image's digest."""
    stack.client("ecr").create_repository(repositoryName=repository)
    digest = registry.push_image(repository, "1.0", seed=next(SEEDS))
    # What the other guard reads comes before the scan, as it nearly always does in AWS.
    stack.handled("ImagePushGuard", f"{repository}@")
    return digest


def scan(
    stack: Stack,
    repository: str,
    digest: str,
    findings: list[dict[str, Any]],
    **more: Any,
) -> None:
    body = {
        "repo": repository,
        "digest": digest,
        "region": stack.region,
        "findings": findings,
        **more,
    }
    stack.aws.control("scan", body)


def test_an_image_with_a_critical_finding_is_archived_and_cannot_be_pulled(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = push(enforce, registry, "critical")
    assert registry.pull_status("critical", "1.0") == 200
    scan(enforce, "critical", digest, [finding("CRITICAL"), finding("LOW", 2)])
    [line] = enforce.handled(GUARD, "critical@")
    assert (line["decision"], line["effects"]) == ("deny", "done")
    assert enforce.image_status("critical", digest) == "ARCHIVED"
    assert registry.pull_status("critical", "1.0") == 404
    assert registry.pull_status("critical", digest) == 404
    [message] = enforce.alerts_about("critical@")
    assert message["alert"]["actions"][0]["action"] == "archive-image"
    assert message["attributes"]["severity"] == "critical"
    # A release and the reverse call undo it; the call alone does not hold.
    enforce.release("critical", digest)
    enforce.restore("critical", digest)
    eventually(
        "the image to be back", lambda: registry.pull_status("critical", digest) == 200
    )


def test_a_clean_scan_is_silent(enforce: Stack, registry: RegistryClient) -> None:
    digest = push(enforce, registry, "clean")
    scan(enforce, "clean", digest, [finding("LOW"), finding("MEDIUM", 2)])
    [line] = enforce.handled(GUARD, "clean@")
    assert (line["decision"], line["effects"]) == ("allow", "")
    assert enforce.image_status("clean", digest) == "ACTIVE"
    assert registry.pull_status("clean", "1.0") == 200
    assert enforce.alerts_about("clean@") == []


@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE"])
def test_a_scan_without_result_is_told_as_unknown_and_nothing_is_done(
    enforce: Stack, registry: RegistryClient, status: str
) -> None:
    repository = status.lower().replace("_", "-")
    digest = push(enforce, registry, repository)
    scan(enforce, repository, digest, [], status=status, emit=False)
    # ECR's event knows two ends of a scan only; the API knows the rest.
    enforce.aws.control(
        "event",
        {
            "id": repository,
            "detail-type": "ECR Image Scan",
            "source": "aws.ecr",
            "account": enforce.aws.account,
            "region": enforce.region,
            "time": "2026-10-05T06:09:00Z",
            "resources": [
                f"arn:aws:ecr:{enforce.region}:{enforce.aws.account}:repository/{repository}"
            ],
            "detail": {
                "scan-status": "FAILED",
                "repository-name": repository,
                "image-digest": digest,
            },
        },
    )
    [line] = enforce.handled(GUARD, f"{repository}@")
    assert (line["decision"], line["effects"]) == ("warn", "")
    assert enforce.image_status(repository, digest) == "ACTIVE"
    [message] = enforce.alerts_about(f"{repository}@")
    assert message["alert"]["findings"][0]["outcome"] == "unknown"
    assert message["alert"]["actions"] == []


def test_a_critical_finding_on_the_last_page_counts(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = push(enforce, registry, "paged")
    many = [finding("LOW", number) for number in range(1000)]
    # Without the sums that would give it away: every page has to be read.
    scan(enforce, "paged", digest, [*many, finding("CRITICAL", 1000)], counts={})
    [line] = enforce.handled(GUARD, "paged@")
    assert (line["decision"], line["effects"]) == ("deny", "done")
    assert enforce.image_status("paged", digest) == "ARCHIVED"
    pages = [
        call
        for call in enforce.aws.calls(action="DescribeImageScanFindings")
        if call["request"]["repositoryName"] == "paged" and GUARD in call["caller"]
    ]
    assert len(pages) == 2


def test_a_scan_by_inspector_is_judged_too(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = push(enforce, registry, "team/inspected")
    found = {
        "severity": "HIGH",
        "status": "ACTIVE",
        "type": "PACKAGE_VULNERABILITY",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": "CVE-2026-7",
            "vulnerablePackages": [
                {"name": "zlib", "version": "1.2", "fixedInVersion": "1.3"}
            ],
        },
    }
    enforce.aws.control(
        "scan",
        {
            "repo": "team/inspected",
            "digest": digest,
            "region": enforce.region,
            "enhancedFindings": [found],
        },
    )
    [line] = enforce.handled(GUARD, "team/inspected@")
    assert (line["decision"], line["effects"]) == ("deny", "done")
    [message] = enforce.alerts_about("team/inspected@")
    assert "CVE-2026-7" in message["alert"]["findings"][0]["message"]


def test_in_audit_mode_the_image_stays(audit: Stack) -> None:
    registry = RegistryClient(
        audit.aws.endpoint, account=audit.aws.account, region=audit.region
    )
    digest = push(audit, registry, "audited-image")
    scan(audit, "audited-image", digest, [finding("CRITICAL")])
    [line] = audit.handled(GUARD, "audited-image@")
    assert (line["mode"], line["effects"]) == ("audit", "not-applied")
    assert audit.image_status("audited-image", digest) == "ACTIVE"
    assert registry.pull_status("audited-image", "1.0") == 200
    [message] = audit.alerts_about("audited-image@")
    assert message["alert"]["actions"][0]["effect"] == "not-applied"


def test_the_same_scan_five_times_ends_as_once(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = push(enforce, registry, "repeated")
    for _ in range(5):
        scan(enforce, "repeated", digest, [finding("HIGH")])
    lines = enforce.handled(GUARD, "repeated@", count=5)
    assert {line["decision"] for line in lines} == {"deny"}
    assert enforce.image_status("repeated", digest) == "ARCHIVED"
    assert [
        each for each in enforce.dead_letters(GUARD) if "repeated" in each["Body"]
    ] == []


def test_a_refused_archive_is_told_and_its_event_in_the_dead_letter_queue(
    enforce: Stack, registry: RegistryClient
) -> None:
    refuse = {
        "target": "UpdateImageStorageClass",
        "code": "AccessDeniedException",
        "message": "no",
        "times": None,
    }
    enforce.aws.control("fault", [refuse])
    digest = push(enforce, registry, "refused-archive")
    scan(enforce, "refused-archive", digest, [finding("CRITICAL")])
    [line] = enforce.handled(GUARD, "refused-archive@")
    assert line["outcome"] == "dead-letter"
    assert enforce.image_status("refused-archive", digest) == "ACTIVE"
    [message] = enforce.alerts_about("refused-archive@")
    assert message["alert"]["actions"][0]["effect"] == "failed"
    assert [
        each
        for each in enforce.dead_letters(GUARD)
        if "refused-archive" in each["Body"]
    ]
