"""Measure how many files `tidewaiter check` judges in a second: `make bench-check`.

Three tables come of it. The first is of many task definitions, as plain JSON, by one
thread and by all. The others are of fewer CloudFormation templates and Terraform plans,
made of the same definitions, with Checkov beside it on the very same files: Checkov
reads no plain definitions. Each name says how many rules had something to say of the
files or passed them, as far as that is told; Checkov has few for task definitions. Each subject is a process from start to end, its output thrown
away; they take turns, so that other load on the machine hits all alike. The files have
just been written, so the disk is not measured. Before anything is timed, each subject
has to show that it judges every file.

`TIDEWAITER_CORPUS` may name a folder with definitions in `task-definitions`; without it
they are those of the sample events.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "benches"))

import results
from results import BenchError

# What stands below these is named by people, and no member of the API.
NAMED_BY_PEOPLE = {"dockerLabels", "driverOpts", "labels", "options"}
# What CloudFormation spells in more capitals than the first.
SPELLINGS = {
    "efsVolumeConfiguration": "EFSVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration": "FSxWindowsFileServerVolumeConfiguration",
    "iam": "IAM",
}
# What ECS answers and no template has.
ONLY_ANSWERED = {
    "compatibilities",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
}


@dataclass
class Subject:
    """A command, and what its runs took."""

    name: str
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)


def definitions() -> list[dict[str, Any]]:
    """Return the definitions that the files are made of."""
    corpus = os.environ.get("TIDEWAITER_CORPUS")
    if corpus:
        files = sorted(Path(corpus, "task-definitions").glob("*.json"))
        found = [json.loads(file.read_text("utf-8")) for file in files]
        found = [definition.get("taskDefinition", definition) for definition in found]
    else:
        found = []
        for file in sorted((ROOT / "events" / "task-definition-guard").glob("*.json")):
            detail = json.loads(file.read_text("utf-8")).get("detail", {})
            answer = detail.get("responseElements") or {}
            found.append(answer.get("taskDefinition") or {})
    # Where CloudTrail has hidden the containers, there is nothing to make a file of.
    found = [one for one in found if isinstance(one.get("containerDefinitions"), list)]
    if not found:
        raise BenchError("there is no definition to make files of")
    return found


def pascal(value: Any) -> Any:
    """Return a value of the API in CloudFormation's spelling."""
    if isinstance(value, list):
        return [pascal(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        SPELLINGS.get(key, key[:1].upper() + key[1:]): (
            inner if key in NAMED_BY_PEOPLE else pascal(inner)
        )
        for key, inner in value.items()
        if inner is not None
    }


def template(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a template of one definition."""
    own = {key: value for key, value in definition.items() if key not in ONLY_ANSWERED}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(own)}
        },
    }


def snake(name: str) -> str:
    """Return a name of the API in Terraform's spelling."""
    return "".join(
        f"_{letter.lower()}" if letter.isupper() else letter for letter in name
    )


def block(value: Any) -> Any:
    """Return a value of the API as the provider's blocks: an object is a list of one."""
    if isinstance(value, list):
        return [element for one in value for element in block(one)]
    if not isinstance(value, dict):
        return [value]
    return [
        {
            snake(key): inner
            if key in NAMED_BY_PEOPLE
            else block(inner)
            if isinstance(inner, (dict, list))
            else inner
            for key, inner in value.items()
        }
    ]


def plan(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a Terraform plan of one definition."""
    values: dict[str, Any] = {}
    for key, value in definition.items():
        if key == "containerDefinitions":
            values["container_definitions"] = json.dumps(value)
        elif key == "volumes":
            host_paths = [
                (volume.get("host") or {}).get("sourcePath") for volume in value
            ]
            volumes = block(
                [{k: v for k, v in volume.items() if k != "host"} for volume in value]
            )
            values["volume"] = [
                {**volume, "host_path": path or ""}
                for volume, path in zip(volumes, host_paths, strict=True)
            ]
        elif key == "tags":
            values["tags"] = {tag["key"]: tag["value"] for tag in value}
        elif key not in ONLY_ANSWERED:
            is_block = isinstance(value, dict) or (value and isinstance(value[0], dict))
            values[snake(key)] = block(value) if is_block else value
    resource = {
        "address": "aws_ecs_task_definition.task",
        "mode": "managed",
        "type": "aws_ecs_task_definition",
        "name": "task",
        "provider_name": "registry.terraform.io/hashicorp/aws",
    }
    after = {
        "actions": ["create"],
        "before": None,
        "after": values,
        "after_unknown": {},
    }
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {
            "root_module": {
                "resources": [{**resource, "schema_version": 1, "values": values}]
            }
        },
        "resource_changes": [{**resource, "change": after}],
        "configuration": {
            "root_module": {"resources": [{**resource, "expressions": {}}]}
        },
    }


def write(folder: Path, documents: list[dict[str, Any]], count: int) -> int:
    """Write `count` files in the folder and return their size in bytes."""
    folder.mkdir()
    size = 0
    for index in range(count):
        text = json.dumps(documents[index % len(documents)], indent=2)
        size += len(text)
        (folder / f"{index:06}.json").write_text(text, "utf-8")
    return size


def run(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds, and MiB of memory at the most."""
    # What the kernel tells of a child counts this process too, which it is until it starts the
    # command; so a small program stands between.
    with tempfile.NamedTemporaryFile("r") as told:
        start = time.perf_counter()
        done = subprocess.run(
            ["/usr/bin/time", "--format=%M", f"--output={told.name}", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        seconds = time.perf_counter() - start
        # 1: something was denied.
        if done.returncode not in (0, 1):
            errors = done.stderr.decode(errors="replace")
            raise BenchError(f"{command[0]} ended with {done.returncode}: {errors}")
        kibibytes = told.read().split()[-1]
    return seconds, int(kibibytes) / 1024


def answered(command: list[str]) -> Any:
    """Return the JSON that a command prints."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise BenchError(
            f"{command[0]}: {done.stderr.decode(errors='replace')}"
        ) from error


def measure(subjects: list[Subject], runs: int) -> None:
    """Run the subjects in turns."""
    for _ in range(runs):
        for subject in subjects:
            seconds, mebibytes = run(subject.command)
            subject.seconds.append(seconds)
            subject.mebibytes.append(mebibytes)


def table(title: str, size: int, subjects: list[Subject], count: int) -> dict[str, Any]:
    """Print the medians and return them."""
    mebibytes = size / 1024**2
    print(f"\n{count:,} {title}, {mebibytes:.1f} MiB:")
    medians = [
        {
            "name": subject.name,
            "seconds": statistics.median(subject.seconds),
            "mebibytes": statistics.median(subject.mebibytes),
        }
        for subject in subjects
    ]
    for of in medians:
        print(
            f"  {of['name']:45} {count / of['seconds']:9,.0f} files a second"
            f" {of['seconds']:7.2f} s {of['mebibytes']:5.0f} MiB"
        )
    return {
        "title": title,
        "files": count,
        "mebibytes": mebibytes,
        "subjects": medians,
    }


def counted(rules: set[str]) -> str:
    """Return how many rules there are, in words."""
    return f"{len(rules)} rule" + ("" if len(rules) == 1 else "s")


def tidewaiter(program: Path, folder: Path) -> list[Subject]:
    """Return the subjects of ours, after they have shown that they judge every file."""
    count = sum(1 for _ in folder.iterdir())
    report = answered([str(program), "check", "--format=json", str(folder)])
    if len(report["results"]) != count or report["errors"]:
        raise BenchError(f"tidewaiter did not judge every file: {report['errors'][:3]}")
    rules = {
        finding["rule"]
        for result in report["results"]
        for finding in result["findings"]
    }
    jobs = os.cpu_count() or 1
    return [
        Subject(
            f"`tidewaiter check --jobs {jobs}`, {counted(rules)}",
            [str(program), "check", f"--jobs={jobs}", str(folder)],
        )
        for jobs in dict.fromkeys((1, jobs))
    ]


def checkov(program: Path, folder: Path, framework: str) -> Subject:
    """Return Checkov, after it has shown that it judges every file."""
    command = [str(program), "--directory", str(folder), "--framework", framework]
    # Without the download: what it fetches by default are links to its documentation.
    command += ["--skip-download", "--compact"]
    report = answered([*command, "--output", "json"])
    summary = report["summary"]
    checks = report["results"]["passed_checks"] + report["results"]["failed_checks"]
    files = {check["file_path"] for check in checks}
    count = sum(1 for _ in folder.iterdir())
    if len(files) != count or summary["parsing_errors"]:
        raise BenchError(f"Checkov judged {len(files)} of {count} files")
    rules = {check["check_id"] for check in checks}
    return Subject(f"Checkov {summary['checkov_version']}, {counted(rules)}", command)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--tidewaiter", type=Path, default=ROOT / "target/dist/tidewaiter"
    )
    parser.add_argument(
        "--checkov", type=Path, help="without it, only ours is measured"
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--templates", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not Path("/usr/bin/time").exists():
        raise BenchError(
            "`/usr/bin/time` is missing: install GNU time, which tells the memory"
        )
    documents = definitions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "definitions")
        size = write(folder, documents, arguments.files)
        subjects = tidewaiter(arguments.tidewaiter, folder)
        measure(subjects, arguments.runs)
        tables = [table("task definitions", size, subjects, arguments.files)]
        for framework, title, make in (
            ("cloudformation", "CloudFormation templates", template),
            ("terraform_plan", "Terraform plans", plan),
        ):
            folder = Path(name, framework)
            made = [make(document) for document in documents]
            size = write(folder, made, arguments.templates)
            subjects = tidewaiter(arguments.tidewaiter, folder)
            if arguments.checkov:
                subjects.append(checkov(arguments.checkov, folder, framework))
            measure(subjects, arguments.runs)
            tables.append(table(title, size, subjects, arguments.templates))
    if arguments.checkov:
        figures = {"runs": arguments.runs, "tables": tables}
        results.write("check", "make bench-check", figures)


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"error: {error}")
