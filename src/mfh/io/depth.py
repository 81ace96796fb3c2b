"""Depth on disk: ``depth.npz`` holds everything in float metres, the others hold depth for other tools.

All are written a few rows at a time.
"""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt16
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import camera_matrix
from mfh.io.atomic import atomic_path
from mfh.io.depth_rows import DepthRows
from mfh.io.png import write_png
from mfh.io.reading import read_npz, reading
from mfh.io.schema import KEY
from mfh.types import Space
from mfh.types.rows import strips

MILLIMETRES, STEPS_256 = 1000, 256
"""Steps a metre of the two kinds of 16-bit pictures; the second is that of KITTI's depth maps."""
LAST_STEP = 65_535
PNG_MAX_M = LAST_STEP / MILLIMETRES
"""Farthest depth that 16-bit millimetres can hold."""


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
        about: JSON that the file says about itself; None in a file of an earlier version.
    """

    depth_m: Float[ndarray, "h w"]
    valid_mask: Bool[ndarray, "h w"]
    K: Float[ndarray, "3 3"]
    scale: float
    shift: float
    space: Space
    log_sigma: Float[ndarray, "h w"] | None = None
    about: str | None = None


def write_depth_npz(path: str | Path, result: DepthRows) -> None:
    """Write depth, its log sigma, validity, K, the metric head and the schema to an uncompressed npz.

    Raises:
        InputError: when the file cannot be written, or there is no metric head.
    """
    if result.head is None:
        raise InputError("depth.npz has the metric head in it, and this depth comes without one: choose another format")
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
            "K": camera_matrix(result.about.camera),
            "head_scale": np.array(result.head.scale, np.float64),
            "head_shift": np.array(result.head.shift, np.float64),
            "head_space": np.array(result.head.space),
            "about": np.array(result.about.stored(log_sigma=True).text()),
        }
        for name, value in facts.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, value, allow_pickle=False)
        if result.log_sigma_rows is not None:
            sigmas = map(result.log_sigma_rows, strips(result.shape))
            _write_rows(archive, "log_sigma", np.dtype(np.float16), result.shape, sigmas)


def _write_rows(
    archive: zipfile.ZipFile, name: str, kind: np.dtype, shape: tuple[int, int], parts: Iterable[ndarray]
) -> None:
    """Write an array into an npz, some of its rows at a time."""
    # As numpy does it: how much is going to come is not known to the archive.
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        _write_array(stream, kind, shape, parts)


def _write_array(stream: Any, kind: np.dtype, shape: tuple[int, ...], parts: Iterable[ndarray]) -> None:
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
    stored = read_npz(path, what="depth", expected=expected, names=names, optional=("log_sigma", "about"))
    with reading(path, what="depth", expected=expected):
        space = str(stored["head_space"])
        if space not in ("disparity", "depth"):
            raise ValueError(f"head_space is {space!r}: neither disparity nor depth")
        shape, K = stored["depth_m"].shape, stored["K"].shape
        if len(shape) != 2 or K != (3, 3):
            raise ValueError(f"depth_m has shape {shape} and K has {K}: expected (height, width) and (3, 3)")
        for name in ("valid_mask", "log_sigma"):
            if name in stored and stored[name].shape != shape:
                raise ValueError(f"{name} has shape {stored[name].shape}: expected {shape}, as depth_m")
        return DepthFile(
            depth_m=stored["depth_m"],
            valid_mask=stored["valid_mask"],
            K=stored["K"],
            scale=float(stored["head_scale"]),
            shift=float(stored["head_shift"]),
            space=space,
            log_sigma=stored.get("log_sigma"),
            about=str(stored["about"]) if "about" in stored else None,
        )


def write_depth_npy(path: str | Path, result: DepthRows) -> None:
    """Write (h, w) float32 z in metres, NaN where there is none, and nothing else.

    Raises:
        InputError: when the file cannot be written.
    """
    write_npy(path, result.shape, map(result.depth_rows, strips(result.shape)))


def write_npy(path: str | Path, shape: tuple[int, ...], parts: Iterable[ndarray]) -> None:
    """Write a float32 array, some of its rows at a time.

    Raises:
        InputError: when the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        _write_array(stream, np.dtype(np.float32), shape, parts)


def write_depth_png(path: str | Path, result: DepthRows, *, steps_per_m: int = MILLIMETRES) -> int:
    """Write depth in 16-bit steps: 0 is not valid, and depths past the last step are written as the last step.

    Returns:
        Number of valid pixels that were too far and are saturated.

    Raises:
        InputError: when the file cannot be written.
    """
    too_far = 0

    def steps() -> Iterator[ndarray]:
        nonlocal too_far
        for rows in strips(result.shape):
            depth_m = result.depth_rows(rows)
            # What is not valid is NaN, and not farther than anything.
            too_far += int(np.count_nonzero(depth_m > LAST_STEP / steps_per_m))
            yield depth_to_steps(depth_m, ~np.isnan(depth_m), steps_per_m=steps_per_m)

    about = result.about.stored(no_depth="0", metres_per_unit=1 / steps_per_m)
    with atomic_path(path) as temporary:
        write_png(temporary, result.shape, steps(), text={KEY: about.text()})
    return too_far


def depth_to_steps(
    depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"], *, steps_per_m: int = MILLIMETRES
) -> UInt16[ndarray, "h w"]:
    """Return depth in whole steps as uint16: 0 where not valid, else 1 to 65535."""
    steps = np.where(valid_mask, depth_m, 0.0).astype(np.float64)
    steps *= steps_per_m
    np.rint(steps, out=steps)
    np.clip(steps, 1, LAST_STEP, out=steps)
    steps[~valid_mask] = 0
    return steps.astype(np.uint16)
