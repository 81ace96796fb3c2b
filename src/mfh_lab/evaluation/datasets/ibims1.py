"""iBims-1: 100 indoor photos with laser scans; ``ibims1_core_raw/{imagelist.txt, rgb, depth, mask_*, calib}``."""

import os
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.io.reading import read_text, reading
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, read_lines
from mfh_lab.evaluation.datasets.reading import as_truth, camera_of, make_sample, read_grey16, read_mask, read_rgb
from mfh_lab.evaluation.datasets.sample import DatasetSample

IMAGE_LIST = "imagelist.txt"
METRES_PER_STEP = 50 / 65535
"""Depth is stored in 16 bits up to 50 m."""

_PLACES = ("ibims1_core_raw", "ibims/ibims1_core_raw", "ibims1/ibims1_core_raw", ".")


def index(root: Path, split: Path | None) -> Index:
    """List the photos of imagelist.txt.

    Args:
        root: folder that holds ibims1_core_raw.
        split: list of names; None for imagelist.txt.

    Raises:
        InputError: where there is no rgb folder or no list.
    """
    base = next((root / place for place in _PLACES if os.path.isdir(root / place / "rgb")), None)
    if base is None:
        raise InputError(
            f"{root} does not hold iBims-1: expected ibims1_core_raw/{{imagelist.txt, rgb, depth, calib, ...}}"
        )
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
