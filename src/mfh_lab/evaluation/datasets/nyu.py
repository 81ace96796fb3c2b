"""NYU Depth V2's 654 test frames: the official pair of .mat files, or the BTS extraction or Marigold's archive of them.

The pair is ``nyu_depth_v2_labeled.mat`` and ``splits.mat``. BTS: ``official_splits/test/<scene type>/rgb_%05d.jpg`` and
``sync_depth_%05d.png``. Marigold: ``test/<scene>/rgb_%04d.png`` and ``depth_%04d.png``. All hold the raw Kinect depth;
in the pair it is in metres, else in 16-bit millimetres; 0 is a hole. Frames of the pair are named and cut as BTS's
script names and cuts them, so that their scores can be compared.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, first_folder, read_lines, select
from mfh_lab.evaluation.datasets.matlab import element, open_hdf5, read_indices, texts, variable
from mfh_lab.evaluation.datasets.reading import as_truth, make_sample, read_grey16, read_rgb, size_of
from mfh_lab.evaluation.datasets.sample import DatasetSample

CAMERA = Camera(fx=518.8579, fy=519.4696, cx=325.5824, cy=253.7362, width=640, height=480)
"""Of the colour camera, from the toolbox that comes with the dataset."""

SHOWN_ROWS, SHOWN_COLUMNS = slice(7, 474), slice(7, 632)
"""Outside these the photo is blank: the border that rectification leaves."""

MILLIMETRE = np.float32(1000)
FARTHEST_M = 65.535

LABELED, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
_MAT_PLACES = (".", "nyu_depth_v2", "nyu", "nyuv2")
_LABELED = f"{LABELED} of NYU Depth V2 (2.8 GB, HDF5)"
_SPLITS = f"{SPLITS} of NYU Depth V2, with testNdxs"
_BTS_PLACES = (
    "nyu_depth_v2/official_splits/test",
    "official_splits/test",
    "nyu/official_splits/test",
    "test",
    ".",
)
_MARIGOLD_PLACES = ("nyu_labeled_extracted", "nyuv2", "nyu", ".")
_BTS_LISTS = ("nyudepthv2_test_files_with_gt.txt", "nyu_test.txt")
_MARIGOLD_LISTS = ("filename_list_test.txt",)


def index(root: Path, split: Path | None) -> Index:
    """List the test frames of whichever layout is there: an extraction, else the pair of .mat files.

    Args:
        root: folder that holds one of the layouts.
        split: list of ``rgb depth ...`` a line; None for the list in the root, or for all frames of the test folder,
            which both extractions fill with exactly the official split.

    Raises:
        InputError: where no layout is recognised, or the list is not such a list.
        BackendError: where the package that reads .mat files is missing.
    """
    bts = first_folder(root, _BTS_PLACES, holds="*/sync_depth_*.png")
    marigold = None if bts else first_folder(root, _MARIGOLD_PLACES, holds="test/*/depth_*.png")
    if bts is not None:
        base, layout, lists = bts, f"BTS extraction in {bts}", _BTS_LISTS
    elif marigold is not None:
        base, layout, lists = marigold, f"Marigold archive in {marigold}", _MARIGOLD_LISTS
    elif (labeled := first_file(root, [f"{place}/{LABELED}" for place in _MAT_PLACES])) is not None:
        return _index_of_pair(root, labeled, split or first_file(root, _BTS_LISTS))
    else:
        raise InputError(
            f"{root} holds no layout of NYUv2: expected {LABELED} and {SPLITS}, official_splits/test/<scene type>/"
            "sync_depth_%05d.png (BTS) or test/<scene>/depth_%04d.png (Marigold)"
        )
    listed = split or first_file(root, lists) or first_file(base, lists)
    if listed is not None:
        return Index(root, layout, str(listed), tuple(_listed(base, columns, listed) for columns in read_lines(listed)))
    if bts is not None:
        frames = _found(base, base, rgb=("rgb_", ".jpg"), depth=("sync_depth_", ".png"))
    else:
        frames = _found(base, base / "test", rgb=("rgb_", ".png"), depth=("depth_", ".png"))
    return Index(root, layout, "the frames in the test folder", frames)


def load(frame: Frame) -> DatasetSample:
    """Read one frame; where the photo is blank, the truth does not count."""
    if frame.row is not None:
        return _load_of_pair(frame, frame.row)
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    if (width, height) != (CAMERA.width, CAMERA.height):
        raise InputError(f"{frame.files['rgb']} is {size_of(rgb)}: expected {CAMERA.width}x{CAMERA.height}")
    path = frame.files["depth"]
    truth_m = as_truth(read_grey16(path) / MILLIMETRE, path)
    return make_sample(frame.name, rgb, CAMERA, (truth_m, path), official_mask=(_shown(), frame.files["rgb"]))


def _shown() -> Bool[ndarray, "480 640"]:
    """Return where the photo is not blank."""
    shown = np.zeros((CAMERA.height, CAMERA.width), bool)
    shown[SHOWN_ROWS, SHOWN_COLUMNS] = True
    return shown


def _index_of_pair(root: Path, labeled: Path, listed: Path | None) -> Index:
    """List the test frames of the official pair, by scene type and number as BTS's script writes them."""
    splits = first_file(labeled.parent, (SPLITS,)) or first_file(root, (SPLITS,))
    if splits is None:
        raise InputError(
            f"{labeled} has no {SPLITS} beside it, which says which frames are the test split: put it there"
        )
    rows = read_indices(splits, "testNdxs", expected=_SPLITS)
    with open_hdf5(labeled, expected=_LABELED) as file:
        kinds = texts(file, "sceneTypes")
        count = min(len(one) for one in _pair_of(file, labeled))
    if rows.max() >= min(count, len(kinds)):
        raise InputError(f"{splits} names frame {rows.max() + 1}, and {labeled.name} has {min(count, len(kinds))}")
    files = {"rgb": labeled, "depth": labeled, "split": splits}
    frames = sorted((Frame(f"{kinds[row]}/rgb_{row:05d}", files, row=row) for row in rows.tolist()), key=_name)
    note = "photos are those of the .mat; BTS's are JPEG copies of them, and every truth is cut to millimetres as there"
    layout = f"the official pair {labeled} and {splits.name}"
    chosen = tuple(frames) if listed is None else select(frames, listed)
    return Index(root, layout, str(listed or splits), chosen, (note,))


