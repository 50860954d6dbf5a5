"""Builds the fuzzers and runs each for a while from the corpus that is kept. What they find stays in target/fuzz.

The table at the end is of this run: what was executed, and what of the program the corpus and the finds together reach (`cov` counts
places, `ft` also how often they were passed), as libFuzzer counts it. Ends with 1 where something crashed.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "target" / "fuzz"
TARGETS = sorted(path.stem for path in (HERE / "fuzz_targets").glob("*.rs"))
# A second is long for an input of a few thousand bytes; a machine that does other work too can take some more.
LIMITS = ["-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1"]
STATUS = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)")


def host() -> str:
    """The target that the fuzzers are built for: this machine."""
    return subprocess.run(
        ["rustc", "--print", "host-tuple"], capture_output=True, text=True, check=True
    ).stdout.strip()


def built(cargo_fuzz: str) -> Path:
    """Builds the fuzzers and gives their folder. All is safe Rust, so there is nothing that a sanitizer would find."""
    command = [
        cargo_fuzz,
        "fuzz",
        "build",
        "--fuzz-dir",
        HERE,
        "--target-dir",
        OUT,
        "--sanitizer",
        "none",
    ]
    # The compiler's hooks for libFuzzer are in the stable toolchain too, behind this.
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1"}
    subprocess.run(
        [*command, "--codegen-units", "16"], cwd=HERE, env=environment, check=True
    )
    return OUT / host() / "release"


def fuzz(program: Path, seconds: int) -> dict[str, str]:
    """Runs one fuzzer and gives its row of the table."""
    target = program.name
    finds, artifacts, log = (
        OUT / "corpus" / target,
        OUT / "artifacts" / target,
        OUT / f"{target}.log",
    )
    for folder in (finds, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(artifacts.iterdir())
    command = [
        program,
        finds,
        HERE / "corpus" / target,
        f"-max_total_time={seconds}",
        f"-artifact_prefix={artifacts}/",
        *LIMITS,
    ]
    dictionary = HERE / "dictionaries" / f"{target}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    with log.open("wb") as output:
        code = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    text = log.read_text(errors="replace")
    coverage, features, units, _ = (STATUS.findall(text) or [("?",) * 4])[-1]
    crashes = sorted(set(artifacts.iterdir()) - before)
    if code and not crashes:
        print(f"{target} ended with {code}: see {log}", file=sys.stderr)
    for crash in crashes:
        print(
            f"{target} crashes, see {log}; again with: {program} {crash}",
            file=sys.stderr,
        )

    def stat(name: str) -> str:
        found = re.findall(rf"stat::{name}:\s+(\d+)", text)
        return f"{int(found[-1]):,}" if found else "?"

    return {
        "target": target,
        "executions": stat("number_of_executed_units"),
        "a second": stat("average_exec_per_sec"),
        "cov": coverage,
        "ft": features,
        "corpus": units,
        "crashes": str(len(crashes) or int(code != 0)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cargo-fuzz", default="cargo-fuzz", help="the program")
    parser.add_argument(
        "--seconds", type=int, default=60, help="how long each target is run"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="how many targets are run at once"
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help=f"all by default: {', '.join(TARGETS)}",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(
            f"there is no target {', '.join(sorted(unknown))}: {', '.join(TARGETS)}"
        )
    programs = built(arguments.cargo_fuzz)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        rows = list(
            pool.map(
                lambda target: fuzz(programs / target, arguments.seconds),
                arguments.targets or TARGETS,
            )
        )
    widths = {
        name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]
    }
    for row in [{name: name for name in widths}, *rows]:
        cells = [
            row[name].ljust(width) if name == "target" else row[name].rjust(width)
            for name, width in widths.items()
        ]
        print("  ".join(cells))
    return int(any(row["crashes"] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
