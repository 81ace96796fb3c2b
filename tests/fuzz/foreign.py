"""What may lie where a file is expected: other formats, some of which start programs, bombs, and no files at all."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.damage_arrays import npy_bytes, zip_of
from tests.fuzz.damage_pickles import planted
from tests.fuzz.damage_pictures import exif_block, png_of, zeros


def picture(format_name: str) -> bytes:
    """Return a small picture of a format."""
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert("P") if format_name in ("GIF",) else image).save(stream, format_name)
    return stream.getvalue()


def eps(rng: Random) -> bytes:
    """Return an EPS, which Pillow hands to Ghostscript."""
    body = (
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n0 0 moveto 64 48 lineto stroke\nshowpage\n"
    )
    if rng.random() < 0.5:
        return body.encode()
    return b"\xc5\xd0\xd3\xc6" + struct.pack("<6IH", 30, len(body), 0, 0, 0, 0, 0xFFFF) + body.encode()


def postscript(rng: Random) -> bytes:
    """Return a PostScript program."""
    return b"%!PS\n(%pipe%gs) (w) file closefile\n%%EOF\n"


def pdf(rng: Random) -> bytes:
    """Return the beginning of a PDF."""
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def svg(rng: Random) -> bytes:
    """Return an SVG that refers to a file."""
    return (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><text>&x;</text></svg>'
    )


def wmf(rng: Random) -> bytes:
    """Return a placeable Windows metafile."""
    return b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<4hHIH", 0, 0, 64, 48, 96, 0, 0) + b"\x01\0\x09\0\0\x03" + b"\0" * 40


def emf(rng: Random) -> bytes:
    """Return the beginning of an enhanced metafile."""
    return struct.pack("<II8i", 1, 108, 0, 0, 64, 48, 0, 0, 64, 48) + b" EMF" + b"\0" * 60


def png_bomb(rng: Random) -> bytes:
    """Return a png of a few kilobytes that is said to be, or is, enormous."""
    width, height = rng.choice(((60_000, 60_000), (2**31 - 1, 1), (20_000, 20_000), (1, 2**31 - 1)))
    header = struct.pack(">IIBBBBB", width, height, rng.choice((8, 16)), rng.choice((0, 2)), 0, 0, 0)
    return png_of([(b"IHDR", header), (b"IDAT", zeros(20_000_000)), (b"IEND", b"")])


def tiff_bomb(rng: Random) -> bytes:
    """Return a TIFF whose tags say that it is enormous."""
    side = rng.choice((50_000, 200_000, 2**31 - 1))
    tags = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, rng.choice((1, 5, 8, 32773))),
        (262, 3, 1),
        (273, 4, 8),
    ]
    tags += [(277, 3, 1), (278, 4, side), (279, 4, 2**32 - 1)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


def zip_bomb(rng: Random) -> bytes:
    """Return an archive of arrays that are said to have gigabytes, and have more than a hundred megabytes of zeros."""
    return _zip_bomb(rng.choice((("values.npy",), ("relative.npy", "about.npy", "depth_m.npy"))))


@cache
def _zip_bomb(names: tuple[str, ...]) -> bytes:
    header = npy_bytes(np.zeros(0), header="{'descr': '<f4', 'fortran_order': False, 'shape': (20000, 20000), }")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compresslevel=1) as written:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with written.open(info, "w", force_zip64=True) as member:
                member.write(header)
                for _ in range(150):
                    member.write(bytes(1_000_000))
    return stream.getvalue()


@cache
def _many() -> bytes:
    return zip_of([(f"{number}.npy", b"") for number in range(12_000)])


def zip_of_many(rng: Random) -> bytes:
    """Return an archive of thousands of members."""
    return _many()


def object_array(rng: Random) -> bytes:
    """Return an npy of objects whose pickle leaves a mark."""
    head = npy_bytes(np.zeros(0), header="{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }")
    return head + planted(rng)


def object_archive(rng: Random) -> bytes:
    """Return an npz with such an array under names that readers ask for."""
    names = ("values", "relative", "about", "depth_m", "v_template", "depth")
    return zip_of([(f"{name}.npy", object_array(rng)) for name in names])


def deep_json(rng: Random) -> bytes:
    """Return JSON that is nested too deeply for any parser that calls itself."""
    mark = rng.choice(("[", '{"a":'))
    return mark.encode() * rng.choice((500, 200_000))


def long_number(rng: Random) -> bytes:
    """Return JSON with numbers of thousands of digits, under names that readers ask for."""
    number = "9" * rng.choice((400, 5000, 200_000))
    names = ("fx", "fy", "cx", "cy", "width", "height", "w", "h", "photo", "format", "version", "size_bytes")
    return ("{" + ", ".join(f'"{name}": {number}' for name in names) + "}").encode()


def exif_only(rng: Random) -> bytes:
    """Return a jpeg whose EXIF goes in circles."""
    block = b"Exif\0\0" + exif_block(rng)
    jpeg = picture("JPEG")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def _text(content: bytes) -> Callable[[Random], bytes]:
    return lambda rng: content


FOREIGN: tuple[tuple[str, Callable[[Random], bytes]], ...] = (
    ("an EPS", eps),
    ("an EPS", eps),
    ("PostScript", postscript),
    ("a PDF", pdf),
    ("an SVG", svg),
    ("a WMF", wmf),
    ("an EMF", emf),
    ("a png bomb", png_bomb),
    ("a tiff bomb", tiff_bomb),
    ("a zip bomb", zip_bomb),
    ("a zip of many", zip_of_many),
    ("an npy of objects", object_array),
    ("an npz of objects", object_archive),
    ("a planted pickle", planted),
    ("a planted pickle", planted),
    ("deep JSON", deep_json),
    ("long numbers", long_number),
    ("a jpeg with odd EXIF", exif_only),
    ("an empty file", _text(b"")),
    ("one newline", _text(b"\n")),
    ("zeros", _text(b"\0" * 5000)),
    ("noise", lambda rng: rng.randbytes(5000)),
    ("an empty zip", _text(b"PK\x05\x06" + b"\0" * 18)),
    ("text in UTF-16", _text("photo,angle\nx,level\n".encode("utf-16"))),
    ("a script", _text(b'#!/bin/sh\n: > "$FUZZ_MARK"\n')),
    ("HTML", _text(b"<!DOCTYPE html><html><body>404 Not Found</body></html>")),
    (
        "a pointer of Git LFS",
        _text(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"),
    ),
    ("a small gif", lambda rng: picture("GIF")),
    ("a small png", lambda rng: picture("PNG")),
    ("a JSON list", lambda rng: json.dumps([1, 2]).encode()),
)
"""Name and maker of what stands where something else is expected."""


def put_in_place(path: Path, rng: Random) -> str:
    """Put something that is no file of its own where a file was.

    Args:
        path: the file.
        rng: numbers to draw from.

    Returns:
        What is there now.
    """
    path.unlink()
    which = rng.randrange(8)
    if which == 0:
        return "nothing"
    if which == 1:
        path.mkdir()
        return "a folder"
    if which == 2:
        os.mkfifo(path)
        return "a pipe"
    if which == 3:
        target = rng.choice(("/dev/zero", "/dev/null", "/dev/random", "/proc/self/mem", "/proc/kcore"))
        path.symlink_to(target)
        return f"a link to {target}"
    if which == 4:
        path.symlink_to(path.name)
        return "a link to itself"
    if which == 5:
        path.symlink_to("nowhere")
        return "a link to nothing"
    with path.open("wb") as stream:
        # Sparse: it takes no room.
        stream.truncate(rng.choice((1 << 33, 3_000_000_000, 100_000)))
    return f"{path.stat().st_size:,} zero bytes"
