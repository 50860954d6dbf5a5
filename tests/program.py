"""The command line, built for tests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def built() -> Path:
    """Return the program as `cargo test --workspace` builds it for its own tests, so that nothing is built twice."""
    command = ["cargo", "test", "--workspace", "--locked", "--quiet", "--no-run"]
    done = subprocess.run(
        [*command, "--test", "cli", "--message-format=json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        message = json.loads(line)
        target = message.get("target", {})
        if target.get("name") == "tidewaiter" and target.get("kind") == ["bin"]:
            return Path(message["executable"])
    raise RuntimeError(f"`{' '.join(command)}` names no program")
