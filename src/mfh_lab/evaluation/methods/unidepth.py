"""UniDepth V1 and V2 by their own package (``unidepth``).

Reference: Piccinelli et al., UniDepth, CVPR 2024; UniDepthV2, 2025.
"""

import importlib
from pathlib import Path
from typing import Any

from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device
from mfh.types import Camera
from mfh_lab.evaluation.methods.package import bytes_first, edge_intrinsics, photo_sized


class _UniDepth:
    """Metric depth of UniDepth, for its own camera or the one given.

    Args:
        place: folder that save_pretrained made.
        camera_given: whether it goes by the camera.
        version: of the class in the package.
    """

    def __init__(self, place: Path, *, camera_given: bool, version: str) -> None:
        package: Any = importlib.import_module("unidepth.models")
        self._what = f"UniDepth{version}"
        self._device = pick_device()
        with loading_restricted(place, self._what):
            model = getattr(package, self._what).from_pretrained(str(place)).to(self._device).eval()
            # As the authors' own scripts set it; version 1 does not read it.
            model.interpolation_mode = "bilinear"
        self._model = model
        self._camera_given = camera_given

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; "depth" is z in both versions, intrinsics are (3, 3) in pixels of the photo."""
        import torch

        with computing(self._what):
            given = torch.from_numpy(edge_intrinsics(camera)) if self._camera_given else None
            return photo_sized(self._model.infer(bytes_first(rgb), given)["depth"], rgb)


class UniDepthV1(_UniDepth):
    """Version 1."""

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        super().__init__(place, camera_given=camera_given, version="V1")


class UniDepthV2(_UniDepth):
    """Version 2."""

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        super().__init__(place, camera_given=camera_given, version="V2")
