"""Whoever tampers with the stack is told of by a way of its own, and what the stack's own deployment does is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_aws.process import LocalAws
from stack import ROOT, Stack, Subscriber, eventually

REGION = "ap-south-1"
# The Region where IAM tells of its calls.
GLOBAL = "us-east-1"


class Watched:
    """A stack, what its topic of tampering has said, and its resources by their logical names."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.subscriber: Subscriber = stack.subscribe("TamperTopicArn", "watch")
        pages = stack.client("cloudformation").get_paginator("list_stack_resources")
        self.names = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack.name)
            for each in page["StackResourceSummaries"]
        }
        self.told: list[str] = []

    def __getitem__(self, name: str) -> str:
        return self.names[name]

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    def messages(self) -> list[str]:
        """Every message so far."""
        self.told += [each["Message"] for each in self.subscriber.envelopes()]
        return self.told

    def hears(self, *words: str) -> str:
        """Waits for a message that has all the words in it."""

        def found() -> str | None:
            for message in self.messages():
                if all(word in message for word in words):
                    return message
            return None

        return eventually(f"to be told of {words}", found)


@pytest.fixture(scope="module")
def watched(aws: LocalAws) -> Iterator[Watched]:
    stack = Stack(aws, "audit", REGION, name="watched", by="sam").deploy()
    yield Watched(stack)


Tamper = Callable[[Watched], Any]


def rule(call: str, **more: Any) -> Tamper:
    return lambda w: getattr(w.client("events"), call)(
        Name=w["TaskDefinitionRegistered"], **more
    )


def function(call: str, **more: Any) -> Tamper:
    return lambda w: getattr(w.client("lambda"), call)(
        FunctionName=w["ImageScanGuard"], **more
    )


def topic_policy(w: Watched) -> Any:
    nothing = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": {"AWS": w.stack.aws.account},
                "Action": "sns:Subscribe",
                "Resource": w["AlertTopic"],
            }
        ],
    }
    return w.client("sns").set_topic_attributes(
        TopicArn=w["AlertTopic"],
        AttributeName="Policy",
        AttributeValue=json.dumps(nothing),
    )


TAMPERS: dict[str, tuple[Tamper, tuple[str, ...]]] = {
    "rule disabled": (
        rule("disable_rule"),
        ("DisableRule", "TaskDefinitionRegistered"),
    ),
    "rule changed": (
        rule("put_rule", EventPattern=json.dumps({"source": ["nobody"]})),
        ("PutRule", "TaskDefinitionRegistered"),
    ),
    "target replaced": (
        lambda w: w.client("events").put_targets(
            Rule=w["ImagePushed"],
            Targets=[{"Id": "x", "Arn": w.stack.outputs["ImagePushGuardArn"]}],
        ),
        ("PutTargets", "ImagePushed"),
    ),
    "target removed": (
        lambda w: w.client("events").remove_targets(
            Rule=w["BasicScanFinished"], Ids=["guard"]
        ),
        ("RemoveTargets", "BasicScanFinished"),
    ),
    "function configured": (
        function("update_function_configuration", Timeout=1),
        ("UpdateFunctionConfiguration20150331v2", "ImageScanGuard"),
    ),
    "function configured, by its ARN": (
        lambda w: w.client("lambda").update_function_configuration(
            FunctionName=w.stack.outputs["ImagePushGuardArn"], Timeout=1
        ),
        ("UpdateFunctionConfiguration20150331v2", ":function:", "ImagePushGuard"),
    ),
    "concurrency taken": (
        function("put_function_concurrency", ReservedConcurrentExecutions=0),
        ("PutFunctionConcurrency20171031", "ImageScanGuard"),
    ),
    "permission removed": (
        lambda w: w.client("lambda").add_permission(
            FunctionName=w["DeploymentGuard"],
            StatementId="more",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        ),
        ("AddPermission20150331v2", "DeploymentGuard"),
    ),
    "mapping disabled": (
        lambda w: w.client("lambda").update_event_source_mapping(
            UUID=w["ImageFindingsToImageScanGuard"], Enabled=False
        ),
        ("UpdateEventSourceMapping20150331",),
    ),
    "events handed to another function": (
        lambda w: w.client("lambda").create_event_source_mapping(
            EventSourceArn=(
                f"arn:aws:sqs:{REGION}:{w.stack.aws.account}:"
                f"{w['TaskChanges'].rsplit('/', 1)[-1]}"
            ),
            FunctionName=w["DeploymentGuard"],
            Enabled=False,
        ),
        ("CreateEventSourceMapping20150331", "TaskChanges"),
    ),
    "topic policy replaced": (topic_policy, ("SetTopicAttributes", "AlertTopic")),
    "queue emptied": (
        lambda w: w.client("sqs").purge_queue(
            QueueUrl=w.stack.outputs["ImageScanGuardDeadLetterQueueUrl"]
        ),
        ("PurgeQueue", "ImageScanGuardDeadLetters"),
    ),
    "dead letters of the watch": (
        lambda w: w.client("sqs").set_queue_attributes(
            QueueUrl=w.stack.outputs["TamperDeadLetterQueueUrl"],
            Attributes={"MessageRetentionPeriod": "60"},
        ),
        ("SetQueueAttributes", "TamperDeadLetters"),
    ),
    "key disabled": (
        lambda w: w.client("kms").disable_key(KeyId=w["AlertKey"]),
        ("DisableKey",),
    ),
    "ledger changed": (
        lambda w: w.client("dynamodb").update_time_to_live(
            TableName=w["Ledger"],
            TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"},
        ),
        ("UpdateTimeToLive", "Ledger"),
    ),
    "logs forgotten": (
        lambda w: w.client("logs").put_retention_policy(
            logGroupName=w["ImageScanGuardLogs"], retentionInDays=1
        ),
        ("PutRetentionPolicy", "image-scan-guard"),
    ),
    "alarm silenced": (
        lambda w: w.client("cloudwatch").disable_alarm_actions(
            AlarmNames=[w["PolicyAlarm"]]
        ),
        ("DisableAlarmActions",),
    ),
    "watching rule disabled": (
        lambda w: w.client("events").disable_rule(Name=w["FunctionsTampered"]),
        ("DisableRule", "-functions"),
    ),
    "rule that watches rules disabled": (
        lambda w: w.client("events").disable_rule(Name=w["RulesTampered"]),
        ("DisableRule", "-rules"),
    ),
}


