"""UniK3D by its own package (``unik3d``): z of metric points.

Reference: Piccinelli et al., UniK3D, CVPR 2025.
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


class UniK3d:
    """Metric depth of UniK3D, for its own rays or those of the camera.

    Args:
        place: folder that save_pretrained made.
        camera_given: whether it goes by the camera.
    """

    def __init__(self, place: Path, *, camera_given: bool) -> None:
        package: Any = importlib.import_module("unik3d.models")
        self._device = pick_device()
        with loading_restricted(place, "UniK3D"):
            self._model = package.UniK3D.from_pretrained(str(place)).to(self._device).eval()
            self._model.interpolation_mode = "bilinear"
        self._camera_given = camera_given

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth: "depth" is z, "distance" would be the ray's."""
        with computing("UniK3D"):
            given = _pinhole(camera) if self._camera_given else None
            return photo_sized(self._model.infer(bytes_first(rgb), given)["depth"], rgb)


def _pinhole(camera: Camera) -> Any:
    """Return the package's camera: fx, fy, cx, cy in pixels of the photo."""
    import torch

    K = edge_intrinsics(camera)
    cameras: Any = importlib.import_module("unik3d.utils.camera")
    return cameras.Pinhole(params=torch.tensor([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]))
