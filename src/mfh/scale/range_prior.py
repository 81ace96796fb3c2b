"""What is believed about the shift before people are looked at: photos have a limited depth range.

A head is s·(x + r), r = t/s. In both spaces the photo's depth range, its farthest over its nearest depth without the
extremes, is (high + r) / (low + r) with high and low percentiles of its relative depth. Rooms reach 2 to 6, streets and
yards 8 to 50: a mixture of two, where neither the network nor the shape of its map tells which.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import LogRange, Region, RelativeDepth

ANY_PHOTO = LogRange(((0.55, 1.15, 0.55), (0.45, 3.0, 0.95)))
"""Indoors and outdoors.

Of 320 renders of the held-out split (``mfh_lab.pocket.train.score``): indoors 1.16 ± 0.49, outdoors 3.05 ± 0.74; the
five photos with sensor depth are all indoors and reach less far.
"""
LEARNED_WRONG = 0.1
_FAR_MARGIN = 0.02
"""Share of the range next to its far end that counts as sky: it is as far as can be, and says nothing of the rest."""
_LEAST_LEFT = 0.05
_SAMPLES = 50_000
_GAPS = (3e-3, 30.0)
"""Candidate gaps between the farthest relative depth and infinity (disparity) or the camera (depth), over the range."""


@dataclass(frozen=True)
class PhotoRange:
    """The range of a photo's relative depth, or of a region of it, without its extremes.

    Attributes:
        low: 5th percentile; of a photo in disparity space, of what is not sky.
        middle: median; the same.
        high: 95th percentile; the same.
    """

    low: float
    middle: float
    high: float


def sampled(relative: RelativeDepth) -> tuple[Float[ndarray, "n"], Bool[ndarray, "n"]]:
    """Return a photo's relative depths, and which of them are as far as can be (sky).

    Returns:
        (n,) float64: percentiles of a million values need no more than some ten thousand of them; and (n,) which lie
        within 2 % of the range from the far end.
    """
    values = relative.valid_values
    values = values[:: max(1, len(values) // _SAMPLES)].astype(np.float64)
    least, most = np.percentile(values, (1, 99))
    margin = _FAR_MARGIN * (most - least)
    return values, values <= least + margin if relative.space == "disparity" else values >= most - margin


def photo_range(relative: RelativeDepth) -> PhotoRange:
    """Return the 5th, 50th and 95th percentiles of a photo's relative depth, without what is as far as can be (sky)."""
    values, is_sky = sampled(relative)
    seen = values[~is_sky]
    if len(seen) < _LEAST_LEFT * len(values):
        seen = values
    low, middle, high = np.percentile(seen, (5, 50, 95))
    return PhotoRange(float(low), float(middle), float(high))


def region_range(relative: RelativeDepth, region: Region) -> PhotoRange:
    """Return the 5th, 50th and 95th percentiles of relative depth in a region of the photo.

    Args:
        relative: relative depth of the photo.
        region: of at least one pixel of it.

    Raises:
        InputError: where the relative depth is valid nowhere in the region.
    """
    values = relative.values_or_nan[relative.window(region)].astype(np.float64)
    seen = values[np.isfinite(values)]
    if not len(seen):
        at = f"{region.left},{region.top} to {region.right},{region.bottom}"
        raise InputError(f"the relative depth has no value in the region {at}: expected one in which it has some")
    low, middle, high = np.percentile(seen, (5, 50, 95))
    return PhotoRange(float(low), float(middle), float(high))


def candidate_ratios(span: PhotoRange, lowest: float, count: int) -> Float[ndarray, "r"]:
    """Return ratios r = t/s that keep ``lowest`` and the photo's range at positive values.

    Args:
        span: range of the photo's relative depth.
        lowest: another relative depth that must stay positive: the lowest of any person.
        count: how many.

    Returns:
        (r,) ratios, evenly spaced in the log of the gap r + min(lowest, low). One ratio where there is no range at all.
    """
    floor = min(lowest, span.low)
    reach = span.high - floor
    if reach <= 1e-9 * abs(floor) or reach <= 0:
        return np.array([1.0 - floor])
    return reach * np.exp(np.linspace(np.log(_GAPS[0]), np.log(_GAPS[1]), count)) - floor


def log_depth_range(span: PhotoRange, ratio: Float[ndarray, "r"]) -> Float[ndarray, "r"]:
    """Return log((high + r) / (low + r)) for each ratio; infinite where the low end lies at infinity or behind it."""
    with np.errstate(divide="ignore"):
        return np.log((span.high + ratio) / np.maximum(span.low + ratio, 0.0))


def log_range_prior(
    span: PhotoRange, ratio: Float[ndarray, "r"], learned: LogRange | None = None
) -> Float[ndarray, "r"]:
    """Return the log prior of candidate ratios, per unit of the log of the gap low + r, up to a constant.

    Args:
        span: range of the photo's relative depth.
        ratio: (r,) candidates.
        learned: of this photo, where its relative depth comes with it; believed but for one photo in LEARNED_WRONG^-1,
            for which what holds of any photo does.
    """
    log_range = log_depth_range(span, ratio)
    beliefs = [(1.0, ANY_PHOTO)] if learned is None else [(LEARNED_WRONG, ANY_PHOTO), (1 - LEARNED_WRONG, learned)]
    density = np.full(len(ratio), 1e-9)
    for share, posterior in beliefs:
        for weight, mean, sigma in posterior.parts:
            density += share * weight / sigma * np.exp(-0.5 * ((log_range - mean) / sigma) ** 2)
    # Of the log range, brought to the log of the gap: d range = (1 - exp(-range)) d gap.
    return np.log(density) + np.log(-np.expm1(-log_range) + 1e-12)
