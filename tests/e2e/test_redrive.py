"""Events that a stack gave up on, and the way back with the real program."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from person import Person
from stack import ROOT, Stack, eventually, privileged

GUARD = "TaskDefinitionGuard"
QUEUE = f"{GUARD}DeadLetters"
RULE_QUEUE = "TaskDefinitionRegisteredDeadLetters"


@pytest.fixture
def person(program: Path, west: Stack, tmp_path: Path) -> Person:
    return Person(program, west, tmp_path)


def refused(stack: Stack) -> None:
    """From here on ECS does not let the function act."""
    refuse = {
        "target": "DeregisterTaskDefinition",
        "code": "AccessDeniedException",
        "message": "User is not authorized to perform: ecs:DeregisterTaskDefinition",
        "times": None,
        "region": stack.region,
    }
    stack.aws.control("fault", [refuse])


def put_aside(stack: Stack, family: str) -> str:
    """Registers what the function then gives up on; the ARN of the revision."""
    refused(stack)
    answer = stack.client("ecs").register_task_definition(**privileged(family))
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    [line] = stack.handled(GUARD, f"{family}:")
    assert line["outcome"] == "dead-letter", str(line)
    assert stack.status(arn) == "ACTIVE"
    return arn


def may_act_again(stack: Stack) -> None:
    stack.aws.control("fault", method="DELETE")


def counted(person: Person) -> dict[str, int]:
    """What the command says of each queue."""
    listed = json.loads(person.does("redrive", "--format", "json"))
    return {each["queue"]: each["waiting"] for each in listed["queues"]}


def deregistrations(stack: Stack, arn: str) -> int:
    calls = stack.aws.calls(action="DeregisterTaskDefinition", region=stack.region)
    return len([c for c in calls if arn in json.dumps(c["request"]) and not c["error"]])


def test_every_dead_letter_queue_of_the_stack_is_listed(
    west: Stack, person: Person
) -> None:
    pages = west.client("cloudformation").get_paginator("list_stack_resources")
    names = {
        each["LogicalResourceId"]
        for page in pages.paginate(StackName=west.name)
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::SQS::Queue"
        and each["LogicalResourceId"].endswith("DeadLetters")
    }
    assert len(names) >= 12
    assert counted(person).keys() == names


def test_an_event_that_the_function_gave_up_on_is_handled_once_the_cause_is_gone(
    west: Stack, person: Person
) -> None:
    arn = put_aside(west, "redriven")
    assert counted(person)[QUEUE] == 1
    shown = person.does("redrive", "--queue", QUEUE)
    assert "RegisterTaskDefinition" in shown and "redriven" in shown
    assert "not authorized to perform: ecs:DeregisterTaskDefinition" in shown
    assert west.aws.account in shown and west.region in shown
    assert counted(person)[QUEUE] == 1, "a look changes nothing"
    # The cause is still there: it comes back, and is told.
    command = ["redrive", "--queue", QUEUE, "--yes"]
    status, said, error = person.run(*command, "--wait", "50")
    assert status == 1 and "came back" in said, f"{said}\n{error}"
    assert counted(person)[QUEUE] == 1
    may_act_again(west)
    said = person.does(*command, "--wait", "1")
    assert "1 sent" in said
    eventually("the revision to go", lambda: west.status(arn) == "INACTIVE")
    west.handled(GUARD, "redriven:", count=3)
    assert counted(person)[QUEUE] == 0


def test_whoever_is_killed_between_sending_and_removing_loses_nothing(
    west: Stack, person: Person
) -> None:
    arn = put_aside(west, "killed-between")
    # Removing fails for as long as it takes to kill the program.
    fault = {
        "target": "sqs:DeleteMessage",
        "code": "InternalFailure",
        "status": 500,
        "times": None,
        "region": west.region,
    }
    west.aws.control("fault", [fault])
    before = len(west.aws.calls(action="DeleteMessage", region=west.region))
    command = [person.program, "redrive", "--queue", QUEUE, "--yes"]
    program = subprocess.Popen(
        [*command, "--stack", west.name],
        env=person.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(
            "the program to be about to remove it",
            lambda: (
                len(west.aws.calls(action="DeleteMessage", region=west.region)) > before
            ),
        )
    finally:
        program.kill()
        program.wait()
    may_act_again(west)
    assert program.returncode == -9
    eventually("the event to be handled", lambda: west.status(arn) == "INACTIVE")
    # It comes out of hiding, goes back once more, and nothing is done twice.
    eventually("the message to be there", lambda: west.dead_letters(GUARD))
    west.handled(GUARD, "killed-between:", count=2)
    assert "1 sent" in person.does(*command[1:], "--wait", "1")
    west.handled(GUARD, "killed-between:", count=3)
    assert deregistrations(west, arn) == 1
    assert counted(person)[QUEUE] == 0
    told = [a["alert"]["change"] for a in west.all_alerts_about("killed-between:")]
    assert told.count("opened") == 1, told


def test_an_event_that_eventbridge_could_not_deliver_goes_to_the_function(
    west: Stack, person: Person
) -> None:
    lambdas = west.client("lambda")
    function = west.outputs[f"{GUARD}Name"]
    policy = json.loads(lambdas.get_policy(FunctionName=function)["Policy"])
    statements = [s for s in policy["Statement"] if "Registered" in json.dumps(s)]
    assert statements
    for statement in statements:
        lambdas.remove_permission(FunctionName=function, StatementId=statement["Sid"])
    answer = west.client("ecs").register_task_definition(**privileged("undelivered"))
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    eventually("it to be put aside", lambda: counted(person)[RULE_QUEUE] == 1)
    for statement in statements:
        lambdas.add_permission(
            FunctionName=function,
            StatementId=statement["Sid"],
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=next(iter(statement["Condition"].values()))["AWS:SourceArn"],
        )
    shown = person.does("redrive", "--queue", RULE_QUEUE)
    assert "put here by EventBridge" in shown and "NO_PERMISSIONS" in shown
    # One by its id, which is the same that logs and alerts have.
    [message] = json.loads(
        person.does("redrive", "--queue", RULE_QUEUE, "--format", "json")
    )["queues"][0]["messages"]
    said = person.does(
        *("redrive", "--queue", RULE_QUEUE, "--only", message["id"]),
        *("--yes", "--wait", "0"),
    )
    assert "1 sent" in said
    eventually("the revision to go", lambda: west.status(arn) == "INACTIVE")
    [line] = west.handled(GUARD, "undelivered:")
    assert line["event"] == message["id"]
    assert counted(person)[RULE_QUEUE] == 0


def queue_url(stack: Stack, name: str) -> str:
    detail = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.name, LogicalResourceId=name
    )
    return detail["StackResourceDetail"]["PhysicalResourceId"]


def entries(stack: Stack, identifier: str) -> list[dict[str, Any]]:
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["LedgerName"],
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": identifier}},
    )
    return answer["Items"]


def test_what_was_taken_from_a_queue_in_vain_goes_into_it_and_what_is_no_event_stays(
    west: Stack, person: Person
) -> None:
    event = (ROOT / "events" / "usage-recorder" / "running.json").read_text()
    event = event.replace("444455556666", west.aws.account)
    event = event.replace("eu-central-1", west.region)
    url = queue_url(west, "TaskChangedDeadLetters")
    for body in (event, "what is this"):
        west.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    status, said, _ = person.run(
        "redrive", "--queue", "TaskChangedDeadLetters", "--yes", "--wait", "0"
    )
    assert status == 1 and "1 sent, 1 left" in said, said
    assert counted(person)["TaskChangedDeadLetters"] == 1
    usage = f"usage#sha256:{'c3' * 32}"
    eventually("the index to know the task", lambda: entries(west, usage))
    west.client("sqs").purge_queue(QueueUrl=url)
