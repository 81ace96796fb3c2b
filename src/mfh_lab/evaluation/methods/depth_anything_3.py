"""Depth Anything 3's metric model by its own package (``depth_anything_3``).

The network's output is depth for a focal length of 300 pixels of its input: metric depth = output · f / 300, with f the
mean of fx and fy at the size that the package has resized the photo to.

Reference: Lin et al., Depth Anything 3, 2025.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device, to_uint8
from mfh.types import Camera
from mfh_lab.evaluation.methods.package import photo_sized

CANONICAL_FOCAL_PX = 300.0


class DepthAnything3:
    """Metric depth of DA3METRIC for the camera's focal length.

    Args:
        place: folder that save_pretrained made.
        camera_given: always; it has no estimate of its own.
    """

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        package: Any = importlib.import_module("depth_anything_3.api")
        with loading_restricted(place, "Depth Anything 3"):
            self._model = package.DepthAnything3.from_pretrained(str(place)).to(pick_device()).eval()

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; the package takes RGB as bytes and answers at its own size."""
        with computing("Depth Anything 3"):
            (output,) = np.asarray(self._model.inference([to_uint8(rgb)]).depth, np.float32)
            tall, wide = output.shape
            focal_px = (camera.fx * wide / camera.width + camera.fy * tall / camera.height) / 2
            return photo_sized(output * np.float32(focal_px / CANONICAL_FOCAL_PX), rgb)
