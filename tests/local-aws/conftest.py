"""Make ``local_aws`` and the helpers of its tests importable."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE / "tests")]
