"""Collect what decisions cost, beside reading the JSON that they are about: `make bench-decide`.

Criterion has measured the times; `allocations` prints what it counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import results

MEASURED = ("parse", "decide-restricted", "decide-default")


def nanoseconds(definition: str, measured: str) -> float:
    """The median, which other load on the machine moves less than the mean."""
    path = results.TARGET / "criterion" / definition / measured / "new/estimates.json"
    return json.loads(path.read_text())["median"]["point_estimate"]


def allocations() -> dict[str, dict[str, Any]]:
    """What is allocated for each definition, and what a definition is."""
    command = "cargo bench --package tidewaiter-rules --bench allocations --locked"
    done = subprocess.run(
        [*command.split(), "--quiet"],
        cwd=results.ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise results.BenchError(f"`{command}` failed")
    return json.loads(done.stdout)


def main() -> int:
    """Collect, print, and return the exit status."""
    try:
        definitions = allocations()
        for name, definition in definitions.items():
            for measured in MEASURED:
                definition[measured]["ns"] = nanoseconds(name, measured)
    except (OSError, results.BenchError) as error:
        print(f"{error}: run `make bench-decide`", file=sys.stderr)
        return 1
    results.write("decide", "make bench-decide", definitions)
    for name, definition in definitions.items():
        parse = definition["parse"]["ns"]
        for measured in MEASURED:
            of = definition[measured]
            print(
                f"{name:8} {measured:18} {of['ns']:9,.0f} ns  {of['ns'] / parse:5.2f} of parse"
                f"  {of['allocations']:4} allocations  {of['bytes']:6} bytes"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
