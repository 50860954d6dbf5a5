"""Amazon ECS: the life of a task definition."""

from __future__ import annotations

from typing import Any

import pytest
from aws_helpers import register
from botocore.exceptions import ClientError
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient

FARGATE = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
}


def test_deregister_without_revision_is_refused(ecs: Any) -> None:
    register(ecs)
    with pytest.raises(ClientError, match="Revision is missing") as error:
        ecs.deregister_task_definition(taskDefinition="web")
    assert error.value.response["Error"]["Code"] == "ClientException"


def test_deregistered_definition_is_inactive_and_still_described(ecs: Any) -> None:
    arn = register(ecs)["taskDefinitionArn"]
    answer = ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]
    assert answer["status"] == "INACTIVE"
    described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert described["status"] == "INACTIVE"
    assert described["deregisteredAt"]


def test_deregister_again_changes_nothing(ecs: Any) -> None:
    register(ecs)
    first = ecs.deregister_task_definition(taskDefinition="web:1")["taskDefinition"]
    second = ecs.deregister_task_definition(taskDefinition="web:1")["taskDefinition"]
    assert second["status"] == "INACTIVE"
    assert second["deregisteredAt"] == first["deregisteredAt"]


def test_deregister_of_unknown_definition_is_refused(ecs: Any) -> None:
    with pytest.raises(ClientError, match="Unable to describe task definition"):
        ecs.deregister_task_definition(taskDefinition="nope:1")


def test_family_means_latest_active_revision(ecs: Any) -> None:
    for _ in range(3):
        register(ecs)
    ecs.deregister_task_definition(taskDefinition="web:3")
    answer = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    assert answer["revision"] == 2


def test_family_without_active_revision_is_not_described(ecs: Any) -> None:
    register(ecs)
    ecs.deregister_task_definition(taskDefinition="web:1")
    with pytest.raises(ClientError, match="ClientException"):
        ecs.describe_task_definition(taskDefinition="web")


def test_revision_numbers_are_not_given_again(ecs: Any) -> None:
    register(ecs)
    ecs.deregister_task_definition(taskDefinition="web:1")
    assert register(ecs)["revision"] == 2


@pytest.mark.parametrize("reference", ["web:1", "arn"])
def test_run_task_with_inactive_definition_is_refused(ecs: Any, reference: str) -> None:
    arn = register(ecs)["taskDefinitionArn"]
    ecs.create_cluster(clusterName="c")
    ecs.deregister_task_definition(taskDefinition=arn)
    wanted = arn if reference == "arn" else reference
    with pytest.raises(ClientError, match="TaskDefinition is inactive") as error:
        ecs.run_task(cluster="c", taskDefinition=wanted)
    assert error.value.response["Error"]["Code"] == "ClientException"


def test_run_task_by_family_uses_latest_active_revision(ecs: Any) -> None:
    register(ecs)
    register(ecs)
    ecs.create_cluster(clusterName="c")
    ecs.deregister_task_definition(taskDefinition="web:2")
    task = ecs.run_task(cluster="c", taskDefinition="web")["tasks"][0]
    assert task["taskDefinitionArn"].endswith("/web:1")


def test_create_service_with_inactive_definition_is_refused(ecs: Any) -> None:
    register(ecs)
    ecs.create_cluster(clusterName="c")
    ecs.deregister_task_definition(taskDefinition="web:1")
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        ecs.create_service(cluster="c", serviceName="s", taskDefinition="web:1")


def test_update_service_to_inactive_definition_is_refused(ecs: Any) -> None:
    register(ecs)
    register(ecs)
    ecs.create_cluster(clusterName="c")
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web:1", desiredCount=1
    )
    ecs.deregister_task_definition(taskDefinition="web:2")
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        ecs.update_service(cluster="c", service="s", taskDefinition="web:2")


def test_service_on_definition_deregistered_later_still_scales(ecs: Any) -> None:
    register(ecs)
    ecs.create_cluster(clusterName="c")
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web:1", desiredCount=1
    )
    ecs.deregister_task_definition(taskDefinition="web:1")
    answer = ecs.update_service(cluster="c", service="s", desiredCount=2)
    assert answer["service"]["desiredCount"] == 2


def test_tags_are_described_only_if_asked_for(ecs: Any) -> None:
    register(ecs, tags=[{"key": "team", "value": "a"}])
    assert "tags" not in ecs.describe_task_definition(taskDefinition="web")
    answer = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    assert answer["tags"] == [{"key": "team", "value": "a"}]


def test_registered_by_names_the_caller(ecs: Any) -> None:
    assert register(ecs)["registeredBy"].endswith(":assumed-role/Deployer/local")


def test_what_was_not_given_is_not_described(ecs: Any) -> None:
    definition = register(ecs)
    for name in ("networkMode", "taskRoleArn", "executionRoleArn", "pidMode", "cpu"):
        assert name not in definition
    container = definition["containerDefinitions"][0]
    assert container["cpu"] == 0
    assert container["essential"] is True
    for name in ("environment", "mountPoints", "volumesFrom", "portMappings"):
        assert container[name] == []
    for name in ("user", "privileged", "readonlyRootFilesystem", "linuxParameters"):
        assert name not in container


