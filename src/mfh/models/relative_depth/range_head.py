"""From what a network sees of a photo as a whole to the photo's likely depth range: two small layers.

Whether a picture shows a room or a street decides how far its depth reaches, and with it the shift (``shift_prior``);
an affine-invariant map alone does not tell, but the features it was made from do.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError

LEAST_SIGMA = 0.3
"""Rooms and photos differ from renders by more than the spread over renders alone."""

RangeHead = Callable[[Float[ndarray, "sizes features"]], tuple[float, float]]


def load_range_head(path: Path) -> RangeHead:
    """Load the head.

    Args:
        path: npz with ``hidden`` (features, h), ``hidden_bias`` (h,), ``out`` (h, 2), ``out_bias`` (2,).

    Returns:
        A function from features at each input size to mean and deviation of the log of the depth range.

    Raises:
        WeightsError: when the file is missing.
    """
    if not path.is_file():
        raise WeightsError(f"no range head at {path}: reinstall metric-from-human, the file is part of it")
    with np.load(path) as stored:
        hidden, hidden_bias, out, out_bias = (
            stored[name].astype(np.float32) for name in ("hidden", "hidden_bias", "out", "out_bias")
        )

    def head(pooled: Float[ndarray, "sizes features"]) -> tuple[float, float]:
        mean, log_sigma = (np.maximum(pooled @ hidden + hidden_bias, 0) @ out + out_bias).mean(0)
        return float(mean), max(float(np.exp(log_sigma)), LEAST_SIGMA)

    return head
