"""What is measured: the functions, each with an event that makes it work, and what to compare them with."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_aws import CHANNEL, TOPIC_ARN
from results import ROOT, BenchError
from servers import ACCOUNT, REGION

HERE = Path(__file__).resolve().parent
POLICY = ROOT / "infra/policy/tidewaiter/policy.yaml"


@dataclass(frozen=True)
class Work:
    """An event, what it has to change and tell in AWS, and calls that it has to make at least."""

    event: bytes
    effects: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subject:
    """Something to measure."""

    name: str
    #: `function`, `nothing` or `python`.
    kind: str
    command: tuple[str, ...]
    first: Work
    warm: Work
    variables: dict[str, str] = field(default_factory=dict)
    folder: Path = HERE


def _event(name: str) -> bytes:
    return (ROOT / "events" / name).read_bytes()


def definitions() -> dict[str, Any]:
    """The task definitions of the events, as ECS describes them, by their ARN."""
    found = {}
    for name in ("privileged", "weak"):
        event = json.loads(_event(f"task-definition-guard/{name}.json"))
        definition = event["detail"]["responseElements"]["taskDefinition"]
        # CloudTrail writes a time in words, ECS in seconds, and nobody here asks.
        definition.pop("registeredAt", None)
        found[definition["taskDefinitionArn"]] = definition
    return found


def _batch(*bodies: str) -> bytes:
    """What Lambda hands a function from a queue."""
    records = [
        {"messageId": f"m-{number}", "eventSource": "aws:sqs", "body": body}
        for number, body in enumerate(bodies)
    ]
    return json.dumps({"Records": records}).encode()


def _alert() -> str:
    """An alert as SNS hands it to a queue."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "94f20ce6-13c5-43a0-9a9e-ca52d816e90b",
            "TopicArn": TOPIC_ARN,
            "Message": (HERE / "alert.json").read_text(),
        }
    )


def functions(channels: Path) -> list[Subject]:
    """The functions, and the one that does nothing. `channels` is the file of channels of `notify`."""

    def built(
        name: str,
        first: Work,
        warm: Work | None = None,
        kind: str = "function",
        **variables: str,
    ) -> Subject:
        path = ROOT / "target/lambda" / name / "bootstrap"
        if not path.is_file():
            raise BenchError(f"{path} is missing: run `make bench-cold`")
        return Subject(name, kind, (str(path),), first, warm or first, variables)

    publish = f"Publish {TOPIC_ARN}"
    archive = ("UpdateImageStorageClass team/shop", publish)
    recorded = frozenset({"UpdateItem"})
    return [
        built("task-definition-guard", privileged(), weak()),
        built(
            "image-scan-guard",
            Work(_event("image-scan-guard/critical.json"), archive),
        ),
        built("image-push-guard", Work(_event("image-push-guard/push.json"), archive)),
        built(
            "deployment-guard",
            Work(
                _event("deployment-guard/in-progress.json"),
                calls=frozenset({"DescribeServiceRevisions", "GetItem"}),
            ),
        ),
        built(
            "usage-recorder",
            Work(
                _batch(_event("usage-recorder/running.json").decode()), calls=recorded
            ),
        ),
        built("usage-reconciler", Work(b"{}", calls=recorded | {"ListClusters"})),
        built(
            "notify",
            Work(_batch(_alert()), (f"Post {CHANNEL}",), recorded),
            TIDEWAITER_CHANNELS=str(channels),
            TIDEWAITER_ALLOW_LOOPBACK="true",
        ),
        built("noop", Work(privileged().event), kind="nothing"),
    ]


def privileged() -> Work:
    """A definition that is denied."""
    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/ci-builder:3"
    effects = (f"DeregisterTaskDefinition {definition}", f"Publish {TOPIC_ARN}")
    return Work(_event("task-definition-guard/privileged.json"), effects)


def weak() -> Work:
    """A definition that is told of: the guard holds deregistrations to one in two seconds, on purpose."""
    return Work(_event("task-definition-guard/weak.json"), (f"Publish {TOPIC_ARN}",))


def handlers(custodian: Path, python: Path) -> list[Subject]:
    """What does the work of the task definition guard in Python. `custodian` is the folder of its policy."""
    runtime = str(HERE / "python_runtime.py")
    boto3 = (sys.executable, runtime, "boto3_handler.handler")
    c7n = (str(python), runtime, "custodian_policy.run")
    return [
        Subject("boto3", "python", boto3, privileged(), weak()),
        # It has one policy a function, and holds nothing to any pace.
        Subject(
            "Cloud Custodian",
            "python",
            c7n,
            privileged(),
            privileged(),
            {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.11"},
            custodian,
        ),
    ]
