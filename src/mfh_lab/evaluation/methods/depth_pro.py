"""Depth Pro by Apple's own package (``depth_pro``).

Reference: Bochkovskii et al., Depth Pro, ICLR 2025.
"""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device, to_uint8
from mfh.types import Camera
from mfh_lab.evaluation.methods.package import photo_sized

FILE_NAME = "depth_pro.pt"


class DepthPro:
    """Metric depth of Depth Pro, for its own focal length or the camera's.

    Args:
        place: folder with depth_pro.pt.
        camera_given: whether it goes by the camera.
    """

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        import torch

        package: Any = importlib.import_module("depth_pro.depth_pro")
        file = place / FILE_NAME
        self._device = pick_device()
        with loading_restricted(file, "Depth Pro"):
            config = replace(package.DEFAULT_MONODEPTH_CONFIG_DICT, checkpoint_uri=str(file))
            model, self._transform = package.create_model_and_transforms(
                config=config, device=torch.device(self._device), precision=torch.float32
            )
            self._model = model.eval()
        self._camera_given = camera_given

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; the package's transform takes RGB as bytes, its focal length is a tensor in pixels."""
        import torch

        with computing("Depth Pro"):
            f_px = torch.tensor(camera.fx, device=self._device) if self._camera_given else None
            return photo_sized(self._model.infer(self._transform(to_uint8(rgb)), f_px=f_px)["depth"], rgb)
