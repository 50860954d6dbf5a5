"""What becomes of task definitions, from the API call to the alert, with the functions as they are deployed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from stack import Stack, eventually, hardened, privileged

GUARD = "TaskDefinitionGuard"


def register(stack: Stack, definition: dict[str, Any]) -> str:
    answer = stack.client("ecs").register_task_definition(**definition)
    return answer["taskDefinition"]["taskDefinitionArn"]


def writes(stack: Stack, action: str, name: str) -> list[dict[str, Any]]:
    """The attempts of a call that name a subject, by the functions."""
    return [
        call
        for call in stack.aws.calls(action=action)
        if name in json.dumps(call["request"]) and "Guard" in call["caller"]
    ]


def last_event(stack: Stack, arn: str) -> dict[str, Any]:
    """The event of a registration as EventBridge delivers it, made by hand."""
    account, region = stack.aws.account, stack.region
    family = arn.rsplit("/", 1)[1].split(":")[0]
    definition = privileged(family) | {
        "taskDefinitionArn": arn,
        "status": "ACTIVE",
        "compatibilities": ["EC2"],
    }
    return {
        "version": "0",
        "id": f"id-{family}",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ecs",
        "account": account,
        "region": region,
        "time": "2026-10-05T06:07:08Z",
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "eventSource": "ecs.amazonaws.com",
            "eventName": "RegisterTaskDefinition",
            "eventID": f"event-{family}",
            "eventTime": "2026-10-05T06:07:08Z",
            "awsRegion": region,
            "recipientAccountId": account,
            "userIdentity": {
                "type": "IAMUser",
                "userName": "bob",
                "arn": f"arn:aws:iam::{account}:user/bob",
            },
            "userAgent": "aws-cli/2.31.3",
            "sourceIPAddress": "198.51.100.7",
            "requestParameters": privileged(family),
            "responseElements": {"taskDefinition": definition},
        },
    }


def test_a_privileged_definition_is_inactive_and_told_once(enforce: Stack) -> None:
    arn = register(enforce, privileged("privileged"))
    [line] = enforce.handled(GUARD, "privileged:")
    assert (line["decision"], line["effects"]) == ("deny", "done")
    assert enforce.status(arn) == "INACTIVE"
    [message] = enforce.alerts_about("privileged:")
    alert = message["alert"]
    assert alert["decision"] == "deny"
    assert alert["actions"][0]["effect"] == "done"
    assert alert["subject"]["arn"] == arn
    assert alert["who"]["name"] and alert["who"]["arn"]
    assert message["attributes"]["severity"] == "critical"
    assert message["attributes"]["mode"] == "enforce"
    assert message["attributes"]["action"] == "deregister-task-definition"
    assert "privileged-container" in json.loads(message["attributes"]["rule"])
    assert len(message["subject"]) < 100


def test_a_hardened_definition_is_untouched_and_silent(enforce: Stack) -> None:
    arn = register(enforce, hardened("hardened"))
    [line] = enforce.handled(GUARD, "hardened:")
    assert (line["decision"], line["effects"], line["rules"]) == ("allow", "", "")
    assert enforce.status(arn) == "ACTIVE"
    assert enforce.alerts_about("hardened:") == []


def test_a_weak_definition_is_told_and_left(enforce: Stack) -> None:
    definition = hardened("weak")
    definition["containerDefinitions"][0]["user"] = "0:0"
    arn = register(enforce, definition)
    enforce.handled(GUARD, "weak:")
    assert enforce.status(arn) == "ACTIVE"
    [message] = enforce.alerts_about("weak:")
    assert message["alert"]["decision"] == "warn"
    assert message["alert"]["actions"] == []
    assert message["attributes"]["action"] == "none"


def test_in_audit_mode_it_is_untouched_and_what_would_happen_is_told(
    audit: Stack,
) -> None:
    arn = register(audit, privileged("audited"))
    [line] = audit.handled(GUARD, "audited:")
    assert (line["mode"], line["effects"]) == ("audit", "not-applied")
    assert audit.status(arn) == "ACTIVE"
    [message] = audit.alerts_about("audited:")
    assert message["alert"]["mode"] == "audit"
    assert message["alert"]["actions"][0]["effect"] == "not-applied"
    assert "Would deregister" in message["subject"]
    assert writes(audit, "DeregisterTaskDefinition", "audited") == []


def test_our_own_deregistration_triggers_nothing(enforce: Stack) -> None:
    register(enforce, privileged("echo"))
    enforce.handled(GUARD, "echo:")
    # A registration after it has been handled too: whatever the deregistration set off would be here.
    register(enforce, hardened("after-echo"))
    enforce.handled(GUARD, "after-echo:")
    # It ends what was told, and is not judged.
    lines = [
        line
        for line in enforce.lines(GUARD)
        if "echo" in line["subject"] and line["outcome"] != "deregistered"
    ]
    assert [line["subject"] for line in lines] == ["echo:1", "after-echo:1"], str(lines)
    assert len(writes(enforce, "DeregisterTaskDefinition", "echo")) == 1


def test_a_registration_by_the_guards_own_role_is_not_delivered(enforce: Stack) -> None:
    event = last_event(
        enforce,
        f"arn:aws:ecs:{enforce.region}:{enforce.aws.account}:task-definition/own:1",
    )
    role = enforce.outputs["TaskDefinitionGuardRoleArn"]
    event["detail"]["userIdentity"] = {
        "type": "AssumedRole",
        "sessionContext": {"sessionIssuer": {"arn": role}},
    }
    enforce.aws.control("event", event)
    register(enforce, hardened("after-own"))
    enforce.handled(GUARD, "after-own:")
    assert [
        line for line in enforce.lines(GUARD) if line["subject"].startswith("own:")
    ] == []


def test_a_registration_by_a_user_without_a_session_is_judged(enforce: Stack) -> None:
    arn = register(enforce, privileged("by-user"))
    enforce.aws.control("event", last_event(enforce, arn))
    lines = enforce.handled(GUARD, "by-user:", count=2)
    assert [line["decision"] for line in lines] == ["deny", "deny"]


def test_a_refused_registration_is_not_delivered(enforce: Stack) -> None:
    event = last_event(
        enforce,
        f"arn:aws:ecs:{enforce.region}:{enforce.aws.account}:task-definition/refused:1",
    )
    event["detail"] |= {"errorCode": "AccessDenied", "responseElements": None}
    enforce.aws.control("event", event)
    register(enforce, hardened("after-refused"))
    enforce.handled(GUARD, "after-refused:")
    assert [
        line
        for line in enforce.lines(GUARD)
        if "refused" in line["reason"] or line["outcome"] == "ignored"
    ] == []


@pytest.mark.parametrize("lost", ["response", "definition"])
def test_a_definition_that_the_event_lacks_is_read_from_ecs(
    enforce: Stack, lost: str
) -> None:
    family = f"lacking-{lost}"
    arn = register(enforce, privileged(family))
    enforce.handled(GUARD, f"{family}:")
    event = last_event(enforce, arn)
    del event["detail"]["eventTime"]
    del event["time"]
    if lost == "response":
        event["detail"]["responseElements"] = None
        # The revision is the latest ACTIVE one, so there has to be one.
        enforce.client("ecs").register_task_definition(**hardened(family))
        enforce.handled(GUARD, f"{family}:2")
    else:
        event["detail"]["responseElements"]["taskDefinition"][
            "containerDefinitions"
        ] = "HIDDEN"
        event["detail"]["requestParameters"] = {
            "omitted": True,
            "originalSize": 131072,
            "reason": "too large",
        }
    enforce.aws.control("event", event)
    enforce.handled(GUARD, f"{family}:", count=3 if lost == "response" else 2)
    assert writes(enforce, "DescribeTaskDefinition", family)


def test_a_privileged_daemon_is_told_and_left(enforce: Stack) -> None:
    account, region = enforce.aws.account, enforce.region
    prefix = f"arn:aws:ecs:{region}:{account}"
    event = last_event(enforce, f"{prefix}:task-definition/node-agent:1")
    event["detail"] |= {
        "eventName": "RegisterDaemonTaskDefinition",
        "responseElements": {
            "daemonTaskDefinitionArn": f"{prefix}:daemon-task-definition/node-agent:1"
        },
    }
    enforce.aws.control("event", event)
    [line] = enforce.handled(GUARD, "node-agent")
    assert (line["decision"], line["effects"]) == ("deny", "")
    [message] = enforce.alerts_about("node-agent")
    assert "daemon" in message["alert"]["withheld"]


def test_a_malformed_event_is_in_the_dead_letter_queue_and_told(enforce: Stack) -> None:
    event = last_event(
        enforce,
        f"arn:aws:ecs:{enforce.region}:{enforce.aws.account}:task-definition/bad:1",
    )
    event["detail"]["responseElements"]["taskDefinition"]["taskDefinitionArn"] = (
        "arn:aws:ecs:malformed"
    )
    enforce.aws.control("event", event)

    def letters() -> list[dict[str, Any]]:
        return [
            letter
            for letter in enforce.dead_letters(GUARD)
            if "arn:aws:ecs:malformed" in letter["Body"]
        ]

    [letter] = eventually("the event in the dead-letter queue", letters)
    assert json.loads(letter["Body"])["id"] == event["id"]
    assert "malformed" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]

    def told() -> list[dict[str, Any]]:
        return [
            each
            for each in enforce.alerts()
            if "arn:aws:ecs:malformed" in json.dumps(each["alert"])
        ]

    [message] = eventually("the alert", told)
    assert message["alert"]["kind"] == "failure"
    assert json.loads(message["attributes"]["rule"]) == ["unhandled-event"]


def test_what_lambda_is_invoked_with_by_mistake_is_put_aside_and_told(
    enforce: Stack,
) -> None:
    enforce.client("lambda").invoke(
        FunctionName=enforce.outputs[f"{GUARD}Name"],
        InvocationType="Event",
        Payload=b'{"by": "mistake"}',
    )

    def letters() -> list[dict[str, Any]]:
        return [
            letter
            for letter in enforce.dead_letters(GUARD)
            if "mistake" in letter["Body"]
        ]

    assert len(eventually("the event in the dead-letter queue", letters)) == 1


def test_throttling_twice_is_outlasted(enforce: Stack) -> None:
    throttle = {
        "target": "DeregisterTaskDefinition",
        "code": "ThrottlingException",
        "times": 2,
    }
    enforce.aws.control("fault", [throttle])
    arn = register(enforce, privileged("throttled"))
    enforce.handled(GUARD, "throttled:")
    assert enforce.status(arn) == "INACTIVE"
    assert len(writes(enforce, "DeregisterTaskDefinition", "throttled")) == 3
    [message] = enforce.alerts_about("throttled:")
    assert message["alert"]["actions"][0]["effect"] == "done"


def test_a_refused_action_is_told_and_its_event_in_the_dead_letter_queue(
    enforce: Stack,
) -> None:
    refuse = {
        "target": "DeregisterTaskDefinition",
        "code": "AccessDeniedException",
        "message": "User is not authorized to perform: ecs:DeregisterTaskDefinition",
        "times": None,
    }
    enforce.aws.control("fault", [refuse])
    arn = register(enforce, privileged("denied"))
    [line] = enforce.handled(GUARD, "denied:")
    assert line["outcome"] == "dead-letter", str(line)
    assert enforce.status(arn) == "ACTIVE"
    [message] = enforce.alerts_about("denied:")
    action = message["alert"]["actions"][0]
    assert (action["effect"], action["will_retry"]) == ("failed", False)
    assert "not authorized" in action["error"]
    assert [letter for letter in enforce.dead_letters(GUARD) if arn in letter["Body"]]


def test_a_failure_that_passes_is_tried_again_by_lambda(enforce: Stack) -> None:
    # More faults than the function's own attempts: Lambda's second invocation gets through.
    fault = {
        "target": "DeregisterTaskDefinition",
        "code": "ServerException",
        "status": 500,
        "times": 5,
    }
    enforce.aws.control("fault", [fault])
    arn = register(enforce, privileged("flaky"))
    lines = enforce.handled(GUARD, "flaky:", count=2)
    assert [line["outcome"] for line in lines] == ["retry", "judged"]
    assert enforce.status(arn) == "INACTIVE"
    effects = [
        each["alert"]["actions"][0]["effect"] for each in enforce.alerts_about("flaky:")
    ]
    assert effects == ["failed", "done"]


def test_the_same_event_five_times_ends_as_once(enforce: Stack) -> None:
    arn = register(enforce, privileged("again"))
    event = last_event(enforce, arn)
    for _ in range(4):
        enforce.aws.control("event", copy.deepcopy(event))
    lines = enforce.handled(GUARD, "again:", count=5)
    # Who reads from ECS that it is INACTIVE has nothing left to do.
    effects = {line["effects"] for line in lines}
    assert {"done"} <= effects <= {"done", ""}
    assert {line["decision"] for line in lines} == {"deny"}
    assert enforce.status(arn) == "INACTIVE"
    assert [
        letter for letter in enforce.dead_letters(GUARD) if arn in letter["Body"]
    ] == []


def test_a_run_with_overrides_is_told_and_a_plain_one_costs_nothing(
    enforce: Stack,
) -> None:
    register(enforce, hardened("runs"))
    enforce.handled(GUARD, "runs:")
    ecs = enforce.client("ecs")
    ecs.create_cluster(clusterName="runs-here")
    ecs.run_task(cluster="runs-here", taskDefinition="runs")
    container = hardened("runs")["containerDefinitions"][0]["name"]
    role = f"arn:aws:iam::{enforce.aws.account}:role/elsewhere"
    ecs.run_task(
        cluster="runs-here",
        taskDefinition="runs",
        overrides={
            "taskRoleArn": role,
            "containerOverrides": [
                {"name": container, "command": ["--password=hunter2-is-no-secret"]}
            ],
        },
    )
    [line] = enforce.handled(GUARD, "in runs-here")
    assert (line["decision"], line["effects"]) == ("warn", "")
    assert "overridden-task-role" in line["rules"]
    [message] = enforce.alerts_about("in runs-here")
    alert = message["alert"]
    assert alert["subject"]["kind"] == "task-overrides"
    assert alert["actions"] == []
    assert "hunter2" not in json.dumps(message)
