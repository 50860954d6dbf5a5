"""The pages show all of a payload as text, and the pictures are whole, small and of what the program printed."""

import json
import struct
import zlib
from pathlib import Path

import page
import png
import pytest

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def coloured(
    width: int, rows: list[list[tuple[int, int, int]]], filters: list[int]
) -> bytes:
    """A PNG of true colour whose rows have these filters, as other writers make it."""
    raw, before = b"", bytes(width * 3)
    for colours, kind in zip(rows, filters, strict=True):
        line = bytes(sample for colour in colours for sample in colour)
        filtered = bytearray()
        for at, value in enumerate(line):
            left, corner = (line[at - 3], before[at - 3]) if at >= 3 else (0, 0)
            up = before[at]
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda one: abs(guess - one))
            filtered.append(
                (value - (0, left, up, (left + up) // 2, paeth)[kind]) & 255
            )
        raw += bytes([kind]) + filtered
        before = line
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return png.SIGNATURE + b"".join(png.chunk(*part) for part in parts)


def test_a_png_is_read_whatever_its_filters() -> None:
    rows = [
        [(row * 40, column * 50, (row + column) * 9) for column in range(5)]
        for row in range(5)
    ]
    width, lines = png.rows(coloured(5, rows, [0, 1, 2, 3, 4]))
    assert width == 5
    assert lines == [
        bytes(sample for colour in row for sample in colour) for row in rows
    ]


def test_a_picture_is_cut_to_what_is_on_it_and_says_what_it_was_made_from() -> None:
    white, black = (255, 255, 255), (0, 0, 0)
    rows = [[white] * 9, [white, black] + [white] * 7] + [[white] * 9] * 6
    small = png.shrunk(coloured(9, rows, [0] * 8), 2, "abc")
    assert png.note(small) == "abc"
    head = next(content for name, content in png.chunks(small) if name == b"IHDR")
    assert struct.unpack(">IIB", head[:9]) == (9, 4, 1)


def test_a_picture_that_goes_on_below_is_refused() -> None:
    with pytest.raises(ValueError, match="higher"):
        png.shrunk(coloured(2, [[(255, 255, 255), (0, 0, 0)]], [0]), 0, "")


@pytest.mark.parametrize(
    "picture", sorted(PICTURES.glob("*.png")), ids=lambda path: path.stem
)
def test_the_pictures_are_small_and_noted(picture: Path) -> None:
    data = picture.read_bytes()
    assert len(data) <= 60_000
    assert len(png.note(data) or "") == 64


def test_text_of_a_payload_is_text_on_its_page() -> None:
    text = "<b>&\"'</b>"
    blocks = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": "&lt;b&gt;&amp;\"'&lt;/b&gt;"},
        }
    ]
    shown = "&lt;b&gt;&amp;&quot;&#x27;&lt;/b&gt;"
    assert shown in page.slack(json.dumps({"blocks": blocks, "text": "x"}))
    body = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}]
    assert shown in page.teams(
        json.dumps({"type": "message", "attachments": [{"content": {"body": body}}]})
    )
    assert shown in page.email(f"Subject: {text}\n\n{text}")


def test_what_no_page_shows_is_refused() -> None:
    for block in (
        {"type": "video"},
        {"type": "section", "text": None, "accessory": {}},
    ):
        with pytest.raises(page.Unknown):
            page.slack(json.dumps({"blocks": [block], "text": "x"}))
