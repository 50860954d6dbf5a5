"""The control plane: faults, the list of calls and the reset."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aws_helpers import Queue, register
from botocore.exceptions import ClientError
from local_aws.process import LocalAws, LocalAwsError


def outcomes(aws: LocalAws, **only: str) -> list[tuple[str, int, bool]]:
    return [
        (call["action"], call["status"], call["faulted"]) for call in aws.calls(**only)
    ]


def test_calls_are_listed_in_order(aws: LocalAws, ecs: Any, ecr: Any) -> None:
    before = time.time() - 60
    register(ecs)
    with pytest.raises(ClientError):
        ecs.describe_task_definition(taskDefinition="nope")
    aws.client("sqs").create_queue(QueueName="q")
    aws.client("sns").create_topic(Name="t")
    calls = aws.calls()
    assert [f"{call['service']}:{call['action']}" for call in calls] == [
        "ecr:CreateRepository",
        "ecs:RegisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "sqs:CreateQueue",
        "sns:CreateTopic",
    ]
    assert [call["status"] for call in calls] == [200, 200, 400, 200, 200]
    assert calls[2]["error"] == "ClientException"
    assert calls[2]["request"] == {"taskDefinition": "nope"}
    assert calls[0]["caller"] == f"arn:aws:iam::{aws.account}:role/Deployer"
    assert calls[0]["region"] == "us-east-1"
    assert before < calls[0]["time"] <= calls[-1]["time"]
    assert len(aws.calls(service="ecs")) == 2
    aws.control("calls", method="DELETE")
    assert aws.calls() == []


def test_fault_answers_so_many_calls_after_so_many(aws: LocalAws, ecs: Any) -> None:
    fault = {
        "target": "RegisterTaskDefinition",
        "code": "ThrottlingException",
        "message": "Rate exceeded",
        "times": 2,
        "skip": 1,
    }
    aws.control("fault", [fault])
    register(ecs)
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate exceeded") as error:
            register(ecs)
        assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert register(ecs)["revision"] == 2, "a faulted call has no effect"
    assert outcomes(aws, service="ecs") == [
        ("RegisterTaskDefinition", 200, False),
        ("RegisterTaskDefinition", 400, True),
        ("RegisterTaskDefinition", 400, True),
        ("RegisterTaskDefinition", 200, False),
    ]


def test_fault_makes_the_sdk_retry(aws: LocalAws) -> None:
    aws.control("fault", {"target": "ListClusters", "code": "ThrottlingException"})
    patient = aws.client("ecs", retries={"total_max_attempts": 2, "mode": "standard"})
    assert patient.list_clusters()["clusterArns"] == []
    assert len(aws.calls(action="ListClusters")) == 2


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_fault_can_have_any_status(aws: LocalAws, ecr: Any, status: int) -> None:
    fault = {"target": "ecr:.*", "code": "Broken", "status": status, "times": None}
    aws.control("fault", fault)
    for _ in range(3):
        with pytest.raises(ClientError) as error:
            ecr.describe_repositories()
        assert error.value.response["Error"]["Code"] == "Broken"
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    aws.control("fault", [])
    assert ecr.describe_repositories()["repositories"]


def test_fault_on_sns_publish(aws: LocalAws) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    fault = {"target": "Publish", "code": "KMSDisabled", "message": "a <b> & c"}
    aws.control("fault", fault)
    with pytest.raises(ClientError, match="a <b> & c") as error:
        sns.publish(TopicArn=topic, Message="x")
    assert error.value.response["Error"]["Code"] == "KMSDisabled"
    sns.publish(TopicArn=topic, Message="x")
    assert outcomes(aws, service="sns")[1:] == [
        ("Publish", 400, True),
        ("Publish", 200, False),
    ]


def test_fault_on_sqs_send_message(aws: LocalAws, queue: Queue) -> None:
    sqs = aws.client("sqs")
    aws.control("fault", {"target": "sqs:SendMessage", "code": "OverLimit"})
    with pytest.raises(ClientError, match="OverLimit"):
        sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    assert len(queue.messages()) == 1


def test_fault_can_be_for_one_caller(aws: LocalAws, ecs: Any) -> None:
    fault = {"target": ".*", "code": "AccessDeniedException", "caller": "role/guard$"}
    aws.control("fault", {**fault, "times": None})
    register(ecs)
    session = aws.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{aws.account}:role/guard", RoleSessionName="ci"
    )
    guard = aws.client("ecs", credentials=session["Credentials"])
    with pytest.raises(ClientError, match="AccessDeniedException"):
        guard.list_task_definitions()


def test_fault_can_be_for_one_region(aws: LocalAws, ecs: Any) -> None:
    fault = {"target": "ListClusters", "code": "Broken", "region": "eu-west-1"}
    aws.control("fault", fault)
    ecs.list_clusters()
    with pytest.raises(ClientError, match="Broken"):
        aws.client("ecs", "eu-west-1").list_clusters()


@pytest.mark.parametrize("fault", [{"code": "x"}, {"target": "(", "code": "x"}, "x"])
def test_fault_that_makes_no_sense_is_refused(aws: LocalAws, fault: Any) -> None:
    with pytest.raises(LocalAwsError, match=r"(?i)error"):
        aws.control("fault", [fault])


def test_unknown_control_is_refused(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="no such control"):
        aws.control("nope", {})


def test_reset_forgets_everything(aws: LocalAws, ecs: Any, ecr: Any) -> None:
    register(ecs)
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    aws.control("fault", {"target": "ListClusters", "code": "Broken"})
    aws.reset()
    assert aws.calls() == []
    assert ecs.list_clusters()["clusterArns"] == []
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert ecr.describe_repositories()["repositories"] == []
    configuration = ecr.get_registry_scanning_configuration()["scanningConfiguration"]
    assert configuration["scanType"] == "BASIC"
    assert register(ecs)["revision"] == 1
