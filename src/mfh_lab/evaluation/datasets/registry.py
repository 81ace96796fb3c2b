"""Names of datasets, how to open them, and whether they are all there.

To add a dataset: one file with ``index(root, split) -> Index`` and ``load(frame) -> DatasetSample``, one line here, and
its rules in :mod:`mfh_lab.evaluation.protocols`.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mfh.errors import InputError
from mfh.io.reading import reading
from mfh_lab.evaluation.datasets.frames import SHOWN_MISSING, FrameDataset, Index, missing_files


@dataclass(frozen=True)
class Entry:
    """What is known of a dataset before it is opened.

    Attributes:
        title: what people call it.
        expected: frames of its whole test split; None where that is up to the user.
        get: how to get it.
        layout: what must lie in the root.
    """

    title: str
    expected: int | None
    get: str
    layout: str


DATASETS: dict[str, Entry] = {
    "nyu": Entry(
        "NYU Depth V2, test split",
        654,
        "nyu_depth_v2_labeled.mat and splits.mat from cs.nyu.edu/~silberman, as they are or extracted with BTS's "
        "script (which also has the list), or Marigold's archive nyu_labeled_extracted.tar",
        "nyu_depth_v2_labeled.mat and splits.mat, or official_splits/test/<scene type>/{rgb_%05d.jpg, "
        "sync_depth_%05d.png} (BTS), or test/<scene>/{rgb_%04d.png, depth_%04d.png} (Marigold)",
    ),
    "kitti": Entry(
        "KITTI, Eigen split with corrected truth",
        652,
        "raw drives and data_depth_annotated.zip from www.cvlibs.net/datasets/kitti, and the list "
        "kitti_eigen_test_files_with_gt.txt of 697 lines from BTS, AdaBins or ZoeDepth",
        "raw/<date>/<drive>_sync/image_02/data/*.png, raw/<date>/calib_cam_to_cam.txt, "
        "gts/[train|val/]<drive>_sync/proj_depth/groundtruth/image_02/*.png, kitti_eigen_test_files_with_gt.txt",
    ),
    "diode": Entry(
        "DIODE indoor, validation split",
        325,
        "val.tar.gz from diode-dataset.org",
        "val/indoors/scene_*/scan_*/{<stem>.png, <stem>_depth.npy, <stem>_depth_mask.npy}",
    ),
    "ibims1": Entry(
        "iBims-1",
        100,
        "ibims1_core_raw.zip or ibims1_core_mat.zip from www.asg.ed.tum.de/lmf/ibims1",
        "ibims1_core_raw/{imagelist.txt, rgb/X.png, depth/X.png, mask_invalid/X.png, mask_transp/X.png, calib/X.txt}, "
        "or ibims1_core_mat/X.mat",
    ),
    "eth3d": Entry(
        "ETH3D, high-resolution training photos",
        454,
        "from www.eth3d.net/datasets <scene>_dslr_jpg.7z into rgb/, <scene>_dslr_depth.7z into "
        "depth/<scene>_dslr_depth/ and, for the official masks, <scene>_dslr_occlusion.7z into "
        "depth/<scene>_dslr_occlusion/",
        "rgb/<scene>/{images/dslr_images/X.JPG, dslr_calibration_jpg/{cameras,images}.txt}, "
        "depth/<scene>_dslr_depth/<scene>/ground_truth_depth/dslr_images/X.JPG",
    ),
    "pocket": Entry(
        "pocket world",
        None,
        "mfh pocket render --count 100 --out DIR (needs the train extra)",
        "scene-<seed>/{rgb.png, depth.npz, scene.json}",
    ),
    "folder": Entry(
        "your own photos",
        None,
        "one folder a photo; depth in metres, or 16-bit millimetres as png; intrinsics.json with fx, fy, cx, cy",
        "<name>/{rgb.png|jpg, depth.npy|npz|png, intrinsics.json}",
    ),
}


@dataclass(frozen=True)
class DatasetCheck:
    """What is there of a dataset and what is missing.

    Attributes:
        name: the protocol's key.
        root: folder given by the user.
        layout: how the files lie, as found; empty where nothing was recognised.
        split: where the list of frames comes from; empty where there is none.
        expected: frames of the whole split; None where that is up to the user.
        listed: frames in the list.
        found: of those, with all their files.
        missing: the first files that are missing.
        missing_total: how many are.
        notes: sentences the user should read.
        problem: why nothing can be evaluated, in one line; empty where something can.
    """

    name: str
    root: Path
    layout: str = ""
    split: str = ""
    expected: int | None = None
    listed: int = 0
    found: int = 0
    missing: tuple[Path, ...] = ()
    missing_total: int = 0
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether every listed frame has its files: the dataset can be opened."""
        return not self.problem and self.found == self.listed

    @property
    def complete(self) -> bool:
        """Whether it can be opened and the list is the whole split: published tables can be compared with."""
        return self.usable and self.expected in (None, self.listed)

    def lines(self) -> list[str]:
        """Return the report, a line each."""
        entry = DATASETS[self.name]
        lines = [f"{self.name} ({entry.title}) at {self.root}"]
        if self.problem:
            lines += [f"  problem:  {self.problem}", f"  expected: {entry.layout}"]
        else:
            whole = "" if self.expected is None else f"; the whole split has {self.expected}"
            lines += [
                f"  layout:   {self.layout}",
                f"  split:    {self.split}",
                f"  frames:   {self.found} of {self.listed} listed are complete{whole}",
            ]
        if self.missing_total:
            lines.append(f"  missing:  {self.missing_total} file{'s' if self.missing_total > 1 else ''}")
            lines += [f"    {path}" for path in self.missing]
            if self.missing_total > len(self.missing):
                lines.append(f"    and {self.missing_total - len(self.missing)} more")
        lines += [f"  note:     {note}" for note in self.notes]
        if self.complete:
            return [*lines, "  complete: ready to evaluate"]
        if self.usable:
            return [*lines, "  usable:   ready to evaluate, but not the whole split that published tables are of"]
        return [*lines, f"  get it:   {entry.get}"]


