"""Builds a function in two clones under different paths, and says whether the zips are the same.

What is not committed is not in a clone, and is not built.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import package


def built(clone: Path, function: str, architecture: str) -> bytes:
    """Clones the checkout, builds the function there and packs it."""
    subprocess.run(
        ["git", "clone", "--quiet", str(package.ROOT), str(clone)], check=True
    )
    # The clone needs no tools of its own: they are no part of what is built.
    tools = package.ROOT / ".venv" / "tools" / "bin"
    stated = [f"ARCH={architecture}", f"FUNCTIONS={function}"]
    subprocess.run(
        ["make", "build", *stated, "TOOLS=", f"TOOLS_BIN={tools}"],
        cwd=clone,
        check=True,
    )
    return package.function(clone / "target" / "lambda" / function / "bootstrap")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--function", required=True)
    parser.add_argument("--architecture", choices=package.ARCHITECTURES, required=True)
    stated = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, "a"), Path(folder, "a-longer", "path", "to", "b")]
        digests = []
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
            zipped = built(place, stated.function, stated.architecture)
            digests.append(hashlib.sha256(zipped).hexdigest())
            print(f"{digests[-1]}  {len(zipped):,} bytes  {place}")
    if len(set(digests)) == 1:
        print(f"{stated.function}.zip is the same")
        return 0
    print(f"{stated.function}.zip differs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
