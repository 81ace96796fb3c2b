"""The scale-invariant log loss (SIlog) in both published forms.

Both are functions of d = log(prediction) - log(pseudo ground truth) per pixel, and both are var(d) plus a weight times
mean(d)². Mind the two meanings of lambda: Eq. 5's 0.85 is written 0.15 = 1 - 0.85 in ZoeDepth's form.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.types import Space


def log_difference(
    relative: Float[ndarray, "n"], depth_m: Float[ndarray, "n"], *, scale: float, shift: float, space: Space
) -> Float[ndarray, "n"]:
    """Return d = log(predicted depth) - log(depth) under a metric head (Eq. 2).

    Args:
        relative: (n,) relative depth.
        depth_m: (n,) metres it should become.
        scale: s of the head.
        shift: t of the head.
        space: ``disparity``: predicted depth is 1 / (s·relative + t); ``depth``: s·relative + t.

    Returns:
        (n,) float64; NaN where the head gives no positive depth.
    """
    value = scale * relative.astype(np.float64) + shift
    log_value = np.log(np.where(value > 0, value, np.nan))
    return (-log_value if space == "disparity" else log_value) - np.log(depth_m.astype(np.float64))


def silog(difference: Float[ndarray, "n"], *, variance_focus: float = 0.85) -> float:
    """Return (1/T)·Σ d² - (lambda/T²)·(Σ d)², the paper's Eq. 5 for one image.

    Args:
        difference: (n,) d at the T pixels.
        variance_focus: lambda in [0, 1]; 1 ignores the mean.

    Returns:
        The loss, 0 or more.
    """
    mean = difference.mean()
    return float(difference.var() + (1 - variance_focus) * mean * mean)


def silog_per_image_sum(
    difference: Float[ndarray, "n"], image: Int[ndarray, "n"], *, variance_focus: float = 0.85
) -> float:
    """Return the sum over images of Eq. 5, one term per painted image (Eq. 8).

    Args:
        difference: (n,) d at the pixels of all images.
        image: (n,) which image each pixel belongs to.
        variance_focus: lambda in [0, 1].

    Returns:
        The loss, 0 or more.
    """
    return sum(silog(difference[image == index], variance_focus=variance_focus) for index in np.unique(image))


def silog_zoedepth(difference: Float[ndarray, "n"], *, mean_weight: float = 0.15) -> float:
    """Return 10·sqrt(var(d) + 0.15·mean(d)²) over all pixels pooled: what the authors run.

    Args:
        difference: (n,) d at the pixels of all images.
        mean_weight: beta, 1 - lambda of Eq. 5.

    Returns:
        The loss, 0 or more.

    Reference:
        ZoeDepth's ``SILogLoss``; its variance is the unbiased one (over n - 1).
    """
    variance = difference.var(ddof=1) if len(difference) > 1 else 0.0
    return 10 * math.sqrt(variance + mean_weight * difference.mean() ** 2)
