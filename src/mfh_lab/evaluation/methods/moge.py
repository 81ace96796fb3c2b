"""MoGe 2 and 3 by their own package (``moge``): z of metric points.

The mask is not applied, as in the authors' own evaluation: every pixel has a depth.

Reference: Wang et al., MoGe-2, 2025; Kong et al., MoGe-3, 2026.
"""

import math
from pathlib import Path

from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models.field_of_view.moge import load_moge, moge_input
from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing
from mfh.models.torch_loading import pick_device
from mfh.types import Camera
from mfh_lab.evaluation.methods.package import photo_sized


class Moge:
    """Metric depth of MoGe, for its own field of view or the camera's.

    Args:
        place: folder with model.pt.
        camera_given: whether it goes by the camera.
    """

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        self._device = pick_device()
        self._model, version = load_moge(place, device=self._device)
        if version == "v1":
            raise WeightsError(f"{place} is MoGe of version 1, whose depth has no scale: expected version 2 or 3")
        self._camera_given = camera_given

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; the package takes the horizontal field of view in degrees."""
        fov_x_deg = math.degrees(2 * math.atan2(0.5 * camera.width, camera.fx)) if self._camera_given else None
        with computing("MoGe"):
            output = self._model.infer(moge_input(rgb, self._device), apply_mask=False, fov_x=fov_x_deg, use_fp16=False)
            return photo_sized(output["depth"], rgb)
