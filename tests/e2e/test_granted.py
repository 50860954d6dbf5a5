"""What the rest of the suite leads no function to do, in both modes: so that whatever is granted is called.

One stack enforces, under a key of the account's own, traced, and with every type of channel that takes a permission; the
other audits. What happens is the same in both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import record
from local_aws.ecs_deployments import SECONDS
from local_aws.process import LocalAws
from stack import ROOT, Stack, eventually, hardened, privileged
from test_channels import Receiver
from test_methods import entries, registry_of, review
from test_pushes import reported, retag
from test_running import SEEDS, push
from test_usage import change, reconcile

SCANS, PUSHES = "ImageScanGuard", "ImagePushGuard"
RUNNING = """\
running:
  services: replace
  deployments: stop
  standalone-tasks: stop
"""
DELETE = f"version: 1\nquarantine: {{method: delete, delete-after-days: 7}}\n{RUNNING}"
UNTAG = f"version: 1\nquarantine: {{method: untag}}\n{RUNNING}"
SCHEDULED = {
    "id": "a-turn",
    "source": "aws.events",
    "detail-type": "Scheduled Event",
    "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    "resources": [],
    "detail": {},
}
CHANNELS = """\
version: 1
channels:
  team: {{ type: slack-webhook, secret: tidewaiter/team, rate-per-minute: 1 }}
  duty: {{ type: slack-webhook, secret: "ssm:/tidewaiter/duty" }}
  chat: {{ type: amazon-q, topic: "{topic}" }}
  hub: {{ type: security-hub }}
  broken: {{ type: teams, secret: tidewaiter/broken }}
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


def set_variables(stack: Stack, function: str, **more: str) -> None:
    client, name = stack.client("lambda"), stack.outputs[f"{function}Name"]
    known = client.get_function_configuration(FunctionName=name)["Environment"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": known["Variables"] | more}
    )


def everything(
    aws: LocalAws, region: str, folder: Path, receiver: Receiver
) -> dict[str, str]:
    """Parameters that bring every permission with them, and what they name."""
    key = aws.client("kms", region=region).create_key()["KeyMetadata"]["Arn"]
    topic = aws.client("sns", region=region).create_topic(
        Name="chat", Attributes={"KmsMasterKeyId": key}
    )["TopicArn"]
    manager = aws.client("secretsmanager", region=region)
    secrets = [
        manager.create_secret(
            Name=f"tidewaiter/{name}",
            SecretString=f"{receiver.url}/{name}",
            KmsKeyId=key,
        )["ARN"]
        for name in ("team", "broken")
    ]
    aws.client("ssm", region=region).put_parameter(
        Name="/tidewaiter/duty",
        Value=f"{receiver.url}/duty",
        Type="SecureString",
        KeyId=key,
    )
    channels = folder / "channels.yaml"
    channels.write_text(CHANNELS.format(topic=topic))
    place = f"{region}:{aws.account}"
    return {
        "KeyArn": key,
        "Tracing": "true",
        "ChannelsPath": str(channels),
        "ChannelSecrets": ",".join(secrets),
        "ChannelParameters": f"arn:aws:ssm:{place}:parameter/tidewaiter/duty",
        "ChannelKeys": key,
        "ChannelTopics": topic,
        "SecurityHub": "true",
    }


