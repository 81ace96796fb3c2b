"""A few small layers that tell a photo's likely depth range, and with it the shift (``numerics.shift_prior``).

Whether a picture shows a room or a street decides how far its depth reaches. Two things tell: the features a
relative-depth network made of it, and the shape of the map itself.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.types import LogRange

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
