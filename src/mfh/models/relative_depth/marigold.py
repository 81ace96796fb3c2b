"""Relative depth from Marigold: a diffusion model that predicts affine-invariant depth."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.protocols import PAPER_SHAPE_LOG_SIGMA, Rgb, RgbOfAnySize
from mfh.models.relative_depth.hub_depth import limit_aspect
from mfh.models.torch_loading import Precision, hush_diffusers, loading, pick_device, pick_dtype
from mfh.types import RelativeDepth, Space
from mfh.weights.hub import half_variant, locate_model, read_json

MARKER = "model_index.json"


@dataclass(frozen=True)
class MarigoldOptions:
    """Options of Marigold.

    Attributes:
        ensemble_size: number of predictions from different noise, aligned and reduced to their median; 1, or at least
            3. Each costs a whole prediction; more than one needs scipy.
        steps: denoising steps; None for the model's default (4).
        longer_side_px: longer side of the network's input; None for the model's default (768).
        seed: of the noise, the same for every photo: a photo's depth does not depend on the batch.
        precision: "auto" is float16 on CUDA and float32 elsewhere.
    """

    ensemble_size: int = 5
    steps: int | None = None
    longer_side_px: int | None = None
    seed: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        """Check the ensemble's size."""
        if self.ensemble_size < 1 or self.ensemble_size == 2:
            raise InputError(f"ensemble_size is {self.ensemble_size}: expected 1, or at least 3 for a median")


def marigold() -> "Marigold":
    """Return Marigold of the catalog (Table 3: fitted in depth space)."""
    return Marigold(locate_model("marigold", marker=MARKER), name="marigold")


class Marigold:
    """Affine-invariant depth, one photo at a time, at the photo's own size.

    Args:
        folder: made by save_pretrained, or a snapshot of a hub repository.
        options: None for the defaults.
        name: of the model in results and messages.

    Raises:
        WeightsError: where its files cannot be read.
    """

    def __init__(self, folder: Path, options: MarigoldOptions | None = None, *, name: str) -> None:
        from diffusers.pipelines.marigold.pipeline_marigold_depth import MarigoldDepthPipeline

        self.options = options or MarigoldOptions()
        if self.options.ensemble_size > 1:
            import scipy  # noqa: F401  the alignment of the ensemble needs it

        hush_diffusers()
        self.name = name
        self.shape_log_sigma = PAPER_SHAPE_LOG_SIGMA
        # Marigold's training code supports both.
        self.space: Space = "disparity" if read_json(folder / MARKER).get("prediction_type") == "disparity" else "depth"
        self.device = pick_device()
        dtype = pick_dtype(self.options.precision, self.device)
        with loading(folder, "Marigold"):
            pipeline = MarigoldDepthPipeline.from_pretrained(
                folder,
                local_files_only=True,
                dtype=dtype,
                variant=half_variant(folder, half=dtype.itemsize < 4),
            )
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline.to(self.device)
        # A pipeline stores the state of a call: one thread at a time.
        self._one_at_a_time = threading.Lock()

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return relative depth for each photo at its own size; photos are independent of each other."""
        return [RelativeDepth(self._predict(photo), self.space) for photo in photos]

    def _predict(self, rgb: Rgb) -> Float[ndarray, "h w"]:
        import torch

        seen = np.ascontiguousarray(limit_aspect(rgb).transpose(2, 0, 1))[None]
        with self._one_at_a_time, torch.inference_mode():
            (prediction, *_) = self._pipeline(
                torch.from_numpy(seen),
                num_inference_steps=self.options.steps,
                ensemble_size=self.options.ensemble_size,
                processing_resolution=self.options.longer_side_px,
                generator=torch.Generator("cpu").manual_seed(self.options.seed),
                match_input_resolution=False,
                output_type="np",
                return_dict=False,
            )
        small = np.asarray(prediction[0, ..., 0], np.float32)
        return cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
