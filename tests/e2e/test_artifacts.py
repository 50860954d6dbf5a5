"""What is built: no zip is larger than a zip may be."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra"))

import package

FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir())


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_zip_of_a_function_has_three_megabytes_at_most(function: str) -> None:
    binary = ROOT / "target" / "lambda" / function / "bootstrap"
    files = {"bootstrap": (binary.read_bytes(), 0o755)}
    # What a release is packed with makes it smaller, and takes long.
    size = len(package.archive(files, deflate))
    if size > package.LIMIT:
        script = "import sys, pathlib, package; print(len(package.function(pathlib.Path(sys.argv[1]))))"
        tools = ROOT / ".venv" / "tools" / "bin" / "python"
        packed = subprocess.run(
            [str(tools), "-c", script, str(binary)],
            cwd=ROOT / "infra",
            capture_output=True,
            text=True,
            check=True,
        )
        size = int(packed.stdout)
    assert size <= package.LIMIT
