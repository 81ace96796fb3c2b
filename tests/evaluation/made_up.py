"""Made-up photos with a truth, and what a protocol makes of them."""

import numpy as np

from mfh.evaluation.view import View
from mfh.types import Camera, FocalProvenance, Photo


def photo_of(rgb: np.ndarray, name: str = "made up") -> Photo:
    """Return a photo with a camera as wide as it is."""
    height, width = rgb.shape[:2]
    camera = Camera(float(width), float(width), (width - 1) / 2, (height - 1) / 2, width, height)
    return Photo(rgb, camera, FocalProvenance("explicit", "made up", 0.0), name)


def view_of(truth_m: np.ndarray, *, name: str = "made up", min_m: float = 1e-3, max_m: float = 10.0) -> View:
    """Return a truth of which every pixel in the range counts."""
    rgb = np.zeros((*truth_m.shape, 3), np.float32)
    scored_mask = (truth_m > min_m) & (truth_m < max_m)
    return View(name, photo_of(rgb, name), truth_m, scored_mask, min_m, max_m)
