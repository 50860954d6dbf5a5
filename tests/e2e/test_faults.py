"""A sample of the fault matrix with the functions as they are deployed: AWS fails from one call of a function on, and recovers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stack import Stack, eventually, privileged

GUARD = "TaskDefinitionGuard"
#: One call of each attempt that the SDK makes, and then two more calls.
OUTAGE = 5
#: What fails for a while, and from which call of the function on; it makes some ten for a definition that it deregisters. Not from the
#: telling on: here Lambda tries again after 0.2 s, with another request id each time, and meets the claim of the attempt before, which
#: holds for 150 s. The matrix over the HTTP client has it.
OUTAGES = [
    (code, status, skip)
    for code, status in (("ThrottlingException", 400), ("ServiceUnavailable", 503))
    for skip in (0, 2, 5, 7)
]


def fault(code: str, status: int, skip: int, times: int) -> dict[str, Any]:
    return {
        "target": ".*",
        "code": code,
        "status": status,
        "skip": skip,
        "times": times,
        "caller": GUARD,
    }


def register(stack: Stack, family: str) -> str:
    answer = stack.client("ecs").register_task_definition(**privileged(family))
    return answer["taskDefinition"]["taskDefinitionArn"]


def letters(stack: Stack, arn: str) -> list[dict[str, Any]]:
    return [letter for letter in stack.dead_letters(GUARD) if arn in letter["Body"]]


def done(stack: Stack, family: str) -> list[dict[str, Any]]:
    """The alerts that say that the definition was deregistered."""
    return [
        each
        for each in stack.all_alerts_about(f"{family}:")
        if any(
            action["effect"] == "done" for action in each["alert"].get("actions", [])
        )
    ]


def named(stack: Stack, family: str) -> list[dict[str, Any]]:
    """The alerts that name the definition in their headline, whatever they say of it."""
    return [each for each in stack.alerts() if family in each["alert"]["headline"]]


@pytest.mark.parametrize(("code", "status", "skip"), OUTAGES)
def test_an_outage_delays_and_loses_nothing(
    enforce: Stack, code: str, status: int, skip: int
) -> None:
    family = f"outage-{status}-{skip}"
    enforce.aws.control("fault", [fault(code, status, skip, OUTAGE)])
    arn = register(enforce, family)
    eventually("the end", lambda: enforce.status(arn) == "INACTIVE" or None)
    eventually("the alert", lambda: done(enforce, family) or None)
    assert letters(enforce, arn) == []


@pytest.mark.parametrize("skip", [0, 3, 6, 8])
def test_what_aws_refuses_once_is_done_or_told_and_can_be_brought_back(
    enforce: Stack, skip: int
) -> None:
    family = f"refused-{skip}"
    enforce.aws.control("fault", [fault("AccessDeniedException", 400, skip, 1)])
    arn = register(enforce, family)
    enforce.handled(GUARD, f"{family}:")

    def ended() -> bool | None:
        return enforce.status(arn) == "INACTIVE" or bool(letters(enforce, arn)) or None

    eventually("an end", ended)
    if enforce.status(arn) == "ACTIVE":
        eventually("the alert", lambda: named(enforce, family) or None)
        [letter, *_] = letters(enforce, arn)
        enforce.aws.control("event", json.loads(letter["Body"]))
    eventually("the end", lambda: enforce.status(arn) == "INACTIVE" or None)
    eventually("the alert", lambda: done(enforce, family) or None)
