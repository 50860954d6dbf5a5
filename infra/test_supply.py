"""Everything that this is built and tested with is pinned to what was looked at."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
# The name of each tool, and the variable that says its version.
TOOLS = re.findall(
    r"^\w+ := \.venv/cargo/([a-z]+)-\$\((\w+)\)/bin/cargo-\1$", MAKEFILE, re.MULTILINE
)


def test_every_crate_is_pinned_by_its_checksum():
    crates = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    strange = [
        crate["name"]
        for crate in crates
        if "source" in crate
        and not (
            crate["source"].startswith("registry+")
            and re.fullmatch(r"[0-9a-f]{64}", crate.get("checksum", ""))
        )
    ]
    assert len(crates) > 200
    assert strange == []


@pytest.mark.parametrize(
    "lock", sorted(ROOT.glob("requirements/*.txt")), ids=lambda path: path.stem
)
def test_every_python_package_is_pinned_by_its_hash(lock):
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert lines
    for line in lines:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z0-9, -]+\])?==\S+ ", line), line
        assert "--hash=sha256:" in line, line


def test_environments_are_installed_by_their_hashes_and_nothing_is_resolved():
    asked = re.findall(r"pip install .*requirement.*", MAKEFILE)
    assert asked
    for line in asked:
        assert "--require-hashes" in line and "--no-deps" in line, line


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool[0])
def test_tools_are_installed_at_one_version_with_their_locks(tool):
    name, variable = tool
    [version] = re.findall(rf"^{variable} := (\d+\.\d+\.\d+)$", MAKEFILE, re.MULTILINE)
    path = f".venv/cargo/{name}-{version}/bin/cargo-{name}"
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        f"cargo install cargo-{name} --locked --version {version} --root" in done.stdout
    )


def test_there_are_tools():
    assert len(TOOLS) >= 5
