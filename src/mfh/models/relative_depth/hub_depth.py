"""Relative depth from transformers (Depth Anything, ZoeDepth's relative output, others) and diffusers (Marigold)."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.protocols import PAPER_SHAPE_LOG_SIGMA, Rgb, RgbOfAnySize
from mfh.models.torch_loading import Precision, hush_diffusers, loading, pick_device, pick_dtype, to_uint8
from mfh.types import RelativeDepth, Space
from mfh.weights.hub import half_variant, locate, locate_model, parse_source, read_json

if TYPE_CHECKING:
    import torch

MARKER, PIPELINE_MARKER = "config.json", "model_index.json"

# Longer photos are squeezed to this aspect, because the processors fix one side of the input.
_MAX_ASPECT = 4.0


class HubRelativeDepth:
    """Relative depth of a folder's model in its training space, one photo at a time, at the photo's own size.

    ``name`` is that of results and messages; ``space`` is by default the one of the configuration.

    Raises:
        InputError: where the configuration does not determine the space.
        WeightsError: where its files cannot be read.
    """

    def __init__(self, folder: Path, *, name: str, space: Space | None = None) -> None:
        config = read_json(folder / MARKER)
        self.name = name
        self.shape_log_sigma = PAPER_SHAPE_LOG_SIGMA
        self.space: Space = space or space_of(config, name)
        self.device = pick_device()
        self._dtype = pick_dtype("auto", self.device)
        self._is_zoedepth = config.get("model_type") == "zoedepth"
        self._processor, self._model = load_depth_network(folder, device=self.device, dtype=self._dtype)

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return relative depth for each photo at its own size; photos are independent of each other."""
        return [RelativeDepth(self._predict(photo), self.space) for photo in photos]

    def _predict(self, rgb: Rgb) -> Float[ndarray, "h w"]:
        import torch

        squeezed = limit_aspect(rgb)
        pixels = network_input(self._processor, squeezed).to(self.device, self._dtype)
        with torch.inference_mode():
            values = self._zoedepth_relative(pixels) if self._is_zoedepth else self._model(pixels).predicted_depth
        small = values[0].float().cpu().numpy()
        if self._is_zoedepth and self._processor.do_pad:
            small = without_zoedepth_padding(small, *squeezed.shape[:2])
        # Linear, as in Depth Anything: cubic interpolation overshoots at silhouettes.
        return cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)

    def _zoedepth_relative(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Return the output of ZoeDepth's relative head, which the model's own output does not include."""
        kept: list[torch.Tensor] = []

        def keep(module: object, arguments: object, result: tuple["torch.Tensor", ...]) -> None:
            kept.append(result[0])

        handle = self._model.relative_head.register_forward_hook(keep)
        try:
            self._model(pixels)
        finally:
            handle.remove()
        return kept[0]


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


class Marigold:
    """Affine-invariant depth of a folder's model, one photo at a time, at the photo's own size.

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
        self.space: Space = (
            "disparity" if read_json(folder / PIPELINE_MARKER).get("prediction_type") == "disparity" else "depth"
        )
        self.device = pick_device()
        dtype = pick_dtype(self.options.precision, self.device)
        with loading(folder, "Marigold"):
            pipeline = MarigoldDepthPipeline.from_pretrained(
                folder, local_files_only=True, dtype=dtype, variant=half_variant(folder, half=dtype.itemsize < 4)
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


def from_catalog(name: str) -> HubRelativeDepth | Marigold:
    """Return a model of the catalog, e.g. depth-anything-v1-large (Table 3).

    ZoeDepth is its relative backbone (Table 3: "we only adopt their pre-trained MRDE backbone"); Marigold is fitted in
    depth space.
    """
    return _load(locate_model(name), name)


def from_source(source: str) -> HubRelativeDepth | Marigold:
    """Return the model in "hf:org/name", "hf:org/name@revision" or a folder.

    "?space=disparity" or "?space=depth" states the space of its output, where its configuration does not.

    Raises:
        InputError: for a source that cannot be used, or a model whose space is not known.
        WeightsError: where the model is not on this machine, with the fix.
    """
    parsed = parse_source(source)
    return _load(locate(parsed, marker=(MARKER, PIPELINE_MARKER)), parsed.text, parsed.space)


def _load(folder: Path, name: str, space: Space | None = None) -> HubRelativeDepth | Marigold:
    if not (folder / PIPELINE_MARKER).is_file():
        return HubRelativeDepth(folder, name=name, space=space)
    model = Marigold(folder, name=name)
    if space not in (None, model.space):
        raise InputError(f"{name} says itself that it predicts {model.space}: leave out ?space=")
    return model


def load_depth_network(folder: Path, *, device: str, dtype: "torch.dtype") -> tuple[Any, Any]:
    """Return the image processor and the network of a depth-estimation model of transformers.

    Raises:
        WeightsError: where its files cannot be read.
    """
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    with loading(folder, "depth model"):
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, dtype=dtype, variant=half_variant(folder, half=dtype.itemsize < 4)
        )
    return processor, model.to(device).eval()


def network_input(processor: Any, rgb: Rgb) -> "torch.Tensor":
    """Return the (1, 3, tall, wide) input that a model's own processor makes of a photo."""
    return processor(images=[to_uint8(rgb)], input_data_format="channels_last", return_tensors="pt")["pixel_values"]


def without_zoedepth_padding(values: Float[ndarray, "_ _"], height: int, width: int) -> Float[ndarray, "height width"]:
    """Return ZoeDepth's output without padding: its processor pads a (height, width) photo by int(3·sqrt(side / 2))."""
    down, right = (int(3 * math.sqrt(side / 2)) for side in (height, width))
    padded = cv2.resize(values, (width + 2 * right, height + 2 * down), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(padded[down : down + height, right : right + width])


def limit_aspect(rgb: Float[ndarray, "h w 3"], largest: float = _MAX_ASPECT) -> Float[ndarray, "tall wide 3"]:
    """Return a photo of at most a given aspect ratio; the longer side is squeezed."""
    height, width = rgb.shape[:2]
    tall, wide = (min(side, max(1, round(largest * min(height, width)))) for side in (height, width))
    if (tall, wide) == (height, width):
        return rgb
    return cv2.resize(rgb, (wide, tall), interpolation=cv2.INTER_AREA)


def space_of(config: dict[str, object], name: str) -> Space:
    """Return the space of a transformers model's output, from its config.json.

    Depth Anything predicts disparity, its metric variants depth; ZoeDepth's relative head predicts disparity; GLPN and
    Depth Pro predict depth. DPT models exist in both kinds, and their configuration does not state which.

    Raises:
        InputError: where the configuration does not determine it.
    """
    kind = config.get("model_type")
    if kind == "depth_anything":
        return "depth" if config.get("depth_estimation_type") == "metric" else "disparity"
    if kind == "zoedepth":
        return "disparity"
    if kind in ("glpn", "depth_pro"):
        return "depth"
    raise InputError(
        f"{name} is a {kind!r} model, which may predict disparity or depth: say which, as in {name}?space=disparity"
    )
