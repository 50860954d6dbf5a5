"""A thousand registrations at once: how long until all are dealt with, and whether each is dealt with rightly."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import results
from stack import Stack, eventually, hardened, privileged

GUARD = "TaskDefinitionGuard"
#: Of fifty: one is denied, two are told of, the others are well.
EVERY = 50
#: What registers at a time.
WORKERS = 4
#: Longer than all deregistrations at one in two seconds.
PATIENCE = 900.0


def kind(number: int) -> str:
    """What the definition with this number is."""
    return {7: "privileged", 19: "weak", 41: "weak"}.get(number % EVERY, "hardened")


def ended(
    kinds: dict[str, str],
    statuses: dict[str, str],
    outcomes: Counter[tuple[str, str]],
    alerts: dict[str, list[str]],
) -> list[str]:
    """What did not end as it should: statuses by family, outcomes by family and word, changes told by family."""
    wrong = []
    for family, made in kinds.items():
        status = "INACTIVE" if made == "privileged" else "ACTIVE"
        told = {
            "privileged": ["opened", "resolved"],
            "weak": ["opened"],
            "hardened": [],
        }[made]
        if statuses.get(family) != status:
            wrong.append(f"{family} is {statuses.get(family)}")
        if outcomes[family, "judged"] != 1:
            wrong.append(f"{family} was judged {outcomes[family, 'judged']} times")
        if sorted(alerts.get(family, [])) != told:
            wrong.append(f"{family} was told of as {alerts.get(family)}")
    return wrong


def _outcomes(stack: Stack) -> tuple[Counter[tuple[str, str]], float]:
    """How often each family was handled, by what came of it; and when the last was, in seconds since 1970."""
    pages = (
        stack.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=stack.outputs[f"{GUARD}LogGroup"])
    )
    counted: Counter[tuple[str, str]] = Counter()
    last = 0.0
    for event in (event for page in pages for event in page["events"]):
        if '"handled"' not in event["message"]:
            continue
        line = json.loads(event["message"])
        if line.get("message") == "handled":
            counted[line["subject"].split(":")[0], line["outcome"]] += 1
            last = max(last, event["timestamp"] / 1000)
    return counted, last


def _throttles(stack: Stack) -> int:
    """How often Lambda would not take an invocation of the guard."""
    now = datetime.datetime.now(datetime.UTC)
    points = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Throttles",
        Dimensions=[{"Name": "FunctionName", "Value": stack.outputs[f"{GUARD}Name"]}],
        StartTime=now - datetime.timedelta(hours=2),
        EndTime=now + datetime.timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return int(sum(point["Sum"] for point in points))


def measured(
    stack: Stack, count: int, weak: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """Register `count` definitions and wait until nothing is left to do."""
    make = {"hardened": hardened, "privileged": privileged, "weak": weak}
    kinds = {f"burst-{number:04}": kind(number) for number in range(count)}
    numbers = Counter(kinds.values())
    ecs = stack.client("ecs")
    stack.aws.control("calls", method="DELETE")

    def register(family: str) -> None:
        ecs.register_task_definition(**make[kinds[family]](family))

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(register, kinds))
    registering = time.monotonic() - began

    outcomes: Counter[tuple[str, str]] = Counter()
    last = 0.0

    def is_drained() -> bool:
        nonlocal outcomes, last
        time.sleep(2.0)
        outcomes, last = _outcomes(stack)
        judged = sum(1 for family in kinds if outcomes[family, "judged"])
        over = sum(1 for family in kinds if outcomes[family, "deregistered"])
        return judged == count and over >= numbers["privileged"]

    eventually("the end of the burst", is_drained, PATIENCE)
    report = _report(stack, kinds, outcomes)
    began_at = report.pop("began")
    return report | {"registering_s": registering, "drained_s": last - began_at}


def _report(
    stack: Stack,
    kinds: dict[str, str],
    outcomes: Counter[tuple[str, str]],
) -> dict[str, Any]:
    """What the burst came to. A definition that did not end rightly is an error."""
    statuses = {family: stack.status(f"{family}:1") for family in kinds}
    alerts: dict[str, list[str]] = {}
    for each in stack.alerts():
        family = each["alert"].get("subject", {}).get("id", "?").split(":")[0]
        alerts.setdefault(family, []).append(each["alert"]["change"])
    wrong = ended(kinds, statuses, outcomes, alerts)
    letters = stack.dead_letters(GUARD)
    if wrong or letters or alerts.keys() - kinds.keys():
        raise results.BenchError(f"{len(letters)} dead letters, {alerts}, {wrong[:20]}")
    calls = stack.aws.calls(region=stack.region)
    registered = {
        call["request"]["family"]: call["time"]
        for call in calls
        if call["action"] == "RegisterTaskDefinition"
    }

    def waited(action: str, wanted: str) -> list[float]:
        """The seconds from each registration of a kind to its call."""
        found: dict[str, float] = {}
        for call in calls:
            if call["action"] != action or call["status"] != 200:
                continue
            text = json.dumps(call["request"])
            for family in re.findall(r"burst-\d{4}(?=:1)", text)[:1]:
                if kinds[family] == wanted:
                    found.setdefault(family, call["time"] - registered[family])
        return list(found.values())

    deregistered = waited("DeregisterTaskDefinition", "privileged")
    told = waited("Publish", "weak")
    return {
        "count": len(kinds),
        "kinds": Counter(kinds.values()),
        "began": min(registered.values()),
        "lambda_throttles": _throttles(stack),
        "throttled_calls": sum("hrottl" in (call["error"] or "") for call in calls),
        "retries": sum(
            count for (_, outcome), count in outcomes.items() if outcome == "retry"
        ),
        "right": len(kinds) - len(wrong),
        "alerts": Counter(change for changes in alerts.values() for change in changes),
        "deregistered_s": shown(deregistered),
        "told_s": shown(told),
    }


def shown(values: list[float]) -> dict[str, float]:
    """What the page says of a list of latencies."""
    return {
        "count": len(values),
        "p50": results.percentile(values, 0.5),
        "p90": results.percentile(values, 0.9),
        "p99": results.percentile(values, 0.99),
        "most": max(values),
    }
