"""The page is made of every figure, and says which are from another run."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE.parent / "instructions"))

import render
import results
import sections

MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "memory_gib": 3.8,
    "kernel": "6.1",
    "rustc": "rustc 1.94.1",
    "python": "3.11.7",
}


def cost(ns: float) -> dict[str, Any]:
    return {"ns": ns, "allocations": 7, "bytes": 700}


def subject(kind: str, init: float) -> dict[str, Any]:
    both = {"median": init, "p90": init + 1}
    names = "init first first_aws first_own answered warm warm_aws"
    figures: dict[str, Any] = {f"{name}_ms": both for name in names.split()}
    return figures | {"kind": kind, "rss_mib": both}


def spread(p50: float) -> dict[str, float]:
    return {"count": 500, "p50": p50, "p90": p50, "p99": 2 * p50, "most": 3 * p50}


@pytest.fixture
def measured() -> dict[str, dict[str, Any]]:
    """What the parts measured, made up."""
    whats = {"parse": 30000, "decide-restricted": 12000, "decide-default": 9000}
    figures = {
        "decide": {
            name: {"containers": 2, "bytes": 5000}
            | {what: cost(ns) for what, ns in whats.items()}
            for name in ("medium", "weak")
        },
        "instructions": {
            "counted": {"medium": whats},
            "ceilings": {"medium": {what: 40000 for what in whats}},
        },
        "check": {
            "runs": 5,
            "tables": [
                {
                    "title": "Terraform plans",
                    "files": 200,
                    "mebibytes": 1.5,
                    "subjects": [
                        {"name": "ours", "seconds": 0.02, "mebibytes": 7},
                        {"name": "Checkov", "seconds": 4.0, "mebibytes": 200},
                    ],
                }
            ],
        },
        "cold": {
            "runs": 30,
            "warm_events": 50,
            "custodian": "0.9.53",
            "subjects": {
                "task-definition-guard": subject("function", 3.0),
                "noop": subject("nothing", 2.0),
                "boto3": subject("python", 240.0),
                "Cloud Custodian": subject("python", 900.0),
            },
        },
        "zips": {
            "limit": 3_000_000,
            "sizes": {
                name: {"zip": 1_000_000, "unpacked": 3_000_000}
                for name in ("task-definition-guard", "noop")
            },
        },
        "latency": {
            "told": spread(60),
            "deregistered": spread(70),
            "burst": {
                "count": 1000,
                "kinds": {"privileged": 20, "weak": 40, "hardened": 940},
                "registering_s": 10.0,
                "drained_s": 60.0,
                "right": 1000,
                "alerts": {"opened": 60, "resolved": 20},
                "lambda_throttles": 4000,
                "throttled_calls": 0,
                "retries": 0,
                "told_s": spread(20),
                "deregistered_s": spread(30),
            },
        },
    }
    return {
        name: {
            "part": name,
            "command": f"make bench-{name}",
            "run": "2026-11-29T01:00:00Z",
            "at": "2026-11-29T01:00:00Z",
            "commit": "0123456789ab",
            "load": 0.5,
            "machine": MACHINE,
            "figures": of,
        }
        for name, of in figures.items()
    }


def test_every_comparison_has_its_ratios(measured: dict[str, Any]) -> None:
    text = render.page(measured, "## What was tried")
    assert "| boto3 | 240.0 / 241.0 | 120 | 80 |" in text
    assert "| Cloud Custodian 0.9.53 | 900.0 / 901.0 | 450 | 300 |" in text
    assert "| medium, decide-restricted | 12,000 | 0.4 | 40,000 | 0.30 |" in text
    assert "| Checkov | 50 | 0.005 | 4.00 | 200 | 28.6 |" in text


def test_goals_are_met_or_missed(measured: dict[str, Any]) -> None:
    rows = [
        line
        for line in render.page(measured, "").splitlines()
        if "goal" in line or "at most" in line
    ]
    [start] = [
        row for row in rows if row.startswith("| start at most 1.5 times `noop`")
    ]
    assert start.endswith("| 1.5 | 1 | yes |")
    subjects = measured["cold"]["figures"]["subjects"]
    subjects["task-definition-guard"]["init_ms"]["median"] = 3.1
    text = render.page(measured, "")
    assert "| 1.55 | 1.03 | **no** |" in text


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where figures stand."""
    if isinstance(value, dict):
        return [
            one for key, inner in value.items() for one in leaves(inner, (*path, key))
        ]
    if isinstance(value, list):
        return [
            one
            for key, inner in enumerate(value)
            for one in leaves(inner, (*path, key))
        ]
    return [path]


def without(tree: Any, path: tuple[Any, ...]) -> Any:
    tree = copy.deepcopy(tree)
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return tree


def test_a_figure_that_is_missing_is_an_error(measured: dict[str, Any]) -> None:
    for name, part in measured.items():
        for path in leaves(part["figures"]):
            lacking = measured | {name: without(part, ("figures", *path))}
            with pytest.raises(results.BenchError, match="lacks"):
                print(name, path)
                render.page(lacking, "")


def test_a_part_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(results.BenchError, match="make bench-decide"):
        render.read(tmp_path)


def test_a_part_of_another_run_is_said_to_be(measured: dict[str, Any]) -> None:
    assert "another run" not in render.page(measured, "")
    earlier = {"run": "x", "at": "2026-11-28T01:00:00Z", "commit": "ba9876543210"}
    measured["zips"] |= earlier | {"machine": MACHINE | {"cores": 64}}
    text = render.page(measured, "")
    assert "**From another run**: 2026-11-28T01:00:00Z, commit ba9876543210" in text
    assert "64 cores" in text
    assert "| Parts of this run | 5 of 6 |" in text


def test_the_committed_page_has_every_section_and_no_empty_cell() -> None:
    text = render.PAGE.read_text()
    titles = [part.title for part in sections.PARTS]
    for title in ("Goals", *titles, "What was tried"):
        assert f"\n## {title}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 60
    for row in rows[1:]:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert all(cells[1:]), row
        assert not {"nan", "inf", "None"} & set(cells), row


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 501)]
    assert results.percentile(values, 0.5) == 250
    assert results.percentile(values, 0.99) == 495
    assert results.percentile([7.0], 0.99) == 7.0
    with pytest.raises(results.BenchError):
        results.percentile([], 0.5)
