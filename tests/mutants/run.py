"""Change the rules in one place after another and see whether a test notices: `make mutants`."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CATALOGUE = "shared/rules/src/catalogue.rs"
# Rules about Dockerfiles are tried by what reads Dockerfiles.
READ_BY_IMAGE = (
    "catalogue/dockerfile/",
    "catalogue/base_image.rs",
    "catalogue/build_step.rs",
    "catalogue/shell.rs",
    "facts/dockerfile.rs",
)
SUBJECT = re.compile(r"^    (\w+) \{\n((?:        \w+,\n)+)    \}$", re.MULTILINE)


def declared(catalogue: str) -> str:
    """The modules of the list as `mod` items, which cargo-mutants follows and the compiler leaves out."""
    listed = catalogue[catalogue.index("\ncatalogue! {") :]
    subjects = [
        f"mod {name} {{ {rules.replace(',', ';').replace('        ', 'mod ')} }}"
        for name, rules in SUBJECT.findall(listed)
    ]
    named = set(re.findall(r"mod (\w+);", "".join(subjects)))
    kept = {page.stem for page in (ROOT / CATALOGUE).with_suffix("").glob("*/*.md")}
    if named != kept:
        raise SystemExit(f"not read from {CATALOGUE}: {sorted(named ^ kept)}")
    return "".join(f"\n#[cfg(any())]\n{each}\n" for each in subjects)


def copied(tree: Path) -> None:
    """Put the work tree into `tree`, where what is changed harms nobody. What is the same keeps its time, so nothing is built for nothing."""
    named = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = {
        name for name in named.stdout.split("\0") if name and (ROOT / name).is_file()
    }
    for old in [
        path
        for path in tree.rglob("*")
        if path.is_file() and str(path.relative_to(tree)) not in files
    ]:
        old.unlink()
    for name in sorted(files):
        text = (ROOT / name).read_bytes()
        if name == CATALOGUE:
            text += declared(text.decode()).encode()
        copy = tree / name
        if copy.is_file() and copy.read_bytes() == text:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(text)
        shutil.copymode(ROOT / name, copy)


def counted(out: Path) -> tuple[Counter[str], list[str]]:
    """What became of the mutants, and the names of those that no test noticed."""
    counts: Counter[str] = Counter()
    missed = []
    for outcome in json.loads((out / "outcomes.json").read_text())["outcomes"]:
        if outcome["scenario"] == "Baseline":
            continue
        summary = outcome["summary"]
        counts[summary] += 1
        if summary == "MissedMutant":
            missed.append(outcome["scenario"]["Mutant"]["name"])
    return counts, missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", required=True, help="path of cargo-mutants")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        help="a path below shared/rules/src, or a part of one with `*`",
    )
    parser.add_argument("--shard", help="one part of all, as in 3/40")
    parser.add_argument(
        "--list", action="store_true", help="say which there are and try none"
    )
    chosen = parser.parse_args()

    work = TARGET / "mutation"
    tree = work / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    copied(tree)
    command = [
        str(Path(chosen.tool).resolve()),
        "mutants",
        "--dir",
        str(tree),
        "--package",
        "tidewaiter-rules",
        "--output",
        str(work),
    ]
    for name in chosen.file:
        command += ["--file", f"shared/rules/src/{name}"]
    if chosen.shard:
        command += ["--shard", chosen.shard, "--sharding", "round-robin"]
    if chosen.list:
        return subprocess.run([*command, "--list"], check=False).returncode

    packages = ["tidewaiter-rules"]
    if not chosen.file or any(name.startswith(READ_BY_IMAGE) for name in chosen.file):
        packages.append("tidewaiter-image")
    command += ["--in-place", "--test-package", ",".join(packages)]
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(TARGET),
        # Enough to notice, and the same every time.
        "PROPTEST_CASES": "16",
        "PROPTEST_RNG_SEED": "7",
        "PROPTEST_MAX_SHRINK_ITERS": "0",
        "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true",
    }
    subprocess.run(["nice", "-n", "15", *command], env=environment, check=False)
    counts, missed = counted(work / "mutants.out")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for name in missed:
        print(f"  {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
