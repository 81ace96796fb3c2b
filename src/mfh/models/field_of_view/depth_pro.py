"""Field of view and canonical inverse depth (for a focal length equal to the photo's width) from Depth Pro.

Reference: Bochkovskii et al., Depth Pro: Sharp Monocular Metric Depth in Less Than a Second, ICLR 2025.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models.protocols import Rgb
from mfh.models.torch_loading import loading, pick_device, pick_dtype
from mfh.weights.hub import half_variant, locate_model, read_json

MODEL = "depth-pro"
MARKER = "config.json"
# The library's image processor needs torchvision; its preprocessing is repeated here with the published constants.
_PROCESSOR = "preprocessor_config.json"


class DepthPro:
    """Field of view from the whole photo, resized to a square."""

    name = "depth-pro"
    # The default's: not measured here (docs/reference/focal_length.md).
    relative_sigma = 0.25

    def __init__(self, folder: Path | None = None, *, device: str | None = None) -> None:
        """Load the network from a folder in the hub's format; by default the model depth-pro.

        Raises:
            WeightsError: where its files are missing or unreadable, or it has no head for the field of view.
        """
        from transformers import DepthProForDepthEstimation

        place = folder or locate_model(MODEL)
        if not read_json(place / MARKER).get("use_fov_model"):
            raise WeightsError(f"{place} has no head for the field of view: expected apple/DepthPro-hf")
        processor: Any = read_json(place / _PROCESSOR)
        self._device = device or pick_device()
        self._dtype = pick_dtype("auto", self._device)
        with loading(place, "Depth Pro"):
            self._size = (int(processor["size"]["height"]), int(processor["size"]["width"]))
            self._mean, self._std = (np.float32(processor[name]) for name in ("image_mean", "image_std"))
            model: Any = DepthProForDepthEstimation.from_pretrained(
                place,
                local_files_only=True,
                dtype=self._dtype,
                variant=half_variant(place, half=self._dtype.itemsize < 4),
            )
        self._model = model.eval().to(self._device)

    def fov_x_deg(self, photo: Rgb) -> float:
        """Return degrees between the left and right edges of the photo, which must be whole: a crop has its own."""
        return self.canonical_inverse_depth(photo)[1]

    def canonical_inverse_depth(self, photo: Rgb) -> tuple[Float[ndarray, "_ _"], float]:
        """Return canonical inverse depth and the field of view (:meth:`fov_x_deg`) of a whole photo.

        Inverse depth is in 1/m for a focal length equal to the photo's width, at the network's own size.
        """
        import torch

        pixels = torch.from_numpy(self._squeezed(photo))[None].to(self._device, self._dtype)
        with torch.inference_mode():
            output = self._model(pixel_values=pixels)
        return output.predicted_depth[0].float().cpu().numpy(), float(output.field_of_view[0])

    def _squeezed(self, photo: Rgb) -> Float[ndarray, "3 tall wide"]:
        """Return the network's input: normalised, then resized without smoothing, as in training."""
        tall, wide = self._size
        normal = (np.clip(photo, 0, 1).astype(np.float32) - self._mean) / self._std
        return np.ascontiguousarray(cv2.resize(normal, (wide, tall), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1))
