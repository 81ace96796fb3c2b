"""Field of view from MoGe, by its own package (``moge``), version 1, 2 or 3.

Reference: Wang et al., MoGe: Unlocking Accurate Monocular Geometry Estimation, CVPR 2025; MoGe-2, 2025; MoGe-3, 2026.
"""

import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfh.errors import BackendError, WeightsError
from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device
from mfh.weights.hub import locate_model

if TYPE_CHECKING:
    import torch

MODEL = "moge"
FILE_NAME = "model.pt"
MIN_SEEN = 0.01
"""Smallest fraction of valid pixels: without any, the package returns an arbitrary focal length."""


class Moge:
    """Field of view of the pinhole camera that MoGe fits to its point map."""

    name = "moge"
    # The default's: not measured here (docs/reference/focal_length.md).
    relative_sigma = 0.25

    def __init__(self, place: Path | None = None, *, device: str | None = None) -> None:
        """Load a checkpoint of any version, or a folder with it as model.pt; by default the model moge.

        Raises:
            WeightsError: where the file is missing or unreadable.
        """
        importlib.import_module("moge.model")
        self._device = device or pick_device()
        self._model, _ = load_moge(place or locate_model(MODEL), device=self._device)

    def fov_x_deg(self, photo: Rgb) -> float:
        """Return degrees between the left and right edges of the photo, which must be whole: a crop has its own.

        The package's intrinsics are in units of the photo's width and height, so the edges are half a unit from the
        principal point: 2·atan(0.5 / fx).

        Raises:
            BackendError: where MoGe's valid mask is nearly empty, or its package fails.
        """
        with computing("MoGe"):
            # Half precision on GPUs only.
            output = self._model.infer(moge_input(photo, self._device), use_fp16=self._device.startswith("cuda"))
            surfaces, focal = float(output["mask"].float().mean()), float(output["intrinsics"][0, 0])
        if surfaces < MIN_SEEN:
            raise BackendError(
                f"MoGe sees surfaces in {surfaces:.1%} of the photo: expected {MIN_SEEN:.0%} at least; give "
                "--fov-x-deg or --focal-px, or leave out --fov-from"
            )
        return math.degrees(2 * math.atan2(0.5, focal))


def load_moge(place: Path, *, device: str) -> tuple[Any, str]:
    """Return the network of a checkpoint, or of a folder with it as model.pt, and its version: "v1", "v2" or "v3".

    Raises:
        WeightsError: where the file is missing or unreadable.
    """
    file = place / FILE_NAME if place.is_dir() else place
    if not file.is_file():
        raise WeightsError(f"no file {file}: expected a checkpoint of MoGe (model.pt of Ruicheng/moge-2-vitl)")
    with loading_restricted(file, "MoGe"):
        version = _version(file)
        package: Any = importlib.import_module(f"moge.model.{version}")
        return package.MoGeModel.from_pretrained(file).eval().to(device), version


def moge_input(photo: Rgb, device: str) -> "torch.Tensor":
    """Return a photo as the package takes it: (3, h, w), RGB in [0, 1]."""
    import torch

    pixels = np.ascontiguousarray(np.clip(photo, 0, 1).transpose(2, 0, 1), np.float32)
    return torch.from_numpy(pixels).to(device)


def _version(file: Path) -> str:
    """Return the version of a checkpoint, from the network configuration in it."""
    import torch

    network = torch.load(file, map_location="cpu", weights_only=True, mmap=True)["model_config"]
    if not isinstance(network, dict):
        raise TypeError(f"its model_config is a {type(network).__name__}")
    if "neck" not in network:
        return "v1"
    return "v3" if network.get("refiner") is not None else "v2"
