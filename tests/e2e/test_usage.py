"""Who uses an image: services that run nothing now, and the index of tasks in the ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local_aws.registry_client import RegistryClient
from stack import ROOT, Stack, eventually, finding, hardened

GUARD = "ImageScanGuard"
SEEDS = (f"usage/{number}" for number in itertools.count(1))


def image(stack: Stack, registry: RegistryClient, name: str) -> str:
    """Makes a repository with one image that a task definition of the same name runs."""
    stack.client("ecr").create_repository(repositoryName=name)
    digest = registry.push_image(name, "1.0", seed=next(SEEDS))
    definition = hardened(name)
    definition["containerDefinitions"][0]["image"] = registry.image_uri(name, "1.0")
    ecs = stack.client("ecs")
    ecs.register_task_definition(**definition)
    ecs.create_cluster(clusterName=name)
    # What the other guard reads comes before the scan, as it nearly always does in AWS.
    stack.handled("ImagePushGuard", f"{name}@{digest}")
    return digest


def scan(stack: Stack, name: str, digest: str, seconds: float = 60) -> dict[str, Any]:
    """Finds something critical in an image, and gives the line of log of what came of it."""
    before = len([each for each in stack.lines(GUARD) if f"{name}@" in each["subject"]])
    body = {
        "repo": name,
        "digest": digest,
        "region": stack.region,
        "findings": [finding("CRITICAL")],
    }
    stack.aws.control("scan", body)

    def found() -> list[dict[str, Any]]:
        lines = [each for each in stack.lines(GUARD) if f"{name}@" in each["subject"]]
        return lines[before:]

    return eventually(f"{GUARD} to handle {name}", found, seconds)[0]


def users(stack: Stack, digest: str) -> dict[str, dict[str, str]]:
    """The entries of the index about an image, by the last part of the ARN."""
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["LedgerName"],
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": f"usage#{digest}"}},
    )
    return {
        item["part"]["S"].rsplit("/", 1)[-1]: {
            name: next(iter(value.values())) for name, value in item.items()
        }
        for item in answer["Items"]
    }


def state(stack: Stack, digest: str, task: str) -> str:
    return users(stack, digest).get(task, {}).get("state", "")


def change(
    stack: Stack, registry: RegistryClient, sample: str, task: str, name: str
) -> dict[str, Any]:
    """An event of the samples, as if it were of a task of this account."""
    text = (ROOT / f"events/usage-recorder/{sample}.json").read_text()
    text = text.replace("444455556666", stack.aws.account)
    text = text.replace("eu-central-1", stack.region)
    event = json.loads(text.replace("c1ffa94f19a540ed8d9f7e1d2a5d0001", task))
    for container in event["detail"]["containers"]:
        if "image" in container:
            container["image"] = registry.image_uri(name, "1.0")
    return event


def reconcile(stack: Stack) -> None:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs["UsageReconcilerName"],
        Payload=json.dumps({"detail-type": "Scheduled Event", "source": "aws.events"}),
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture
def large(enforce: Stack) -> Iterator[None]:
    """More clusters than a guard can list."""
    ecs = enforce.client("ecs")
    names = [f"many-{number}" for number in range(51)]
    for name in names:
        ecs.create_cluster(clusterName=name)
    yield
    for name in names:
        ecs.delete_cluster(cluster=name)


def test_a_task_is_in_the_index_from_its_start_to_its_end(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = image(enforce, registry, "indexed")
    ecs = enforce.client("ecs")
    ran = ecs.run_task(cluster="indexed", taskDefinition="indexed")["tasks"][0]
    task = ran["taskArn"].rsplit("/", 1)[-1]
    eventually("the start", lambda: state(enforce, digest, task) == "running", 40)
    entry = users(enforce, digest)[task]
    assert (entry["cluster"], entry["repository"]) == ("indexed", "indexed")
    assert entry["definition"] == "indexed:1"
    assert "service" not in entry
    ecs.stop_task(cluster="indexed", task=ran["taskArn"])
    eventually("the end", lambda: state(enforce, digest, task) == "stopped", 40)
    started, ended = int(entry["version"]), users(enforce, digest)[task]
    assert int(ended["version"]) > started


def test_events_in_any_order_end_alike(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = image(enforce, registry, "disordered")

    def sent(sample: str, task: str, wanted: str) -> None:
        event = change(enforce, registry, sample, task, "disordered")
        for container in event["detail"]["containers"]:
            if "image" in container:
                container["imageDigest"] = digest
        enforce.aws.control("event", event)
        # One after the other, in batches of their own.
        eventually(sample, lambda: state(enforce, digest, task) == wanted, 40)

    sent("stopped", "late", "stopped")
    sent("running", "late", "stopped")
    sent("running", "mark", "running")
    assert state(enforce, digest, "late") == "stopped"
    assert users(enforce, digest)["late"]["version"] == "6"


def test_what_cannot_be_read_is_told_and_in_the_dead_letter_queue(
    enforce: Stack, registry: RegistryClient
) -> None:
    image(enforce, registry, "unversioned")
    event = change(enforce, registry, "running", "unversioned", "unversioned")
    del event["detail"]["version"]
    enforce.aws.control("event", event)

    def put_aside() -> bool:
        letters = enforce.dead_letters("UsageRecorder")
        return any("unversioned" in each["Body"] for each in letters)

    eventually("the event to be put aside", put_aside, 40)


def test_an_image_that_a_service_scaled_to_nothing_would_start_is_left(
    enforce: Stack, registry: RegistryClient
) -> None:
    digest = image(enforce, registry, "idle")
    ecs = enforce.client("ecs")
    ecs.create_service(
        cluster="idle", serviceName="web", taskDefinition="idle", desiredCount=1
    )
    ecs.update_service(cluster="idle", service="web", desiredCount=0)
    line = scan(enforce, "idle", digest)
    assert (line["decision"], line["effects"]) == ("deny", ""), str(line)
    assert enforce.image_status("idle", digest) == "ACTIVE"
    [message] = enforce.alerts_about("idle@")
    [run] = message["alert"]["in_use"]
    assert (run["service"], run["tasks"], run["digest"]) == ("web", 0, digest)


def test_in_a_large_account_the_index_tells_and_a_listing_mends_what_events_lost(
    enforce: Stack, registry: RegistryClient, large: None
) -> None:
    ran, lost = (image(enforce, registry, name) for name in ("in-index", "lost-end"))
    ecs = enforce.client("ecs")
    ecs.run_task(cluster="in-index", taskDefinition="in-index")
    eventually("the task", lambda: users(enforce, ran), 40)
    # A task that began an hour ago and of whose end nobody heard.
    began = datetime.now(UTC) - timedelta(hours=1)
    event = change(enforce, registry, "running", "gone", "lost-end")
    event["time"] = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    for container in event["detail"]["containers"]:
        if "image" in container:
            container["imageDigest"] = lost
    enforce.aws.control("event", event)
    eventually("its start", lambda: state(enforce, lost, "gone") == "running", 40)
    # Nobody has listed the account yet: whatever may run is left alone.
    line = scan(enforce, "lost-end", lost)
    assert (line["decision"], line["effects"]) == ("deny", ""), str(line)
    unknown = enforce.alerts_about("lost-end@")[0]["alert"]["in_use_unknown"]
    assert "index of tasks cannot be relied on" in unknown
    reconcile(enforce)
    line = scan(enforce, "lost-end", lost)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert enforce.image_status("lost-end", lost) == "ARCHIVED"
    line = scan(enforce, "in-index", ran)
    assert (line["decision"], line["effects"]) == ("deny", ""), str(line)
    assert enforce.image_status("in-index", ran) == "ACTIVE"
    [run] = enforce.alerts_about("in-index@")[0]["alert"]["in_use"]
    assert (run["cluster"], run["tasks"]) == ("in-index", 1)