def _load_of_pair(frame: Frame, row: int) -> DatasetSample:
    """Read one frame of the official pair; BTS's script blanks the border and cuts depth to whole millimetres."""
    path = frame.files["depth"]
    with open_hdf5(path, expected=_LABELED) as file:
        rgb, raw_m = (element(one, row) for one in _pair_of(file, path))
    # Farther than 16 bits of millimetres reach is no truth of a Kinect.
    near = np.where((raw_m > 0) & (raw_m < FARTHEST_M), raw_m, 0).astype(np.float32)
    millimetres = np.trunc(near * MILLIMETRE)
    shown = _shown()
    photo = np.where(shown[..., None], rgb, 0).astype(np.float32) / np.float32(255)
    return make_sample(
        frame.name, photo, CAMERA, (as_truth(millimetres / MILLIMETRE, path), path), official_mask=(shown, path)
    )


def _pair_of(file: Any, path: Path) -> tuple[Any, Any]:
    """Return the photos and the raw depth of the open pair, not read yet; axes are MATLAB's, reversed."""
    images, depths = variable(file, "images", dimensions=4), variable(file, "rawDepths", dimensions=3)
    size = (CAMERA.width, CAMERA.height)
    if (
        images.shape[1:] != (3, *size)
        or images.dtype != np.uint8
        or depths.shape[1:] != size
        or depths.dtype.kind != "f"
    ):
        raise InputError(
            f"{path} has images of {images.shape} {images.dtype} and rawDepths of {depths.shape} {depths.dtype}: "
            f"expected n frames of {(3, *size)} in 8 bits and of {size} in metres"
        )
    return images, depths


def _name(frame: Frame) -> str:
    return frame.name


def _listed(base: Path, columns: list[str], listed: Path) -> Frame:
    """Return the frame of one line: photo and depth, relative to the extraction; what follows is not needed."""
    if len(columns) < 2:
        raise InputError(f"{listed} has a line {columns[0]!r}: expected a photo and a depth")
    rgb, depth = (base / column.lstrip("/") for column in columns[:2])
    return _frame(base, rgb, depth)


def _found(base: Path, folder: Path, *, rgb: tuple[str, str], depth: tuple[str, str]) -> tuple[Frame, ...]:
    """Return a frame for every number that a photo or a depth has: the other may be missing."""
    numbered = {
        (path.parent, path.stem.removeprefix(start))
        for start, suffix in (rgb, depth)
        for path in folder.glob(f"*/{start}*{suffix}")
    }
    return tuple(
        _frame(base, scene / f"{rgb[0]}{number}{rgb[1]}", scene / f"{depth[0]}{number}{depth[1]}")
        for scene, number in sorted(numbered)
    )


def _frame(base: Path, rgb: Path, depth: Path) -> Frame:
    return Frame(rgb.relative_to(base).with_suffix("").as_posix(), {"rgb": rgb, "depth": depth})
