"""A member of an organization whose hub is gone: the event bus that it names does not exist."""

from __future__ import annotations

import json

import pytest
from local_aws.process import LocalAws
from stack import Stack, eventually, privileged

HUB = "arn:aws:events:eu-north-1:210987654321:event-bus/gone"


@pytest.fixture(scope="module")
def member(aws: LocalAws) -> Stack:
    parameters = {"HubBusArn": HUB}
    return Stack(
        aws, "enforce", "eu-north-1", name="member", parameters=parameters
    ).deploy()


def test_a_member_keeps_working_when_the_hub_is_gone(member: Stack) -> None:
    member.client("ecs").register_task_definition(**privileged("orphan"))
    eventually("it to be inactive", lambda: member.status("orphan:1") == "INACTIVE")
    (told,) = eventually("it to be told", lambda: member.alerts_about("orphan:1"))
    assert told["alert"]["decision"] == "deny"


def physical(member: Stack, name: str) -> str:
    (found,) = member.client("cloudformation").describe_stack_resources(
        StackName=member.name, LogicalResourceId=name
    )["StackResources"]
    return found["PhysicalResourceId"]


def test_the_copy_for_the_hub_waits_in_a_queue_of_the_member(member: Stack) -> None:
    queue = physical(member, "HubAlerts")

    def copies() -> list[str]:
        answer = member.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [each["Body"] for each in answer.get("Messages", [])]

    bodies = eventually("the copy", copies)
    # The alert itself, not an envelope around it.
    assert any('"orphan:1"' in body and '"Message"' not in body for body in bodies)


def test_what_is_told_of_tampering_is_copied_too(member: Stack) -> None:
    rule, queue = physical(member, "AlertPutOnBus"), physical(member, "HubAlerts")
    member.client("events").disable_rule(Name=rule)

    def told() -> list[dict[str, str]]:
        # Each once: what is received too often goes to the dead letters.
        answer = member.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10
        )
        bodies = [json.loads(each["Body"]) for each in answer.get("Messages", [])]
        return [body for body in bodies if rule in body.get("call", "")]

    (copy,) = eventually("the copy", told)
    assert copy["tampering"].startswith("Somebody disabled")
