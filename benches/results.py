"""What a part of the benchmark measured, kept as JSON in target/bench for the page that shows all of it.

`BENCH_RUN` names the run that a part belongs to; `make bench` sets it, and so does each verb of a part.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FOLDER = TARGET / "bench"


class BenchError(Exception):
    """What cannot be measured, because it does not do its work."""


def _said(*command: str) -> str:
    """The one line that a command prints."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command)}`: {done.stderr.strip()}")
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """What figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": models[0] if models else platform.machine(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 1024**2, 1),
        "kernel": platform.release(),
        "rustc": _said("rustc", "--version"),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit that is measured, and whether anything is changed since."""
    changed = _said("git", "status", "--porcelain", "--untracked-files=no")
    return _said("git", "rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def write(part: str, command: str, figures: dict[str, Any]) -> None:
    """Keep what a part measured. `command` is what measures it again."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    FOLDER.mkdir(parents=True, exist_ok=True)
    document = {
        "part": part,
        "command": command,
        "run": os.environ.get("BENCH_RUN", now),
        "at": now,
        "commit": commit(),
        "load": os.getloadavg()[0],
        "machine": machine(),
        "figures": figures,
    }
    path = FOLDER / f"{part}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")


def percentile(values: list[float], share: float) -> float:
    """The smallest of the values that this share of them does not exceed."""
    if not values:
        raise BenchError("nothing was measured")
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]
