"""A 16-bit grey PNG written row by row: no picture of the whole is needed.

Each row is stored as its difference to the one above, which is next to nothing in a depth map. That is all the format
asks for, and for depth it is smaller and faster than trying every filter on every row.
"""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt16
from numpy import ndarray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EFFORT = 1
"""Of zlib, whose usual 6 takes most of the time of a large result for little: a depth map is smooth."""
_UP = 2
"""The filter of a row that is stored as its difference to the one above."""


def write_grey16(path: Path, shape: tuple[int, int], parts: Iterable[UInt16[ndarray, "_ w"]]) -> None:
    """Write a 16-bit grey picture.

    Args:
        path: file to write.
        shape: height and width.
        parts: its rows from top to bottom, some at a time.

    Raises:
        OSError: when the file cannot be written.
        ValueError: for rows of another width, or more or fewer of them than the height.
    """
    height, width = shape
    packed = zlib.compressobj(_EFFORT)
    above = np.zeros((1, 2 * width), np.uint8)
    written = 0
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)))
        for part in parts:
            if part.shape[1] != width:
                raise ValueError(f"rows of {part.shape[1]} pixels: expected {width}")
            stored = part.astype(">u2").view(np.uint8)
            rows = np.empty((len(stored), 1 + 2 * width), np.uint8)
            rows[:, 0] = _UP
            np.subtract(stored, np.concatenate([above, stored[:-1]]), out=rows[:, 1:])
            above = stored[-1:]
            written += len(stored)
            if piece := packed.compress(rows.data):
                file.write(_chunk(b"IDAT", piece))
        if written != height:
            raise ValueError(f"{written} rows: expected {height}")
        file.write(_chunk(b"IDAT", packed.flush()))
        file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
