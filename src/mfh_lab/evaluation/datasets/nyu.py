"""NYU Depth V2's 654 test frames, as the BTS extraction or Marigold's archive has them.

BTS: ``official_splits/test/<scene type>/rgb_%05d.jpg`` and ``sync_depth_%05d.png``. Marigold:
``test/<scene>/rgb_%04d.png`` and ``depth_%04d.png``. Both hold the raw Kinect depth in 16-bit millimetres; 0 is a hole.
"""

from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, first_folder, read_lines
from mfh_lab.evaluation.datasets.reading import as_truth, make_sample, read_grey16, read_rgb, size_of
from mfh_lab.evaluation.datasets.sample import DatasetSample

CAMERA = Camera(fx=518.8579, fy=519.4696, cx=325.5824, cy=253.7362, width=640, height=480)
"""Of the colour camera, from the toolbox that comes with the dataset."""

SHOWN_ROWS, SHOWN_COLUMNS = slice(7, 474), slice(7, 632)
"""Outside these the photo is blank: the border that rectification leaves."""

MILLIMETRE = np.float32(1000)

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
    """List the test frames of whichever layout is there.

    Args:
        root: folder that holds one of the layouts.
        split: list of ``rgb depth ...`` a line; None for the list in the root, or for all frames of the test folder,
            which both extractions fill with exactly the official split.

    Raises:
        InputError: where neither layout is recognised, or the list is not such a list.
    """
    bts = first_folder(root, _BTS_PLACES, holds="*/sync_depth_*.png")
    marigold = None if bts else first_folder(root, _MARIGOLD_PLACES, holds="test/*/depth_*.png")
    if bts is not None:
        base, layout, lists = bts, f"BTS extraction in {bts}", _BTS_LISTS
    elif marigold is not None:
        base, layout, lists = marigold, f"Marigold archive in {marigold}", _MARIGOLD_LISTS
    else:
        raise InputError(
            f"{root} holds neither layout of NYUv2: expected official_splits/test/<scene type>/sync_depth_%05d.png "
            "(BTS) or test/<scene>/depth_%04d.png (Marigold)"
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
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    if (width, height) != (CAMERA.width, CAMERA.height):
        raise InputError(f"{frame.files['rgb']} is {size_of(rgb)}: expected {CAMERA.width}x{CAMERA.height}")
    shown = np.zeros((height, width), bool)
    shown[SHOWN_ROWS, SHOWN_COLUMNS] = True
    path = frame.files["depth"]
    truth_m = as_truth(read_grey16(path) / MILLIMETRE, path)
    return make_sample(frame.name, rgb, CAMERA, (truth_m, path), official_mask=(shown, frame.files["rgb"]))


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
