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

LEAST_SIGMA = 0.3
"""Rooms and photos differ from renders by more than the spread over renders alone."""

RangeHead = Callable[[Float[ndarray, "views features"]], tuple[float, float]]


def load_range_head(path: Path) -> RangeHead:
    """Load the layers.

    Args:
        path: npz with ``weight_0`` (features, h), ``bias_0`` (h,), ``weight_1`` and so on; the last has two outputs.

    Returns:
        A function from the features of each view of a photo to mean and deviation of the log of its depth range.

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

    def head(features: Float[ndarray, "views features"]) -> tuple[float, float]:
        x = features
        for weight, bias in layers[:-1]:
            x = np.maximum(x @ weight + bias, 0)
        weight, bias = layers[-1]
        mean, log_sigma = (x @ weight + bias).mean(0)
        return float(mean), max(float(np.exp(log_sigma)), LEAST_SIGMA)

    return head
