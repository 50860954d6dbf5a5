"""A decision that takes more than is stated is told of."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("instructions_run", HERE / "run.py")
assert _spec and _spec.loader
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)


def test_what_is_above_its_ceiling_or_has_none_is_told() -> None:
    ceilings = {"small": {"parse": 100, "decide-default": 50}}
    counted = {"small": {"parse": 100.0, "decide-default": 50.1}, "large": {"parse": 1}}
    [above, without] = run.above(counted, ceilings)
    assert above.startswith("decide-default small takes 50 instructions")
    assert without == "parse large has no ceiling: 1"


def test_a_ceiling_is_stated_for_all_that_is_measured() -> None:
    stated = json.loads(run.CEILINGS.read_text())
    assert stated["ceilings"], "for one architecture at least"
    for of in stated["ceilings"].values():
        assert {name: list(whats) for name, whats in of.items()} == stated["measured"]
