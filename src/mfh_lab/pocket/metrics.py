"""The field's metrics of metric depth, over pixels: AbsRel, δ1, RMSE, SIlog and their like.

Everything that scores depth computes them here: evaluation, the paper's tables, and training.

Reference: Bhat et al., ZoeDepth, 2023, whose evaluation the paper's numbers were made with.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float
from numpy import ndarray

NEAREST_M = 1e-3
"""Answers are never clamped to less: the logarithm of 0 metres is no number."""
HIGHER_IS_BETTER = ("delta1", "delta2", "delta3")


@dataclass(frozen=True)
class DepthErrors:
    """The field's metrics of one image; p is the answer, g the truth, in metres.

    Attributes:
        delta1: share of pixels with max(p/g, g/p) < 1.25.
        delta2: the same for 1.25².
        delta3: the same for 1.25³.
        abs_rel: mean |g - p| / g.
        sq_rel: mean (g - p)² / g, metres.
        rmse: root of the mean (g - p)², metres.
        rmse_log: root of the mean (ln g - ln p)².
        log10: mean |log10 g - log10 p|.
        silog: 100·sqrt(mean e² - (mean e)²), e = ln p - ln g: blind to the scale.
    """

    delta1: float
    delta2: float
    delta3: float
    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    log10: float
    silog: float


METRICS: tuple[str, ...] = tuple(one.name for one in fields(DepthErrors))


def depth_errors(found_m: Float[ndarray, "n"], truth_m: Float[ndarray, "n"]) -> DepthErrors:
    """Return the field's metrics over pixels; both are positive and finite.

    Args:
        found_m: (n,) metres, clamped already.
        truth_m: (n,) metres.
    """
    found, truth = found_m.astype(np.float64), truth_m.astype(np.float64)
    worse = np.maximum(truth / found, found / truth)
    difference = truth - found
    log_difference = np.log(found) - np.log(truth)
    # The population variance, which rounding can push below 0.
    variance = max(float(np.mean(log_difference**2) - np.mean(log_difference) ** 2), 0.0)
    return DepthErrors(
        delta1=float(np.mean(worse < 1.25)),
        delta2=float(np.mean(worse < 1.25**2)),
        delta3=float(np.mean(worse < 1.25**3)),
        abs_rel=float(np.mean(np.abs(difference) / truth)),
        sq_rel=float(np.mean(difference**2 / truth)),
        rmse=float(np.sqrt(np.mean(difference**2))),
        rmse_log=float(np.sqrt(np.mean(log_difference**2))),
        log10=float(np.mean(np.abs(log_difference)) / np.log(10)),
        silog=100 * variance**0.5,
    )


def clamped(answers_m: Float[ndarray, "n"], min_m: float, max_m: float, *, missing_m: float) -> Float[ndarray, "n"]:
    """Return answers inside the range: infinite ones at its end, a missing one at ``missing_m``.

    Args:
        answers_m: (n,) metres; NaN where there is none.
        min_m: of the range.
        max_m: of the range.
        missing_m: what a missing answer counts as.
    """
    known = np.nan_to_num(answers_m.astype(np.float64), nan=missing_m, posinf=max_m, neginf=min_m)
    return np.clip(known, min_m, max_m)


def true_factor(found_m: Float[ndarray, "n"], truth_m: Float[ndarray, "n"]) -> float:
    """Return 1 / median(p/g): what all answers should be multiplied by.

    Args:
        found_m: (n,) metres, clamped already.
        truth_m: (n,) metres.
    """
    return float(1 / np.median(found_m / truth_m))


def fit_least_squares(x: Float[ndarray, "n"], y: Float[ndarray, "n"], *, with_shift: bool) -> tuple[float, float]:
    """Return the scale s and shift t that minimise sum (s·x + t - y)², in closed form.

    Args:
        x: (n,) answers.
        y: (n,) truth.
        with_shift: else t is 0.

    Returns:
        (s, t); s is 0 where x does not vary.
    """
    if not with_shift:
        power = float(x @ x)
        return (float(x @ y) / power if power > 0 else 0.0), 0.0
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    variance = float(centred @ centred)
    # Rounding of a constant's mean leaves a variance of this size, which is no slope to go by.
    scale = float(centred @ (y - mean_y)) / variance if variance > len(x) * (1e-12 * mean_x) ** 2 else 0.0
    return scale, mean_y - scale * mean_x
