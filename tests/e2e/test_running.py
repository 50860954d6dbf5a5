"""What the policy can have done about what runs a denied image, and about deployments of what is denied."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_aws.ecs_deployments import SECONDS
from local_aws.registry_client import RegistryClient
from stack import Stack, eventually, finding, hardened, privileged

SEEDS = itertools.count(7000)
ACTING = """\
version: 1
running:
  services: replace
  deployments: stop
  standalone-tasks: stop
"""


@pytest.fixture
def acting(enforce: Stack, tmp_path: Path) -> Iterator[Stack]:
    """The stack with a policy that acts on what runs; other tests have the one that it comes with."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(ACTING)
    functions = [
        enforce.outputs[f"{guard}Name"]
        for guard in ("ImageScanGuard", "DeploymentGuard")
    ]
    client = enforce.client("lambda")
    before = {}
    for name in functions:
        found = client.get_function_configuration(FunctionName=name)["Environment"]
        before[name] = found["Variables"]
        variables = {**before[name], "TIDEWAITER_POLICY": str(policy)}
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
    yield enforce
    for name in functions:
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": before[name]}
        )


def image_of(stack: Stack, registry: RegistryClient, name: str) -> str:
    """Pushes an image of a new repository under the tag `stable`; its digest."""
    stack.client("ecr").create_repository(repositoryName=name)
    return push(stack, registry, name)


def push(stack: Stack, registry: RegistryClient, name: str) -> str:
    digest = registry.push_image(name, "stable", seed=next(SEEDS))
    stack.handled("ImagePushGuard", f"{name}@{digest}")
    return digest


def scan(
    stack: Stack, name: str, digest: str, *severities: str, emit: bool = True
) -> None:
    findings = [finding(severity) for severity in severities]
    body = {"repo": name, "digest": digest, "region": stack.region, "emit": emit}
    stack.aws.control("scan", {**body, "findings": findings})


def judged(stack: Stack, name: str, digest: str) -> dict[str, Any]:
    """Finds something critical in an image, and gives the line of log of what came of it."""
    scan(stack, name, digest, "CRITICAL")
    return stack.handled("ImageScanGuard", f"{name}@{digest}")[-1]


def definition(stack: Stack, registry: RegistryClient, name: str) -> str:
    """Registers a definition of the image `stable`; its ARN."""
    wanted = hardened(name)
    wanted["containerDefinitions"][0]["image"] = registry.image_uri(name, "stable")
    answer = stack.client("ecs").register_task_definition(**wanted)
    return answer["taskDefinition"]["taskDefinitionArn"]


def serve(stack: Stack, name: str, definition: str) -> None:
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName=name)
    ecs.create_service(
        cluster=name, serviceName="web", desiredCount=1, taskDefinition=definition
    )


def in_flight(stack: Stack, name: str) -> list[dict[str, Any]]:
    answer = stack.client("ecs").list_service_deployments(
        cluster=name, service="web", status=["PENDING", "IN_PROGRESS"]
    )
    return answer["serviceDeployments"]


def settled(stack: Stack, name: str) -> None:
    eventually(
        "the deployment to end",
        lambda: not in_flight(stack, name),
        seconds=3 * SECONDS,
    )


def writes(stack: Stack, name: str) -> list[str]:
    """What the functions did to what runs in the cluster `name`."""
    actions = ("StopTask", "UpdateService", "StopServiceDeployment")
    calls = [call for action in actions for call in stack.aws.calls(action=action)]
    return [
        call["action"]
        for call in calls
        if "Guard" in call["caller"] and name in str(call["request"])
    ]


def test_nothing_that_runs_is_touched_by_default(
    enforce: Stack, registry: RegistryClient
) -> None:
    name = "runs-on"
    digest = image_of(enforce, registry, name)
    serve(enforce, name, definition(enforce, registry, name))
    enforce.client("ecs").run_task(cluster=name, taskDefinition=name)
    line = judged(enforce, name, digest)
    assert (line["decision"], line["effects"]) == ("deny", "")
    assert writes(enforce, name) == []
    assert enforce.image_status(name, digest) == "ACTIVE"


def test_a_task_started_by_itself_is_stopped_and_its_image_archived(
    acting: Stack, registry: RegistryClient
) -> None:
    name = "stopped-task"
    digest = image_of(acting, registry, name)
    definition(acting, registry, name)
    ecs = acting.client("ecs")
    ecs.create_cluster(clusterName=name)
    task = ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]
    line = judged(acting, name, digest)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    (described,) = ecs.describe_tasks(cluster=name, tasks=[task])["tasks"]
    assert described["desiredStatus"] == "STOPPED"
    assert "Tidewaiter" in described["stoppedReason"]
    assert acting.image_status(name, digest) == "ARCHIVED"
    [message] = acting.alerts_about(f"{name}@")
    actions = [action["action"] for action in message["alert"]["actions"]]
    assert actions == ["stop-task", "archive-image"]