def test_sizes_are_stored_as_numbers(ecs: Any) -> None:
    definition = register(ecs, **{**FARGATE, "cpu": "1 vCPU", "memory": "2GB"})
    assert (definition["cpu"], definition["memory"]) == ("1024", "2048")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["EXTERNAL", "EC2"]),
        ({"networkMode": "bridge"}, ["EXTERNAL", "EC2"]),
        ({"networkMode": "host"}, ["EXTERNAL", "EC2", "MANAGED_INSTANCES"]),
        ({"networkMode": "awsvpc"}, ["EC2", "MANAGED_INSTANCES"]),
        (FARGATE, ["EC2", "MANAGED_INSTANCES", "FARGATE"]),
        (
            {"networkMode": "awsvpc", "cpu": "256", "memory": "512"},
            ["EC2", "MANAGED_INSTANCES", "FARGATE"],
        ),
        (
            {"networkMode": "awsvpc", "cpu": "256", "memory": "9999"},
            ["EC2", "MANAGED_INSTANCES"],
        ),
    ],
)
def test_compatibilities_list_everything_it_could_run_on(
    ecs: Any, more: dict[str, Any], expected: list[str]
) -> None:
    assert register(ecs, **more)["compatibilities"] == expected


def test_privileged_definition_is_not_compatible_with_fargate(ecs: Any) -> None:
    container = {"name": "a", "image": "b", "privileged": True}
    size = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    definition = register(ecs, containerDefinitions=[container], **size)
    assert definition["compatibilities"] == ["EC2", "MANAGED_INSTANCES"]


@pytest.mark.parametrize(
    "container",
    [
        {"privileged": True},
        {"linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}]}},
        {"dockerSecurityOptions": ["label:user:x"]},
    ],
)
def test_what_fargate_cannot_do_is_refused_if_fargate_is_required(
    ecs: Any, container: dict[str, Any]
) -> None:
    definition = {"name": "a", "image": "b", **container}
    with pytest.raises(ClientError, match="ClientException"):
        register(ecs, containerDefinitions=[definition], **FARGATE)


def test_fargate_accepts_ptrace_and_dropped_capabilities(ecs: Any) -> None:
    capabilities = {"add": ["SYS_PTRACE"], "drop": ["ALL"]}
    container = {
        "name": "a",
        "image": "b",
        "linuxParameters": {"capabilities": capabilities},
        "readonlyRootFilesystem": True,
    }
    definition = register(ecs, containerDefinitions=[container], **FARGATE)
    assert definition["containerDefinitions"][0]["linuxParameters"] == {
        "capabilities": capabilities
    }


def test_list_is_of_exactly_one_family(ecs: Any) -> None:
    register(ecs, "web")
    register(ecs, "web-admin")
    arns = ecs.list_task_definitions(familyPrefix="web")["taskDefinitionArns"]
    assert [arn.rsplit("/")[-1] for arn in arns] == ["web:1"]


def test_list_is_sorted_and_comes_in_pages(ecs: Any) -> None:
    for _ in range(11):
        register(ecs)
    arns: list[str] = []
    token: dict[str, str] = {}
    for size in (4, 4, 3):
        page = ecs.list_task_definitions(
            familyPrefix="web", sort="DESC", maxResults=4, **token
        )
        assert len(page["taskDefinitionArns"]) == size
        arns += page["taskDefinitionArns"]
        token = {"nextToken": page.get("nextToken", "")}
    assert "nextToken" not in page
    revisions = [int(arn.rsplit(":", 1)[1]) for arn in arns]
    assert revisions == list(range(11, 0, -1))


def test_families_come_in_pages_and_by_prefix(ecs: Any) -> None:
    for family in ("a1", "a2", "b1"):
        register(ecs, family)
    page = ecs.list_task_definition_families(
        familyPrefix="a", status="ACTIVE", maxResults=1
    )
    assert page["families"] == ["a1"]
    page = ecs.list_task_definition_families(
        familyPrefix="a", status="ACTIVE", maxResults=1, nextToken=page["nextToken"]
    )
    assert page["families"] == ["a2"]


def test_delete_of_active_definition_is_refused(ecs: Any) -> None:
    arn = register(ecs)["taskDefinitionArn"]
    answer = ecs.delete_task_definitions(taskDefinitions=["web:1"])
    assert answer["taskDefinitions"] == []
    assert answer["failures"][0]["arn"] == arn
    ecs.deregister_task_definition(taskDefinition="web:1")
    answer = ecs.delete_task_definitions(taskDefinitions=["web:1"])
    assert answer["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"


def test_definitions_of_another_region_are_not_seen(aws: LocalAws, ecs: Any) -> None:
    register(ecs)
    elsewhere = aws.client("ecs", "eu-west-1")
    assert elsewhere.list_task_definitions()["taskDefinitionArns"] == []
    assert register(elsewhere)["revision"] == 1


def test_task_shows_the_digest_its_image_had_at_the_start(
    ecs: Any, ecr: Any, registry: RegistryClient
) -> None:
    digest = registry.push_image("app", "1", seed=1)
    container = {"name": "a", "image": registry.image_uri("app", "1"), "memory": 64}
    register(ecs, containerDefinitions=[container])
    ecs.create_cluster(clusterName="c")
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="web", desiredCount=1
    )
    arns = ecs.list_tasks(cluster="c", serviceName="s")["taskArns"]
    task = ecs.run_task(cluster="c", taskDefinition="web")["tasks"][0]
    registry.push_image("app", "1", seed=2)
    answer = ecs.describe_tasks(cluster="c", tasks=[*arns, task["taskArn"]])
    shown = [task["containers"][0]["imageDigest"] for task in answer["tasks"]]
    assert shown == [digest, digest]
