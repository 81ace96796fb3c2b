"""KITTI's Eigen split with the corrected ground truth: 697 lines, of which 45 have none, so 652 frames.

Photos: ``raw/<date>/<drive>_sync/image_02/data/%010d.png``. Truth: ``<drive>_sync/proj_depth/groundtruth/image_02/
%010d.png``, uint16 / 256 metres, 0 where there is none, below ``gts/`` (flattened, as BTS has it) or below ``train/``
and ``val/`` (the official archive data_depth_annotated.zip).
"""

import math
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.io.reading import read_text, reading
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, first_folder, read_lines
from mfh_lab.evaluation.datasets.reading import as_truth, camera_of, make_sample, read_grey16, read_rgb
from mfh_lab.evaluation.datasets.sample import DatasetSample

CALIBRATION = "calib_cam_to_cam.txt"
PARTS_OF_METRE = np.float32(256)
SAME_FOCAL = 1e-3
"""The list's focal length and the calibration's must agree to this; between days it differs by up to 2 %."""

_RAW_PLACES = ("raw", "kitti/raw", "raw_data", "kitti_raw", ".")
_FLAT_PLACES = ("gts", "kitti/gts", "data_depth_annotated", ".")
_LISTS = (
    "kitti_eigen_test_files_with_gt.txt",
    "eigen_test_files_with_gt.txt",
    "kitti/kitti_eigen_test_files_with_gt.txt",
    "kitti/eigen_test_files_with_gt.txt",
)
_DRIVE = re.compile(r"(\d{4}_\d{2}_\d{2})_drive_\d{4}_sync")
_TRUTHS = "*_sync/proj_depth/groundtruth"


def index(root: Path, split: Path | None) -> Index:
    """List the frames that have a truth.

    Args:
        root: folder that holds photos and truth.
        split: list of ``photo truth focal`` a line, with ``None`` for a truth that does not exist; None for the one in
            the root. There is no split without the list: it is not what lies in the folders.

    Raises:
        InputError: where the list, the photos or the truth are not found, or a line is not such a line.
    """
    listed = split or first_file(root, _LISTS)
    if listed is None:
        raise InputError(f"{root} has no {_LISTS[0]}: put the Eigen list there or give it with --split")
    photos = first_folder(root, _RAW_PLACES, holds="20*_*_*/*_sync")
    if photos is None:
        raise InputError(f"{root} holds no raw KITTI drives: expected raw/<date>/<drive>_sync/image_02/data/*.png")
    truths, layout = _truth_folders(root)
    lines = read_lines(listed)
    frames = tuple(_frame(photos, truths, columns, listed) for columns in lines if not _has_no_truth(columns))
    notes = []
    if len(frames) < len(lines):
        notes.append(f"{len(lines) - len(frames)} of {len(lines)} lines have no ground truth (None) and do not count")
    bare = sum("calibration" not in frame.files for frame in frames)
    if bare:
        notes.append(f"{bare} frames have no {CALIBRATION}: focal length of the list, principal point at the centre")
    return Index(root, layout, str(listed), frames, tuple(notes))


def load(frame: Frame) -> DatasetSample:
    """Read one frame, with the rectified camera of its day, or of its line where there is no calibration."""
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    path = frame.files["depth"]
    truth_m = as_truth(read_grey16(path) / PARTS_OF_METRE, path)
    camera = camera_from_focal_px(frame.focal_px or 0.0, width=width, height=height)
    calibration = frame.files.get("calibration")
    if calibration is not None:
        camera = _calibrated(calibration, camera, image=frame.files["rgb"].parent.parent.name)
    return make_sample(frame.name, rgb, camera, (truth_m, path))


def _truth_folders(root: Path) -> tuple[list[Path], str]:
    """Return the folders that hold drives with truth, and what that layout is called."""
    flat = first_folder(root, _FLAT_PLACES, holds=_TRUTHS)
    if flat is not None:
        return [flat], f"truth flattened in {flat}"
    official = first_folder(root, _FLAT_PLACES, holds=f"*/{_TRUTHS}")
    if official is not None:
        halves = [official / half for half in ("train", "val") if os.path.isdir(official / half)]
        if halves:
            return halves, f"truth as in the official archive ({' and '.join(str(half) for half in halves)})"
    raise InputError(
        f"{root} holds no ground truth: expected gts/<drive>_sync/proj_depth/groundtruth/image_02/*.png, or train/ and "
        "val/ of data_depth_annotated.zip below gts/"
    )


def _has_no_truth(columns: list[str]) -> bool:
    return len(columns) > 1 and columns[1] == "None"


def _frame(photos: Path, truths: list[Path], columns: list[str], listed: Path) -> Frame:
    """Return the frame of one line; paths may or may not begin with the date."""
    line = " ".join(columns)
    drive = _DRIVE.search(columns[0])
    try:
        focal_px = float(columns[2])
    except (IndexError, ValueError) as error:
        raise InputError(f"{listed} has a line {line!r}: expected photo, truth (or None) and focal length") from error
    if drive is None or not 0 < focal_px < math.inf:
        raise InputError(
            f"{listed} has a line {line!r}: expected a photo of a <date>_drive_<number>_sync and its focal"
        )
    date = photos / drive[1]
    rgb = date / columns[0][drive.start() :]
    if not os.path.isfile(rgb):
        # Both lists and copies of the photos exist as .png and as .jpg.
        rgb = next((path for path in _other_suffixes(rgb) if os.path.isfile(path)), rgb)
    truth = columns[1].lstrip("/")
    depth = next((path for path in (folder / truth for folder in truths) if os.path.isfile(path)), truths[-1] / truth)
    files = {"rgb": rgb, "depth": depth}
    if os.path.isfile(date / CALIBRATION):
        files["calibration"] = date / CALIBRATION
    return Frame(Path(columns[0][drive.start() :]).with_suffix("").as_posix(), files, focal_px)


def _other_suffixes(path: Path) -> Iterator[Path]:
    return (path.with_suffix(suffix) for suffix in (".png", ".jpg") if suffix != path.suffix)


def _calibrated(path: Path, camera: Camera, *, image: str) -> Camera:
    """Return the rectified camera of P_rect_0k, after seeing that the list's focal length is of the same day."""
    row = _projections(path).get(f"P_rect_{image.removeprefix('image_')}")
    if row is None:
        raise InputError(
            f"{path} has no 12 numbers P_rect_{image.removeprefix('image_')}: expected {CALIBRATION} of KITTI"
        )
    if not abs(row[0] / camera.fx - 1) <= SAME_FOCAL:
        raise InputError(
            f"{path} has a focal length of {row[0]} px, the split list {camera.fx}: expected the same day's"
        )
    fx, fy, cx, cy = row[0], row[5], row[2], row[6]
    return camera_of(path, fx=fx, fy=fy, cx=cx, cy=cy, width=camera.width, height=camera.height)


@lru_cache(maxsize=16)
def _projections(path: Path) -> dict[str, tuple[float, ...]]:
    """Return the rows of 12 numbers of a calibration file, by name."""
    rows = {}
    text = read_text(path, what="calibration", expected=f"{CALIBRATION} of KITTI")
    with reading(path, what="calibration", expected=f"{CALIBRATION} of KITTI"):
        for line in text.splitlines():
            name, _, numbers = line.partition(":")
            if name.startswith("P_rect_"):
                rows[name] = tuple(float(number) for number in numbers.split())
    return {name: row for name, row in rows.items() if len(row) == 12}