def test_a_service_whose_tag_leads_to_a_clean_image_is_deployed_anew(
    acting: Stack, registry: RegistryClient
) -> None:
    name = "replaced-service"
    bad = image_of(acting, registry, name)
    arn = definition(acting, registry, name)
    serve(acting, name, arn)
    settled(acting, name)
    clean = push(acting, registry, name)
    scan(acting, name, clean, emit=False)
    line = judged(acting, name, bad)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert writes(acting, name) == ["UpdateService"]
    ecs = acting.client("ecs")
    (service,) = ecs.describe_services(cluster=name, services=["web"])["services"]
    assert service["taskDefinition"] == arn
    (deployment,) = in_flight(acting, name)
    (revision,) = ecs.describe_service_revisions(
        serviceRevisionArns=[deployment["targetServiceRevisionArn"]]
    )["serviceRevisions"]
    assert revision["containerImages"][0]["imageDigest"] == clean
    # What ran before runs until the deployment has ended.
    assert acting.image_status(name, bad) == "ACTIVE"


def test_a_service_whose_tag_leads_to_the_denied_image_is_left(
    acting: Stack, registry: RegistryClient
) -> None:
    name = "left-service"
    bad = image_of(acting, registry, name)
    serve(acting, name, definition(acting, registry, name))
    settled(acting, name)
    judged(acting, name, bad)
    assert writes(acting, name) == []
    [message] = acting.alerts_about(f"{name}@")
    assert "leads to the denied image" in message["alert"]["left"][0]["reason"]


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_deployment_of_a_deregistered_revision_is_told_and_rolled_back_if_the_policy_says_so(
    request: pytest.FixtureRequest, registry: RegistryClient, is_stopped: bool
) -> None:
    stack: Stack = request.getfixturevalue("acting" if is_stopped else "enforce")
    name = "denied-deployed" if is_stopped else "denied-told"
    image_of(stack, registry, name)
    good = definition(stack, registry, name)
    serve(stack, name, good)
    settled(stack, name)
    ecs = stack.client("ecs")
    denied = ecs.register_task_definition(**privileged(name))["taskDefinition"]
    arn = denied["taskDefinitionArn"]
    stack.handled("TaskDefinitionGuard", f"{name}:{denied['revision']}")
    assert stack.status(arn) == "INACTIVE"
    # ECS takes a deregistered revision for some minutes more; the local one does not.
    stack.aws.control("deploy", {"cluster": name, "service": "web", "definition": arn})
    line = stack.handled("DeploymentGuard", f"{name}/web", count=2)[-1]
    assert line["decision"] == "deny", str(line)
    # Which image the deployment brings is not decided yet as it begins.
    rules = line["rules"].split(",")
    assert rules == ["denied-revision-deployed", "quarantined-image-deployed"]
    (service,) = ecs.describe_services(cluster=name, services=["web"])["services"]
    [message] = stack.alerts_about(f"{name}/web")
    if is_stopped:
        assert writes(stack, "service-deployment") != []
        assert service["taskDefinition"] == good
        assert message["alert"]["actions"][0]["effect"] == "done"
    else:
        assert service["taskDefinition"] == arn
        assert message["alert"]["withheld"].startswith("deployments are not stopped")


def test_a_deployment_of_an_image_in_quarantine_is_rolled_back(
    acting: Stack, registry: RegistryClient
) -> None:
    name = "quarantine-deployed"
    bad = image_of(acting, registry, name)
    assert judged(acting, name, bad)["effects"] == "done"
    clean = push(acting, registry, name)
    good = definition(acting, registry, name)
    serve(acting, name, good)
    settled(acting, name)
    pinned = hardened(name)
    uri = registry.image_uri(name, "stable").rsplit(":", 1)[0]
    pinned["containerDefinitions"][0]["image"] = f"{uri}@{bad}"
    ecs = acting.client("ecs")
    arn = ecs.register_task_definition(**pinned)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=name, service="web", taskDefinition=arn)
    line = acting.handled("DeploymentGuard", f"{name}/web", count=2)[-1]
    assert line["rules"] == "quarantined-image-deployed", str(line)
    assert line["effects"] == "done"
    (service,) = ecs.describe_services(cluster=name, services=["web"])["services"]
    assert service["taskDefinition"] == good
    assert acting.image_status(name, clean) == "ACTIVE"
