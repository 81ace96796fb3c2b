"""Damage to pictures that keeps what decoders check first: right checksums around wrong fields."""

import struct
import zlib
from functools import cache
from random import Random

_SIDES = (0, 1, 2, 31, 32, 65_535, 65_536, 100_000, 2**31 - 1, 2**31, 2**32 - 1)
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


@cache
def zeros(count: int) -> bytes:
    """Return so many zeros, compressed to nearly nothing.

    Args:
        count: of the zeros.
    """
    return zlib.compress(bytes(count), 6)


def png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and data of every chunk."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a png of chunks, each with the right checksum."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))]
    return b"".join(parts)


def png(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change the header's fields, or which chunks there are, under right checksums."""
    chunks = png_chunks(content)
    if not chunks:
        return content[:-1], "png without chunks cut"
    which = rng.randrange(6)
    if which == 0 and len(chunks[0][1]) >= 13:
        header = bytearray(chunks[0][1])
        place = rng.choice((0, 4))
        value = rng.choice(_SIDES)
        header[place : place + 4] = struct.pack(">I", value)
        return png_of([(chunks[0][0], bytes(header)), *chunks[1:]]), f"png side {place // 4} = {value}"
    if which == 1 and len(chunks[0][1]) >= 13:
        header = bytearray(chunks[0][1])
        place = rng.randrange(8, 13)
        header[place] = rng.choice((0, 1, 2, 3, 4, 6, 7, 8, 16, 32, 255))
        return png_of([(chunks[0][0], bytes(header)), *chunks[1:]]), f"png header byte {place} = {header[place]}"
    if which == 2:
        k = rng.randrange(len(chunks))
        kind, data = chunks[k]
        if data:
            data = bytearray(data)
            data[rng.randrange(min(len(data), 64))] = rng.randrange(256)
        return png_of([*chunks[:k], (kind, bytes(data)), *chunks[k + 1 :]]), f"png chunk {kind!r} changed"
    if which == 3:
        k, other = rng.randrange(len(chunks)), rng.choice(chunks)
        return png_of([*chunks[:k], other, *chunks[k:]]), f"png chunk {other[0]!r} put at {k}"
    if which == 4:
        k = rng.randrange(len(chunks))
        return png_of([*chunks[:k], *chunks[k + 1 :]]), f"png without chunk {chunks[k][0]!r}"
    extra = rng.choice(
        (
            (b"eXIf", exif_block(rng)),
            (b"zTXt", b"x\0\0" + zeros(30_000_000)),
            (b"iCCP", b"x\0\0" + zeros(30_000_000)),
            (b"acTL", struct.pack(">II", 2**31 - 1, 0)),
            (b"fcTL", rng.randbytes(26)),
            (b"tRNS", rng.randbytes(rng.choice((0, 1, 6, 300)))),
            (b"PLTE", rng.randbytes(rng.choice((0, 1, 3, 768, 3000)))),
            (b"CgBI", b"\0\0\0\0"),
            (b"\xff\0A\0", b"x"),
        )
    )
    return png_of([chunks[0], extra, *chunks[1:]]), f"png with chunk {extra[0]!r} of {len(extra[1])} bytes"


def jpeg(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change fields of a marker, drop one, repeat one, or lie about its length."""
    segments = _jpeg_segments(content)
    if not segments:
        return content[:-1], "jpeg without segments cut"
    start, size = rng.choice(segments)
    marker = content[start + 1]
    which = rng.randrange(5)
    if which == 0:
        length = rng.choice((0, 1, 2, 3, size, 65_535))
        return content[: start + 2] + struct.pack(">H", length) + content[
            start + 4 :
        ], f"jpeg {marker:#x} says {length}"
    if which == 1:
        return content[:start] + content[start + 2 + size :], f"jpeg without {marker:#x}"
    if which == 2:
        return content[: start + 2 + size] + content[start:], f"jpeg with {marker:#x} twice"
    if which == 3:
        frames = [(at, n) for at, n in segments if 0xC0 <= content[at + 1] <= 0xC2]
        if frames:
            at = frames[0][0] + rng.choice((5, 7))
            side = rng.choice((0, 1, 31, 65_500, 65_535))
            return content[:at] + struct.pack(">H", side) + content[at + 2 :], f"jpeg side = {side}"
    if which == 4:
        new = b"\xff\xe1" + struct.pack(">H", len(block := b"Exif\0\0" + exif_block(rng)) + 2) + block
        return content[:2] + new + content[2:], f"jpeg with made-up EXIF of {len(block)} bytes"
    at = start + 4 + rng.randrange(max(1, size - 2))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :], f"jpeg {marker:#x} changed at {at}"


def _jpeg_segments(content: bytes) -> list[tuple[int, int]]:
    """Return place and length of every marker segment before the scan."""
    found, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        (size,) = struct.unpack(">H", content[at + 2 : at + 4])
        found.append((at, size))
        at += 2 + size
    return found


def exif_block(rng: Random) -> bytes:
    """Return a TIFF block with EXIF tags of any type, count and value, some of which point at each other."""
    order = rng.choice("<>")
    tags = (0x0100, 0x010F, 0x0110, 0x0112, 0x011A, 0x0128, 0x8769, 0x8825, 0xA005)
    inner = (0x920A, 0xA405, 0xA404, 0xA002, 0xA003, 0xA20E, 0xA20F, 0xA210, 0xA401, 0x9286, 0x927C, 0xA432)
    entries = []
    for tag in rng.sample(tags, rng.randint(1, 5)) + rng.sample(inner, rng.randint(1, 8)):
        kind = rng.choice((1, 2, 3, 4, 5, 5, 5, 7, 9, 10, 11, 12, 13, 0, 255))
        count = rng.choice((0, 1, 1, 1, 2, 3, 1000, 2**31, 2**32 - 1))
        value = rng.choice((0, 8, 10, 26, 1, 6, 100, 2**16, 2**31, 2**32 - 1))
        if tag == 0x8769 and rng.random() < 0.7:
            # Itself, again and again.
            kind, count, value = 4, 1, 8
        entries.append(struct.pack(f"{order}HHII", tag, kind, count, value))
    rationals = [rng.choice((0, 1, 35, 4032, 2**31, 2**32 - 1)) for _ in range(8)]
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    directory = struct.pack(f"{order}H", rng.choice((len(entries), 0, 65_535))) + b"".join(entries)
    return start + directory + struct.pack(f"{order}I", rng.choice((0, 8))) + struct.pack(f"{order}8I", *rationals)


def tiff(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change one entry of the first directory: its tag, type, count or value."""
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack(f"{order}I", content[4:8])
    if at + 2 > len(content):
        return content[:-1], "tiff without a directory cut"
    (count,) = struct.unpack(f"{order}H", content[at : at + 2])
    if not count or at + 2 + 12 * count > len(content):
        return content[:-1], "tiff with a damaged directory cut"
    entry = at + 2 + 12 * rng.randrange(count)
    (tag,) = struct.unpack(f"{order}H", content[entry : entry + 2])
    place, form, values = rng.choice(
        (
            (0, "H", (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 325, 339, 34665)),
            (2, "H", (0, 1, 2, 3, 4, 5, 11, 12, 13, 16, 65_535)),
            (4, "I", (0, 1, 2, 3, 4, 1000, 2**31, 2**32 - 1)),
            (8, "I", (0, 1, 2, 3, 5, 6, 7, 8, 32, 50_000, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1)),
            (8, "I", (0, 1, 2, 3, 5, 6, 7, 8, 32, 50_000, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1)),
        )
    )
    value = rng.choice(values)
    packed = struct.pack(f"{order}{form}", value)
    changed = content[: entry + place] + packed + content[entry + place + len(packed) :]
    return changed, f"tiff tag {tag}, byte {place} = {value}"
