"""Amazon ECS: deployments of services and how they are stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, eventually, register
from botocore.exceptions import ClientError
from local_aws.ecs_deployments import SECONDS
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient


@pytest.fixture
def service(ecs: Any) -> str:
    """A service on web:1, beside which there is web:2."""
    register(ecs)
    register(ecs)
    ecs.create_cluster(clusterName="c")
    answer = ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web:1", desiredCount=1
    )
    return answer["service"]["serviceArn"]


def deployments(ecs: Any, *status: str) -> list[dict[str, Any]]:
    more = {"status": list(status)} if status else {}
    answer = ecs.list_service_deployments(cluster="c", service="s", **more)
    return answer["serviceDeployments"]


def settled(ecs: Any) -> None:
    eventually(lambda: not deployments(ecs, "IN_PROGRESS"), timeout=2 * SECONDS)


def described(ecs: Any, arn: str) -> dict[str, Any]:
    answer = ecs.describe_service_deployments(serviceDeploymentArns=[arn])
    return answer["serviceDeployments"][0]


def test_deployment_in_progress_is_listed_and_announced(
    ecs: Any, tap: Callable[..., Queue]
) -> None:
    queue = tap({"source": ["aws.ecs"], "detail-type": ["ECS Deployment State Change"]})
    register(ecs)
    ecs.create_cluster(clusterName="c")
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web:1", desiredCount=1
    )
    (event,) = queue.bodies()
    assert event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_IN_PROGRESS"
    assert event["resources"][0].endswith(":service/c/s")
    (one,) = deployments(ecs, "PENDING", "IN_PROGRESS")
    assert ":service-deployment/c/s/" in one["serviceDeploymentArn"]
    assert deployments(ecs, "SUCCESSFUL") == []
    with pytest.raises(ClientError, match="ServiceNotFoundException"):
        ecs.list_service_deployments(cluster="c", service="nope")


def test_first_deployment_replaces_nothing_and_a_later_one_the_last_that_succeeded(
    ecs: Any, service: str
) -> None:
    (first,) = deployments(ecs)
    assert described(ecs, first["serviceDeploymentArn"])["sourceServiceRevisions"] == []
    settled(ecs)
    assert deployments(ecs)[0]["status"] == "SUCCESSFUL"
    ecs.update_service(cluster="c", service="s", taskDefinition="web:2")
    second = described(ecs, deployments(ecs)[0]["serviceDeploymentArn"])
    (source,) = second["sourceServiceRevisions"]
    assert source["arn"] == first["targetServiceRevisionArn"]
    arns = [second["targetServiceRevision"]["arn"], source["arn"]]
    answer = ecs.describe_service_revisions(serviceRevisionArns=arns)
    definitions = [each["taskDefinition"] for each in answer["serviceRevisions"]]
    assert [each.rsplit("/")[-1] for each in definitions] == ["web:2", "web:1"]


def test_scaling_begins_no_deployment(ecs: Any, service: str) -> None:
    ecs.update_service(cluster="c", service="s", desiredCount=2)
    assert len(deployments(ecs)) == 1


def test_revision_keeps_the_digest_and_a_forced_deployment_resolves_the_tag_anew(
    ecs: Any, ecr: Any, registry: RegistryClient
) -> None:
    first = registry.push_image("app", "1", seed=1)
    container = {"name": "a", "image": registry.image_uri("app", "1"), "memory": 64}
    register(ecs, containerDefinitions=[container])
    ecs.create_cluster(clusterName="c")
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web", desiredCount=1
    )
    second = registry.push_image("app", "1", seed=2)
    ecs.update_service(cluster="c", service="s", forceNewDeployment=True)
    arns = [one["targetServiceRevisionArn"] for one in deployments(ecs)]
    answer = ecs.describe_service_revisions(serviceRevisionArns=arns)
    images = [each["containerImages"][0] for each in answer["serviceRevisions"]]
    assert [image["imageDigest"] for image in images] == [second, first]


def test_stopped_deployment_is_rolled_back_to_the_revision_before(
    ecs: Any, service: str
) -> None:
    settled(ecs)
    ecs.update_service(cluster="c", service="s", taskDefinition="web:2")
    arn = deployments(ecs, "IN_PROGRESS")[0]["serviceDeploymentArn"]
    ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert described(ecs, arn)["status"].startswith("ROLLBACK_")
    answer = ecs.describe_services(cluster="c", services=["s"])
    assert answer["services"][0]["taskDefinition"].endswith("/web:1")
    with pytest.raises(ClientError, match="ConflictException"):
        ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_deregistered_revision_may_still_be_deployed_for_some_minutes(
    aws: LocalAws, ecs: Any, service: str
) -> None:
    ecs.deregister_task_definition(taskDefinition="web:2")
    definition = ecs.describe_task_definition(taskDefinition="web:2")["taskDefinition"]
    arn = definition["taskDefinitionArn"]
    aws.control("deploy", {"cluster": "c", "service": "s", "definition": arn})
    answer = ecs.describe_services(cluster="c", services=["s"])
    assert answer["services"][0]["taskDefinition"] == arn
    assert len(deployments(ecs)) == 2


def test_stopping_an_unknown_deployment_is_refused(ecs: Any, service: str) -> None:
    arn = deployments(ecs)[0]["serviceDeploymentArn"]
    with pytest.raises(ClientError, match="ServiceDeploymentNotFoundException"):
        ecs.stop_service_deployment(serviceDeploymentArn=f"{arn}x")
