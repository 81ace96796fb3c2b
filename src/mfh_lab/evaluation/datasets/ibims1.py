"""iBims-1: 100 indoor photos with laser scans.

``ibims1_core_raw/{imagelist.txt, rgb, depth, mask_*, calib}``, or one file a photo, ``ibims1_core_mat/X.mat``.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.reading import read_text, reading
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, first_folder, read_lines
from mfh_lab.evaluation.datasets.matlab import read_record
from mfh_lab.evaluation.datasets.reading import (
    as_mask,
    as_truth,
    camera_of,
    make_sample,
    read_grey16,
    read_mask,
    read_rgb,
)
from mfh_lab.evaluation.datasets.sample import DatasetSample

IMAGE_LIST = "imagelist.txt"
METRES_PER_STEP = 50 / 65535
"""Depth is stored in 16 bits up to 50 m."""

_PLACES = ("ibims1_core_raw", "ibims/ibims1_core_raw", "ibims1/ibims1_core_raw", ".")
_MAT_PLACES = ("ibims1_core_mat", "ibims/ibims1_core_mat", "ibims1/ibims1_core_mat", ".")
_MAT_FIELDS = ("rgb", "depth", "mask_invalid", "mask_transp", "calib")
_MAT = "a photo of iBims-1, a struct data with rgb, depth, mask_invalid, mask_transp and calib"


def index(root: Path, split: Path | None) -> Index:
    """List the photos of imagelist.txt.

    Args:
        root: folder that holds ibims1_core_raw or ibims1_core_mat.
        split: list of names; None for imagelist.txt.

    Raises:
        InputError: where there is neither, or no list.
    """
    base = next((root / place for place in _PLACES if os.path.isdir(root / place / "rgb")), None)
    if base is None:
        return _index_of_mat(root, split)
    listed = split or base / IMAGE_LIST
    frames = tuple(
        Frame(
            name,
            {
                "rgb": base / "rgb" / f"{name}.png",
                "depth": base / "depth" / f"{name}.png",
                "invalid": base / "mask_invalid" / f"{name}.png",
                "transparent": base / "mask_transp" / f"{name}.png",
                "calibration": base / "calib" / f"{name}.txt",
            },
        )
        for columns in read_lines(listed)
        for name in columns
    )
    return Index(root, f"core_raw in {base}", str(listed), frames)


def load(frame: Frame) -> DatasetSample:
    """Read one photo; a truth counts where both masks are not 0, whatever their names say."""
    if "mat" in frame.files:
        return _load_mat(frame)
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    path = frame.files["depth"]
    truth_m = as_truth(read_grey16(path).astype(np.float64) * METRES_PER_STEP, path)
    invalid, transparent = (read_mask(frame.files[role]) for role in ("invalid", "transparent"))
    if invalid.shape != transparent.shape:
        raise InputError(f"{frame.files['transparent']} and {frame.files['invalid']} differ in size: expected one size")
    return make_sample(
        frame.name,
        rgb,
        _camera(frame.files["calibration"], width=width, height=height),
        (truth_m, path),
        official_mask=(invalid & transparent, frame.files["invalid"]),
    )


def _camera(path: Path, *, width: int, height: int) -> Camera:
    """Return the camera of one line ``fx,fy,cx,cy``."""
    expected = "one line fx,fy,cx,cy"
    text = read_text(path, what="calibration", expected=expected)
    with reading(path, what="calibration", expected=expected):
        fx, fy, cx, cy = (float(number) for number in text.strip().split(","))
    return camera_of(path, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)


def _index_of_mat(root: Path, split: Path | None) -> Index:
    """List the photos of a folder with one file of MATLAB each."""
    base = first_folder(root, _MAT_PLACES, holds="*.mat")
    if base is None:
        raise InputError(
            f"{root} does not hold iBims-1: expected ibims1_core_raw/{{imagelist.txt, rgb, depth, calib, ...}} or "
            "ibims1_core_mat/X.mat"
        )
    listed = split or first_file(base, (IMAGE_LIST,)) or first_file(root, (IMAGE_LIST,))
    if listed is None:
        names = sorted(path.stem for path in base.glob("*.mat"))
    else:
        names = [name.removesuffix(".mat") for columns in read_lines(listed) for name in columns]
    frames = tuple(Frame(name, {"mat": base / f"{name}.mat"}) for name in names)
    return Index(root, f"core_mat in {base}", str(listed or "all .mat files there"), frames)


def _load_mat(frame: Frame) -> DatasetSample:
    path = frame.files["mat"]
    data = read_record(path, "data", _MAT_FIELDS, expected=_MAT)
    rgb = data["rgb"]
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"{path} has an rgb of {rgb.shape} {rgb.dtype}: expected {_MAT}")
    height, width = rgb.shape[:2]
    valid = as_mask(data["mask_invalid"], path), as_mask(data["mask_transp"], path)
    if valid[0].shape != valid[1].shape:
        raise InputError(f"{path} has masks of two sizes: expected {_MAT}")
    return make_sample(
        frame.name,
        rgb.astype(np.float32) / np.float32(255),
        _camera_of_matrix(data["calib"], path, width=width, height=height),
        (as_truth(data["depth"], path), path),
        official_mask=(valid[0] & valid[1], path),
    )


def _camera_of_matrix(matrix: Shaped[ndarray, "..."], path: Path, *, width: int, height: int) -> Camera:
    """Return the camera of a 3x3 matrix; MATLAB's has the principal point in its last row."""
    if matrix.shape != (3, 3) or matrix.dtype.kind not in "fui":
        raise InputError(f"{path} has a calib of {matrix.shape} {matrix.dtype}: expected a matrix of 3x3 numbers")
    rows = matrix.astype(float)
    rows = rows.T if rows[2, :2].any() else rows
    fx, fy, cx, cy = (float(rows[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return camera_of(path, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)
