"""Draws what channels show, from what `tidewaiter alert preview` prints, into docs/pictures.

A picture is drawn anew when its page has changed, so that another Chromium alone changes none. `--check` draws nothing
and says which pictures are out of date.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import page
import png

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SCALE = 1.25
# Higher than any message; the rest is cut off.
HEIGHT = 3600
MOST_BYTES = 60_000

DEFINITION = "task-definition-guard/privileged"
IMAGE = "image-scan-guard/critical"


@dataclass(frozen=True)
class Picture:
    """A picture: its name, the sample event, how wide it is, and the channels on it."""

    name: str
    event: str
    width: int
    channels: tuple[str, ...]


ALL = (
    Picture("slack", DEFINITION, 570, ("slack",)),
    Picture("teams", DEFINITION, 600, ("teams",)),
    Picture("pagerduty", IMAGE, 600, ("pagerduty",)),
    Picture("email", IMAGE, 600, ("email",)),
    Picture("phone", DEFINITION, 390, ("slack", "pagerduty", "email", "sms")),
)


def preview(program: Path, event: str, channel: str) -> str:
    """What the channel would get about a sample event, a few minutes after it."""
    command = [
        program,
        "alert",
        "preview",
        "--channel",
        channel,
        "--mode",
        "enforce",
        "--at",
        "2026-10-05T06:10:08Z",
    ]
    command += ["--account-name", "payments-prod"]
    command += [
        "--rule-pages",
        "https://git.example.com/security/tidewaiter/docs/rules/{rule}.md",
    ]
    done = subprocess.run(
        [*command, ROOT / "events" / f"{event}.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(
            f"`tidewaiter alert preview --channel {channel}` ended with {done.returncode}: {done.stderr}"
        )
    return done.stdout


def drawn(picture: Picture, program: Path) -> str:
    """The page of a picture."""
    payloads = {
        channel: preview(program, picture.event, channel)
        for channel in picture.channels
    }
    if len(payloads) > 1:
        return page.page(page.phone(payloads))
    (channel,) = payloads
    return page.page(getattr(page, channel)(payloads[channel]))


def screenshot(chromium: str, html: str, width: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, picture = Path(folder, "page.html"), Path(folder, "picture.png")
        source.write_text(html, encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ]
        flags += [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        flags += [
            "--disable-lcd-text",
            "--hide-scrollbars",
            f"--force-device-scale-factor={SCALE}",
        ]
        flags += [
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{HEIGHT}",
        ]
        command = [chromium, *flags, f"--screenshot={picture}", source.as_uri()]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode or not picture.exists():
            sys.exit(
                f"{chromium} drew nothing and ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return picture.read_bytes()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--program", type=Path, default=ROOT / "target" / "debug" / "tidewaiter"
    )
    arguments.add_argument("--check", action="store_true")
    asked = arguments.parse_args()
    pages = {picture: drawn(picture, asked.program) for picture in ALL}
    sources = {
        picture: hashlib.sha256(html.encode()).hexdigest()
        for picture, html in pages.items()
    }
    old = [picture for picture in ALL if noted(picture) != sources[picture]]
    if asked.check:
        sys.exit(f"out of date, `make pictures` draws them: {names(old)}" if old else 0)
    if not old:
        print("all pictures are up to date")
        return
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit(
            f"drawing needs Chromium, and none of {', '.join(CHROMIUM)} is on the PATH (Debian: apt-get install chromium)"
        )
    PICTURES.mkdir(exist_ok=True)
    for picture in old:
        taken = screenshot(chromium, pages[picture], picture.width)
        small = png.shrunk(taken, round(14 * SCALE), sources[picture])
        if len(small) > MOST_BYTES:
            print(
                f"{picture.name}.png is larger than {MOST_BYTES} bytes", file=sys.stderr
            )
        Path(PICTURES, f"{picture.name}.png").write_bytes(small)
        print(f"docs/pictures/{picture.name}.png: {len(small)} bytes")


def noted(picture: Picture) -> str | None:
    """What the picture was made from; `None` where there is none."""
    file = PICTURES / f"{picture.name}.png"
    return png.note(file.read_bytes()) if file.exists() else None


def names(pictures: list[Picture]) -> str:
    return ", ".join(f"docs/pictures/{picture.name}.png" for picture in pictures)


if __name__ == "__main__":
    main()
