"""A subject as a process: started as Lambda starts it, and given events one by one."""

from __future__ import annotations

import os
import queue
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fake_aws import TOPIC_ARN, FakeAws
from results import BenchError
from servers import ACCOUNT, REGION, RuntimeApi
from subjects import POLICY, Subject, Work

SECONDS_TO_ANSWER = 30.0


class Sample(NamedTuple):
    """One run: milliseconds, and MiB."""

    #: From the start of the process until it asks for an event.
    init: float
    #: From the delivery of the first event to its response.
    first: float
    #: Of that, how long AWS took to answer.
    first_aws: float
    #: The median of the further events, and how long AWS took of each in the median.
    warm: float
    warm_aws: float
    rss: float


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
        "TIDEWAITER_STACK": "bench",
        "TIDEWAITER_MODE": "enforce",
        "TIDEWAITER_POLICY": str(POLICY),
        "TIDEWAITER_TOPIC_ARN": TOPIC_ARN,
        "TIDEWAITER_DEAD_LETTER_QUEUE_URL": f"{aws.url}/{ACCOUNT}/dlq",
        "TIDEWAITER_LEDGER": "ledger",
        **subject.variables,
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
                cwd=subject.folder,
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

    def handle(self, work: Work) -> tuple[float, float]:
        """Return the milliseconds that one event takes, and of these the ones in which AWS was asked."""
        self._runtime.events.put(work.event)
        delivered = self._wait_for("delivered")
        answered = self._wait_for("response")
        self._wait_for("next")
        effects, calls, aws = self._aws.take()
        if effects != list(work.effects) or not work.calls <= calls.keys():
            raise self._broken(
                f"did {effects} by {calls}, but should do {list(work.effects)} and call {set(work.calls)}"
            )
        return (answered - delivered) * 1000, aws * 1000

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
    aws.take()
    with tempfile.TemporaryFile() as log, RuntimeApi() as runtime:
        process = Process(subject, runtime, aws, log)
        try:
            init = process.init()
            first = process.handle(subject.first)
            warm = [process.handle(subject.warm) for _ in range(warm_events)]
            return Sample(
                init,
                *first,
                statistics.median(took for took, _ in warm),
                statistics.median(asked for _, asked in warm),
                process.peak_rss(),
            )
        finally:
            process.end()
