"""Judge a relative-depth map: AbsRel and δ1 after the best affine map in disparity, and the range that map gives."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.numerics.shift_prior import photo_range
from mfh.numerics.silog_fit import fit_silog
from mfh.types import RelativeDepth

_ITERATIONS = 10
_FLOOR = 0.05
_LOG_RANGE = (0.1, 6.0)
_DEPTHS_M = (0.1, 80.0)
_LEAST_PIXELS = 1500


@dataclass(frozen=True)
class AlignedScore:
    """Scores of one map after affine alignment in disparity.

    Attributes:
        abs_rel: mean |z' - z| / z.
        delta1: share of pixels with max(z'/z, z/z') < 1.25.
        positive: whether nearer was predicted nearer (the aligning scale is positive).
        constant_abs_rel: AbsRel of the median depth everywhere: what knowing nothing costs.
    """

    abs_rel: float
    delta1: float
    positive: bool
    constant_abs_rel: float


def aligned_score(
    disparity: Float[ndarray, "h w"], depth_m: Float[ndarray, "h w"], *, near_m: float = 0.1, far_m: float = 80.0
) -> AlignedScore:
    """Score predicted disparity against depth over pixels with near_m < depth < far_m.

    The affine map minimises relative error of depth, |z (s d + t) - 1|, by reweighted least squares, so that
    alignment is not decided by a few outliers.

    Raises:
        ValueError: with fewer than 200 valid pixels.
    """
    valid = (depth_m > near_m) & (depth_m < far_m)
    if valid.sum() < 200:
        raise ValueError(f"{int(valid.sum())} pixels of valid depth: expected at least 200")
    x, z = disparity[valid].astype(np.float64), depth_m[valid].astype(np.float64)
    x = (x - x.mean()) / (x.std() + 1e-9)
    weight = np.ones_like(x)
    scale, shift = 0.0, 1 / np.median(z)
    for _ in range(_ITERATIONS):
        a, b = z * x, z
        normal = np.array([[(weight * a * a).sum(), (weight * a * b).sum()], [0.0, (weight * b * b).sum()]])
        normal[1, 0] = normal[0, 1]
        scale, shift = np.linalg.solve(normal, [(weight * a).sum(), (weight * b).sum()])
        weight = 1 / np.maximum(np.abs(z * (scale * x + shift) - 1), _FLOOR)
    predicted = 1 / np.clip(scale * x + shift, 0.01, 10.0)
    constant = np.median(z)
    return AlignedScore(
        float(np.mean(np.abs(predicted - z) / z)),
        float(np.mean(np.maximum(predicted / z, z / predicted) < 1.25)),
        bool(scale > 0),
        float(np.mean(np.abs(constant - z) / z)),
    )


def best_log_range(disparity: Float[ndarray, "h w"], depth_m: Float[ndarray, "h w"]) -> float | None:
    """Return the log depth range that the best affine head gives a map, or None where there is no such head.

    Args:
        disparity: the network's map.
        depth_m: the truth; 0 or infinite for sky.
    """
    seen = (depth_m > _DEPTHS_M[0]) & (depth_m < _DEPTHS_M[1])
    if seen.sum() < _LEAST_PIXELS:
        return None
    x, y = disparity[seen][::5].astype(np.float64), depth_m[seen][::5]
    best = fit_silog(x, y, np.zeros(len(x), int), space="disparity")
    if isinstance(best, Rejected):
        return None
    span = photo_range(RelativeDepth(disparity, "disparity"))
    ratio = best.shift / best.scale
    reach = np.log((span.high + ratio) / max(span.low + ratio, 1e-3 * (span.high - span.low)))
    return float(np.clip(reach, *_LOG_RANGE))
