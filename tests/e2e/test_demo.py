"""The first thing that anybody runs has to end as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[1] / "demo" / "demo.py"


def test_the_demo_ends_as_it_should() -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All as it should be." in done.stdout