@pytest.fixture(scope="module")
def stacks(
    aws: LocalAws, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> list[Stack]:
    folder = tmp_path_factory.mktemp("granted")
    delete, untag = folder / "delete.yaml", folder / "untag.yaml"
    delete.write_text(DELETE)
    untag.write_text(UNTAG)
    region = "sa-east-1"
    parameters = everything(aws, region, folder, receiver)
    made = [
        Stack(
            aws, "enforce", region, name="granted", policy=delete, parameters=parameters
        ),
        Stack(aws, "audit", "ap-southeast-1", name="granted-audit", policy=delete),
    ]
    in_each(made, Stack.deploy)
    for stack in made:
        set_variables(stack, PUSHES, TIDEWAITER_POLICY=str(untag))
    set_variables(made[0], "Notify", TIDEWAITER_ALLOW_LOOPBACK="true")
    return made


def in_each(stacks: list[Stack], scene: Callable[[Stack], Any]) -> None:
    """Plays a scene in every stack, at the same time."""
    with ThreadPoolExecutor(len(stacks)) as pool:
        list(pool.map(scene, stacks))


def asked(action: str, role: str, stack: Stack) -> bool:
    return any(
        (each.action, each.role, each.stack) == (action, role, stack.name)
        and each.allowed
        for each in record.questions()
    )


def inspected(
    stack: Stack, name: str, digest: str, *severities: str, emit: bool
) -> None:
    """Has Amazon Inspector find something in an image."""
    found = [
        {
            "severity": severity,
            "status": "ACTIVE",
            "type": "PACKAGE_VULNERABILITY",
            "packageVulnerabilityDetails": {"vulnerabilityId": f"CVE-2026-{number}"},
        }
        for number, severity in enumerate(severities)
    ]
    body = {"repo": name, "digest": digest, "region": stack.region, "emit": emit}
    stack.aws.control("scan", {**body, "enhanced": True, "enhancedFindings": found})


def condemn(stack: Stack, guard: str, name: str, digest: str) -> dict[str, Any]:
    """Has a guard learn that an image is bad: by its scan, or by another push of it. The line of what came of it."""
    inspected(stack, name, digest, "CRITICAL", emit=guard == SCANS)
    known = [line for line in stack.lines(guard) if digest in line["subject"]]
    if guard == PUSHES:
        retag(stack, name, digest, "again")
    return stack.handled(guard, f"{name}@{digest}", count=len(known) + 1)[-1]


def define(stack: Stack, name: str, image: str, **more: Any) -> str:
    """Registers a definition of an image of the account; its ARN."""
    wanted = hardened(name) | more
    place = f"{stack.aws.account}.dkr.ecr.{stack.region}.amazonaws.com"
    wanted["containerDefinitions"][0]["image"] = f"{place}/{name}{image}"
    answer = stack.client("ecs").register_task_definition(**wanted)
    return answer["taskDefinition"]["taskDefinitionArn"]


def serve(stack: Stack, name: str, service: str, definition: str) -> None:
    stack.client("ecs").create_service(
        cluster=name, serviceName=service, desiredCount=1, taskDefinition=definition
    )


def settled(stack: Stack, name: str, *services: str) -> None:
    ecs = stack.client("ecs")
    for service in services:

        def is_over(service: str = service) -> bool:
            answer = ecs.list_service_deployments(
                cluster=name, service=service, status=["PENDING", "IN_PROGRESS"]
            )
            return not answer["serviceDeployments"]

        eventually(f"{service} to be deployed", is_over, seconds=4 * SECONDS)


def writes(stack: Stack, name: str) -> set[str]:
    """What the functions of a stack did to what runs in the cluster `name`."""
    return {
        call["action"]
        for action in ("StopTask", "UpdateService", "StopServiceDeployment")
        for call in stack.aws.calls(action=action, region=stack.region)
        if "Guard" in call["caller"] and name in str(call["request"])
    }


def quarantine(stack: Stack, name: str, digest: str, days: int = 0) -> None:
    """Writes down that an image is in quarantine, for so many days."""
    arn = f"arn:aws:ecr:{stack.region}:{stack.aws.account}:repository/{name}"
    since = datetime.now(UTC) - timedelta(days=days)
    entry = {
        "id": "quarantine",
        "part": f"{digest}@{arn}",
        "state": "quarantined",
        "reason": "a test",
        "by": "ada",
        "at": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "undo": "# none",
        "subject": digest,
    }
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["LedgerName"],
        Item={key: {"S": value} for key, value in entry.items()},
    )


def play(stack: Stack, function: str, event: dict[str, Any], kind: str) -> None:
    functions = stack.client("lambda")

    def invoked() -> Any:
        try:
            return functions.invoke(
                FunctionName=stack.outputs[f"{function}Name"],
                InvocationType=kind,
                Payload=json.dumps(event),
            )
        except functions.exceptions.TooManyRequestsException:
            # It is busy with another event: one at a time is all that the template lets it have.
            return None

    answer = eventually(f"{function} to be free", invoked)
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.parametrize("guard", [SCANS, PUSHES])
def test_what_runs_a_denied_image_is_stopped_replaced_and_rolled_back(
    stacks: list[Stack], guard: str
) -> None:
    def scene(stack: Stack) -> None:
        name = f"granted-used-{guard[5:9].lower()}"
        ecs, registry = stack.client("ecs"), registry_of(stack)
        stack.client("ecr").create_repository(repositoryName=name)
        ecs.create_cluster(clusterName=name)
        good, clean = push(stack, registry, name), ""
        bad = registry.push_image(name, "rolling", seed=next(SEEDS))
        inspected(stack, name, good, emit=False)
        serve(stack, name, "pinned", define(stack, name, f"@{good}"))
        serve(stack, name, "rolling", define(stack, name, ":rolling"))
        settled(stack, name, "pinned", "rolling")
        clean = registry.push_image(name, "rolling", seed=next(SEEDS))
        inspected(stack, name, clean, emit=False)
        stack.handled(PUSHES, f"{name}@{clean}")
        arn = define(stack, name, f"@{bad}")
        ecs.run_task(cluster=name, taskDefinition=arn)
        ecs.update_service(cluster=name, service="pinned", taskDefinition=arn)
        line = condemn(stack, guard, name, bad)
        assert line["decision"] == "deny", str(line)
        done = {"StopTask", "UpdateService", "StopServiceDeployment"}
        calls = writes(stack, name)
        assert calls == (done if stack.mode == "enforce" else set()), str(line)

    in_each(stacks, scene)


