"""CloudTrail records of calls to services beside ECS and ECR."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, function_zip
from botocore.exceptions import ClientError
from local_aws.process import LocalAws

VIA = {"detail-type": ["AWS API Call via CloudTrail"]}
NOTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
}
HANDLER = "def handler(event):\n    return 1"


def of(source: str) -> dict[str, Any]:
    return {"source": [f"aws.{source}"], **VIA}


def only(name: str) -> dict[str, Any]:
    return {"detail": {"eventName": [name]}}


def test_members_are_spelled_with_a_small_first_letter(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap(of("events") | only("DisableRule"))
    events = aws.client("events")
    events.put_rule(Name="watched", ScheduleExpression="rate(1 day)")
    events.disable_rule(Name="watched")
    (event,) = queue.bodies()
    detail = event["detail"]
    assert detail["eventSource"] == "events.amazonaws.com"
    assert detail["eventName"] == "DisableRule"
    assert detail["requestParameters"] == {"name": "watched"}
    assert detail["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"]
    assert detail["sourceIPAddress"] == "127.0.0.1"


def test_lambda_events_end_in_a_version_and_show_no_code(
    make_function: Callable[..., str], aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    arn = make_function("watched", HANDLER)
    queue = tap(of("lambda") | only("UpdateFunctionCode20150331v2"))
    aws.client("lambda").update_function_code(
        FunctionName=arn, ZipFile=function_zip(HANDLER)
    )
    (event,) = queue.bodies()
    assert event["detail"]["requestParameters"] == {"functionName": arn}


@pytest.mark.parametrize(
    ("call", "given", "name"),
    [
        (
            "put_function_concurrency",
            {"ReservedConcurrentExecutions": 0},
            "PutFunctionConcurrency20171031",
        ),
        (
            "delete_function_concurrency",
            {},
            "DeleteFunctionConcurrency20171031",
        ),
        ("delete_function", {}, "DeleteFunction20150331"),
    ],
)
def test_changes_of_a_function_are_recorded(
    make_function: Callable[..., str],
    aws: LocalAws,
    tap: Callable[..., Queue],
    call: str,
    given: dict[str, Any],
    name: str,
) -> None:
    make_function("watched", HANDLER)
    queue = tap(of("lambda") | only(name))
    getattr(aws.client("lambda"), call)(FunctionName="watched", **given)
    (event,) = queue.bodies()
    assert event["detail"]["requestParameters"]["functionName"] == "watched"


def test_invoking_a_function_is_no_management_call(
    make_function: Callable[..., str], aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    make_function("watched", HANDLER)
    queue = tap(of("lambda"))
    aws.client("lambda").invoke(FunctionName="watched", Payload=b"{}")
    queue.assert_empty()


def test_calls_of_the_query_protocol_are_recorded(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="watched")["TopicArn"]
    queue = tap(of("sns"))
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="DisplayName", AttributeValue="x"
    )
    (event,) = queue.bodies()
    assert event["detail"]["eventName"] == "SetTopicAttributes"
    assert event["detail"]["requestParameters"]["topicArn"] == topic


def test_cloudwatch_is_called_monitoring(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap(of("monitoring"))
    aws.client("cloudwatch").delete_alarms(AlarmNames=["a", "b"])
    (event,) = queue.bodies()
    assert event["detail"]["eventSource"] == "monitoring.amazonaws.com"
    assert event["detail"]["requestParameters"] == {"alarmNames": ["a", "b"]}


def test_iam_tells_of_its_calls_in_one_region(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    there, elsewhere = tap(of("iam")), tap(of("iam"), "ap-south-1")
    aws.client("iam", "ap-south-1").put_role_policy(
        RoleName="r", PolicyName="p", PolicyDocument=json.dumps(NOTHING)
    )
    (event,) = there.bodies()
    assert event["region"] == "us-east-1"
    assert event["detail"]["awsRegion"] == "us-east-1"
    assert event["detail"]["requestParameters"]["roleName"] == "r"
    elsewhere.assert_empty()


def test_what_is_refused_is_recorded_with_its_error(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap(of("dynamodb"))
    with pytest.raises(ClientError):
        aws.client("dynamodb").delete_table(TableName="none")
    (event,) = queue.bodies()
    assert event["detail"]["errorCode"] == "ResourceNotFoundException"


def test_reading_and_writing_items_are_data_events(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="items",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    queue = tap(of("dynamodb"))
    dynamodb.put_item(TableName="items", Item={"id": {"S": "1"}})
    queue.assert_empty()


def test_what_cloudformation_changes_is_recorded_as_its_doing(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    # Not the call that makes the tap itself.
    by = {"sourceIPAddress": ["cloudformation.amazonaws.com"]}
    queue = tap(of("events") | {"detail": {"eventName": ["PutTargets"], **by}})
    resources = {
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"ScheduleExpression": "rate(1 day)"},
        }
    }
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName="s", TemplateBody=json.dumps({"Resources": resources})
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="s", WaiterConfig={"Delay": 1}
    )
    (event,) = queue.bodies()
    assert event["detail"]["requestParameters"]["rule"]
    identity = event["detail"]["userIdentity"]
    assert identity["invokedBy"] == "cloudformation.amazonaws.com"
