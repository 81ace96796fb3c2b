"""How far the evidence reaches: beyond that depth, it leaves open how far things are.

In disparity, a small error of the shift hardly moves what is near, and moves the far end of a street from 60 m to
infinity. An answer there is arbitrary, however precisely it is written.
"""

import math

import numpy as np

from mfh.scale.consensus import Consensus
from mfh.scale.head import log_depth_at
from mfh.scale.interval import probable_log_depth
from mfh.scale.range_prior import quantiles
from mfh.types import CommonErrors, MetricHead, RelativeDepth

OPEN_RATIO = 10.0
"""Upper over lower end of the 80 % interval of a depth from which it is left open: 15 to 150 m.

Chosen on 26 photos of streets, people and rooms: with 4, a quarter of some streets is cut off at 9 m.
"""
TIMES_MEDIAN = 2.0
"""The same ratio, over that at the photo's median: a rough answer is rough everywhere, which cuts nothing off."""
_LEAST_FINITE = 0.9
"""Probability of a finite depth below which the upper end of an 80 % interval is at infinity."""
_KNOTS = 24
_HALVINGS = 12


def reach_m(consensus: Consensus, head: MetricHead, relative: RelativeDepth, errors: CommonErrors) -> float:
    """Return the depth up to which the evidence reaches; infinite where it reaches everything in the photo.

    It is looked for from the photo's median, whose interval the answer states, towards the far end.

    Args:
        consensus: with the posterior over scale and shift.
        head: the answer.
        relative: relative depth of the photo.
        errors: systematic errors.
    """
    # From the median to the far end.
    shares = np.linspace(0.5, 0.0 if relative.space == "disparity" else 1.0, _KNOTS)
    values = quantiles(relative.valid_values, shares)
    knots = np.concatenate([values, np.linspace(values[0], values[-1], _KNOTS)])
    knots = np.unique(knots[np.isfinite(log_depth_at(head, knots))])
    if relative.space == "disparity":
        knots = knots[::-1]
    if not len(knots):
        return math.inf
    log_ratio = np.array([_log_ratio(consensus, float(knot), errors) for knot in knots])
    most = max(math.log(OPEN_RATIO), float(log_ratio[0]) + math.log(TIMES_MEDIAN))
    is_open = log_ratio > most
    if not is_open.any():
        return math.inf
    beyond = int(np.argmax(is_open))
    within_value, open_value = float(knots[beyond - 1]), float(knots[beyond])
    for _ in range(_HALVINGS):
        middle = (within_value + open_value) / 2
        if _log_ratio(consensus, middle, errors) > most:
            open_value = middle
        else:
            within_value = middle
    return math.exp(float(log_depth_at(head, np.array([within_value]))[0]))


def _log_ratio(consensus: Consensus, value: float, errors: CommonErrors) -> float:
    """Return the log of upper over lower end of the 80 % interval of depth at a relative depth."""
    if consensus.posterior.finite_share(value) < _LEAST_FINITE:
        return math.inf
    low, high = probable_log_depth(consensus.posterior, value, 0.8, errors.log_sigma())
    return high - low
