"""What is believed about the shift before people are looked at: photos have a limited depth range.

A head is s·(x + r), r = t/s. In both spaces the photo's depth range, its 95th over its 5th percentile of depth, is
(high + r) / (low + r) with the percentiles low and high of its relative depth. Sensors see 1.8 in small rooms, 3.5
across larger ones, 7 and more in halls and streets; r is believed in as far as it gives such a range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Evidence, RelativeDepth

PERSON_SIGMA = 0.1
"""Relative error of one person's distance: people's heights alone vary by 4-7 %, and a mesh model adds its own."""
RANGE_PRIOR_MEAN = float(np.log(3.5))
RANGE_PRIOR_SIGMA = 0.7


@dataclass(frozen=True)
class PhotoRange:
    """The range of a photo's relative depth, without its extremes.

    Attributes:
        low: 5th percentile.
        high: 95th percentile.
    """

    low: float
    high: float


def person_sigma(evidence: Sequence[Evidence]) -> float:
    """Return the relative error of one person's distance: what those used say of themselves, PERSON_SIGMA at least."""
    said = [
        landmark.log_distance_sigma or 0.0
        for one in evidence
        for landmark in one.landmarks
        if landmark.verdict == "used"
    ]
    return max(PERSON_SIGMA, float(np.median(said))) if said else PERSON_SIGMA


def photo_range(relative: RelativeDepth) -> PhotoRange:
    """Return the 5th and 95th percentiles of a photo's relative depth."""
    low, high = np.percentile(relative.values, (5, 95))
    return PhotoRange(float(low), float(high))


def candidate_ratios(span: PhotoRange, lowest: float) -> Float[ndarray, "r"]:
    """Return ratios r = t/s that cover all that keep ``lowest`` and the photo's range at positive values.

    Args:
        span: range of the photo's relative depth.
        lowest: another relative depth that must stay positive: the lowest of any person.

    Returns:
        (r,) ratios, evenly spaced in the log of the gap r + min(lowest, low) by about 0.01: objectives vary on a
        scale of one in it, so the best of them needs no polishing. One ratio where there is no range at all.
    """
    floor = min(lowest, span.low)
    reach = span.high - floor
    if reach <= 1e-9 * abs(floor) or reach <= 0:
        return np.array([1.0 - floor])
    return reach * np.exp(np.linspace(np.log(1e-6), np.log(1e4), 2400)) - floor


def log_depth_range(span: PhotoRange, ratio: Float[ndarray, "r"]) -> Float[ndarray, "r"]:
    """Return log((high + r) / (low + r)) for each ratio."""
    return np.log((span.high + ratio) / (span.low + ratio))


def range_cost(span: PhotoRange, ratio: Float[ndarray, "r"]) -> Float[ndarray, "r"]:
    """Return minus twice the log prior of each ratio, up to a constant."""
    return ((log_depth_range(span, ratio) - RANGE_PRIOR_MEAN) / RANGE_PRIOR_SIGMA) ** 2
