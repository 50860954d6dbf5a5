"""AWS Lambda: asynchronous invocation, and what a function finds around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, eventually, function_zip, register, zipped
from local_aws.process import LocalAws

FAILING = """
def handler(event):
    raise ValueError("no way")
"""

SHOW_ENVIRONMENT = """
def handler(event):
    return dict(os.environ)
"""

DEREGISTER = """
import boto3
ecs = boto3.client("ecs")
def handler(event):
    answered = event["detail"]["responseElements"]["taskDefinition"]
    ecs.deregister_task_definition(taskDefinition=answered["taskDefinitionArn"])
"""

READ_POLICY = """
def handler(event):
    path = os.environ.get("POLICY_FILE") or event["default"]
    root = os.environ["LOCAL_AWS_OPT_DIR"]
    with open(path.replace("/opt", root, 1)) as file:
        return {"path": path, "root": root, "text": file.read()}
"""


def invoke(aws: LocalAws, name: str, event: Any = None) -> Any:
    answer = aws.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event or {})
    )
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def invoke_later(aws: LocalAws, name: str, event: Any) -> None:
    aws.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(event)
    )


def rule_to(aws: LocalAws, arn: str, pattern: dict[str, Any]) -> None:
    events = aws.client("events")
    events.put_rule(Name="rule", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn}])


# --- Retries and dead letters


@pytest.mark.parametrize("way", ["invoke", "rule"])
def test_failing_event_is_tried_three_times_and_then_a_dead_letter(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue, way: str
) -> None:
    handler = """
    import boto3
    sqs = boto3.client("sqs")
    def handler(event):
        sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody="try")
        raise ValueError("no way")
    """
    seen = Queue(aws)
    arn = make_function(
        "f",
        handler,
        DeadLetterConfig={"TargetArn": queue.arn},
        Environment={"Variables": {"SEEN": seen.url}},
    )
    event: Any = {"hello": "world"}
    if way == "invoke":
        invoke_later(aws, "f", event)
    else:
        rule_to(aws, arn, {"source": ["aws.test"]})
        aws.control("event", {"source": "aws.test", "detail": event})
    (message,) = queue.messages(timeout=20)
    seen.messages(3)
    seen.assert_empty()
    body = json.loads(message["Body"])
    assert body == event if way == "invoke" else body["detail"] == event
    attributes = message["MessageAttributes"]
    assert attributes["RequestID"]["StringValue"]
    assert attributes["ErrorCode"] == {"StringValue": "200", "DataType": "Number"}
    assert attributes["ErrorMessage"]["StringValue"] == "no way"


def test_number_of_retries_can_be_set(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue
) -> None:
    make_function("f", FAILING, DeadLetterConfig={"TargetArn": queue.arn})
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
    invoke_later(aws, "f", {"a": 1})
    assert queue.bodies() == [{"a": 1}]


def test_destination_gets_an_envelope_besides_the_dead_letter(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue
) -> None:
    destination = Queue(aws)
    make_function("f", FAILING, DeadLetterConfig={"TargetArn": queue.arn})
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination.arn}},
    )
    invoke_later(aws, "f", {"a": 1})
    (envelope,) = destination.bodies()
    assert envelope["requestPayload"] == {"a": 1}
    assert envelope["responsePayload"]["errorMessage"] == "no way"
    assert queue.bodies() == [{"a": 1}]


def test_event_that_succeeds_at_last_is_no_dead_letter(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue
) -> None:
    handler = """
    tries = []
    def handler(event):
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
    """
    make_function("f", handler, DeadLetterConfig={"TargetArn": queue.arn})
    invoke_later(aws, "f", {})
    queue.assert_empty(1.0)


def test_throttled_event_waits_and_is_no_failure(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue
) -> None:
    handler = """
    import time
    def handler(event):
        time.sleep(0.3)
    """
    make_function("f", handler, DeadLetterConfig={"TargetArn": queue.arn})
    aws.client("lambda").put_function_concurrency(
        FunctionName="f", ReservedConcurrentExecutions=1
    )
    for number in range(4):
        invoke_later(aws, "f", {"n": number})
    queue.assert_empty(2.5)


# --- Environment


def test_function_sees_what_lambda_gives_it_and_nothing_else(
    aws: LocalAws, make_function: Callable[..., str]
) -> None:
    variables = {"MODE": "enforce", "AWS_REGION": "mars"}
    make_function("f", SHOW_ENVIRONMENT, Environment={"Variables": variables})
    seen = invoke(aws, "f")
    assert seen["MODE"] == "enforce"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "us-east-1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert seen["AWS_ENDPOINT_URL"] == aws.endpoint
    assert seen["_HANDLER"] == "bootstrap"
    others = seen.keys() - {
        name for name in seen if name.startswith(("AWS_", "LAMBDA_"))
    }
    assert others - {"LC_CTYPE"} == {"MODE", "PATH", "LANG", "TZ", "_HANDLER"}
    assert "LAMBDA_ASYNC_RETRY_BASE_SECONDS" not in seen


def test_function_runs_in_its_own_region(
    aws: LocalAws, make_function: Callable[..., str]
) -> None:
    make_function("f", SHOW_ENVIRONMENT)
    code = aws.client("lambda").get_function(FunctionName="f")
    assert ":us-east-1:" in code["Configuration"]["FunctionArn"]
    west = aws.client("lambda", "eu-west-1")
    west.create_function(
        FunctionName="f",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{aws.account}:role/r",
        Code={"ZipFile": function_zip(SHOW_ENVIRONMENT)},
    )
    answer = west.invoke(FunctionName="f", Payload="{}")
    assert json.loads(answer["Payload"].read())["AWS_REGION"] == "eu-west-1"
    assert invoke(aws, "f")["AWS_REGION"] == "us-east-1"


# --- Credentials


def test_function_calls_as_its_role_in_its_account(
    aws: LocalAws,
    ecs: Any,
    make_function: Callable[..., str],
    tap: Callable[..., Queue],
) -> None:
    arn = make_function("guard", DEREGISTER)
    pattern = {"detail": {"eventName": ["RegisterTaskDefinition"]}}
    rule_to(aws, arn, {"source": ["aws.ecs"], **pattern})
    queue = tap({"detail": {"eventName": ["DeregisterTaskDefinition"]}})
    register(ecs)

    def is_inactive() -> bool:
        answer = ecs.describe_task_definition(taskDefinition="web:1")
        return answer["taskDefinition"]["status"] == "INACTIVE"

    eventually(is_inactive, timeout=20)
    identity = queue.bodies()[0]["detail"]["userIdentity"]
    role = f"arn:aws:iam::{aws.account}:role/guard-role"
    assert identity["type"] == "AssumedRole"
    assert identity["accountId"] == aws.account
    assert identity["arn"].endswith(":assumed-role/guard-role/guard")
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role
    (call,) = aws.calls(service="ecs", action="DeregisterTaskDefinition")
    assert call["caller"] == role


# --- Layers


@pytest.mark.parametrize("by_variable", [True, False])
def test_layer_is_unpacked_where_a_variable_says(
    aws: LocalAws, make_function: Callable[..., str], by_variable: bool
) -> None:
    client = aws.client("lambda")
    layers = [
        client.publish_layer_version(
            LayerName=name,
            Content={"ZipFile": zipped({"tidewaiter/policy.yaml": text})},
        )["LayerVersionArn"]
        for name, text in (("base", "mode: alert"), ("own", "mode: enforce"))
    ]
    path = "/opt/tidewaiter/policy.yaml"
    variables = {"POLICY_FILE": path} if by_variable else {}
    make_function("f", READ_POLICY, Layers=layers, Environment={"Variables": variables})
    answer = invoke(aws, "f", {"default": path})
    assert answer["text"] == "mode: enforce"
    if by_variable:
        assert answer["path"] == f"{answer['root']}/tidewaiter/policy.yaml"
