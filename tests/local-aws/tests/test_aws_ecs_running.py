"""What ECS tells of what runs, each test named after what AWS does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, register
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient

CHANGES = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}


@pytest.fixture
def running(ecs: Any, ecr: Any, registry: RegistryClient) -> str:
    """The digest of an image that the family `web` runs in the cluster `c`."""
    digest = registry.push_image("app", "1", seed=1)
    container = {"name": "a", "image": registry.image_uri("app", "1"), "memory": 64}
    register(ecs, containerDefinitions=[container])
    ecs.create_cluster(clusterName="c")
    return digest


def revisions_of(ecs: Any, service: str) -> list[dict[str, Any]]:
    [described] = ecs.describe_services(cluster="c", services=[service])["services"]
    arns = [each["arn"] for each in described["currentServiceRevisions"]]
    answer = ecs.describe_service_revisions(serviceRevisionArns=arns)
    return answer["serviceRevisions"]


def test_task_is_announced_when_it_runs_and_when_it_has_stopped(
    ecs: Any, running: str, tap: Callable[..., Queue]
) -> None:
    queue = tap(CHANGES)
    task = ecs.run_task(cluster="c", taskDefinition="web")["tasks"][0]["taskArn"]
    [started] = queue.bodies()
    ecs.stop_task(cluster="c", task=task)
    [stopped] = queue.bodies()
    assert started["resources"] == stopped["resources"] == [task]
    for event, status in ((started, "RUNNING"), (stopped, "STOPPED")):
        detail = event["detail"]
        assert (detail["lastStatus"], detail["desiredStatus"]) == (status, status)
        assert detail["taskDefinitionArn"].endswith("task-definition/web:1")
        [container] = detail["containers"]
        assert container["imageDigest"] == running
        assert "tags" not in detail, "no event has them"
    assert started["detail"]["version"] < stopped["detail"]["version"]
    assert isinstance(started["detail"]["updatedAt"], str), "text, not seconds"


def test_tasks_of_a_service_are_announced_with_their_service(
    ecs: Any, running: str, tap: Callable[..., Queue]
) -> None:
    queue = tap(CHANGES)
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web", desiredCount=2
    )
    groups = {event["detail"]["group"] for event in queue.bodies(2)}
    assert groups == {"service:s"}
    ecs.update_service(cluster="c", service="s", desiredCount=0)
    statuses = {event["detail"]["lastStatus"] for event in queue.bodies(2)}
    assert statuses == {"STOPPED"}


def test_revision_keeps_the_digest_of_its_first_task(
    ecs: Any, running: str, registry: RegistryClient
) -> None:
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web", desiredCount=1
    )
    ecs.update_service(cluster="c", service="s", desiredCount=0)
    registry.push_image("app", "1", seed=2)
    [revision] = revisions_of(ecs, "s")
    assert revision["taskDefinition"].endswith(":task-definition/web:1")
    [image] = revision["containerImages"]
    assert (image["containerName"], image["imageDigest"]) == ("a", running)


def test_revision_that_was_never_started_has_no_digest(ecs: Any, running: str) -> None:
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web", desiredCount=0
    )
    [revision] = revisions_of(ecs, "s")
    assert "imageDigest" not in revision["containerImages"][0]


def test_unknown_revision_is_a_failure(ecs: Any) -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:service-revision/c/s/1"
    answer = ecs.describe_service_revisions(serviceRevisionArns=[arn])
    assert answer["serviceRevisions"] == []
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]


def test_services_are_listed_in_pages_of_ten(ecs: Any, running: str) -> None:
    for number in range(11):
        ecs.create_service(
            cluster="c",
            serviceName=f"s{number}",
            taskDefinition="web",
            desiredCount=0,
        )
    page = ecs.list_services(cluster="c")
    assert len(page["serviceArns"]) == 10
    page = ecs.list_services(cluster="c", nextToken=page["nextToken"])
    assert len(page["serviceArns"]) == 1
    assert "nextToken" not in page


def test_tasks_of_another_region_are_announced_there(
    aws: LocalAws, running: str, tap: Callable[..., Queue]
) -> None:
    here, there = tap(CHANGES), tap(CHANGES, "eu-west-1")
    elsewhere = aws.client("ecs", "eu-west-1")
    register(elsewhere)
    elsewhere.create_cluster(clusterName="c")
    elsewhere.run_task(cluster="c", taskDefinition="web")
    [event] = there.bodies()
    assert event["region"] == "eu-west-1"
    here.assert_empty()
