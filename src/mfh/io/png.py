"""PNG files written row by row, with a text in them.

Each row is stored as its difference to the one above: for depth this is smaller and faster than trying every filter on
every row.
"""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EFFORT = 1
"""Of zlib: its usual 6 takes most of the time of a large result for little gain."""
_UP = 2
"""The filter of a row that is stored as its difference to the one above."""
_GREY, _COLOUR = 0, 2


def write_png(
    path: Path, size: tuple[int, int], parts: Iterable[Shaped[ndarray, "..."]], *, text: dict[str, str] | None = None
) -> None:
    """Write a picture from its rows, top to bottom, in parts.

    Args:
        path: the file.
        size: height and width.
        parts: (r, w) grey or (r, w, 3) colours, uint8 or uint16, all alike.
        text: keyword -> text in ASCII, kept in the file.

    Raises:
        ValueError: for rows of another width, or more or fewer of them.
    """
    height, width = size
    packed = zlib.compressobj(_EFFORT)
    above: ndarray | None = None
    written = 0
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        for part in parts:
            if part.shape[1] != width:
                raise ValueError(f"rows of {part.shape[1]} pixels: expected {width}")
            big = part.astype(part.dtype.newbyteorder(">")) if part.dtype.itemsize > 1 else part
            stored = np.ascontiguousarray(big).reshape(len(part), -1).view(np.uint8)
            if above is None:
                colours = _COLOUR if part.ndim == 3 else _GREY
                kind = struct.pack(">IIBBBBB", width, height, 8 * part.dtype.itemsize, colours, 0, 0, 0)
                file.write(_chunk(b"IHDR", kind))
                for keyword, value in (text or {}).items():
                    file.write(_chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + value.encode("ascii")))
                above = np.zeros((1, stored.shape[1]), np.uint8)
            rows = np.empty((len(stored), 1 + stored.shape[1]), np.uint8)
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
