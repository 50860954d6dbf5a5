"""Count the instructions of a decision, and compare them with what is stated: `make bench-instructions`.

Callgrind counts every instruction of a process. The difference between a process that decides a
hundred times and one that does so ten times is that of ninety decisions, the same in each run,
whatever else the machine does. It is the figure to hold a change against; the ceilings are in
ceilings.json beside this file, one set for each architecture.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import results

CEILINGS = Path(__file__).resolve().parent / "ceilings.json"
FEW, MANY = 10, 100


def program() -> str:
    """Build what is counted, with the profile of the functions, and return where it is."""
    command = "cargo bench --package tidewaiter-rules --bench instructions --locked"
    done = subprocess.run(
        [*command.split(), "--no-run", "--quiet", "--message-format=json"],
        cwd=results.ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    messages = map(json.loads, done.stdout.splitlines())
    built = [one["executable"] for one in messages if one.get("executable")]
    if done.returncode != 0 or len(built) != 1:
        raise results.BenchError(f"`{command}` built {built}")
    return built[0]


def instructions(binary: str, what: str, definition: str, times: int) -> int:
    """How many instructions a process takes that does something so many times."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind"),
                f"--callgrind-out-file={folder}/callgrind.out",
                *(binary, what, definition, str(times)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or counted is None:
        raise results.BenchError(f"callgrind of {what} {definition}:\n{done.stderr}")
    return int(counted[1])


def each(binary: str, what: str, definition: str) -> float:
    """How many instructions it takes once."""
    few = instructions(binary, what, definition, FEW)
    many = instructions(binary, what, definition, MANY)
    return (many - few) / (MANY - FEW)


def above(counted: dict[str, dict[str, float]], ceilings: dict[str, dict]) -> list[str]:
    """What is above its ceiling, or has none."""
    problems = []
    for definition, measured in counted.items():
        for what, count in measured.items():
            ceiling = ceilings.get(definition, {}).get(what)
            if ceiling is None:
                problems.append(f"{what} {definition} has no ceiling: {count:,.0f}")
            elif count > ceiling:
                problems.append(
                    f"{what} {definition} takes {count:,.0f} instructions, {ceiling:,} is the ceiling"
                )
    return problems


def main() -> int:
    """Count, print, and return the exit status: 1 where a ceiling is exceeded."""
    stated = json.loads(CEILINGS.read_text())
    ceilings = stated["ceilings"].get(platform.machine(), {})
    try:
        binary = program()
        counted = {
            definition: {what: each(binary, what, definition) for what in whats}
            for definition, whats in stated["measured"].items()
        }
    except results.BenchError as error:
        print(error, file=sys.stderr)
        return 2
    for definition, measured in counted.items():
        for what, count in measured.items():
            ceiling = ceilings.get(definition, {}).get(what, 0)
            print(f"{definition:8} {what:18} {count:11,.0f}  ceiling {ceiling:9,}")
    figures = {"counted": counted, "ceilings": ceilings}
    results.write("instructions", "make bench-instructions", figures)
    problems = above(counted, ceilings)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
