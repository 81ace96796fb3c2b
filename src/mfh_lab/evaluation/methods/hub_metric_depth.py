"""Metres from depth-estimation models of transformers: ZoeDepth, Depth Anything's metric ones, GLPN, Depth Pro.

Each answers as its authors evaluate it. References: Bhat et al., ZoeDepth, 2023; Yang et al., Depth Anything, CVPR
2024; Kim et al., GLPN, 2022; Bochkovskii et al., Depth Pro, ICLR 2025.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.models.field_of_view.depth_pro import DepthPro
from mfh.models.protocols import Rgb
from mfh.models.relative_depth.hub_depth import (
    MARKER,
    limit_aspect,
    load_depth_network,
    network_input,
    without_zoedepth_padding,
)
from mfh.models.torch_loading import pick_device, pick_dtype
from mfh.types import Camera, Space
from mfh.weights.hub import read_json
from mfh_lab.evaluation.methods.method import MetricDepthModel

FocalUse = Literal["estimated", "given"]
INVERSE_RANGE = (1e-4, 1e4)
"""Depth Pro's answers lie between 0.1 mm and 10 km."""


@dataclass(frozen=True)
class Kind:
    """What is known of a metric model before it is loaded.

    Attributes:
        model_type: of its configuration.
        space: where its network's output is affine to its answer.
    """

    model_type: str
    space: Space


def kind_of(folder: Path, *, name: str, is_metric: bool = False) -> Kind:
    """Return what a model is, by its configuration.

    Args:
        folder: with its config.json.
        name: for messages.
        is_metric: whether the user states that its output is metric depth; configurations of DPT models do not.

    Raises:
        InputError: for a model that is not known to predict metric depth.
    """
    config = read_json(folder / MARKER)
    kind = str(config.get("model_type"))
    if kind == "depth_pro":
        return Kind(kind, "disparity")
    if kind in ("zoedepth", "glpn") or (kind == "depth_anything" and config.get("depth_estimation_type") == "metric"):
        return Kind(kind, "depth")
    if kind == "depth_anything":
        raise InputError(
            f"{name} predicts relative depth: compare a metric one, or give it a scale with --method mfh "
            f"--relative-depth-model {name}"
        )
    if kind == "dpt" and is_metric:
        return Kind(kind, "depth")
    hint = f": if it predicts metric depth, write {name}?space=depth" if kind == "dpt" else ""
    raise InputError(f"{name} is a {kind!r} model, which is not known to predict metric depth{hint}")


def load_metric_depth(folder: Path, kind: Kind, *, focal: FocalUse = "estimated") -> MetricDepthModel:
    """Load a metric model.

    Args:
        folder: made by save_pretrained, or a snapshot of a hub repository.
        kind: what it is.
        focal: whose focal length Depth Pro goes by: its own estimate, as published, or the camera it is given.

    Raises:
        WeightsError: where its files cannot be read.
    """
    if kind.model_type == "depth_pro":
        return DepthProMetres(folder, focal=focal)
    return ZoeDepthMetres(folder) if kind.model_type == "zoedepth" else HubMetres(folder)


class HubMetres:
    """A network whose output is metric depth, resized bilinearly to the photo."""

    def __init__(self, folder: Path) -> None:
        self._device = pick_device()
        # Half precision has 3 digits, which metrics of metric models are compared by.
        self._dtype = pick_dtype("float32", self._device)
        self._processor, self._model = load_depth_network(folder, device=self._device, dtype=self._dtype)

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; the camera is not an input."""
        import torch

        pixels = network_input(self._processor, limit_aspect(rgb)).to(self._device, self._dtype)
        with torch.inference_mode():
            small = self._model(pixels).predicted_depth[0].float().cpu().numpy()
        return cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)


class ZoeDepthMetres:
    """ZoeDepth as its authors run it: the mean of the photo and its mirror image, without the padding."""

    def __init__(self, folder: Path) -> None:
        self._device = pick_device()
        self._dtype = pick_dtype("float32", self._device)
        self._processor, self._model = load_depth_network(folder, device=self._device, dtype=self._dtype)

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth; the camera is not an input."""
        import torch

        squeezed = limit_aspect(rgb)
        pixels = network_input(self._processor, squeezed).to(self._device, self._dtype)
        with torch.inference_mode():
            # One at a time: the network chooses its metric head by the whole batch.
            upright, mirrored = (self._model(one).predicted_depth for one in (pixels, pixels.flip(-1)))
        small = ((upright + mirrored.flip(-1)) / 2)[0].float().cpu().numpy()
        if self._processor.do_pad:
            small = without_zoedepth_padding(small, *squeezed.shape[:2])
        return cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)


class DepthProMetres:
    """Depth Pro: inverse depth for a focal length as long as the photo is wide, brought to another focal length."""

    def __init__(self, folder: Path, *, focal: FocalUse) -> None:
        self._network: Any = DepthPro(folder)
        self._focal: FocalUse = focal

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return metric depth for the focal length of the camera, or the network's own estimate."""
        canonical, fov_x_deg = self._network.canonical_inverse_depth(rgb)
        height, width = rgb.shape[:2]
        seen_px = 0.5 * width / math.tan(0.5 * math.radians(fov_x_deg))
        focal_px = camera.fx if self._focal == "given" else seen_px
        inverse = cv2.resize(canonical * np.float32(width / focal_px), (width, height), interpolation=cv2.INTER_LINEAR)
        return 1 / np.clip(inverse, *INVERSE_RANGE)