def test_the_deployment_itself_is_not_told(watched: Watched) -> None:
    assert watched.messages() == []


def test_an_update_is_told_once(watched: Watched) -> None:
    stack = watched.stack
    stack.update({"LogRetentionDays": "30", "ReservedConcurrency": "0"})
    told = watched.hears("ExecuteChangeSet", stack.name)
    assert f"{stack.name} in {REGION}" in told
    # Functions, rules and policies were put anew, and that is CloudFormation's doing.
    assert watched.messages() == [told]


@pytest.mark.parametrize("name", TAMPERS)
def test_tampering_is_told(watched: Watched, name: str) -> None:
    tamper, words = TAMPERS[name]
    tamper(watched)
    told = watched.hears(*words)
    assert "by AssumedRole Deployer" in told
    assert "from 127.0.0.1" in told
    assert "docs/operations.md#when-somebody-tampers" in told


def test_a_stopped_trail_is_told(watched: Watched) -> None:
    trail = watched.client("cloudtrail")
    s3 = watched.client("s3")
    where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket="trail-watched", **where)
    trail.create_trail(Name="audit-trail", S3BucketName="trail-watched")
    trail.stop_logging(Name="audit-trail")
    watched.hears("StopLogging", "audit-trail")


def test_a_changed_role_is_told_once_iam_is_passed_on(watched: Watched) -> None:
    client = watched.stack.aws.client("cloudformation", region=GLOBAL)
    client.create_stack(
        StackName="tidewaiter-global-events",
        TemplateBody=(ROOT / "infra" / "global-events.yaml").read_text(),
        Parameters=[{"ParameterKey": "Region", "ParameterValue": REGION}],
        Capabilities=["CAPABILITY_IAM"],
    )
    client.get_waiter("stack_create_complete").wait(
        StackName="tidewaiter-global-events", WaiterConfig={"Delay": 1}
    )
    role = watched["ImageScanGuardRole"]
    watched.client("iam").delete_role_policy(
        RoleName=role, PolicyName="observe-and-report"
    )
    told = watched.hears("DeleteRolePolicy", role)
    assert f"in {GLOBAL}" in told, "where it happened"
    assert f"{watched.stack.name} in {REGION}" in told


def test_what_is_of_others_is_not_told(watched: Watched) -> None:
    events = watched.client("events")
    events.put_rule(Name="others", ScheduleExpression="rate(1 day)")
    events.disable_rule(Name="others")
    watched.client("sns").create_topic(Name="others")
    watched.client("sns").delete_topic(
        TopicArn=f"arn:aws:sns:{REGION}:{watched.stack.aws.account}:others"
    )
    # What is told afterwards has overtaken nothing: events come in order here.
    watched.client("events").enable_rule(Name=watched["RulesTampered"])
    watched.client("events").delete_rule(
        Name=watched["UsageReconciliation"], Force=True
    )
    watched.hears("DeleteRule", "UsageReconciliation")
    assert not [each for each in watched.messages() if "others" in each]


def test_what_the_topic_does_not_take_waits_for_somebody_to_read_it(
    watched: Watched,
) -> None:
    nothing = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": watched["TamperTopic"],
            }
        ],
    }
    watched.client("sns").set_topic_attributes(
        TopicArn=watched["TamperTopic"],
        AttributeName="Policy",
        AttributeValue=json.dumps(nothing),
    )
    (message,) = eventually("the record", lambda: watched.stack.dead_letters("Tamper"))
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    record = json.loads(message["Body"])["detail"]
    assert record["eventName"] == "SetTopicAttributes"
    assert record["requestParameters"]["topicArn"] == watched["TamperTopic"]
