"""What the functions keep in the ledger, and what it keeps them from, as they are deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stack import Stack, eventually, privileged

GUARD = "TaskDefinitionGuard"
TOLD = "alert#task-definition"


def entry(stack: Stack, key: str, part: str = "-") -> dict[str, str]:
    """An entry of the ledger, every attribute as a text."""
    answer = stack.client("dynamodb").get_item(
        TableName=stack.outputs["LedgerName"],
        Key={"id": {"S": key}, "part": {"S": part}},
        ConsistentRead=True,
    )
    item = answer.get("Item", {})
    return {
        name: text for name, value in item.items() for text in value.values() if name
    }


def turn(stack: Stack, state: str) -> None:
    """Turns the kill switch, as infra/README.md says."""
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["LedgerName"],
        Key={"id": {"S": "switch"}, "part": {"S": "-"}},
        UpdateExpression="SET #s = :s, #r = :r, #b = :b",
        ExpressionAttributeNames={"#s": "state", "#r": "reason", "#b": "by"},
        ExpressionAttributeValues={
            ":s": {"S": state},
            ":r": {"S": "a test"},
            ":b": {"S": "ada"},
        },
    )


@pytest.fixture
def running(enforce: Stack) -> Iterator[None]:
    yield
    turn(enforce, "running")


def register(stack: Stack, family: str) -> str:
    answer = stack.client("ecs").register_task_definition(**privileged(family))
    return answer["taskDefinition"]["taskDefinitionArn"]


def test_an_action_stands_in_the_ledger_with_its_undo(enforce: Stack) -> None:
    arn = register(enforce, "written-down")
    enforce.handled(GUARD, "written-down")
    action = entry(enforce, f"action#deregister-task-definition:{arn}")
    assert action["state"] == "done"
    assert "register-task-definition" in action["undo"]
    assert entry(enforce, TOLD, arn)["sequence"] in ("1", "2")


def test_what_was_told_is_resolved_by_the_event_of_the_deregistration(
    enforce: Stack,
) -> None:
    arn = register(enforce, "opened-and-over")

    def told() -> list[dict[str, str]] | None:
        told = enforce.all_alerts_about("opened-and-over")
        return told if len(told) > 1 else None

    [opened, resolved] = [each["alert"] for each in eventually("both alerts", told)]
    assert (opened["change"], opened["sequence"]) == ("opened", 1)
    assert (resolved["change"], resolved["sequence"]) == ("resolved", 2)
    assert opened["key"] == resolved["key"] == arn
    assert resolved["resolution"]["reason"] == "deregistered"
    assert entry(enforce, TOLD, arn)["state"] == "resolved"


def test_an_event_that_comes_again_is_told_once(enforce: Stack) -> None:
    arn = register(enforce, "told-once")
    enforce.handled(GUARD, "told-once")
    [call] = [
        call
        for call in enforce.aws.calls(action="RegisterTaskDefinition")
        if call["request"]["family"] == "told-once"
    ]
    event = {
        "id": "again",
        "source": "aws.ecs",
        "detail-type": "AWS API Call via CloudTrail",
        "account": enforce.aws.account,
        "region": enforce.region,
        "time": "2026-10-05T06:09:00Z",
        "resources": [],
        "detail": {
            "eventSource": "ecs.amazonaws.com",
            "eventName": "RegisterTaskDefinition",
            "eventID": "again",
            "awsRegion": enforce.region,
            "recipientAccountId": enforce.aws.account,
            "userIdentity": {"type": "Root"},
            "requestParameters": call["request"],
            "responseElements": {
                "taskDefinition": call["request"]
                | {"taskDefinitionArn": arn, "status": "ACTIVE"}
            },
        },
    }
    enforce.aws.control("event", event)
    enforce.handled(GUARD, "told-once", count=2)
    assert len(enforce.alerts_about("told-once")) == 1
    assert entry(enforce, TOLD, arn)["repeats"] == "1"


def test_the_kill_switch_holds_everything_back(enforce: Stack, running: None) -> None:
    turn(enforce, "paused")
    arn = register(enforce, "held-back")
    [line] = enforce.handled(GUARD, "held-back")
    assert line["effects"] == "not-applied"
    assert enforce.status(arn) == "ACTIVE"
    [message] = enforce.alerts_about("held-back")
    assert message["alert"]["held_back"] == "`ada` paused all actions: `a test`"


def test_without_the_ledger_nothing_is_done_and_it_is_told(enforce: Stack) -> None:
    fault = {
        "target": "dynamodb:GetItem",
        "code": "AccessDeniedException",
        "message": "no",
        "times": None,
    }
    enforce.aws.control("fault", [fault])
    arn = register(enforce, "without-ledger")
    [line] = enforce.handled(GUARD, "without-ledger")
    assert line["outcome"] == "dead-letter"
    assert enforce.status(arn) == "ACTIVE"
    [message] = enforce.alerts_about("without-ledger")
    error = message["alert"]["actions"][0]["error"]
    assert error.startswith("nothing was done: the ledger cannot be reached")
