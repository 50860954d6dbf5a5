"""What becomes of images that are pushed again, and of findings that come in numbers, with the functions as they are deployed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.registry_client import RegistryClient
from stack import Stack, eventually, finding

GUARD = "ImagePushGuard"
SCANS = "ImageScanGuard"
SEEDS = itertools.count(1000)


def scanned(
    stack: Stack, registry: RegistryClient, repository: str, *severities: str
) -> str:
    """Pushes an image whose scan nobody announces, and gives its digest."""
    stack.client("ecr").create_repository(repositoryName=repository)
    digest = registry.push_image(repository, "1.0", seed=next(SEEDS))
    stack.handled(GUARD, f"{repository}@")
    body = {
        "repo": repository,
        "digest": digest,
        "region": stack.region,
        "findings": [finding(severity) for severity in severities],
        "emit": False,
    }
    stack.aws.control("scan", body)
    return digest


def retag(stack: Stack, repository: str, digest: str, tag: str) -> None:
    ecr = stack.client("ecr")
    image = {"imageDigest": digest}
    (found,) = ecr.batch_get_image(repositoryName=repository, imageIds=[image])[
        "images"
    ]
    ecr.put_image(
        repositoryName=repository, imageManifest=found["imageManifest"], imageTag=tag
    )


def test_an_image_that_is_known_to_be_bad_is_archived_when_it_is_pushed_again(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = scanned(enforce, registry, "again", "CRITICAL")
    retag(enforce, "again", digest, "2.0")
    line = enforce.handled(GUARD, "again@", count=2)[1]
    assert (line["decision"], line["effects"]) == ("deny", "done")
    assert enforce.image_status("again", digest) == "ARCHIVED"
    assert registry.pull_status("again", "2.0") == 404
    [message] = enforce.alerts_about("again@")
    assert message["alert"]["subject"]["tags"] == ["2.0"]


def test_a_clean_image_that_is_pushed_again_is_silent(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = scanned(enforce, registry, "again-clean", "LOW")
    retag(enforce, "again-clean", digest, "2.0")
    first, second = enforce.handled(GUARD, "again-clean@", count=2)
    assert (first["outcome"], second["decision"]) == ("not-scanned", "allow")
    assert enforce.image_status("again-clean", digest) == "ACTIVE"
    assert enforce.alerts_about("again-clean@") == []


def reported(stack: Stack, repository: str, digest: str, number: int) -> dict[str, Any]:
    """A finding of ten minutes ago."""
    account, region = stack.aws.account, stack.region
    arn = f"arn:aws:ecr:{region}:{account}:repository/{repository}/{digest}"
    time = datetime.now(UTC) - timedelta(minutes=10)
    return {
        "id": f"{repository}-{number}",
        "detail-type": "Inspector2 Finding",
        "source": "aws.inspector2",
        "account": account,
        "region": region,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resources": [arn],
        "detail": {
            "awsAccountId": account,
            "findingArn": f"arn:aws:inspector2:{region}:{account}:finding/{number}",
            "type": "PACKAGE_VULNERABILITY",
            "severity": "CRITICAL",
            "status": "ACTIVE",
            "packageVulnerabilityDetails": {"vulnerabilityId": f"CVE-2026-{number}"},
            "resources": [{"type": "AWS_ECR_CONTAINER_IMAGE", "id": arn}],
        },
    }


def test_findings_in_numbers_are_judged_by_the_image_and_leave_nothing_in_the_queue(
    enforce: Stack, registry: RegistryClient
) -> None:
    names = [f"storm-{number}" for number in range(3)]
    digests = {name: scanned(enforce, registry, name, "CRITICAL") for name in names}
    for number in range(40):
        for name, digest in digests.items():
            enforce.aws.control("event", reported(enforce, name, digest, number))
    for name, digest in digests.items():
        enforce.handled(SCANS, f"{name}@")
        assert enforce.image_status(name, digest) == "ARCHIVED"
    queue = enforce.client("cloudformation").describe_stack_resource(
        StackName=enforce.name, LogicalResourceId="ImageFindings"
    )["StackResourceDetail"]["PhysicalResourceId"]

    def waiting() -> int:
        answer = enforce.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    # What the other process had begun to tell is out of sight until the visibility timeout ends.
    eventually("nothing to wait in the queue", lambda: waiting() == 0)
    assert enforce.dead_letters("ImageFindingReported") == []
    for name in names:
        # An evaluation for each of the two processes that Lambda may start, and one more for whoever
        # met the other at it; not one for each of the 40 findings.
        reads = [
            call
            for call in enforce.aws.calls(action="DescribeImageScanFindings")
            if call["request"]["repositoryName"] == name and SCANS in call["caller"]
        ]
        assert 1 <= len(reads) <= 4
        assert 1 <= len(enforce.alerts_about(f"{name}@")) <= 2
