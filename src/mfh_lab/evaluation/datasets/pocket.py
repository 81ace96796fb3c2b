"""Scenes of the pocket world, as ``mfh pocket render`` writes them: exact depth, 0 for sky."""

import os
from dataclasses import replace
from pathlib import Path

from mfh.io.reading import read_json, reading
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, select
from mfh_lab.evaluation.datasets.reading import as_truth, camera_of, make_sample, read_npz, read_rgb
from mfh_lab.evaluation.datasets.sample import DatasetSample


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
        if os.path.isdir(folder)
    )
    layout = "mfh pocket render: scene-<seed>/{rgb.png, depth.npz, scene.json}"
    if split is not None and frames:
        return Index(root, layout, str(split), select(frames, split))
    return Index(root, layout, f"the scenes in {root}", frames)


def load(frame: Frame) -> DatasetSample:
    """Read one scene."""
    path = frame.files["depth"]
    truth_m = as_truth(read_npz(path, key="depth_m"), path)
    camera, kind = _camera_and_kind(frame.files["scene"])
    return replace(make_sample(frame.name, read_rgb(frame.files["rgb"]), camera, (truth_m, path)), kind=kind)


def _camera_and_kind(path: Path) -> tuple[Camera, str]:
    expected = "the scene.json of mfh pocket render, with its camera"
    content = read_json(path, what="", expected=expected)
    with reading(path, what="", expected=expected):
        found = content["camera"]
        focal = {key: float(found[key]) for key in ("fx", "fy", "cx", "cy")}
        width, height = int(found["width"]), int(found["height"])
        kind = str(content.get("kind", ""))
    return camera_of(path, **focal, width=width, height=height), kind
