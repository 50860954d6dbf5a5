"""Amazon SNS: what reaches a subscribed queue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_helpers import Queue
from local_aws.process import LocalAws


@pytest.fixture
def sns(aws: LocalAws) -> Any:
    return aws.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return sns.create_topic(Name="alerts")["TopicArn"]


def subscribe(sns: Any, topic: str, queue: Queue, **attributes: Any) -> None:
    values = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in attributes.items()
    }
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=values)


def test_queue_gets_the_sqs_part_of_a_structured_message(
    sns: Any, topic: str, queue: Queue
) -> None:
    subscribe(sns, topic, queue)
    parts = {"default": "for all", "sqs": '{"for": "queues"}', "email": "for people"}
    sns.publish(TopicArn=topic, Message=json.dumps(parts), MessageStructure="json")
    assert json.loads(queue.bodies()[0]["Message"]) == {"for": "queues"}


def test_queue_gets_the_default_part_without_one_of_its_own(
    sns: Any, topic: str, queue: Queue
) -> None:
    subscribe(sns, topic, queue)
    sns.publish(
        TopicArn=topic,
        Message=json.dumps({"default": "for all", "email": "for people"}),
        MessageStructure="json",
    )
    assert queue.bodies()[0]["Message"] == "for all"


def test_raw_delivery_keeps_the_message_attributes(
    sns: Any, topic: str, queue: Queue
) -> None:
    subscribe(sns, topic, queue, RawMessageDelivery="true")
    severity = {"DataType": "String", "StringValue": "HIGH"}
    sns.publish(
        TopicArn=topic, Message="text", MessageAttributes={"severity": severity}
    )
    (message,) = queue.messages()
    assert message["Body"] == "text"
    assert message["MessageAttributes"] == {"severity": severity}


@pytest.mark.parametrize(
    ("attribute", "matches"),
    [
        ({"DataType": "String", "StringValue": "HIGH"}, True),
        ({"DataType": "String", "StringValue": "LOW"}, False),
        ({"DataType": "String.Array", "StringValue": '["LOW", "HIGH"]'}, True),
        ({"DataType": "String.Array", "StringValue": '["LOW"]'}, False),
    ],
)
def test_filter_policy_looks_at_strings_and_arrays(
    sns: Any, topic: str, queue: Queue, attribute: dict[str, str], matches: bool
) -> None:
    subscribe(sns, topic, queue, FilterPolicy={"severity": ["HIGH", "CRITICAL"]})
    sns.publish(TopicArn=topic, Message="x", MessageAttributes={"severity": attribute})
    if matches:
        queue.messages()
    else:
        queue.assert_empty()
