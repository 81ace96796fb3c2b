"""Depth on disk: ``depth.npz`` holds everything in float metres, ``depth.png`` 16-bit millimetres for other tools."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt16
from numpy import ndarray
from PIL import Image

from mfh.errors import InputError
from mfh.geometry.camera import camera_matrix
from mfh.io.atomic import atomic_path
from mfh.types import MetricDepth, Space

PNG_MAX_M = 65.535
"""Farthest depth that 16-bit millimetres can hold."""
_PNG_EFFORT = 2
"""Of zlib, whose usual 6 takes most of the time of a large result for little: a depth map is smooth."""


@dataclass(frozen=True)
class DepthFile:
    """What ``depth.npz`` holds.

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
    """Write depth, its deviation, validity, K and the metric head to an uncompressed npz.

    Args:
        path: file to write, ending in .npz.
        result: the depth.

    Raises:
        InputError: when the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "depth_m": result.depth_m.astype(np.float32),
        "valid_mask": result.valid_mask,
        "K": camera_matrix(result.photo.camera),
        "head_scale": np.float64(result.head.scale),
        "head_shift": np.float64(result.head.shift),
        "head_space": np.str_(result.head.space),
    }
    if result.log_sigma is not None:
        # Half precision keeps a tenth of a percent of it; past its range the depth is anybody's guess.
        arrays["log_sigma"] = np.minimum(result.log_sigma, 6e4).astype(np.float16)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_depth_npz(path: str | Path) -> DepthFile:
    """Read what :func:`write_depth_npz` wrote.

    Args:
        path: the npz file.

    Returns:
        Its contents.

    Raises:
        InputError: for a missing file, or one that is not such an npz.
    """
    names = ("depth_m", "valid_mask", "K", "head_scale", "head_shift", "head_space")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in names}
            log_sigma = arrays["log_sigma"] if "log_sigma" in arrays else None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; expected a depth.npz") from error
    except (KeyError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a depth.npz of this program: {error}") from error
    space = str(stored["head_space"])
    if space not in ("disparity", "depth"):
        raise InputError(f"{path} has head_space {space!r}: expected disparity or depth")
    return DepthFile(
        depth_m=stored["depth_m"],
        valid_mask=stored["valid_mask"],
        K=stored["K"],
        scale=float(stored["head_scale"]),
        shift=float(stored["head_shift"]),
        space=space,
        log_sigma=log_sigma,
    )


def write_depth_png(path: str | Path, depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> int:
    """Write depth as 16-bit millimetres: 0 is not valid, and depths past 65.535 m are written as 65.535 m.

    Args:
        path: file to write, ending in .png.
        depth_m: (h, w) z in metres.
        valid_mask: (h, w) where there is a depth.

    Returns:
        Number of valid pixels that were too far and are saturated.

    Raises:
        InputError: when the file cannot be written.
    """
    pixels = depth_to_millimetres(depth_m, valid_mask)
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, compress_level=_PNG_EFFORT)
    return int(np.count_nonzero(valid_mask & (depth_m > PNG_MAX_M)))


def depth_to_millimetres(depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Return depth in whole millimetres, at least 1 where valid so that 0 means only "not valid".

    Args:
        depth_m: (h, w) z in metres.
        valid_mask: (h, w) where there is a depth.

    Returns:
        (h, w) uint16, saturated at 65535.
    """
    metres = np.where(valid_mask, depth_m, 0.0).astype(np.float64)
    millimetres = np.clip(np.rint(metres * 1000), 1, 65535).astype(np.uint16)
    return np.where(valid_mask, millimetres, np.uint16(0))


def read_depth_png(path: str | Path) -> tuple[Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Read a 16-bit millimetre depth picture.

    Args:
        path: the png file.

    Returns:
        depth_m: (h, w) float32 metres, NaN where not valid.
        valid_mask: (h, w).

    Raises:
        InputError: for a missing file, or one that is not a 16-bit grey picture.
    """
    try:
        with Image.open(path) as image:
            mode, millimetres = image.mode, np.asarray(image)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; expected a 16-bit png") from error
    if mode not in ("I;16", "I;16B", "I"):
        raise InputError(f"{path} has pixel format {mode}: expected 16-bit grey millimetres")
    valid_mask = millimetres > 0
    depth_m = np.where(valid_mask, millimetres.astype(np.float32) / np.float32(1000), np.float32(np.nan))
    return depth_m.astype(np.float32), valid_mask
