"""Which of several people who could be painted would tell most (beyond the paper, whose masks are all random).

What is believed of scale and shift says how the depths of any two places vary together; a person at one of them tells
of the others what the two share. Far from where people stood before, a person tells of the shift; where everything
varies alike, of the scale.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.numerics.belief import ScaleBelief

_BODY_LOG_SIGMA = 0.1
"""Deviation of a person's log metres beyond what is said of it before anything is measured."""


def most_telling(
    belief: ScaleBelief,
    places: Float[ndarray, "p"],
    people: Float[ndarray, "c"],
    log_sigmas: Float[ndarray, "c"],
) -> int:
    """Return which person would leave the least uncertainty, in expectation.

    Args:
        belief: over scale and shift, before.
        places: (p,) relative depths at which metres are wanted.
        people: (c,) relative depths at which each candidate would stand.
        log_sigmas: (c,) what is known of how far each candidate's log metres will be off.

    Returns:
        Index of the candidate for which the deviation of log depth, averaged over places, is the smallest; the first
        of those that tell as much.
    """
    covariance = _covariance(belief, [*places.tolist(), *people.tolist()])
    count = len(places)
    variance = np.diag(covariance)
    told = covariance[:count, count:] ** 2 / (variance[count:] + log_sigmas**2 + _BODY_LOG_SIGMA**2)
    left = np.sqrt(np.maximum(variance[:count, None] - told, 0)).mean(0)
    return int(np.argmin(left))


def _covariance(belief: ScaleBelief, values: Sequence[float]) -> Float[ndarray, "v v"]:
    """Return the covariance of log depth at several relative depths; beyond infinity counts as the farthest finite."""
    log_depth = np.stack([belief.log_depth(value).ravel() for value in values])
    farthest = np.max(log_depth, where=np.isfinite(log_depth), initial=-np.inf)
    log_depth = np.minimum(log_depth, farthest)
    weight = belief.weight.ravel()
    centred = log_depth - (log_depth @ weight)[:, None]
    return (centred * weight) @ centred.T
