"""Write docs/performance.md from what the parts of the benchmark measured: `make bench-page`.

The parts are in target/bench, one file each. A figure that is missing is an error. What was tried, and what
it brought, is in tried.md beside this file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

import results
from goals import goals
from sections import PARTS, Part

PAGE = results.ROOT / "docs/performance.md"


def read(folder: Path = results.FOLDER) -> dict[str, dict[str, Any]]:
    """What each part measured."""
    found = {}
    for part in PARTS:
        path = folder / f"{part.name}.json"
        if not path.is_file():
            raise results.BenchError(
                f"`{part.name}` is not measured yet: run `make {part.verb}`"
            )
        found[part.name] = json.loads(path.read_text())
    return found


def described(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"Linux {machine['kernel']}, {machine['rustc']}, Python {machine['python']}"
    )


def heading(measured: dict[str, dict[str, Any]]) -> tuple[str, list[str]]:
    """The latest run, and the lines that say where and when it was."""
    latest = max(measured.values(), key=lambda part: part["at"])
    run = latest["run"]
    of_run = [part for part in measured.values() if part["run"] == run]
    began = min(part["at"] for part in of_run)
    loads = " ".join(f"{part['load']:.1f}" for part in of_run)
    lines = [
        "# Performance",
        "",
        "Written by `make bench`, which measures all of it; the verb of a section measures that section alone. Medians, where nothing else is said.",
        "",
        "| | |",
        "| --- | --- |",
        f"| Machine | {described(latest['machine'])} |",
        f"| Run | {began} to {latest['at']}, commit {latest['commit']} |",
        f"| Parts of this run | {len(of_run)} of {len(measured)} |",
        f"| Load average when a part ended | {loads} |",
    ]
    return run, lines


def provenance(part: dict[str, Any], run: str, machine: dict[str, Any]) -> str:
    """Where the figures of a section are from, if they are from another run than the latest."""
    line = f"`{part['command']}`"
    if part["run"] != run:
        line += f". **From another run**: {part['at']}, commit {part['commit']}, load average {part['load']:.1f}"
        if part["machine"] != machine:
            line += f", {described(part['machine'])}"
    return line + "."


def section(part: Part, measured: dict[str, Any]) -> list[str]:
    """The lines of a section; a figure that it lacks is an error."""
    write: Callable[[dict[str, Any]], list[str]] = part.write
    try:
        return write(measured["figures"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise results.BenchError(
            f"`{part.name}` lacks a figure ({type(error).__name__}: {error}): run `make {part.verb}`"
        ) from error


def page(measured: dict[str, dict[str, Any]], tried: str) -> str:
    """The whole page."""
    run, lines = heading(measured)
    machine = max(measured.values(), key=lambda part: part["at"])["machine"]
    sections = {part.name: section(part, measured[part.name]) for part in PARTS}
    try:
        lines += ["", "## Goals", "", *goals(measured)]
    except KeyError as error:
        raise results.BenchError(f"a goal lacks its figure {error}") from error
    for part in PARTS:
        told = provenance(measured[part.name], run, machine)
        lines += ["", f"## {part.title}", "", told, "", *sections[part.name]]
    return "\n".join(lines) + "\n\n" + tried.strip() + "\n"


def main() -> int:
    """Write the page and return the exit status."""
    try:
        measured = read()
        text = page(measured, (HERE / "tried.md").read_text())
    except results.BenchError as error:
        print(error, file=sys.stderr)
        return 1
    PAGE.write_text(text)
    print(f"{PAGE.relative_to(results.ROOT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
