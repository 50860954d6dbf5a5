"""Measure the way from a registration to what is done about it, on the local AWS: `make bench-latency`.

The functions run as they are deployed: by SAM, from the template, under their roles, started by events.
The clock starts when the local AWS takes a RegisterTaskDefinition and stops when the call that tells of it
(Publish) or undoes it (DeregisterTaskDefinition) reaches it. In between are: the answer to the registration,
20 ms that the local AWS waits before it sends an event, its rule and asynchronous invocation, the function,
and the calls to the ledger. Not in it is what CloudTrail and EventBridge of AWS take, which is most of the
way there.

A function deregisters once in two seconds, on purpose (ARCHITECTURE.md, "Pacing"). So denied definitions
are registered in several Regions in turn, each with a stack, and none waits for that pace; the burst shows
what it costs.
"""

from __future__ import annotations

import argparse
import functools
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
for folder in ("tests", "tests/local-aws", "tests/e2e", "infra"):
    sys.path.append(str(HERE.parents[1] / folder))

import burst
import results
from local_aws.process import LocalAws
from stack import Stack, StackError, eventually, hardened, privileged

REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1")
GUARD = "TaskDefinitionGuard"
#: Longer than the pace of deregistrations.
PACE = 2.2


def weak(family: str) -> dict[str, Any]:
    """A definition that is told of and left."""
    definition = hardened(family)
    definition["containerDefinitions"][0]["user"] = "0:0"
    return definition


def taken(stack: Stack, action: str, family: str) -> list[dict[str, Any]]:
    """The calls of an action that name a family and were answered well."""
    calls = stack.aws.calls(action=action, region=stack.region)
    return [
        call
        for call in calls
        if call["status"] == 200 and family in str(call["request"])
    ]


def timed(
    stack: Stack, definition: dict[str, Any], wanted: str
) -> Callable[[], float | None]:
    """Register a definition; what is returned tells the milliseconds until the wanted call, once it is there."""
    family = definition["family"]
    stack.client("ecs").register_task_definition(**definition)

    def ask() -> float | None:
        ends = taken(stack, wanted, f"{family}:1")
        if not ends:
            return None
        (start,) = taken(stack, "RegisterTaskDefinition", family)
        return (ends[0]["time"] - start["time"]) * 1000

    return ask


def told(stack: Stack, count: int) -> list[float]:
    """The milliseconds until each of some weak definitions is told of, one after the other."""
    found = []
    for number in range(count + 1):
        stack.aws.control("calls", method="DELETE")
        name = f"weak-{number}-"
        took = eventually(f"the alert of {name}", timed(stack, weak(name), "Publish"))
        if number:  # the first starts the function
            found.append(took)
    return found


def deregistered(stacks: list[Stack], count: int) -> list[float]:
    """The milliseconds until each of some privileged definitions is deregistered, in one Region after the other."""
    found = []
    used = dict.fromkeys(REGIONS, 0.0)
    for number in range(count + len(stacks)):
        stack = stacks[number % len(stacks)]
        time.sleep(max(used[stack.region] + PACE - time.monotonic(), 0))
        stack.aws.control("calls", method="DELETE")
        name = f"privileged-{number}-"
        ask = timed(stack, privileged(name), "DeregisterTaskDefinition")
        took = eventually(f"the end of {name}", ask)
        used[stack.region] = time.monotonic()
        status = stack.status(f"{name}:1")
        if status != "INACTIVE":
            raise results.BenchError(f"{name}:1 is {status}")
        tell = functools.partial(taken, stack, "Publish", f"{name}:1")
        eventually(f"the alert of {name}", tell)
        if number >= len(stacks):
            found.append(took)
    return found


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the way to an action.")
    parser.add_argument("--events", type=int, default=500, help="of each kind")
    parser.add_argument("--burst", type=int, default=1000)
    parser.add_argument("--regions", type=int, default=len(REGIONS))
    parser.add_argument("--try", action="store_true", dest="only_try")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        # As Lambda, which tries what it throttled again after a second.
        with LocalAws(enforce_iam=True, retry_base_seconds=1.0) as aws:
            stacks = [
                # More actions an hour than the default policy allows.
                Stack(
                    aws,
                    "enforce",
                    region,
                    name=region,
                    policy=HERE / "policy.yaml",
                    by="sam",
                ).deploy()
                for region in REGIONS[: arguments.regions]
            ]
            print(f"{len(stacks)} stacks deployed", file=sys.stderr)
            figures = {
                "told": burst.shown(told(stacks[0], arguments.events)),
                "deregistered": burst.shown(deregistered(stacks, arguments.events)),
            }
        print(figures)
        with LocalAws(enforce_iam=True, retry_base_seconds=1.0) as aws:
            stack = Stack(aws, "enforce", REGIONS[0], name="burst", by="sam").deploy()
            figures["burst"] = burst.measured(stack, arguments.burst, weak)
        print(figures["burst"])
    except (results.BenchError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.only_try:
        return 0
    results.write("latency", "make bench-latency", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
