"""SECURITY.md says of nothing that it is defended without a test that holds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "SECURITY.md").read_text()
HEAD = "| What they try | What is done about it | Test |"
TEST = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")


def actors():
    """The parts of the page that are about an actor: its title, and what stands there."""
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    for part in parts:
        title, _, text = part.partition("\n")
        if HEAD in text:
            yield title, text


def defences():
    for title, text in actors():
        rows = text.partition(HEAD)[2].splitlines()[2:]
        for row in rows:
            if not row.startswith("|"):
                break
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            yield title, cells


DEFENCES = list(defences())


def test_every_actor_has_what_is_and_what_is_not_defended():
    titles = [title for title, _ in actors()]
    assert len(titles) == 7
    for title, text in actors():
        assert any(actor == title for actor, _ in DEFENCES), title
        assert "\nNot defended:" in text, title


@pytest.mark.parametrize(
    "cells", [cells for _, cells in DEFENCES], ids=lambda cells: cells[0][:40]
)
def test_what_is_defended_is_held_by_a_test_that_exists(cells):
    assert len(cells) == 3
    tests = TEST.findall(cells[2])
    assert tests, cells
    assert TEST.sub("", cells[2]).strip(", ") == ""
    for name, path in tests:
        file = ROOT / path
        assert file.is_file(), path
        kind = "def" if file.suffix == ".py" else "fn"
        assert re.search(rf"\b{kind} {name}\(", file.read_text()), f"{name} in {path}"


def test_no_test_is_named_elsewhere_on_the_page():
    told = sum(len(TEST.findall(cells[2])) for _, cells in DEFENCES)
    assert told == len(TEST.findall(PAGE)) >= 60
