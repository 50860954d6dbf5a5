"""What an event leaves in the numbers: the line in the function's log, and what CloudWatch makes of it."""

from __future__ import annotations

import datetime
import json
from typing import Any

from stack import Stack, eventually, hardened, privileged

GUARD = "TaskDefinitionGuard"


def metrics(stack: Stack, function: str, request_id: str) -> dict[str, Any]:
    """The line of metrics of one invocation."""
    logs = stack.client("logs")
    group = stack.outputs[f"{function}LogGroup"]

    def found() -> dict[str, Any] | None:
        for event in logs.filter_log_events(logGroupName=group).get("events", []):
            if '"_aws"' not in event["message"]:
                continue
            line = json.loads(event["message"])
            if line["request_id"] == request_id:
                return line
        return None

    return eventually(f"the metrics of {request_id}", found)


def counted(line: dict[str, Any]) -> dict[str, Any]:
    """The metrics that a line gives CloudWatch, with their values."""
    directives = line["_aws"]["CloudWatchMetrics"]
    names = {m["Name"] for d in directives for m in d["Metrics"]}
    assert {d["Namespace"] for d in directives} == {"Tidewaiter"}
    return {name: line[name] for name in names}


def total(deployed: Stack, metric: str, /, **dimensions: str) -> float:
    """The sum of a metric of the last minutes, as CloudWatch has it."""
    now = datetime.datetime.now(datetime.UTC)
    minutes = datetime.timedelta(minutes=10)
    answer = deployed.client("cloudwatch").get_metric_statistics(
        Namespace="Tidewaiter",
        MetricName=metric,
        Dimensions=[{"Name": n, "Value": v} for n, v in dimensions.items()],
        StartTime=now - minutes,
        EndTime=now + minutes,
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])


def test_denied_registration_is_counted(enforce: Stack) -> None:
    of = {"stack": enforce.name, "function": "task-definition-guard"}
    before = total(enforce, "Denied", **of)
    enforce.client("ecs").register_task_definition(**privileged("metrics-counted"))
    [handled] = enforce.handled(GUARD, "metrics-counted")
    line = metrics(enforce, GUARD, handled["request_id"])
    assert {name: line[name] for name in of} == of
    assert line["mode"] == "enforce"
    told = counted(line)
    told.pop("Unknowns", None)
    assert told.pop("BudgetLeft") < 60
    assert 0 <= told.pop("AlertLatency") < 60_000
    assert told == {"Denied": 1, "ActionsDone": 1, "AlertsSent": 1, "PolicyInvalid": 0}
    eventually(
        "CloudWatch to count it", lambda: total(enforce, "Denied", **of) > before
    )


def test_allowed_registration_is_counted_and_no_zeros_are(enforce: Stack) -> None:
    enforce.client("ecs").register_task_definition(**hardened("metrics-allowed"))
    [handled] = enforce.handled(GUARD, "metrics-allowed")
    told = counted(metrics(enforce, GUARD, handled["request_id"]))
    assert told == {"Allowed": 1, "PolicyInvalid": 0}


def test_audit_mode_counts_what_it_would_have_done(audit: Stack) -> None:
    audit.client("ecs").register_task_definition(**privileged("metrics-audit"))
    [handled] = audit.handled(GUARD, "metrics-audit")
    line = metrics(audit, GUARD, handled["request_id"])
    assert line["mode"] == "audit"
    told = counted(line)
    assert told["ActionsNotApplied"] == 1
    assert not {"ActionsDone", "BudgetLeft"} & told.keys()


def test_ledger_that_does_not_answer_is_counted_for_the_whole_stack(
    enforce: Stack,
) -> None:
    before = total(enforce, "LedgerFailures", stack=enforce.name)
    fault = {
        "target": "dynamodb:GetItem",
        "code": "AccessDeniedException",
        "message": "no",
        "times": None,
    }
    enforce.aws.control("fault", [fault])
    enforce.client("ecs").register_task_definition(**privileged("metrics-ledger"))
    [handled] = enforce.handled(GUARD, "metrics-ledger")
    told = counted(metrics(enforce, GUARD, handled["request_id"]))
    assert told["LedgerFailures"] >= 1
    assert told["ActionsFailed"] == told["DeadLettered"] == 1
    eventually(
        "CloudWatch to count it",
        lambda: total(enforce, "LedgerFailures", stack=enforce.name) > before,
    )


def test_stack_has_its_dashboard_and_its_queries(enforce: Stack) -> None:
    name = enforce.outputs["DashboardName"]
    body = enforce.client("cloudwatch").get_dashboard(DashboardName=name)
    assert json.loads(body["DashboardBody"])["widgets"]
    logs = enforce.client("logs")
    prefix = f"Tidewaiter/{enforce.name}/"
    found = logs.describe_query_definitions(queryDefinitionNamePrefix=prefix)
    names = {each["name"].removeprefix(prefix) for each in found["queryDefinitions"]}
    assert {"What was denied", "Who caused it", "Why it was not acted on"} <= names


def test_line_says_who_caused_it(enforce: Stack, audit: Stack) -> None:
    for stack in (enforce, audit):
        stack.client("ecs").register_task_definition(**privileged("metrics-who"))
        [handled] = stack.handled(GUARD, "metrics-who")
        assert handled["who"]
        assert handled["decision"] == "deny"
