"""No program grows by a crate that nobody decided on, and none is built of what the list of its programs does not know."""

from __future__ import annotations

import os
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

INFRA = Path(__file__).parent
ROOT = INFRA.parent
BUDGET = tomllib.loads((INFRA / "budget.toml").read_text())
CRATES = {
    name: most
    for kind in ("functions", "programs")
    for name, most in BUDGET[kind].items()
}
# Where the functions run.
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")


@cache
def crates(package: str, target: str) -> frozenset[str]:
    """Names and versions of all that a package is built of, itself and other packages of this workspace left out."""
    told = subprocess.run(
        [
            "cargo",
            "tree",
            "--locked",
            "--offline",
            "--package",
            package,
            "--edges",
            "normal",
            "--target",
            target,
            "--prefix",
            "none",
            "--no-dedupe",
        ],
        cwd=ROOT,
        env={**os.environ, "CARGO_TERM_COLOR": "never"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = {line for line in told.splitlines() if line and f"({ROOT}" not in line}
    return frozenset(" ".join(line.split()[:2]) for line in lines)


def test_every_function_has_a_budget():
    assert set(BUDGET["functions"]) == {
        path.parent.name for path in ROOT.glob("functions/*/Cargo.toml")
    }


@pytest.mark.parametrize("package", sorted(CRATES))
def test_a_program_is_built_of_as_many_crates_as_were_decided_on(package):
    most = max((crates(package, target) for target in TARGETS), key=len)
    assert len(most) == CRATES[package], (
        f"`{package}` is built of {len(most)} crates, and infra/budget.toml says {CRATES[package]}: take out what came in, or say there why it is needed"
        f" (`cargo tree --package {package} --edges normal` shows what brings it)"
    )


def test_functions_read_no_dockerfiles_and_have_no_chains_of_credentials():
    for function in BUDGET["functions"]:
        for target in TARGETS:
            names = {crate.split()[0] for crate in crates(function, target)}
            assert not names & {"parse-dockerfile", "aws-config", "clap", "rayon"}, (
                function
            )


def test_a_crate_too_many_is_seen():
    """The count is of crates, not of nothing: the SDK is in it, with its version, and no package of this workspace."""
    names = crates("task-definition-guard", TARGETS[0])
    assert {name.split()[0] for name in names} >= {
        "aws-sdk-ecs",
        "lambda_runtime",
        "rustls",
        "serde_derive",
    }
    assert not [name for name in names if name.startswith("tidewaiter")]
