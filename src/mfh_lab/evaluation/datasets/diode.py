"""DIODE's indoor validation frames: ``val/indoors/scene_*/scan_*/{X.png, X_depth.npy, X_depth_mask.npy}``."""

from pathlib import Path

from mfh.errors import InputError
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_folder, select
from mfh_lab.evaluation.datasets.reading import as_mask, as_truth, make_sample, read_npy, read_rgb, size_of
from mfh_lab.evaluation.datasets.sample import DatasetSample

CAMERA = Camera(fx=886.81, fy=927.06, cx=512.0, cy=384.0, width=1024, height=768)
"""Of all frames, from the dataset's authors."""

_PLACES = ("diode/val/indoors", "val/indoors", "indoors", ".")


def index(root: Path, split: Path | None) -> Index:
    """List the frames of val/indoors, which are exactly the split, in alphabetical order.

    Args:
        root: folder that holds val/indoors.
        split: list of photos; None for all.

    Raises:
        InputError: where there are no scenes.
    """
    base = first_folder(root, _PLACES, holds="scene_*/scan_*")
    if base is None:
        raise InputError(f"{root} holds no indoor scenes of DIODE: expected val/indoors/scene_*/scan_*/*.png")
    stems = {path.with_suffix("") for path in base.glob("scene_*/scan_*/*.png")}
    for ending in ("_depth", "_depth_mask"):
        stems |= {
            path.with_name(path.name.removesuffix(f"{ending}.npy"))
            for path in base.glob(f"scene_*/scan_*/*{ending}.npy")
        }
    frames = tuple(
        Frame(
            stem.relative_to(base).as_posix(),
            {
                "rgb": stem.with_name(f"{stem.name}.png"),
                "depth": stem.with_name(f"{stem.name}_depth.npy"),
                "mask": stem.with_name(f"{stem.name}_depth_mask.npy"),
            },
        )
        for stem in sorted(stems)
    )
    layout = f"val/indoors in {base}"
    if split is not None and frames:
        return Index(root, layout, str(split), select(frames, split))
    return Index(root, layout, f"the frames in {base}", frames)


def load(frame: Frame) -> DatasetSample:
    """Read one frame; the official mask is 1 where the scanner's return is valid."""
    rgb = read_rgb(frame.files["rgb"])
    if rgb.shape[:2] != (CAMERA.height, CAMERA.width):
        raise InputError(f"{frame.files['rgb']} is {size_of(rgb)}: expected {CAMERA.width}x{CAMERA.height}")
    depth, mask = frame.files["depth"], frame.files["mask"]
    valid = as_mask(read_npy(mask), mask)
    return make_sample(frame.name, rgb, CAMERA, (as_truth(read_npy(depth), depth), depth), official_mask=(valid, mask))
