"""Chooses what of the finds in target/fuzz is kept in fuzz/corpus: few small files that reach most of what all of them reach.

libFuzzer tells what each file reaches. Taken is, again and again, whatever reaches most that is new for its size, until it is enough. Run it
after `make fuzz`, and commit what changed.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from run import HERE, OUT, TARGETS, host

MOST_FILES = 36
MOST_BYTES = 32 * 1024


def reached(program: Path, folders: list[Path]) -> dict[Path, frozenset[int]]:
    """What every file reaches, by libFuzzer's numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        control, into = Path(scratch) / "control", Path(scratch) / "into"
        into.mkdir()
        command = [
            program,
            "-set_cover_merge=1",
            f"-merge_control_file={control}",
            "-timeout=25",
            into,
            *folders,
        ]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        lines = control.read_text().splitlines()
    # Its first lines are how many files there are, how many of those are in the first folder, and their names.
    files = [Path(line) for line in lines[2 : 2 + int(lines[0])]]
    features = {}
    for line in lines:
        if found := re.fullmatch(r"FT (\d+) ?(.*)", line):
            features[files[int(found[1])]] = frozenset(
                int(feature) for feature in found[2].split()
            )
    return features


def chosen(features: dict[Path, frozenset[int]]) -> list[Path]:
    """The files to keep."""
    left = {path: set(reached) for path, reached in features.items()}
    sizes = {path: path.stat().st_size for path in left}
    keep, size = [], 0
    while left and len(keep) < MOST_FILES:
        fits = [path for path in left if size + sizes[path] <= MOST_BYTES]
        best = max(
            fits,
            key=lambda path: (len(left[path]) / (sizes[path] + 64), path),
            default=None,
        )
        if best is None or not left[best]:
            break
        new = left.pop(best)
        keep.append(best)
        size += sizes[best]
        for others in left.values():
            others -= new
    return keep


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all by default")
    for target in parser.parse_args().targets or TARGETS:
        corpus = HERE / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        finds = OUT / "corpus" / target
        features = reached(
            OUT / host() / "release" / target,
            [folder for folder in (corpus, finds) if folder.is_dir()],
        )
        kept = {path: path.read_bytes() for path in chosen(features)}
        for old in corpus.iterdir():
            old.unlink()
        for content in kept.values():
            (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
        size = sum(map(len, kept.values()))
        everything, of_kept = (
            len(frozenset().union(*sets))
            for sets in (features.values(), (features[path] for path in kept))
        )
        print(
            f"{target}: {len(kept)} of {len(features)} files, {size:,} bytes, reach {of_kept:,} of {everything:,}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