def test_in_a_large_account_the_index_is_asked_about_images_and_indexes(
    stacks: list[Stack],
) -> None:
    def scene(stack: Stack) -> None:
        ecs = stack.client("ecs")
        names = [f"granted-many-{number}" for number in range(51)]
        for name in names:
            ecs.create_cluster(clusterName=name)
        reconcile(stack)

        def judged(guard: str) -> None:
            name = f"granted-index-{guard[5:9].lower()}"
            stack.client("ecr").create_repository(repositoryName=name)
            index, (child, _) = registry_of(stack).push_index(
                name, "1.0", seed=next(SEEDS)
            )
            stack.handled(PUSHES, f"{name}@{index}")
            stack.handled(PUSHES, f"{name}@{child}")
            line = condemn(stack, guard, name, child)
            assert line["decision"] == "deny", str(line)
            effects = "done" if stack.mode == "enforce" else "not-applied"
            assert line["effects"] == effects, str(line)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(judged, (SCANS, PUSHES)))
        for name in names:
            ecs.delete_cluster(cluster=name)

    in_each(stacks, scene)


def test_a_deployment_of_an_image_in_quarantine_is_told(stacks: list[Stack]) -> None:
    def scene(stack: Stack) -> None:
        name = "granted-deployed"
        registry = registry_of(stack)
        stack.client("ecr").create_repository(repositoryName=name)
        stack.client("ecs").create_cluster(clusterName=name)
        digest = push(stack, registry, name)
        quarantine(stack, name, digest)
        serve(stack, name, "web", define(stack, name, ":stable"))
        line = stack.handled("DeploymentGuard", f"{name}/web")[-1]
        assert line["rules"] == "quarantined-image-deployed", str(line)
        settled(stack, name, "web")
        # ECS cannot decide yet what this tag leads to.
        stack.client("ecs").update_service(
            cluster=name, service="web", taskDefinition=define(stack, name, ":later")
        )
        stack.handled("DeploymentGuard", f"{name}/web", count=2)
        eventually("it to be told", lambda: stack.alerts_about(f"{name}/web"))

    in_each(stacks, scene)


def test_a_definition_is_judged_with_the_images_that_it_names(
    stacks: list[Stack],
) -> None:
    def scene(stack: Stack) -> None:
        name = "granted-defined"
        stack.client("ecr").create_repository(repositoryName=name)
        push(stack, registry_of(stack), name)
        define(stack, name, ":stable", **_privileged(name))
        line = stack.handled("TaskDefinitionGuard", f"{name}:1")[-1]
        assert line["decision"] == "deny", str(line)

    in_each(stacks, scene)


def _privileged(name: str) -> dict[str, Any]:
    """What makes a definition privileged."""
    return {key: value for key, value in privileged(name).items() if key != "family"}


def test_a_day_begins(stacks: list[Stack]) -> None:
    def scene(stack: Stack) -> None:
        name, gone = "granted-gone", f"sha256:{'0' * 64}"
        stack.client("ecr").create_repository(repositoryName=name)
        quarantine(stack, name, gone, days=30)
        review(stack)
        [entry] = entries(stack, gone)
        assert entry["deletion"]["S"] == "done"
        event = {**SCHEDULED, "account": stack.aws.account, "region": stack.region}
        play(stack, "TaskDefinitionGuard", event, "RequestResponse")

    in_each(stacks, scene)


def test_findings_come_through_their_queue(stacks: list[Stack]) -> None:
    def scene(stack: Stack) -> None:
        name = "granted-found"
        stack.client("ecr").create_repository(repositoryName=name)
        digest = push(stack, registry_of(stack), name)
        inspected(stack, name, digest, "CRITICAL", emit=False)
        stack.aws.control("event", reported(stack, name, digest, 1))
        line = stack.handled(SCANS, f"{name}@{digest}")[-1]
        assert line["decision"] == "deny"

    in_each(stacks, scene)


BROKEN = {
    "TaskDefinitionGuard": {
        "source": "aws.ecs",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ecs.amazonaws.com",
            "eventName": "DeregisterTaskDefinition",
        },
    },
    SCANS: {
        "source": "aws.ecr",
        "detail-type": "ECR Image Scan",
        "detail": {"scan-status": "COMPLETE"},
    },
    PUSHES: {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "detail": {"action-type": "PUSH", "result": "SUCCESS"},
    },
    "DeploymentGuard": {
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "detail": {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS"},
    },
    # What the schedule sends can always be read: it is the ledger that refuses.
    "UsageReconciler": SCHEDULED,
}


