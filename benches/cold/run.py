"""Measure the cold start of the functions: `make bench-cold`.

Each run starts the function's own process against a local Runtime API and a local
AWS, gives it an event, and then a few more. Not in the numbers is what Lambda adds
to any function (the sandbox, the download of the zip); TLS is neither, as the local
AWS is plain HTTP; but the functions do read this machine's root certificates, in a
thread beside their start, and the first event waits for what is left of that. How
long AWS took to answer the calls of an event is measured too, by AWS. What is compared:

- the functions;
- a function that does nothing, for what Lambda's Rust runtime takes by itself;
- a handler in Python that changes and tells the same as the task definition guard,
  and keeps no ledger;
- Cloud Custodian with a policy that does so, packed by itself.

The subjects take turns, so that other load on the machine hits all of them alike.
What each changes and tells in the local AWS is checked: what does not do its work is
not measured.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import results
from fake_aws import TOPIC_ARN, FakeAws
from process import Sample, run_once
from subjects import HERE, Subject, definitions, functions, handlers

CHANNELS = """version: 1
channels:
  siem: { type: webhook, secret: bench/siem }
"""


def measure(
    chosen: list[Subject], runs: int, warm_events: int
) -> dict[str, list[Sample]]:
    """Measure every subject `runs` times, after one time that does not count."""
    samples: dict[str, list[Sample]] = {subject.name: [] for subject in chosen}
    with FakeAws() as aws:
        aws.definitions = definitions()
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


def summary(subject: Subject, samples: list[Sample]) -> dict[str, Any]:
    """Return the numbers of a subject."""

    def both(values: list[float]) -> dict[str, float]:
        return {
            "median": statistics.median(values),
            "p90": results.percentile(values, 0.9),
        }

    return {
        "kind": subject.kind,
        "init_ms": both([sample.init for sample in samples]),
        "first_ms": both([sample.first for sample in samples]),
        "first_aws_ms": both([sample.first_aws for sample in samples]),
        "first_own_ms": both([sample.first - sample.first_aws for sample in samples]),
        "answered_ms": both([sample.init + sample.first for sample in samples]),
        "warm_ms": both([sample.warm for sample in samples]),
        "warm_aws_ms": both([sample.warm_aws for sample in samples]),
        "rss_mib": both([sample.rss for sample in samples]),
    }


def packed(python: Path, folder: Path) -> str:
    """Pack the policy of Cloud Custodian into a folder and return its version."""
    command = [str(python), str(HERE / "custodian.py"), str(folder), TOPIC_ARN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise results.BenchError(f"Cloud Custodian packs nothing:\n{done.stderr}")
    asked = [str(python), "-c", "from c7n.version import version; print(version)"]
    return subprocess.run(
        asked, capture_output=True, text=True, check=True
    ).stdout.strip()


def positive(text: str) -> int:
    """Read a number of at least one."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the cold start.")
    parser.add_argument(
        "--custodian",
        type=lambda path: Path(path).absolute(),
        help="the Python that has it",
    )
    parser.add_argument("--runs", type=positive, default=30, help="default: 30")
    parser.add_argument(
        "--warm-events", type=positive, default=50, help="per run; default: 50"
    )
    parser.add_argument("--only", action="append", help="a subject by its name")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    version = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            (folder / "channels.yaml").write_text(CHANNELS)
            chosen = functions(folder / "channels.yaml")
            if arguments.custodian:
                version = packed(arguments.custodian, folder)
                chosen += handlers(folder, arguments.custodian)
            if arguments.only:
                chosen = [one for one in chosen if one.name in arguments.only]
            samples = measure(chosen, arguments.runs, arguments.warm_events)
        except results.BenchError as error:
            print(error, file=sys.stderr)
            return 1
    subjects = {
        subject.name: summary(subject, samples[subject.name]) for subject in chosen
    }
    for subject, figures in subjects.items():
        medians = {
            name: f"{both['median']:8.2f}"
            for name, both in figures.items()
            if name != "kind"
        }
        print(f"{subject:22}", *(f"{name} {value}" for name, value in medians.items()))
    if arguments.only or not arguments.custodian:
        print("not kept: not everything was measured", file=sys.stderr)
        return 0
    figures = {
        "runs": arguments.runs,
        "warm_events": arguments.warm_events,
        "custodian": version,
        "subjects": subjects,
    }
    results.write("cold", "make bench-cold", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
