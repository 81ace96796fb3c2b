"""Made-up photos with a truth, what a protocol makes of them, and a made-up method."""

import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfh.errors import NoLandmarkError
from mfh.types import Camera, FocalProvenance, Photo, Space
from mfh_lab.evaluation.datasets.sample import DatasetSample
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import EvaluationView
from mfh_lab.evaluation.scoring import DepthScores, score


def photo_of(rgb: np.ndarray, name: str = "made up") -> Photo:
    """Return a photo with a camera as wide as it is."""
    height, width = rgb.shape[:2]
    camera = Camera(float(width), float(width), (width - 1) / 2, (height - 1) / 2, width, height)
    return Photo(rgb, camera, FocalProvenance("explicit", "made up", 0.0), name)


def view_of(truth_m: np.ndarray, *, name: str = "made up", min_m: float = 1e-3, max_m: float = 10.0) -> EvaluationView:
    """Return a truth of which every pixel in the range counts."""
    rgb = np.zeros((*truth_m.shape, 3), np.float32)
    scored_mask = (truth_m > min_m) & (truth_m < max_m)
    return EvaluationView(name, photo_of(rgb, name), truth_m, scored_mask, min_m, max_m)


class MadeUpDataset:
    """Small scenes made of their names, under the rules of dataset "folder"; "blank" ones have no truth."""

    name = "folder"

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names = tuple(names)

    def load(self, name: str) -> DatasetSample:
        """Make a scene."""
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        truth_m = rng.uniform(1, 9, (12, 16)).astype(np.float32)
        if "blank" in name:
            truth_m[:] = 0
        photo = photo_of(np.repeat(truth_m[..., None] / 10, 3, axis=2))
        return DatasetSample(name, photo.rgb, photo.camera, truth_m, np.ones((12, 16), bool))


class MadeUpMethod:
    """Knows the truth by the colours, and errs as the name says; writes down whom it is asked about."""

    name = "made-up"

    def __init__(self, asked: Path, *, seconds: float = 0.0, factor: float = 1.1) -> None:
        self.settings = {"factor": factor, "nested": {"seed": 3}}
        self._asked, self._seconds, self._factor = asked, seconds, factor

    def predict(self, photo: Photo, *, name: str) -> Prediction:
        """Answer, or fail where the name has "nobody" in it."""
        with self._asked.open("a") as file:
            file.write(f"{os.getpid()} {name}\n")
        time.sleep(self._seconds)
        if "nobody" in name:
            raise NoLandmarkError(f"nobody was found in\n{name}")
        rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
        depth_m = photo.rgb[..., 0] * 10 * self._factor * np.exp(rng.normal(0, 0.1, photo.rgb.shape[:2]))
        return Prediction(depth_m.astype(np.float32), "disparity", level_80=(0.85, 1.05), level_95=(0.95, 1.2))


def compare(depth_m: np.ndarray, view: EvaluationView, *, space: Space) -> DepthScores:
    """Score depth that has the truth's size."""
    return score(Prediction(depth_m, space), view)
