"""Grants beside calls, once every other test has run: nothing too few, nothing too many."""

from __future__ import annotations

import os

import pytest
import record
from compared import compare
from granted import grants

WHOLE_SUITE = "TIDEWAITER_WHOLE_SUITE"

pytestmark = pytest.mark.skipif(
    os.environ.get(WHOLE_SUITE) != "1",
    reason=f"says something only after the whole suite, which `make e2e` runs with {WHOLE_SUITE}=1",
)


def test_roles_may_do_what_they_do_and_nothing_else() -> None:
    stacks = record.stacks()
    assert {stack["mode"] for stack in stacks} == {"audit", "enforce"}
    granted = set().union(*(grants(**stack["parameters"]) for stack in stacks))
    wrong = compare(granted, record.questions())
    assert not wrong, "\n".join(wrong)
