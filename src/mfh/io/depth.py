"""Depth on disk: ``depth.npz`` holds everything in float metres, ``depth.png`` 16-bit millimetres for other tools.

The PNG is written row by row, each row as its difference to the one above: for depth this is smaller and faster than
trying every filter on every row.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt16
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import camera_matrix
from mfh.io.atomic import atomic_path
from mfh.io.pictures import MAX_PIXELS, open_picture
from mfh.io.reading import read_npz, reading
from mfh.types import MetricDepth, Space
from mfh.types.rows import strips

PNG_MAX_M = 65.535
"""Farthest depth that 16-bit millimetres can hold."""
_READ_PIXELS = 4 * MAX_PIXELS
"""Largest depth.png that is read: users may raise the limit on photos."""


@dataclass(frozen=True)
class DepthFile:
    """The contents of ``depth.npz``.

    Attributes:
        depth_m: (h, w) float32 z in metres; NaN where not valid.
        valid_mask: (h, w) where there is a depth.
        K: (3, 3) intrinsics in pixels of this size; integer coordinates are pixel centres.
        scale: s of the metric head.
        shift: t of the metric head.
        space: "disparity", depth = 1 / (s·x + t), or "depth", depth = s·x + t.
        log_sigma: (h, w) float16 one-sigma of the log of depth; None where it is not known.
    """

    depth_m: Float[ndarray, "h w"]
    valid_mask: Bool[ndarray, "h w"]
    K: Float[ndarray, "3 3"]
    scale: float
    shift: float
    space: Space
    log_sigma: Float[ndarray, "h w"] | None = None


def write_depth_npz(path: str | Path, result: MetricDepth) -> None:
    """Write depth, its log sigma, validity, K and the metric head to an uncompressed npz, a few rows at a time.

    Raises:
        InputError: when the file cannot be written.
    """
    valid: list[ndarray] = []

    def depth_rows() -> Iterator[ndarray]:
        for rows in strips(result.shape):
            depth_m = result.depth_rows(rows)
            # Kept, an eighth of the depth, lest all of it be made twice.
            valid.append(~np.isnan(depth_m))
            yield depth_m

    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _write_rows(archive, "depth_m", np.dtype(np.float32), result.shape, depth_rows())
        _write_rows(archive, "valid_mask", np.dtype(bool), result.shape, valid)
        facts = {
            "K": camera_matrix(result.photo.camera),
            "head_scale": np.array(result.head.scale, np.float64),
            "head_shift": np.array(result.head.shift, np.float64),
            "head_space": np.array(result.head.space),
        }
        for name, value in facts.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, value, allow_pickle=False)
        if result.log_sigma_curve is not None:
            # Half precision keeps a tenth of a percent of it; past its range the depth is unknown.
            sigmas = (np.minimum(result.log_sigma_rows(rows), 6e4) for rows in strips(result.shape))
            _write_rows(archive, "log_sigma", np.dtype(np.float16), result.shape, sigmas)


def _write_rows(
    archive: zipfile.ZipFile, name: str, kind: np.dtype, shape: tuple[int, int], parts: Iterable[ndarray]
) -> None:
    """Write an array into an npz, some of its rows at a time."""
    # As numpy does it: how much is going to come is not known to the archive.
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part, kind).data)


def read_depth_npz(path: str | Path) -> DepthFile:
    """Read what :func:`write_depth_npz` wrote.

    Raises:
        InputError: for a missing file, or one that is not such an npz.
    """
    expected = "a depth.npz of this program"
    names = ("depth_m", "valid_mask", "K", "head_scale", "head_shift", "head_space")
    stored = read_npz(path, what="depth", expected=expected, names=names, optional=("log_sigma",))
    with reading(path, what="depth", expected=expected):
        space = str(stored["head_space"])
        if space not in ("disparity", "depth"):
            raise ValueError(f"head_space is {space!r}: neither disparity nor depth")
        return DepthFile(
            depth_m=stored["depth_m"],
            valid_mask=stored["valid_mask"],
            K=stored["K"],
            scale=float(stored["head_scale"]),
            shift=float(stored["head_shift"]),
            space=space,
            log_sigma=stored.get("log_sigma"),
        )


def write_depth_png(path: str | Path, result: MetricDepth) -> int:
    """Write depth as 16-bit millimetres: 0 is not valid, and depths past 65.535 m are written as 65.535 m.

    Returns:
        Number of valid pixels that were too far and are saturated.

    Raises:
        InputError: when the file cannot be written.
    """
    too_far = 0

    def millimetres() -> Iterator[ndarray]:
        nonlocal too_far
        for rows in strips(result.shape):
            depth_m = result.depth_rows(rows)
            # What is not valid is NaN, and not farther than anything.
            too_far += int(np.count_nonzero(depth_m > PNG_MAX_M))
            yield depth_to_millimetres(depth_m, ~np.isnan(depth_m))

    with atomic_path(path) as temporary:
        write_grey16(temporary, result.shape, millimetres())
    return too_far


def depth_to_millimetres(depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Return depth in whole millimetres as uint16: 0 where not valid, else 1 to 65535."""
    millimetres = np.where(valid_mask, depth_m, 0.0).astype(np.float64)
    millimetres *= 1000
    np.rint(millimetres, out=millimetres)
    np.clip(millimetres, 1, 65535, out=millimetres)
    millimetres[~valid_mask] = 0
    return millimetres.astype(np.uint16)


def read_depth_png(path: str | Path) -> tuple[Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Read a 16-bit millimetre depth picture.

    Returns:
        (h, w) float32 metres, NaN where not valid; and the (h, w) valid mask.

    Raises:
        InputError: for a missing file, or one that is not a 16-bit grey picture.
    """
    expected = "a 16-bit grey png of millimetres"
    with open_picture(path, formats=("PNG",), what="depth", expected=expected, max_pixels=_READ_PIXELS) as image:
        if image.mode not in ("I;16", "I;16B", "I"):
            raise InputError(f"{path} has pixel format {image.mode}: expected {expected}")
        millimetres = np.asarray(image)
    valid_mask = millimetres > 0
    depth_m = np.where(valid_mask, millimetres.astype(np.float32) / np.float32(1000), np.float32(np.nan))
    return depth_m.astype(np.float32), valid_mask


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EFFORT = 1
"""Of zlib: its usual 6 takes most of the time of a large result for little gain."""
_UP = 2
"""The filter of a row that is stored as its difference to the one above."""


def write_grey16(path: Path, shape: tuple[int, int], parts: Iterable[UInt16[ndarray, "_ w"]]) -> None:
    """Write a 16-bit grey picture from its rows, top to bottom, in parts."""
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
