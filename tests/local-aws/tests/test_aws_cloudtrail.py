"""CloudTrail records of ECS and ECR calls, as EventBridge delivers them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, register
from botocore.exceptions import ClientError
from local_aws.process import LocalAws

ECS = {"source": ["aws.ecs"], "detail-type": ["AWS API Call via CloudTrail"]}
ECR = {"source": ["aws.ecr"], "detail-type": ["AWS API Call via CloudTrail"]}
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


def test_successful_write_is_recorded(aws: LocalAws, tap: Callable[..., Queue]) -> None:
    queue = tap(ECS)
    ecs = aws.client("ecs", user_agent_extra="my-tool/1.0")
    definition = register(ecs)
    (event,) = queue.bodies()
    assert event["account"] == aws.account
    assert event["region"] == "us-east-1"
    detail = event["detail"]
    assert detail["eventVersion"] == "1.11"
    assert detail["eventSource"] == "ecs.amazonaws.com"
    assert detail["eventName"] == "RegisterTaskDefinition"
    assert detail["awsRegion"] == "us-east-1"
    assert detail["recipientAccountId"] == aws.account
    assert detail["sourceIPAddress"] == "127.0.0.1"
    assert "my-tool/1.0" in detail["userAgent"]
    assert detail["readOnly"] is False
    assert detail["managementEvent"] is True
    assert detail["eventType"] == "AwsApiCall"
    assert detail["eventID"] and detail["requestID"]
    assert "errorCode" not in detail
    assert detail["requestParameters"] == {
        "family": "web",
        "containerDefinitions": [{"name": "main", "image": "nginx:1", "memory": 64}],
    }
    answered = detail["responseElements"]["taskDefinition"]
    assert answered["taskDefinitionArn"] == definition["taskDefinitionArn"]
    assert answered["compatibilities"] == ["EXTERNAL", "EC2"]


def test_caller_is_an_assumed_role(ecs: Any, tap: Callable[..., Queue]) -> None:
    queue = tap(ECS)
    register(ecs)
    identity = queue.bodies()[0]["detail"]["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == "arn:aws:sts::123456789012:assumed-role/Deployer/local"
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["type"] == "Role"
    assert issuer["arn"] == "arn:aws:iam::123456789012:role/Deployer"
    assert issuer["userName"] == "Deployer"
    assert identity["principalId"].startswith(issuer["principalId"] + ":")


def test_caller_with_a_session_is_its_role(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    aws.client("iam").create_role(
        RoleName="pipeline", Path="/ci/", AssumeRolePolicyDocument="{}"
    )
    arn = f"arn:aws:iam::{aws.account}:role/ci/pipeline"
    session = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="build-7")
    queue = tap(ECS)
    ecs = aws.client("ecs", credentials=session["Credentials"])
    assert register(ecs)["taskDefinitionArn"].split(":")[4] == aws.account
    identity = queue.bodies()[0]["detail"]["userIdentity"]
    assert identity["arn"].endswith(":assumed-role/pipeline/build-7")
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == arn
    assert identity["accessKeyId"] == session["Credentials"]["AccessKeyId"]


def test_caller_with_a_users_key_is_that_user(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    queue = tap(ECS)
    register(aws.client("ecs", credentials=key))
    identity = queue.bodies()[0]["detail"]["userIdentity"]
    assert identity["type"] == "IAMUser"
    assert identity["arn"] == f"arn:aws:iam::{aws.account}:user/ada"
    assert "sessionContext" not in identity


def test_environment_is_replaced_by_a_string(
    ecs: Any, tap: Callable[..., Queue]
) -> None:
    queue = tap(ECS)
    container = {
        "name": "a",
        "image": "b",
        "environment": [{"name": "TOKEN", "value": "secret"}],
        "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:::parameter/key"}],
    }
    register(ecs, containerDefinitions=[container])
    detail = queue.bodies()[0]["detail"]
    (asked,) = detail["requestParameters"]["containerDefinitions"]
    (answered,) = detail["responseElements"]["taskDefinition"]["containerDefinitions"]
    assert asked["environment"] == answered["environment"] == HIDDEN
    assert asked["secrets"] == container["secrets"]
    described = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
    assert described["containerDefinitions"][0]["environment"][0]["value"] == "secret"


def test_environment_overrides_are_hidden_too(
    ecs: Any, tap: Callable[..., Queue]
) -> None:
    register(ecs)
    ecs.create_cluster(clusterName="c")
    queue = tap({**ECS, "detail": {"eventName": ["RunTask"]}})
    override = {"name": "main", "environment": [{"name": "A", "value": "b"}]}
    ecs.run_task(
        cluster="c", taskDefinition="web", overrides={"containerOverrides": [override]}
    )
    asked = queue.bodies()[0]["detail"]["requestParameters"]
    assert asked["overrides"]["containerOverrides"][0]["environment"] == HIDDEN


def test_dates_are_for_display(ecs: Any, tap: Callable[..., Queue]) -> None:
    queue = tap(ECS)
    register(ecs)
    answered = queue.bodies()[0]["detail"]["responseElements"]["taskDefinition"]
    pattern = r"[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d\d:\d\d [AP]M"
    assert re.fullmatch(pattern, answered["registeredAt"])


def test_refused_call_has_error_and_no_answer(
    ecs: Any, tap: Callable[..., Queue]
) -> None:
    queue = tap(ECS)
    with pytest.raises(ClientError):
        ecs.deregister_task_definition(taskDefinition="nope:1")
    detail = queue.bodies()[0]["detail"]
    assert detail["eventName"] == "DeregisterTaskDefinition"
    assert detail["errorCode"] == "ClientException"
    assert detail["errorMessage"] == "Unable to describe task definition."
    assert detail["responseElements"] is None
    assert detail["requestParameters"] == {"taskDefinition": "nope:1"}


def test_throttled_call_is_recorded_as_failed(
    aws: LocalAws, ecs: Any, tap: Callable[..., Queue]
) -> None:
    queue = tap(ECS)
    aws.control("fault", {"target": "Register.*", "code": "ThrottlingException"})
    with pytest.raises(ClientError):
        register(ecs)
    assert queue.bodies()[0]["detail"]["errorCode"] == "ThrottlingException"


def test_reads_are_not_delivered(ecs: Any, ecr: Any, tap: Callable[..., Queue]) -> None:
    register(ecs)
    queue = tap({"source": ["aws.ecs", "aws.ecr"]})
    ecs.describe_task_definition(taskDefinition="web")
    ecs.list_task_definitions()
    ecr.describe_repositories()
    ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "x"}])
    ecr.get_authorization_token()
    queue.assert_empty()


def test_ecr_record_names_the_repository_as_resource(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap(ECR)
    aws.client("ecr").create_repository(
        repositoryName="team/app", tags=[{"Key": "a", "Value": "b"}]
    )
    detail = queue.bodies()[0]["detail"]
    assert detail["eventSource"] == "ecr.amazonaws.com"
    assert detail["requestParameters"] == {
        "repositoryName": "team/app",
        "tags": [{"key": "a", "value": "b"}],
    }
    repository = detail["responseElements"]["repository"]
    assert repository["imageTagMutability"] == "MUTABLE"
    assert repository["repositoryArn"].endswith(":repository/team/app")
    assert re.match(r"[A-Z][a-z]{2} \d", repository["createdAt"])
    assert detail["resources"] == [
        {"ARN": repository["repositoryArn"], "accountId": aws.account}
    ]


def test_element_above_100_kb_is_omitted(ecs: Any, tap: Callable[..., Queue]) -> None:
    queue = tap(ECS)
    container = {"name": "a", "image": "b", "command": ["x" * 1000] * 110}
    register(ecs, containerDefinitions=[container])
    detail = queue.bodies()[0]["detail"]
    assert detail["requestParameters"]["omitted"] is True
    assert detail["responseElements"]["omitted"] is True
