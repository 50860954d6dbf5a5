"""Measure what Lambda downloads: `make bench-zips`.

The zips of the functions are those that `make package` makes. The one of Cloud Custodian is what its own
deployment packs for a policy; Lambda's runtime brings Python and boto3 for it. The size of the program
is that after unpacking.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE.parents[1] / "infra"))

import package
import results

TOPIC = "arn:aws:sns:eu-central-1:444455556666:alerts"


def unpacked(archive: Path) -> int:
    """How many bytes the files of a zip have."""
    with zipfile.ZipFile(archive) as packed:
        return sum(member.file_size for member in packed.infolist())


def custodian(python: Path, folder: Path) -> dict[str, int]:
    """The sizes of a policy of Cloud Custodian."""
    script = HERE.parent / "cold/custodian.py"
    done = subprocess.run(
        [str(python), str(script), str(folder), TOPIC],
        capture_output=True,
        text=True,
        check=False,
    )
    archive = folder / "function.zip"
    if done.returncode != 0:
        raise results.BenchError(f"Cloud Custodian packs nothing:\n{done.stderr}")
    return {"zip": archive.stat().st_size, "unpacked": unpacked(archive)}


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the zips of the functions.")
    parser.add_argument("--custodian", type=Path, required=True)
    arguments = parser.parse_args()
    names = sorted(
        path.name for path in (results.ROOT / "functions").iterdir() if path.is_dir()
    )
    binaries = {
        name: results.ROOT / "target/lambda" / name / "bootstrap"
        for name in [*names, "noop"]
    }
    missing = [name for name, binary in binaries.items() if not binary.is_file()]
    if missing:
        print(f"{missing} are not built: run `make bench-zips`", file=sys.stderr)
        return 1
    with concurrent.futures.ProcessPoolExecutor() as pool:
        zips = dict(zip(binaries, pool.map(package.function, binaries.values())))
    sizes = {
        name: {"zip": len(zips[name]), "unpacked": binary.stat().st_size}
        for name, binary in binaries.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            sizes["Cloud Custodian"] = custodian(arguments.custodian, Path(folder))
        except results.BenchError as error:
            print(error, file=sys.stderr)
            return 1
    for name, size in sizes.items():
        print(f"{name:22} {size['zip']:10,} {size['unpacked']:11,}")
    results.write("zips", "make bench-zips", {"limit": package.LIMIT, "sizes": sizes})
    return 0


if __name__ == "__main__":
    sys.exit(main())
