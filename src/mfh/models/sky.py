"""The sky in a photo: where no depth can be.

ImageNet's EfficientNet-Lite0 encoder (``scene.onnx``, which also tells the kind of a photo) computes features, a small
decoder trained on labelled photos (``mfh_lab.pocket.train.sky``) scores them cell by cell, and a guided filter moves
the border to the edges of the photo. Offline, a few hundredths of a second.

Reference: guided filter: He, Sun and Tang, "Guided Image Filtering", 2013.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import Rgb, RgbOfAnySize
from mfh.models.scene_kind import ENCODER
from mfh.models.sessions import cpu_session, input_size, network_input
from mfh.types import RelativeDepth
from mfh.weights import EMBEDDED

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DECODER = EMBEDDED / "sky.onnx"
FEATURES = ("stride_4", "stride_8", "stride_16", "stride_32")
"""Outputs of the encoder that the decoder reads."""
INPUT_PIXELS = 216 * 288
SKY_PROBABILITY = 0.5
"""Probability from which a pixel is sky."""
_CERTAIN = 0.985
"""A piece of sky has a pixel of at least this probability: plain floors and walls reach 0.98."""
_LEAST_SHARE = 0.002
"""Share of the photo below which a piece is not sky but an error."""
_BORDER_PIXELS = 640 * 480
"""The border is moved to edges at about this size; on larger photos it is interpolated."""
_RADIUS = 0.012
"""Half the guided filter's window, over the shorter side."""
_SMOOTHNESS = 1e-3
"""Variance of grey (0 to 1) below which the filter sees no edge."""


def without_sky(relative: RelativeDepth, rgb: Rgb) -> RelativeDepth:
    """Return relative depth that is not valid in the sky.

    Args:
        relative: of a network, valid everywhere.
        rgb: the photo, of the same size.

    Returns:
        The same where there is no sky, or nothing else.
    """
    mask = sky_mask(rgb, relative)
    if not mask.any() or mask.all():
        return relative
    return replace(relative, valid_mask=~mask, holes_are_sky=True)


def sky_mask(rgb: Rgb, relative: RelativeDepth) -> Bool[ndarray, "a b"]:
    """Return where the sky is.

    Args:
        rgb: the photo.
        relative: its relative depth, whose size the mask has.
    """
    height, width = relative.values.shape
    small = _shrunk(rgb)
    found = _pieces(_at_edges(sky_probability(small), small))
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR) >= SKY_PROBABILITY


def sky_probability(rgb: Rgb) -> Float[ndarray, "h w"]:
    """Return the probability of sky at every pixel, with soft borders."""
    height, width = rgb.shape[:2]
    encoder, decoder = _sessions()
    views = network_input(rgb, *input_size(height, width, INPUT_PIXELS))
    maps = encoder.run(list(FEATURES), {"rgb": views})
    (log_odds,) = decoder.run(["log_odds"], dict(zip(FEATURES, maps, strict=True)))
    # Interpolated as log odds: the border is where they change sign.
    large = cv2.resize(np.asarray(log_odds)[0], (width, height), interpolation=cv2.INTER_LINEAR)
    return 1 / (1 + np.exp(-np.clip(large, -30, 30)))


@cache
def _sessions() -> "tuple[InferenceSession, InferenceSession]":
    return cpu_session(ENCODER, "scene network"), cpu_session(DECODER, "sky network")


def _shrunk(rgb: Rgb) -> RgbOfAnySize:
    height, width = rgb.shape[:2]
    ratio = (_BORDER_PIXELS / (height * width)) ** 0.5
    if ratio >= 1:
        return rgb
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _at_edges(probability: Float[ndarray, "h w"], rgb: Rgb) -> Float[ndarray, "h w"]:
    """Return the probability, filtered along the edges of the photo's brightness."""
    grey = cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2GRAY)
    side = 2 * max(1, round(_RADIUS * min(grey.shape))) + 1

    def mean(values: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
        return cv2.blur(values, (side, side))

    grey_mean, mean_of = mean(grey), mean(probability)
    slope = (mean(grey * probability) - grey_mean * mean_of) / (mean(grey * grey) - grey_mean**2 + _SMOOTHNESS)
    offset = mean_of - slope * grey_mean
    return mean(slope) * grey + mean(offset)


def _pieces(probability: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """Return 1 in connected pieces of sky that are large and certain enough, else 0."""
    likely = (probability >= SKY_PROBABILITY).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(likely, connectivity=4)
    label = np.asarray(labels, np.int32)
    large = stats[:, cv2.CC_STAT_AREA] >= _LEAST_SHARE * likely.size
    certain = np.zeros(count, bool)
    certain[label[probability >= _CERTAIN]] = True
    kept = large & certain
    kept[0] = False
    return kept[label].astype(np.float32)
