"""Measure the cold start of the functions: `make bench-cold`.

Each run starts the function's own process against a local Runtime API and a local
AWS, gives it an event, and then a few more. Not in the numbers is what Lambda adds
to any function (the sandbox, the download of the zip) and what AWS takes to answer;
TLS is neither, as the local AWS is plain HTTP; but the guards do read this machine's
root certificates, in a thread beside their start, and the first event waits for what
is left of that. What is compared:

- the guards;
- a function that does nothing, for what Lambda's Rust runtime takes by itself;
- a handler in Python that changes and tells the same as the task definition guard,
  and keeps no ledger.

The subjects take turns, so that other load on the machine hits all of them alike.
What each changes and tells in the local AWS is checked: what does not do its work is
not measured.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import platform
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from servers import ACCOUNT, REGION, TOPIC_ARN, FakeAws, RuntimeApi

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS_TO_ANSWER = 30.0


class BenchError(Exception):
    """A subject that cannot be measured, because it does not work."""


@dataclass(frozen=True)
class Work:
    """An event, and what it has to change and tell in AWS."""

    event: bytes
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Something to measure."""

    name: str
    command: tuple[str, ...]
    zipped: Path
    first: Work
    warm: Work


class Sample(NamedTuple):
    """One run: milliseconds, and MiB."""

    init: float
    first: float
    warm: float
    rss: float


def subjects() -> list[Subject]:
    """Return what is measured, in the order of the table."""

    def work(event: str, *calls: str) -> Work:
        return Work((ROOT / "events" / event).read_bytes(), calls)

    def binary(name: str, first: Work, warm: Work) -> Subject:
        path = ROOT / "target/lambda" / name / "bootstrap"
        if not path.is_file():
            raise BenchError(f"{path} is missing: run `make bench-cold`")
        return Subject(name, (str(path),), path, first, warm)

    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/ci-builder:3"
    publish = f"Publish {TOPIC_ARN}"
    privileged = work(
        "task-definition-guard/privileged.json",
        f"DeregisterTaskDefinition {definition}",
        publish,
    )
    # The guard holds DeregisterTaskDefinition to one call in two seconds, on purpose.
    weak = work("task-definition-guard/weak.json", publish)
    critical = work(
        "image-scan-guard/critical.json",
        "UpdateImageStorageClass team/shop",
        publish,
    )
    nothing = Work(privileged.event)
    runtime = (sys.executable, str(HERE / "python_runtime.py"))
    return [
        binary("task-definition-guard", privileged, weak),
        binary("image-scan-guard", critical, critical),
        binary("noop", nothing, nothing),
        Subject("boto3", runtime, HERE / "boto3_handler.py", privileged, weak),
    ]


def environment(subject: Subject, runtime: RuntimeApi, aws: FakeAws) -> dict[str, str]:
    """Return what Lambda and the template set, and nothing else but ``PATH``."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "AWS_LAMBDA_RUNTIME_API": runtime.address,
        "AWS_LAMBDA_FUNCTION_NAME": subject.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{subject.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/10/05/[$LATEST]0",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": aws.url,
        "TIDEWAITER_MODE": "enforce",
        "TIDEWAITER_TOPIC_ARN": TOPIC_ARN,
        "TIDEWAITER_DEAD_LETTER_QUEUE_URL": f"{aws.url}/{ACCOUNT}/dlq",
        "TIDEWAITER_LEDGER": "ledger",
    }


class Process:
    """A subject that runs."""

    def __init__(
        self, subject: Subject, runtime: RuntimeApi, aws: FakeAws, log: BinaryIO
    ) -> None:
        self._subject, self._runtime, self._aws, self._log = subject, runtime, aws, log
        self._started = time.perf_counter()
        try:
            self._child = subprocess.Popen(
                subject.command,
                env=environment(subject, runtime, aws),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        except OSError as error:
            raise BenchError(f"{subject.name} cannot be started: {error}") from error

    def _wait_for(self, kind: str) -> float:
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while time.monotonic() < deadline:
            try:
                told = self._runtime.signals.get(timeout=0.25)
            except queue.Empty:
                if self._child.poll() is None:
                    continue
                raise self._broken(f"ended with {self._child.returncode}") from None
            if told.kind != kind:
                raise self._broken(f"told `{told.kind}` {told.body.decode()}")
            return told.at
        raise self._broken(f"did not come to `{kind}`")

    def _broken(self, what: str) -> BenchError:
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")[-4000:]
        return BenchError(f"{self._subject.name} {what}\n{log}".rstrip())

    def init(self) -> float:
        """Return the milliseconds until it asks for an event."""
        return (self._wait_for("next") - self._started) * 1000

    def handle(self, work: Work) -> float:
        """Return the milliseconds that one event takes."""
        self._runtime.events.put(work.event)
        delivered = self._wait_for("delivered")
        answered = self._wait_for("response")
        self._wait_for("next")
        calls = self._aws.take_calls()
        if calls != list(work.calls):
            raise self._broken(f"called {calls}, but should call {list(work.calls)}")
        return (answered - delivered) * 1000

    def peak_rss(self) -> float:
        """Return the most memory it has had, in MiB."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def end(self) -> None:
        """Kill it, as Lambda does."""
        self._child.kill()
        self._child.wait()


