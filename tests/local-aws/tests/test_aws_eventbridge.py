"""Amazon EventBridge: the default bus, its rules and their targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_helpers import Queue, register
from local_aws.process import LocalAws

EVENT = {
    "source": "aws.inspector2",
    "detail-type": "Inspector2 Finding",
    "detail": {"status": "ACTIVE", "severity": "CRITICAL"},
}


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {
        name: value["StringValue"]
        for name, value in message["MessageAttributes"].items()
    }


def add_lambda_target(
    aws: LocalAws, arn: str, *, dead_letters: Queue | None = None
) -> str:
    events = aws.client("events")
    rule = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["test"]}))
    target: dict[str, Any] = {"Id": "1", "Arn": arn}
    if dead_letters:
        target["DeadLetterConfig"] = {"Arn": dead_letters.arn}
    events.put_targets(Rule="r", Targets=[target])
    return rule["RuleArn"]


def send(aws: LocalAws, **detail: Any) -> None:
    entry = {"Source": "test", "DetailType": "t", "Detail": json.dumps(detail)}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


def test_event_with_source_aws_is_refused_from_a_client(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({"source": ["aws.ecs"]})
    entry = {"Source": "aws.ecs", "DetailType": "t", "Detail": "{}"}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 1
    code = answer["Entries"][0]["ErrorCode"]
    assert code == "NotAuthorizedForSourceException"
    queue.assert_empty()


def test_injected_event_gets_what_it_lacks(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({"source": ["aws.inspector2"]})
    identifier = aws.control("event", EVENT)["id"]
    (event,) = queue.bodies()
    assert event["id"] == identifier
    assert event["account"] == aws.account
    assert event["region"] == "us-east-1"
    assert event["resources"] == []
    assert event["detail"] == EVENT["detail"]


def test_injected_event_keeps_what_it_has(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({"account": ["999988887777"]}, "eu-west-1")
    given = {
        **EVENT,
        "version": "0",
        "id": "5c9f5b6a-0000-4000-8000-000000000001",
        "account": "999988887777",
        "time": "2026-11-20T09:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:ecr:eu-west-1:999988887777:repository/a"],
    }
    aws.control("event", given)
    assert queue.bodies() == [given]


def test_injected_event_may_be_an_entry_of_put_events(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({"source": ["aws.ecr"]})
    entry = {"Source": "aws.ecr", "DetailType": "ECR Image Scan", "Detail": '{"a": 1}'}
    aws.control("event", entry)
    assert queue.bodies()[0]["detail"] == {"a": 1}


def test_record_without_content_can_be_injected(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    pattern = {"detail": {"eventName": ["RegisterTaskDefinition"]}}
    queue = tap({"source": ["aws.ecs"], **pattern})
    detail = {
        "eventName": "RegisterTaskDefinition",
        "requestParameters": None,
        "responseElements": None,
    }
    event = {
        "source": "aws.ecs",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": detail,
    }
    aws.control("event", event)
    assert queue.bodies()[0]["detail"] == detail


def test_own_role_can_be_excluded_by_pattern(
    aws: LocalAws, ecs: Any, tap: Callable[..., Queue]
) -> None:
    own = f"arn:aws:iam::{aws.account}:role/Deployer"
    issuer = {"sessionIssuer": {"arn": [{"anything-but": [own]}]}}
    identity = {"userIdentity": {"sessionContext": issuer}}
    queue = tap({"source": ["aws.ecs"], "detail": identity})
    register(ecs)
    aws.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")
    session = aws.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{aws.account}:role/other", RoleSessionName="ci"
    )
    register(aws.client("ecs", credentials=session["Credentials"]), "theirs")
    event = queue.bodies()[0]
    assert event["detail"]["requestParameters"]["family"] == "theirs"


def test_rule_of_another_region_gets_nothing(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    east, west = tap({"source": ["aws.ecs"]}), tap({"source": ["aws.ecs"]}, "eu-west-1")
    register(aws.client("ecs", "eu-west-1"))
    assert west.bodies()[0]["region"] == "eu-west-1"
    east.assert_empty()


def test_event_for_a_missing_function_goes_to_the_targets_dead_letter_queue(
    aws: LocalAws, queue: Queue
) -> None:
    arn = f"arn:aws:lambda:us-east-1:{aws.account}:function:gone"
    rule_arn = add_lambda_target(aws, arn, dead_letters=queue)
    send(aws, a=1)
    (message,) = queue.messages()
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    found = attributes(message)
    assert found["RULE_ARN"] == rule_arn
    assert found["TARGET_ARN"] == arn
    assert found["ERROR_CODE"] == "NO_RESOURCE"


def test_function_that_does_not_permit_the_rule_is_not_invoked(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue
) -> None:
    handler = "def handler(event): return 1"
    arn = make_function("f", handler, allow_events=False)
    rule_arn = add_lambda_target(aws, arn, dead_letters=queue)
    send(aws)
    assert attributes(queue.messages()[0])["ERROR_CODE"] == "NO_PERMISSIONS"
    aws.client("lambda").add_permission(
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )
    send(aws)
    queue.assert_empty()


@pytest.mark.parametrize("source", ["rule/other", "rule/*"])
def test_permission_is_for_the_rules_it_names(
    aws: LocalAws, make_function: Callable[..., str], queue: Queue, source: str
) -> None:
    arn = make_function("f", "def handler(event): return 1", allow_events=False)
    aws.client("lambda").add_permission(
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:{aws.account}:{source}",
    )
    add_lambda_target(aws, arn, dead_letters=queue)
    send(aws)
    if source == "rule/*":
        queue.assert_empty()
    else:
        queue.messages()


def test_event_bus_of_another_region_gets_the_event_as_it_was(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    there = tap({"source": ["aws.iam"]}, "ap-south-1")
    events = aws.client("events")
    bus = f"arn:aws:events:ap-south-1:{aws.account}:event-bus/default"
    events.put_rule(Name="passing", EventPattern=json.dumps({"source": ["aws.iam"]}))
    events.put_targets(
        Rule="passing",
        Targets=[
            {"Id": "1", "Arn": bus, "RoleArn": f"arn:aws:iam::{aws.account}:role/r"}
        ],
    )
    event = {"source": "aws.iam", "detail-type": "x", "detail": {"a": "b"}}
    aws.control("event", event)
    (body,) = there.bodies()
    assert body["detail"] == {"a": "b"}
    assert body["source"] == "aws.iam"
    # Where it happened, not where it went.
    assert body["region"] == "us-east-1"


def test_topic_is_published_to_only_if_its_policy_lets_the_rule_in(
    aws: LocalAws, queue: Queue
) -> None:
    sns, events = aws.client("sns"), aws.client("events")
    topic = sns.create_topic(Name="watch")["TopicArn"]
    dead = Queue(aws)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    rule = events.put_rule(
        Name="watch-rules", EventPattern=json.dumps({"source": [EVENT["source"]]})
    )["RuleArn"]
    target = {"Id": "1", "Arn": topic, "DeadLetterConfig": {"Arn": dead.arn}}
    events.put_targets(Rule="watch-rules", Targets=[target])

    def let_in(source: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"ArnLike": {"aws:SourceArn": source}},
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        sns.set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(document),
        )

    # A topic's own policy lets nobody but its account in.
    aws.control("event", EVENT)
    (message,) = dead.messages()
    assert attributes(message)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes(message)["RULE_ARN"] == rule
    assert json.loads(message["Body"])["source"] == EVENT["source"]
    let_in(rule.replace("watch-rules", "other-*"))
    aws.control("event", EVENT)
    dead.messages()
    let_in(rule.replace("watch-rules", "watch-*"))
    aws.control("event", EVENT)
    queue.messages()
    dead.assert_empty()
