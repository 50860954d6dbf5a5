"""`tidewaiter doctor --probe`: a task definition that is denied, from its registration to its end."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from person import Person
from stack import Stack, eventually

FAMILY = "tidewaiter-probe-"


@pytest.fixture
def person(program: Path, west: Stack, tmp_path: Path) -> Iterator[Person]:
    person = Person(program, west, tmp_path)
    yield person
    person.run("resume")


def probed(person: Person, seconds: int = 45) -> tuple[int, dict[str, dict[str, Any]]]:
    """The status of the program, and each hop."""
    status, out, error = person.run(
        *("doctor", "--check", "stack", "--probe"),
        *("--timeout", str(seconds), "--format", "json"),
    )
    assert out, error
    checks = json.loads(out)["checks"]
    return status, {c["subject"]: c for c in checks if c["check"] == "probe"}


def standings(hops: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {subject: hop["standing"] for subject, hop in hops.items()}


def left(stack: Stack) -> list[str]:
    """The families of probes that are still active."""
    ecs = stack.client("ecs")
    answer = ecs.list_task_definition_families(familyPrefix=FAMILY, status="ACTIVE")
    return answer["families"]


def registered(stack: Stack) -> list[str]:
    """The families of the probes so far."""
    calls = stack.aws.calls(action="RegisterTaskDefinition", region=stack.region)
    families = [call["request"].get("family", "") for call in calls]
    return [family for family in families if family.startswith(FAMILY)]


@contextmanager
def without_events(stack: Stack) -> Iterator[None]:
    """The rule of registrations is disabled."""
    resource = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.name, LogicalResourceId="TaskDefinitionRegistered"
    )
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    events = stack.client("events")
    events.disable_rule(Name=name)
    try:
        yield
    finally:
        events.enable_rule(Name=name)


def test_a_probe_sees_every_hop_in_enforce_mode_and_leaves_nothing(
    west: Stack, person: Person
) -> None:
    status, hops = probed(person)
    assert status == 0, hops
    assert list(hops) == [
        *("registered", "handled", "denied", "told", "inactive"),
        *("channels", "cleaned up"),
    ]
    assert set(standings(hops).values()) == {"ok"}, hops
    assert "privileged-container" in hops["denied"]["found"]
    assert left(west) == []
    family = registered(west)[-1]
    # On-call sees what it is by its name, and that it is over.
    [alert] = west.alerts_about(family)
    assert alert["alert"]["actions"][0]["effect"] == "done"
    eventually(
        "the alert to be over",
        lambda: [
            each
            for each in west.all_alerts_about(family)
            if each["alert"]["change"] == "resolved"
        ],
    )


def test_a_probe_of_an_audit_stack_is_told_and_left_alone(
    audit: Stack, program: Path, tmp_path: Path
) -> None:
    status, hops = probed(Person(program, audit, tmp_path))
    assert status == 0, hops
    assert set(standings(hops).values()) == {"ok"}, hops
    assert "left alone" in hops and "inactive" not in hops
    assert left(audit) == []
    family = registered(audit)[-1]
    [alert] = audit.alerts_about(family)
    assert alert["alert"]["actions"][0]["effect"] == "not-applied"


def test_a_disabled_rule_is_the_hop_that_is_missing(
    west: Stack, person: Person
) -> None:
    with without_events(west):
        status, hops = probed(person, seconds=10)
    assert status == 1
    assert standings(hops)["handled"] == "problem", hops
    assert "TaskDefinitionRegistered" in hops["handled"]["why"]
    assert hops["cleaned up"]["standing"] == "ok"
    assert left(west) == []


def test_a_pause_is_the_reason_why_a_probe_stays_active(
    west: Stack, person: Person
) -> None:
    person.does("pause", "--reason", "a release goes out")
    status, hops = probed(person)
    assert status == 1
    assert standings(hops)["inactive"] == "problem", hops
    assert "a release goes out" in hops["inactive"]["found"]
    assert standings(hops)["told"] == "ok"
    assert left(west) == []


def test_a_probe_that_is_ended_early_cleans_up(west: Stack, person: Person) -> None:
    with without_events(west):
        for ended in (signal.SIGINT, signal.SIGTERM):
            before = len(registered(west))
            program = subprocess.Popen(
                [
                    person.program,
                    "doctor",
                    "--check",
                    "stack",
                    "--probe",
                    "--stack",
                    west.name,
                ],
                env=person.environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            eventually(
                "the probe to be registered",
                lambda before=before: len(registered(west)) > before,
            )
            assert left(west)
            program.send_signal(ended)
            said, _ = program.communicate(timeout=60)
            assert program.returncode == 1, said
            assert "ended early" in said
            assert left(west) == []
