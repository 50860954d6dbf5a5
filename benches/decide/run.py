"""Show what a decision costs beside reading its JSON, from what criterion measured: `make bench`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PARSE = "parse"
DECISIONS = ("decide-restricted", "decide-default")


def microseconds(fixture: Path, measured: str) -> float:
    """The median, which other load on the machine moves less than the mean."""
    estimates = json.loads((fixture / measured / "new" / "estimates.json").read_text())
    return estimates["median"]["point_estimate"] / 1000


def rows(folder: Path) -> list[str]:
    lines = [
        f"| Definition | {PARSE} | {' | '.join(f'{name} | of parse' for name in DECISIONS)} |",
        "| --- |" + " ---: |" * (1 + 2 * len(DECISIONS)),
    ]
    for fixture in sorted(path.parent for path in folder.glob(f"*/{PARSE}")):
        parse = microseconds(fixture, PARSE)
        cells = [fixture.name, f"{parse:.1f} µs"]
        for name in DECISIONS:
            decide = microseconds(fixture, name)
            cells += [f"{decide:.1f} µs", f"{decide / parse:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> int:
    table = rows(TARGET / "criterion")
    if len(table) == 2:
        print("nothing is measured yet: run `make bench`", file=sys.stderr)
        return 2
    print("\n".join(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
