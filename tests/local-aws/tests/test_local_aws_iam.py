"""A server that evaluates IAM policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_helpers import Queue, function_zip, register
from botocore.exceptions import ClientError
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient

CALL = """
import boto3
def handler(event):
    client = boto3.client(event["service"])
    return bool(getattr(client, event["operation"])(**event["parameters"]))
"""


@pytest.fixture(scope="module")
def strict() -> Iterator[LocalAws]:
    with LocalAws(enforce_iam=True) as aws:
        yield aws


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def create_role(aws: LocalAws, name: str, *actions: str) -> str:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "*", "Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam = aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(allowed))
    return role["Role"]["Arn"]


def call(
    aws: LocalAws, function: str, service: str, operation: str, **more: Any
) -> Any:
    event = {"service": service, "operation": operation, "parameters": more}
    answer = aws.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps(event)
    )
    return json.loads(answer["Payload"].read())


def create_function(aws: LocalAws, name: str, role: str) -> None:
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=role,
        Timeout=20,
        Code={"ZipFile": function_zip(CALL)},
    )


def test_function_may_do_only_what_its_role_allows(strict: LocalAws) -> None:
    strict.reset()
    register(strict.client("ecs"))
    for name, actions in (
        ("reader", ["ecs:DescribeTaskDefinition"]),
        ("guard", ["ecs:DeregisterTaskDefinition"]),
    ):
        create_function(strict, name, create_role(strict, name, *actions))
    more = {"taskDefinition": "web:1"}
    refused = call(strict, "reader", "ecs", "deregister_task_definition", **more)
    assert "AccessDenied" in refused["errorMessage"]
    assert call(strict, "reader", "ecs", "describe_task_definition", **more) is True
    assert call(strict, "guard", "ecs", "deregister_task_definition", **more) is True
    statuses = [
        (entry["caller"].rsplit("/", 1)[-1], entry["status"] == 200)
        for entry in strict.calls(action="DeregisterTaskDefinition")
    ]
    assert statuses == [("reader", False), ("guard", True)]


def test_describing_tasks_needs_permission_on_the_tasks(strict: LocalAws) -> None:
    strict.reset()
    ecs = strict.client("ecs")
    register(ecs)
    cluster = ecs.create_cluster(clusterName="prod")["cluster"]["clusterArn"]
    task = ecs.run_task(cluster="prod", taskDefinition="web:1")["tasks"][0]["taskArn"]
    allowed = {"prod": cluster, "tasks": f"{task.rpartition('/')[0]}/*"}
    for name, resource in allowed.items():
        role = create_role(strict, name, "sqs:ListQueues")
        statement = {
            "Effect": "Allow",
            "Action": "ecs:DescribeTasks",
            "Resource": resource,
        }
        strict.client("iam").put_role_policy(
            RoleName=name, PolicyName="tasks", PolicyDocument=policy(statement)
        )
        create_function(strict, name, role)
    more = {"cluster": cluster, "tasks": [task]}
    refused = call(strict, "prod", "ecs", "describe_tasks", **more)
    assert "AccessDenied" in refused["errorMessage"]
    assert call(strict, "tasks", "ecs", "describe_tasks", **more) is True


def test_added_ecr_calls_need_permission_too(strict: LocalAws) -> None:
    strict.reset()
    strict.client("ecr").create_repository(repositoryName="app")
    RegistryClient(strict.endpoint).push_image("app", "1")
    more = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    for name, actions in (("none", ["sqs:*"]), ("some", ["ecr:*"])):
        create_function(strict, name, create_role(strict, name, *actions))
    refused = call(strict, "none", "ecr", "start_image_scan", **more)
    assert "AccessDenied" in refused["errorMessage"]
    assert call(strict, "some", "ecr", "start_image_scan", **more) is True


def test_calls_count_as_made_over_tls(strict: LocalAws) -> None:
    strict.reset()
    plain = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    attributes = {"Policy": policy(plain)}
    url = strict.client("sqs").create_queue(QueueName="tls", Attributes=attributes)
    more = {"QueueUrl": url["QueueUrl"], "MessageBody": "hello"}
    create_function(strict, "sender", create_role(strict, "sender", "sqs:SendMessage"))
    assert call(strict, "sender", "sqs", "send_message", **more) is True


def test_refused_call_is_recorded(strict: LocalAws) -> None:
    strict.reset()
    role = create_role(strict, "weak", "sqs:*")
    session = strict.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")
    events = strict.client("events")
    queue = Queue(strict)
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.ecs"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue.arn}])
    with pytest.raises(ClientError, match="AccessDenied"):
        register(strict.client("ecs", credentials=session["Credentials"]))
    detail = queue.bodies()[0]["detail"]
    assert detail["errorCode"].startswith("AccessDenied")
    assert detail["responseElements"] is None


def test_settings_of_a_function_are_read_by_a_permission_of_their_own(
    strict: LocalAws,
) -> None:
    strict.reset()
    create_function(strict, "f", create_role(strict, "runs", "logs:*"))
    role = create_role(
        strict,
        "reads",
        "lambda:GetFunctionConcurrency",
        "lambda:GetFunctionEventInvokeConfig",
    )
    keys = strict.client("sts").assume_role(RoleArn=role, RoleSessionName="ada")
    client = strict.client("lambda", credentials=keys["Credentials"])
    client.get_function_concurrency(FunctionName="f")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function_event_invoke_config(FunctionName="f")
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_function_concurrency(
            FunctionName="f", ReservedConcurrentExecutions=1
        )
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_function_event_invoke_config(
            FunctionName="f", MaximumRetryAttempts=1
        )
