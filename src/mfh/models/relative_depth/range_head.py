"""Small heads that predict the depth range of a photo, the prior of the shift (``scale.range_prior``).

The depth range differs between a room and a street. It is predicted from the pooled features of the relative-depth
network, or, for models without such a head, from the shape of the relative depth map alone. The latter head was trained
in the pocket world on true disparity with random monotone and spatial distortions.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.range_prior import shape_features
from mfh.types import LogRange, RelativeDepth
from mfh.weights import EMBEDDED, check_embedded

RangeHead = Callable[[Float[ndarray, "views features"]], LogRange]


def load_range_head(path: Path, *, least_sigma: float) -> RangeHead:
    """Load a head: a function from the features of each view of a photo to the mean of their mixtures.

    Args:
        path: npz with ``weight_0`` (features, h), ``bias_0`` (h,), ``weight_1`` and so on; the last has 3 k outputs:
            for k Gaussians the logit of the weight, the mean, and the log of the standard deviation.
        least_sigma: smallest standard deviation of a Gaussian: real photos vary more than the training renders.

    Raises:
        WeightsError: when the file is missing.
    """
    check_embedded(path, "range head")
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
"""Added standard deviation of the predicted log range, per unit of ``shape_log_sigma``.

On the pocket network's own maps (0.15) the head's error is 0.75; on true disparity it is 0.42.
"""
LEAST_SIGMA = 0.15
"""Smallest standard deviation: the true disparity it was trained on is more regular than any photo's."""


def with_likely_range(relative: RelativeDepth, *, shape_log_sigma: float) -> RelativeDepth:
    """Return relative depth with a predicted depth range; ``shape_log_sigma`` is that of its model.

    Unchanged where the model predicts a range itself, for a constant map, and in depth space: the head was trained on
    disparity.
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
