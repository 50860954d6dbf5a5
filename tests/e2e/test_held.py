"""What is in quarantine stays there, and what is released stays released, with the functions as they are deployed."""

from __future__ import annotations

import itertools
from typing import Any

from local_aws.registry_client import RegistryClient
from stack import Stack, eventually, finding, hardened

GUARD = "ImagePushGuard"
SCANS = "ImageScanGuard"
SEEDS = (f"held/{number}" for number in itertools.count(1))


def scan(
    stack: Stack, repository: str, digest: str, count: int = 1, **more: Any
) -> dict[str, Any]:
    """Finds something critical in an image; the line of log of what came of it."""
    body = {
        "repo": repository,
        "digest": digest,
        "region": stack.region,
        "findings": [finding("CRITICAL")],
        **more,
    }
    stack.aws.control("scan", body)
    return stack.handled(SCANS, f"{repository}@", count)[-1]


def quarantined(
    stack: Stack, registry: RegistryClient, repository: str, seed: str | None = None
) -> str:
    """An image that is in the archive for what a scan found; its digest."""
    stack.client("ecr").create_repository(repositoryName=repository)
    digest = registry.push_image(repository, "1.0", seed=seed or next(SEEDS))
    stack.handled(GUARD, f"{repository}@")
    line = scan(stack, repository, digest)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert registry.pull_status(repository, "1.0") == 404
    return digest


def forget_findings(stack: Stack, repository: str, digest: str) -> None:
    """What ECR knew of an archived image goes, as Amazon Inspector closes its findings."""
    body = {"repo": repository, "digest": digest, "region": stack.region}
    stack.aws.control("scan", {**body, "status": "PENDING", "emit": False})


def test_an_image_in_quarantine_that_is_pushed_again_is_archived_before_any_scan(
    enforce: Stack, registry: RegistryClient
) -> None:
    seed = next(SEEDS)
    digest = quarantined(enforce, registry, "held-push", seed)
    forget_findings(enforce, "held-push", digest)
    assert registry.push_image("held-push", "2.0", seed=seed) == digest
    line = enforce.handled(GUARD, "held-push@", count=2)[1]
    assert (line["rules"], line["effects"]) == ("returned-image", "done"), str(line)
    assert enforce.image_status("held-push", digest) == "ARCHIVED"
    assert registry.pull_status("held-push", "2.0") == 404


def test_an_image_in_quarantine_that_is_restored_without_a_release_is_archived(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = quarantined(enforce, registry, "held-restore")
    enforce.restore("held-restore", digest)
    line = enforce.handled(GUARD, "held-restore@", count=2)[1]
    assert (line["rules"], line["effects"]) == ("returned-image", "done"), str(line)
    assert enforce.image_status("held-restore", digest) == "ARCHIVED"


def test_a_released_image_can_be_pulled_and_is_left_by_scans_until_the_release_ends(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = "held-release"
    digest = quarantined(enforce, registry, name)
    enforce.release(name, digest)
    enforce.restore(name, digest)
    line = enforce.handled(GUARD, f"{name}@", count=2)[1]
    assert (line["outcome"], line["effects"]) == ("released", "")
    eventually(
        "the image to be back", lambda: registry.pull_status(name, digest) == 200
    )
    line = scan(enforce, name, digest, count=2)
    assert (line["decision"], line["effects"]) == ("deny", "not-applied"), str(line)
    assert registry.pull_status(name, "1.0") == 200
    enforce.release(name, digest, until="2026-01-01T00:00:00Z")
    line = scan(enforce, name, digest, count=3)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert registry.pull_status(name, "1.0") == 404


def test_findings_that_vanish_with_the_archiving_change_nothing(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = "held-vanished"
    digest = quarantined(enforce, registry, name)
    account, region = enforce.aws.account, enforce.region
    arn = f"arn:aws:ecr:{region}:{account}:repository/{name}/{digest}"
    closed = {
        "id": name,
        "detail-type": "Inspector2 Finding",
        "source": "aws.inspector2",
        "account": account,
        "region": region,
        "time": "2026-11-24T06:09:00Z",
        "resources": [arn],
        "detail": {
            "awsAccountId": account,
            "findingArn": f"arn:aws:inspector2:{region}:{account}:finding/{name}",
            "type": "PACKAGE_VULNERABILITY",
            "severity": "CRITICAL",
            "status": "CLOSED",
            "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2026-9"},
            "resources": [{"type": "AWS_ECR_CONTAINER_IMAGE", "id": arn}],
        },
    }
    enforce.aws.control("event", closed)
    forget_findings(enforce, name, digest)
    # It is still known: brought back, it goes again.
    enforce.restore(name, digest)
    line = enforce.handled(GUARD, f"{name}@", count=2)[1]
    assert (line["rules"], line["effects"]) == ("returned-image", "done"), str(line)
    assert enforce.image_status(name, digest) == "ARCHIVED"


def test_the_same_digest_in_another_repository_is_archived_as_it_is_pushed(
    enforce: Stack, registry: RegistryClient
) -> None:
    seed = next(SEEDS)
    digest = quarantined(enforce, registry, "held-here", seed)
    enforce.client("ecr").create_repository(repositoryName="held-there")
    assert registry.push_image("held-there", "1.0", seed=seed) == digest
    [line] = enforce.handled(GUARD, "held-there@")
    assert (line["rules"], line["effects"]) == ("returned-image", "done"), str(line)
    assert enforce.image_status("held-there", digest) == "ARCHIVED"
    [message] = enforce.alerts_about("held-there@")
    assert "`held-here`" in message["alert"]["findings"][0]["message"]


def test_a_new_index_of_an_image_in_quarantine_is_archived(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = "held-index"
    digest = quarantined(enforce, registry, name)
    other = registry.push_image(name, seed=next(SEEDS), architecture="arm64")
    index, _ = registry.push_index(name, "2.0", [(other, "arm64"), (digest, "amd64")])
    eventually(
        "the index to be archived",
        lambda: enforce.image_status(name, index) == "ARCHIVED",
    )
    assert registry.pull_status(name, "2.0") == 404


def test_a_definition_that_names_a_tag_in_quarantine_is_told(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = "held-named"
    quarantined(enforce, registry, name)
    definition = hardened(name)
    definition["containerDefinitions"][0]["image"] = registry.image_uri(name, "1.0")
    enforce.client("ecs").register_task_definition(**definition)
    [line] = enforce.handled("TaskDefinitionGuard", f"{name}:1")
    assert "quarantined-image" in line["rules"], str(line)
    [message] = enforce.alerts_about(f"{name}:1")
    found = {each["rule"]: each for each in message["alert"]["findings"]}
    assert found["quarantined-image"]["outcome"] == "fail"
    assert enforce.status(f"{name}:1") == "ACTIVE"
