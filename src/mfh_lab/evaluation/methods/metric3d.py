"""Metric3D v2 by its own repository, of which the folder is on the path (``mono``, ``hubconf``).

The network sees a canonical camera: depth = output · f / 1000, with f the focal length at the size of its input, which
is the photo scaled into 616x1064 and padded with the mean colour.

Reference: Hu et al., Metric3D v2, TPAMI 2024.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device, to_uint8
from mfh.types import Camera
from mfh_lab.evaluation.methods.package import photo_sized

if TYPE_CHECKING:
    import torch

FILE_NAME = "metric_depth_vit_large_800k.pth"
ENTRY = "metric3d_vit_large"
SIZE = (616, 1064)
"""Rows and columns of the network's input."""
CANONICAL_FOCAL_PX = 1000.0
FARTHEST_M = 300.0
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)


class Metric3d:
    """Metric depth of Metric3D v2 for the camera's focal length.

    Args:
        place: folder with the published checkpoint.
        camera_given: always; it has no estimate of its own.
    """

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        import torch

        package: Any = importlib.import_module("mono")
        clone = Path(next(iter(package.__path__))).parent
        self._device = pick_device()
        file = place / FILE_NAME
        with loading_restricted(file, "Metric3D v2"):
            # Its own loading would fetch the checkpoint.
            model: Any = torch.hub.load(str(clone), ENTRY, source="local", pretrain=False)
            state = torch.load(file, map_location="cpu", weights_only=True)["model_state_dict"]
            model.load_state_dict(state, strict=False)
            self._model = model.to(self._device).eval()

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; nothing is farther than 300 m."""
        import torch

        pixels, (top, left, tall, wide) = network_input(rgb)
        with computing("Metric3D v2"), torch.inference_mode():
            output = self._model.inference({"input": pixels.to(self._device)})[0].squeeze()
            inside = output[top : top + tall, left : left + wide].float().cpu().numpy()
        focal_px = camera.fx * wide / camera.width
        return np.clip(photo_sized(inside * np.float32(focal_px / CANONICAL_FOCAL_PX), rgb), 0, FARTHEST_M)


def network_input(rgb: Rgb) -> tuple["torch.Tensor", tuple[int, int, int, int]]:
    """Return the (1, 3, 616, 1064) input, and where the photo is in it: top, left, rows, columns."""
    import torch

    ratio = min(SIZE[0] / rgb.shape[0], SIZE[1] / rgb.shape[1])
    tall, wide = (int(side * ratio) for side in rgb.shape[:2])
    top, left = (SIZE[0] - tall) // 2, (SIZE[1] - wide) // 2
    canvas = np.broadcast_to(_MEAN, (*SIZE, 3)).copy()
    canvas[top : top + tall, left : left + wide] = cv2.resize(
        to_uint8(rgb), (wide, tall), interpolation=cv2.INTER_LINEAR
    )
    normal = np.ascontiguousarray(((canvas - _MEAN) / _STD).transpose(2, 0, 1), np.float32)
    return torch.from_numpy(normal)[None], (top, left, tall, wide)