def run_once(subject: Subject, aws: FakeAws, warm_events: int) -> Sample:
    """Measure one process from its start to its end."""
    with tempfile.TemporaryFile() as log, RuntimeApi() as runtime:
        process = Process(subject, runtime, aws, log)
        try:
            init = process.init()
            first = process.handle(subject.first)
            warm = [process.handle(subject.warm) for _ in range(warm_events)]
            return Sample(init, first, statistics.median(warm), process.peak_rss())
        finally:
            process.end()


def measure(
    chosen: list[Subject], runs: int, warm_events: int
) -> dict[str, list[Sample]]:
    """Measure every subject `runs` times, after one time that does not count."""
    samples: dict[str, list[Sample]] = {subject.name: [] for subject in chosen}
    with FakeAws() as aws:
        for run in range(runs + 1):
            first = run % len(chosen)
            for subject in chosen[first:] + chosen[:first]:
                sample = run_once(subject, aws, warm_events)
                if run:
                    samples[subject.name].append(sample)
            if sys.stderr.isatty():
                print(f"\rrun {run} of {runs}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    return samples


def zip_size(path: Path) -> int:
    """Return how many bytes a zip of this one file has."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(path, path.name)
    return len(zipped.getvalue())


def p90(values: list[float]) -> float:
    """Return the value that nine of ten do not exceed."""
    return sorted(values)[math.ceil(len(values) * 0.9) - 1]


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def summary(subject: Subject, samples: list[Sample]) -> dict[str, Any]:
    """Return the numbers of a subject."""

    def both(values: list[float]) -> dict[str, float]:
        return {"median": statistics.median(values), "p90": p90(values)}

    return {
        "init_ms": both([sample.init for sample in samples]),
        "first_event_ms": both([sample.first for sample in samples]),
        "warm_event_ms": both([sample.warm for sample in samples]),
        "peak_rss_mib": both([sample.rss for sample in samples]),
        "zip_bytes": zip_size(subject.zipped),
        "samples": [sample._asdict() for sample in samples],
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results, aligned."""

    def pair(name: str, digits: int) -> Callable[[dict[str, Any]], str]:
        return lambda row: (
            f"{row[name]['median']:.{digits}f} / {row[name]['p90']:.{digits}f}"
        )

    def against(name: str) -> Callable[[dict[str, Any]], str]:
        base = results[name]["init_ms"]["median"]
        return lambda row: f"{row['init_ms']['median'] / base:.3g}"

    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "init ms": pair("init_ms", 1),
        "first event ms": pair("first_event_ms", 1),
        "warm event ms": pair("warm_event_ms", 2),
        "peak RSS MiB": pair("peak_rss_mib", 1),
        "zip KiB": lambda row: f"{row['zip_bytes'] / 1024:.1f}",
        "init / noop": against("noop"),
        "init / boto3": against("boto3"),
    }
    rows = [["", *columns]]
    rows += [
        [name, *(cell(row) for cell in columns.values())]
        for name, row in results.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def positive(text: str) -> int:
    """Read a number of at least one."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the cold start.")
    parser.add_argument("--runs", type=positive, default=20, help="default: 20")
    parser.add_argument(
        "--warm-events", type=positive, default=50, help="per run; default: 50"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it all there")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        chosen = subjects()
        samples = measure(chosen, arguments.runs, arguments.warm_events)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    results = {
        subject.name: summary(subject, samples[subject.name]) for subject in chosen
    }
    on = machine()
    print(f"{on['cpu']}, {on['cores']} cores, Linux {on['kernel']}")
    print(
        f"median / p90 of {arguments.runs} runs;"
        f" warm: the median of {arguments.warm_events} further events of each run\n"
    )
    print(table(results))
    print(
        "\nThe first event of task-definition-guard and boto3 is privileged.json (one"
        "\nDeregisterTaskDefinition, one Publish); the further ones are weak.json (one"
        "\nPublish), because the guard deregisters no more than once in two seconds."
        "\nThe zip of boto3 is the handler alone: Lambda's runtime brings Python"
        f" (here {on['python']})\nand boto3."
    )
    if arguments.json:
        report = {
            "machine": on,
            "runs": arguments.runs,
            "warm_events": arguments.warm_events,
            "subjects": results,
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
