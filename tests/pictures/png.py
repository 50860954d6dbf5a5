"""PNG as Chromium writes it, cut to what is on it and made small: 8 bits a sample, in and out."""

import struct
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_COLOURS = 16


def chunks(data: bytes):
    """The chunks of a PNG, as name and content."""
    if not data.startswith(SIGNATURE):
        raise ValueError("this is no PNG")
    at = len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += length + 12


def note(data: bytes) -> str | None:
    """What `shrunk` noted in a PNG."""
    for name, content in chunks(data):
        if name == b"tEXt" and content.startswith(b"Source\0"):
            return content.removeprefix(b"Source\0").decode("latin-1")
    return None


def rows(data: bytes) -> tuple[int, list[bytes]]:
    """Width, and each row as red, green and blue."""
    parts = list(chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(
        ">IIBBBBB", parts[0][1]
    )
    samples = {2: 3, 6: 4}.get(kind)
    if depth != 8 or samples is None or interlaced:
        raise ValueError("only true colour of 8 bits is read")
    raw = zlib.decompress(
        b"".join(content for name, content in parts if name == b"IDAT")
    )
    stride = width * samples
    before = bytearray(stride)
    found = []
    for row in range(height):
        at = row * (stride + 1)
        line = bytearray(raw[at + 1 : at + 1 + stride])
        unfilter(raw[at], line, before, samples)
        before = line
        if samples == 4:
            plain = bytearray(width * 3)
            for sample in range(3):
                plain[sample::3] = line[sample::4]
            line = plain
        found.append(bytes(line))
    return width, found


def unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    """Undoes the filter of a row, in place."""
    if kind == 1:
        for at in range(step, len(line)):
            line[at] = (line[at] + line[at - step]) & 255
    elif kind == 2:
        line[:] = bytes(
            (value + up) & 255 for value, up in zip(line, above, strict=True)
        )
    elif kind == 3:
        for at in range(len(line)):
            left = line[at - step] if at >= step else 0
            line[at] = (line[at] + (left + above[at]) // 2) & 255
    elif kind == 4:
        for at in range(len(line)):
            left, corner = (line[at - step], above[at - step]) if at >= step else (0, 0)
            up = above[at]
            guess = left + up - corner
            far = (abs(guess - left), abs(guess - up), abs(guess - corner))
            line[at] = (line[at] + (left, up, corner)[far.index(min(far))]) & 255
    elif kind:
        raise ValueError(f"there is no filter {kind}")


def cut(lines: list[bytes], margin: int) -> list[bytes]:
    """Without the empty rows at the end, but for a margin.

    The last row has to be empty: otherwise the picture goes on below what was taken of it.
    """
    empty = lines[-1]
    if empty != empty[:3] * (len(empty) // 3):
        raise ValueError("the picture is higher than what was taken of it")
    last = max((row for row, line in enumerate(lines) if line != empty), default=0)
    return lines[: last + 1 + margin]


def palette(lines: list[bytes]) -> dict[bytes, bytes]:
    """The place in the palette of each colour, the commonest first; others go to the nearest of them."""
    counts: Counter[bytes] = Counter()
    for line in lines:
        counts.update(line[at : at + 3] for at in range(0, len(line), 3))
    kept: list[bytes] = []
    places: dict[bytes, bytes] = {}
    # Antialiasing makes many colours that no eye tells apart.
    for colour, _ in counts.most_common():
        near = min(kept, key=lambda other: distance(colour, other), default=None)
        is_near = near is not None and distance(colour, near) <= 2500
        if near is not None and (is_near or len(kept) == MOST_COLOURS):
            places[colour] = places[near]
        else:
            places[colour] = bytes([len(kept)])
            kept.append(colour)
    return places


def distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def shrunk(data: bytes, margin: int, source: str) -> bytes:
    """The picture cut to what is on it, with a palette, and a note of what it was made from."""
    width, lines = rows(data)
    lines = cut(lines, margin)
    places = palette(lines)
    kept: dict[bytes, bytes] = {}
    for colour, place in places.items():
        kept.setdefault(place, colour)
    depth = next(bits for bits in (1, 2, 4, 8) if len(kept) <= 1 << bits)
    packed = bytearray()
    for line in lines:
        packed += b"\0" + pack(
            [places[line[at : at + 3]][0] for at in range(0, len(line), 3)], depth
        )
    content = [
        (b"IHDR", struct.pack(">IIBBBBB", width, len(lines), depth, 3, 0, 0, 0)),
        (b"tEXt", b"Source\0" + source.encode("latin-1")),
        (b"PLTE", b"".join(kept[bytes([place])] for place in range(len(kept)))),
        (b"IDAT", deflated(bytes(packed))),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(chunk(name, data) for name, data in content)


def deflated(data: bytes) -> bytes:
    """Compressed as far as zlib can."""
    strategies = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
    tried = []
    for strategy in strategies:
        pressing = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
        tried.append(pressing.compress(data) + pressing.flush())
    return min(tried, key=len)


def pack(values: list[int], depth: int) -> bytes:
    """Values of so many bits, in whole bytes."""
    share = 8 // depth
    values = values + [0] * (-len(values) % share)
    packed = bytearray()
    for at in range(0, len(values), share):
        byte = 0
        for value in values[at : at + share]:
            byte = byte << depth | value
        packed.append(byte)
    return bytes(packed)


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
