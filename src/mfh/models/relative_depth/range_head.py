"""A few small layers that tell a photo's likely depth range, and with it the shift (``scale.range_prior``).

Whether a picture shows a room or a street decides how far its depth reaches. Two things tell: the features a
relative-depth network made of it, and the shape of the map itself.

How far a photo's depth reaches, told from the shape of its relative depth: for models that do not say it themselves.

Learned in the pocket world from true disparity, bent and warped at random; it needs no picture and no model of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.scale.range_prior import shape_features
from mfh.types import LogRange, RelativeDepth
from mfh.weights import EMBEDDED

RangeHead = Callable[[Float[ndarray, "views features"]], LogRange]


def load_range_head(path: Path, *, least_sigma: float) -> RangeHead:
    """Load the layers.

    Args:
        path: npz with ``weight_0`` (features, h), ``bias_0`` (h,), ``weight_1`` and so on; the last has 3 k outputs: of
            k Gaussians the logit of the weight, the mean and the log of the deviation.
        least_sigma: no Gaussian is narrower: photos differ from renders by more than renders do among themselves.

    Returns:
        A function from the features of each view of a photo to what they say together: the mean of their mixtures.

    Raises:
        WeightsError: when the file is missing.
    """
    if not path.is_file():
        raise WeightsError(f"no range head at {path}: reinstall metric-from-human, the file is part of it")
    with np.load(path) as stored:
        count = len(stored.files) // 2
        layers = [
            (stored[f"weight_{k}"].astype(np.float32), stored[f"bias_{k}"].astype(np.float32)) for k in range(count)
        ]

    def head(features: Float[ndarray, "views features"]) -> LogRange:
        x = features
        for weight, bias in layers[:-1]:
            x = np.maximum(x @ weight + bias, 0)
        weight, bias = layers[-1]
        logit, mean, log_sigma = (part.astype(np.float64) for part in np.split(x @ weight + bias, 3, axis=1))
        share = np.exp(logit - logit.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True) * len(share)
        sigma = np.maximum(np.exp(log_sigma), least_sigma)
        parts = zip(share.ravel().tolist(), mean.ravel().tolist(), sigma.ravel().tolist(), strict=True)
        return LogRange(tuple(parts))

    return head


WEIGHTS = EMBEDDED / "shape_range.npz"
SPREAD = 4.0
"""How much less a map tells than a true one, over what the best affine fit leaves its model off.

On the pocket network's own maps, off by 0.15, the head is off by 0.75 where it is off by 0.42 on true ones.
"""
LEAST_SIGMA = 0.15
"""The maps of true disparity it has learned from are more regular than any photo's."""


def with_likely_range(relative: RelativeDepth, *, shape_log_sigma: float) -> RelativeDepth:
    """Return relative depth that says how far the photo's depth likely reaches.

    Args:
        relative: of a photo.
        shape_log_sigma: how far the best affine fit of the model's maps leaves log depth off.

    Returns:
        The same where the model says it itself, for a constant map, and in depth space: it was learned from disparity.

    Raises:
        WeightsError: when the weights are missing.
    """
    if relative.log_range is not None or relative.space != "disparity":
        return relative
    features = shape_features(relative)
    if features is None:
        return relative
    return replace(relative, log_range=_head()(features).widened(SPREAD * shape_log_sigma))


@cache
def _head() -> RangeHead:
    return load_range_head(WEIGHTS, least_sigma=LEAST_SIGMA)
