"""Scenes of the pocket world, as ``mfh pocket render`` writes them: exact depth, 0 for sky."""

import json
from pathlib import Path

from mfh.errors import InputError
from mfh.evaluation.datasets.frames import Frame, Index, select
from mfh.evaluation.datasets.reading import as_truth, make_sample, read_npz, read_rgb
from mfh.evaluation.datasets.sample import Sample
from mfh.geometry.camera import check_camera
from mfh.types import Camera


def index(root: Path, split: Path | None) -> Index:
    """List the folders ``scene-*``; one without scene.json was not finished and counts as missing.

    Args:
        root: the folder given to ``mfh pocket render --out``.
        split: list of scenes; None for all, in the order of their seeds.
    """
    frames = tuple(
        Frame(
            folder.name,
            {"rgb": folder / "rgb.png", "depth": folder / "depth.npz", "scene": folder / "scene.json"},
        )
        for folder in sorted(root.glob("scene-*"))
        if folder.is_dir()
    )
    layout = "mfh pocket render: scene-<seed>/{rgb.png, depth.npz, scene.json}"
    if split is not None and frames:
        return Index(root, layout, str(split), select(frames, split))
    return Index(root, layout, f"the scenes in {root}", frames)


def load(frame: Frame) -> Sample:
    """Read one scene."""
    path = frame.files["depth"]
    truth_m = as_truth(read_npz(path, key="depth_m"), path)
    return make_sample(frame.name, read_rgb(frame.files["rgb"]), _camera(frame.files["scene"]), (truth_m, path))


def _camera(path: Path) -> Camera:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["camera"]
        focal = {key: float(found[key]) for key in ("fx", "fy", "cx", "cy")}
        camera = Camera(**focal, width=int(found["width"]), height=int(found["height"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no camera ({error}): render the scene again with mfh pocket render") from error
    return check_camera(camera)
