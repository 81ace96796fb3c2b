"""Relative depth from depth-estimation models of transformers: Depth Anything, ZoeDepth's relative output, others."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.protocols import PAPER_SHAPE_LOG_SIGMA, Rgb, RgbOfAnySize
from mfh.models.torch_loading import loading, pick_device, pick_dtype, to_uint8
from mfh.types import RelativeDepth, Space
from mfh.weights.hub import half_variant, locate, locate_model, parse_source, read_json

if TYPE_CHECKING:
    import torch

    from mfh.models.relative_depth.marigold import Marigold

MARKER = "config.json"

# Longer photos are squeezed to this aspect, because the processors fix one side of the input.
_MAX_ASPECT = 4.0


def from_catalog(name: str) -> "HubRelativeDepth":
    """Return a model of the catalog, e.g. depth-anything-v1-large (Table 3).

    ZoeDepth is its relative backbone (Table 3: "we only adopt their pre-trained MRDE backbone").
    """
    return HubRelativeDepth(locate_model(name, marker=MARKER), name=name)


class HubRelativeDepth:
    """Relative depth in the space the model was trained in, one photo at a time, at the photo's own size.

    Args:
        folder: made by save_pretrained, or a snapshot of a hub repository.
        name: of the model in results and messages.
        space: of its output; None for the one of its configuration.

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


def from_source(source: str) -> "HubRelativeDepth | Marigold":
    """Return the model in a hub repository or folder.

    Args:
        source: "hf:org/name", "hf:org/name@revision" or a folder; "?space=disparity" or "?space=depth" states
            the space of its output, where its configuration does not.

    Raises:
        InputError: for a source that cannot be used, or a model whose space is not known.
        WeightsError: where the model is not on this machine, with the fix.
    """
    # Imported here, because it imports this module.
    from mfh.models.relative_depth import marigold

    parsed = parse_source(source)
    folder = locate(parsed, marker=(MARKER, marigold.MARKER))
    if not (folder / marigold.MARKER).is_file():
        return HubRelativeDepth(folder, name=parsed.text, space=parsed.space)
    model = marigold.Marigold(folder, name=parsed.text)
    if parsed.space not in (None, model.space):
        raise InputError(f"{parsed.text} says itself that it predicts {model.space}: leave out ?space=")
    return model