def test_what_a_function_gives_up_on_is_put_aside(stacks: list[Stack]) -> None:
    refused = {
        "target": "UpdateItem",
        "code": "AccessDeniedException",
        "times": None,
        "caller": "UsageReconcilerRole",
    }
    stacks[0].aws.control("fault", [refused])

    def scene(stack: Stack) -> None:
        registry = registry_of(stack)
        stack.client("ecr").create_repository(repositoryName="granted-unversioned")
        unread = change(stack, registry, "running", "unread", "granted-unversioned")
        del unread["detail"]["version"]
        stack.aws.control("event", unread)
        for function, event in BROKEN.items():
            play(stack, function, event, "Event")
        for function in (*BROKEN, "UsageRecorder"):
            eventually(
                f"{function} to give up",
                lambda function=function: stack.dead_letters(function),
            )

    in_each(stacks, scene)


@pytest.mark.parametrize(
    ("sample", "kind"),
    [("run-overrides", "task-overrides"), ("express-create", "express-service")],
)
def test_what_is_told_of_parts_of_definitions_is_kept(
    stacks: list[Stack], sample: str, kind: str
) -> None:
    def scene(stack: Stack) -> None:
        text = (ROOT / f"events/task-definition-guard/{sample}.json").read_text()
        text = text.replace("444455556666", stack.aws.account)
        stack.aws.control(
            "event", json.loads(text.replace("eu-central-1", stack.region))
        )

        def kept() -> list[Any]:
            return stack.client("dynamodb").query(
                TableName=stack.outputs["LedgerName"],
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues={":id": {"S": f"alert#{kind}"}},
            )["Items"]

        eventually(f"{sample} to be kept", kept)

    in_each(stacks, scene)


def overspend(stack: Stack, function: str) -> None:
    """Takes the whole budget of a function, of this hour and the next."""
    for hour in (0, 1):
        time = datetime.now(UTC) + timedelta(hours=hour)
        stack.client("dynamodb").put_item(
            TableName=stack.outputs["LedgerName"],
            Item={
                "id": {"S": f"budget#{function}#{time:%Y-%m-%dT%HZ}"},
                "part": {"S": "-"},
                "spent": {"N": "1000000"},
            },
        )


def test_whoever_is_over_budget_looks_up_what_was_done_and_says_so(
    stacks: list[Stack],
) -> None:
    stack = stacks[0]
    for function in (
        "task-definition-guard",
        "image-scan-guard",
        "image-push-guard",
        "deployment-guard",
    ):
        overspend(stack, function)
    ecr, ecs, registry = stack.client("ecr"), stack.client("ecs"), registry_of(stack)

    def defined() -> dict[str, Any]:
        ecs.register_task_definition(**privileged("granted-over-defined"))
        return stack.handled("TaskDefinitionGuard", "granted-over-defined:1")[-1]

    def scanned(guard: str) -> dict[str, Any]:
        name = f"granted-over-{guard[5:9].lower()}"
        ecr.create_repository(repositoryName=name)
        ecs.create_cluster(clusterName=name)
        digest = push(stack, registry, name)
        ecs.run_task(cluster=name, taskDefinition=define(stack, name, f"@{digest}"))
        return condemn(stack, guard, name, digest)

    def deployed() -> dict[str, Any]:
        name = "granted-over-deployed"
        ecr.create_repository(repositoryName=name)
        ecs.create_cluster(clusterName=name)
        good, bad = (push(stack, registry, name) for _ in range(2))
        serve(stack, name, "web", define(stack, name, f"@{good}"))
        settled(stack, name, "web")
        quarantine(stack, name, bad)
        arn = define(stack, name, f"@{bad}")
        ecs.update_service(cluster=name, service="web", taskDefinition=arn)
        return stack.handled("DeploymentGuard", f"{name}/web", count=2)[-1]

    plays = [defined, lambda: scanned(SCANS), lambda: scanned(PUSHES), deployed]
    with ThreadPoolExecutor(len(plays)) as pool:
        for line in pool.map(lambda play: play(), plays):
            assert (line["decision"], line["effects"]) == ("deny", "not-applied"), line


def test_every_channel_is_told_with_what_it_is_granted(
    stacks: list[Stack], receiver: Receiver
) -> None:
    stack = stacks[0]
    place = {"account": stack.aws.account, "region": stack.region}
    play(stack, "Notify", {**SCHEDULED, **place}, "RequestResponse")
    eventually("what a channel refuses", lambda: stack.dead_letters("Notify"))
    for path in ("/team", "/duty"):
        eventually(f"{path} to be told", lambda path=path: receiver.at(path))
    for action in (
        "sns:Publish",
        "kms:GenerateDataKey",
        "securityhub:BatchImportFindings",
    ):
        eventually(
            f"Notify to ask for {action}",
            lambda action=action: asked(action, "NotifyRole", stack),
        )
