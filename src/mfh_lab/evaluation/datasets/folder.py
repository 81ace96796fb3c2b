"""Photos of one's own with a true depth: ``<root>/<name>/{rgb.png|jpg, depth.npy|npz|png, intrinsics.json}``."""

import os
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.intrinsics import read_intrinsics
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, select
from mfh_lab.evaluation.datasets.reading import as_truth, make_sample, read_grey16, read_npy, read_npz, read_rgb
from mfh_lab.evaluation.datasets.sample import DatasetSample

RGB = ("rgb.png", "rgb.jpg", "rgb.jpeg")
DEPTH = ("depth.npy", "depth.npz", "depth.png")
INTRINSICS = "intrinsics.json"
MILLIMETRE = np.float32(1000)


def index(root: Path, split: Path | None) -> Index:
    """List the sub-folders that hold a photo, a depth or intrinsics; a file that is then missing is one of the three.

    Args:
        root: folder of folders.
        split: list of names; None for all, in alphabetical order.
    """
    frames = []
    for folder in sorted(path for path in root.iterdir() if os.path.isdir(path)):
        rgb, depth = first_file(folder, RGB), first_file(folder, DEPTH)
        intrinsics = folder / INTRINSICS
        if rgb or depth or os.path.isfile(intrinsics):
            files = {"rgb": rgb or folder / RGB[0], "depth": depth or folder / DEPTH[0], "intrinsics": intrinsics}
            frames.append(Frame(folder.name, files))
    layout = "a folder a photo: rgb.png, depth.npy, intrinsics.json"
    if split is not None and frames:
        return Index(root, layout, str(split), select(frames, split))
    return Index(root, layout, f"the folders in {root}", tuple(frames))


def load(frame: Frame) -> DatasetSample:
    """Read one folder: depth in metres (.npy, .npz) or 16-bit millimetres (.png), 0 where there is none."""
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    request = FocalRequest(intrinsics=read_intrinsics(frame.files["intrinsics"]))
    try:
        camera, _ = choose_camera(request, ExifFacts(), width=width, height=height)
    except InputError as error:
        raise InputError(f"{frame.files['intrinsics']}: {error}") from error
    path = frame.files["depth"]
    if path.suffix == ".png":
        depth_m = read_grey16(path) / MILLIMETRE
    else:
        depth_m = read_npy(path) if path.suffix == ".npy" else read_npz(path, key="depth_m")
    return make_sample(frame.name, rgb, camera, (as_truth(depth_m, path), path))