def open_dataset(name: str, root: Path, *, split: Path | None = None, limit: int | None = None) -> FrameDataset:
    """Open a dataset after seeing that every file of the chosen frames is there.

    Args:
        name: one of ``DATASETS``.
        root: its folder.
        split: list of frames; None for the one that lies in the root, or for what lies there.
        limit: only the first so many frames of the split.

    Returns:
        The dataset.

    Raises:
        InputError: for an unknown name, a root of another layout, an empty split, or a missing file, naming the path.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}: expected at least 1")
    module, found = _index(name, root, split)
    frames = found.frames[:limit]
    missing = missing_files(frames)
    if missing:
        others = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
        raise InputError(
            f"{name}: {missing[0]}{others} missing; see what is there with mfh evaluate {name} --root {root} --check"
        )
    by_name = {frame.name: frame for frame in frames}
    return FrameDataset(name, root, found.layout, found.split, found.notes, by_name, module.load)


def check_dataset(name: str, root: Path, split: Path | None = None) -> DatasetCheck:
    """See what is there of a dataset; no file but the split list is opened.

    Args:
        name: one of ``DATASETS``.
        root: its folder.
        split: list of frames; None as for :func:`open_dataset`.

    Returns:
        What is there, what is missing, and what is wrong.

    Raises:
        InputError: for an unknown name.
    """
    entry = _entry(name)
    try:
        _, found = _index(name, root, split)
    except InputError as error:
        return DatasetCheck(name, root, expected=entry.expected, problem=str(error))
    missing = missing_files(found.frames)
    return DatasetCheck(
        name=name,
        root=root,
        layout=found.layout,
        split=found.split,
        expected=entry.expected,
        listed=len(found.frames),
        found=sum(next(frame.missing(), None) is None for frame in found.frames),
        missing=tuple(missing[:SHOWN_MISSING]),
        missing_total=len(missing),
        notes=found.notes,
    )


def _entry(name: str) -> Entry:
    if name not in DATASETS:
        raise InputError(f"dataset is {name!r}: expected one of {', '.join(DATASETS)}")
    return DATASETS[name]


def _index(name: str, root: Path, split: Path | None) -> tuple[ModuleType, Index]:
    """Import the dataset's module, and only that, and let it look around."""
    _entry(name)
    if os.path.isfile(root):
        raise InputError(f"--root: {root} is a file; expected the folder it lies in ({root.absolute().parent})")
    if not os.path.isdir(root):
        raise InputError(f"--root: no folder {root}; expected {DATASETS[name].layout}")
    if split is not None and not os.path.isfile(split):
        raise InputError(f"--split: no file {split}; expected a list with one frame a line")
    module = importlib.import_module(f"mfh_lab.evaluation.datasets.{name}")
    with reading(root, what="--root", expected=DATASETS[name].layout):
        return module, module.index(root, split)
