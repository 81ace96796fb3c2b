"""One map of numbers from a file of another program: npy, npz, png, tiff, pfm or exr."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.exr import read_exr
from mfh.io.pictures import MAX_PIXELS, open_picture
from mfh.io.reading import MAX_ARRAY_BYTES, array_names, check_file, open_zip, read_member, read_npy, reading

SUFFIXES = (".npy", ".npz", ".png", ".tif", ".tiff", ".pfm", ".exr")
READABLE = "npy, npz, 16-bit png, 16- or 32-bit tiff, pfm or exr"
_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,40})\s")
_TIFF_SAMPLE_FORMAT, _TIFF_UNSIGNED = 339, 1


def read_map(path: Path, *, what: str, names: Sequence[str], zero_is_none: bool = False) -> Float[ndarray, "h w"]:
    """Read a map from a file; the caller interprets its numbers.

    Args:
        path: npy; npz with one array, or one of ``names``; grey png of 16 bits; grey tiff of 16- or 32-bit whole
            numbers or 32-bit floats; pfm; or exr with one channel, or one of ``names`` (with the exr extra).
        what: the file is, for messages: "relative depth".
        names: of the array in an npz, or the channel in an exr, with several, in order of preference.
        zero_is_none: whether 0 in a file of whole numbers means no value.

    Returns:
        (h, w) float32; values need not be finite.

    Raises:
        InputError: for a file that is not such a map, in one line.
    """
    readers: dict[str, Callable[[], ndarray]] = {
        ".npy": lambda: read_npy(path, what=what, expected=READABLE),
        ".npz": lambda: _read_npz(path, what, names),
        ".png": lambda: _read_picture(path, what, "PNG"),
        ".tif": lambda: _read_picture(path, what, "TIFF"),
        ".tiff": lambda: _read_picture(path, what, "TIFF"),
        ".pfm": lambda: _read_pfm(path, what),
        ".exr": lambda: read_exr(path, what=what, expected=READABLE, names=names),
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise InputError(f"{what} {path} has the ending {path.suffix or 'of no format'}: expected {READABLE}")
    return as_map(readers[suffix](), path.name, zero_is_none=zero_is_none)


def as_map(values: Shaped[ndarray, "..."], name: str, *, zero_is_none: bool = False) -> Float[ndarray, "h w"]:
    """Return a map from the array of a file or a caller.

    Args:
        values: numbers of any kind; axes of length one are dropped.
        name: for messages.
        zero_is_none: whether 0 among whole numbers means no value.

    Returns:
        (h, w) float32; NaN where there is no value.

    Raises:
        InputError: for anything but numbers in rows and columns.
    """
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name} holds {values.dtype}: expected numbers")
    squeezed = values.squeeze() if values.ndim > 2 else values
    if squeezed.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}: expected (height, width)")
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(squeezed, np.float32)
    if zero_is_none and values.dtype.kind in "iu":
        numbers = np.where(squeezed == 0, np.float32(np.nan), numbers)
    return numbers


def _read_npz(path: Path, what: str, wanted: Sequence[str]) -> Shaped[ndarray, "..."]:
    with open_zip(path, what=what, expected=READABLE, max_bytes=MAX_ARRAY_BYTES) as archive:
        names = array_names(archive)
        found = names if len(names) == 1 else [name for name in wanted if name in names]
        if not found:
            listed = ", ".join(wanted[:-1]) + f" or {wanted[-1]}" if len(wanted) > 1 else wanted[0]
            raise InputError(
                f"{path.name} holds {', '.join(names[:20]) or 'no array'}: expected one array, or one named {listed}"
            )
        return read_member(archive, found[0])


def _read_picture(path: Path, what: str, kind: str) -> Shaped[ndarray, "..."]:
    with open_picture(path, formats=[kind], what=what, expected=READABLE) as image:
        if image.mode not in ("I;16", "I;16B", "I", "F"):
            raise InputError(
                f"{path.name} has pixel format {image.mode}: expected one grey channel of 16 bits or more (256 levels "
                "are too coarse, and colours are no depth)"
            )
        # Pillow has no unsigned numbers of 32 bits: it gives the same bits signed.
        tags = getattr(image, "tag_v2", {})
        unsigned = image.mode == "I" and kind == "TIFF" and tags.get(_TIFF_SAMPLE_FORMAT, (1,))[0] == _TIFF_UNSIGNED
        pixels = np.asarray(image)
        return pixels.view(np.uint32) if unsigned else pixels


def _read_pfm(path: Path, what: str) -> Shaped[ndarray, "..."]:
    """Read a portable float map: rows from the bottom up, and a scale whose sign is the byte order."""
    check_file(path, what=what, expected=READABLE)
    with reading(path, what=what, expected=READABLE), path.open("rb") as stream:
        start = stream.read(256)
        header = _PFM.match(start)
        if header is None:
            raise ValueError(f"it begins with {start[:8]!r}")
        channels, columns, rows = 3 if header[1] == b"F" else 1, int(header[2]), int(header[3])
        if not 0 < columns * rows <= MAX_PIXELS:
            raise ValueError(f"it has {columns}x{rows} pixels: expected 1 to {MAX_PIXELS:,}")
        scale, count = float(header[4]), rows * columns * channels
        stream.seek(header.end())
        content = stream.read(4 * count)
        if len(content) != 4 * count:
            raise ValueError(f"it ends after {len(content):,} of {4 * count:,} bytes")
        numbers = np.frombuffer(content, "<f4" if scale < 0 else ">f4").reshape(rows, columns, channels)[::-1]
        if not np.array_equal(numbers, np.broadcast_to(numbers[..., :1], numbers.shape), equal_nan=True):
            raise InputError(f"{path.name} has {channels} different channels: expected one")
        return numbers[..., 0]
