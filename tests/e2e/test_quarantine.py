"""What a quarantine takes with it, and what it never breaks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from local_aws.registry_client import RegistryClient
from stack import Stack, finding, hardened

GUARD = "ImageScanGuard"
SEEDS = (f"quarantine/{number}" for number in itertools.count(1))


def repository(stack: Stack, name: str) -> str:
    stack.client("ecr").create_repository(repositoryName=name)
    return name


def scan(stack: Stack, name: str, digest: str) -> dict[str, Any]:
    """Finds something critical in an image, and gives the line of log of what came of it."""
    body = {
        "repo": name,
        "digest": digest,
        "region": stack.region,
        "findings": [finding("CRITICAL")],
    }
    # What the other guard reads comes before the scan, as it nearly always does in AWS.
    stack.handled("ImagePushGuard", f"{name}@{digest}")
    stack.aws.control("scan", body)
    return stack.handled(GUARD, f"{name}@")[0]


def build(
    registry: RegistryClient, name: str, tag: str | None
) -> tuple[str, str, str, str]:
    """Pushes an index of two platforms with an attestation; the digests of all four."""
    seed = next(SEEDS)
    amd64 = registry.push_image(name, seed=f"{seed}/amd64", architecture="amd64")
    arm64 = registry.push_image(name, seed=f"{seed}/arm64", architecture="arm64")
    attests = registry.push_image(name, seed=f"{seed}/attests", architecture="unknown")
    children = [(amd64, "amd64"), (arm64, "arm64"), (attests, "unknown")]
    index, _ = registry.push_index(name, tag, children)
    return index, amd64, arm64, attests


def run_with(stack: Stack, registry: RegistryClient, name: str) -> None:
    """Registers `name`, a definition that runs the image 1.0 of the repository `name`."""
    definition = hardened(name)
    definition["containerDefinitions"][0]["image"] = registry.image_uri(name, "1.0")
    stack.client("ecs").register_task_definition(**definition)


def test_an_index_is_archived_with_its_platforms_and_without_its_attestation(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = repository(enforce, "two-platforms")
    index, amd64, arm64, attests = build(registry, name, "1.0")
    line = scan(enforce, name, amd64)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    statuses = {
        digest: enforce.image_status(name, digest)
        for digest in (index, amd64, arm64, attests)
    }
    assert statuses == {
        index: "ARCHIVED",
        amd64: "ARCHIVED",
        arm64: "ARCHIVED",
        attests: "ACTIVE",
    }
    assert registry.pull_status(name, "1.0") == 404


def test_what_a_healthy_index_shares_is_left(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = repository(enforce, "shared-platform")
    index, amd64, arm64, _ = build(registry, name, "1.0")
    other = registry.push_image(name, seed=next(SEEDS))
    healthy, _ = registry.push_index(name, "2.0", [(other, "amd64"), (arm64, "arm64")])
    line = scan(enforce, name, amd64)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert enforce.image_status(name, index) == "ARCHIVED"
    assert enforce.image_status(name, amd64) == "ARCHIVED"
    assert enforce.image_status(name, healthy) == "ACTIVE"
    assert enforce.image_status(name, arm64) == "ACTIVE"
    assert registry.pull_status(name, "2.0") == 200
    [message] = enforce.alerts_about(f"{name}@")
    assert [kept["digest"] for kept in message["alert"]["kept"]] == [arm64]


def test_a_platform_of_two_bad_indexes_takes_both(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = repository(enforce, "two-indexes")
    index, amd64, _, _ = build(registry, name, "1.0")
    again, _ = registry.push_index(name, "1.0-slim", [(amd64, "amd64")])
    scan(enforce, name, amd64)
    for digest in (index, again, amd64):
        assert enforce.image_status(name, digest) == "ARCHIVED"


@pytest.mark.parametrize("is_service", [True, False])
def test_an_image_that_runs_is_left_and_what_runs_it_told(
    enforce: Stack, registry: RegistryClient, is_service: bool
) -> None:
    name = repository(enforce, "in-service" if is_service else "in-task")
    index, amd64, _, _ = build(registry, name, "1.0")
    run_with(enforce, registry, name)
    ecs = enforce.client("ecs")
    ecs.create_cluster(clusterName=name)
    where = {"cluster": name, "taskDefinition": name}
    if is_service:
        ecs.create_service(serviceName="web", desiredCount=1, **where)
    else:
        ecs.run_task(**where)
    line = scan(enforce, name, amd64)
    assert (line["decision"], line["effects"]) == ("deny", "")
    assert enforce.image_status(name, index) == "ACTIVE"
    assert registry.pull_status(name, "1.0") == 200
    [message] = enforce.alerts_about(f"{name}@")
    alert = message["alert"]
    assert alert["withheld"].startswith("it runs")
    [run] = alert["in_use"]
    assert (run["cluster"], run["digest"], run["tasks"]) == (name, index, 1)
    assert run.get("service") == ("web" if is_service else None)


def test_where_tasks_cannot_be_listed_nothing_is_archived(
    enforce: Stack, registry: RegistryClient
) -> None:
    refuse = {
        "target": "ListClusters",
        "code": "AccessDeniedException",
        "message": "no",
        "times": None,
    }
    enforce.aws.control("fault", [refuse])
    name = repository(enforce, "unknown-use")
    digest = registry.push_image(name, "1.0", seed=next(SEEDS))
    line = scan(enforce, name, digest)
    assert (line["decision"], line["effects"]) == ("deny", "")
    assert enforce.image_status(name, digest) == "ACTIVE"
    [message] = enforce.alerts_about(f"{name}@")
    assert "ListClusters" in message["alert"]["in_use_unknown"]
