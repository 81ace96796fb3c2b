"""Judge a relative-depth map: AbsRel and δ1 after the best affine map in disparity, and the range that map gives."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.scale.range_prior import photo_range
from mfh.scale.silog import fit_silog
from mfh.types import RelativeDepth
from mfh_lab.pocket.metrics import depth_errors

_ITERATIONS = 10
_FLOOR = 0.05
_LOG_RANGE = (0.1, 6.0)
_DEPTHS_M = (0.1, 80.0)
_LEAST_PIXELS = 1500

Fit = Literal["reweighted", "silog"]
"""How the affine map is found.

``reweighted`` minimises relative error |z (s d + t) - 1| by reweighted least squares, so that it is not decided by a
few pixels; it may put the others at infinity. ``silog`` is what this method and the paper fit (Eq. 5): every pixel has
a finite depth, and s > 0.
"""


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
    disparity: Float[ndarray, "h w"],
    depth_m: Float[ndarray, "h w"],
    *,
    fit: Fit = "reweighted",
    near_m: float = 0.1,
    far_m: float = 80.0,
) -> AlignedScore:
    """Score predicted disparity against depth over pixels with near_m < depth < far_m.

    Depths are cut to 0.1-100 m. Where SIlog has no answer the depth is constant.

    Args:
        disparity: the network's map.
        depth_m: the truth, metres.
        fit: how the affine map is found.
        near_m: least true depth that counts.
        far_m: greatest.

    Raises:
        ValueError: with fewer than 200 valid pixels.
    """
    valid = (depth_m > near_m) & (depth_m < far_m)
    if valid.sum() < 200:
        raise ValueError(f"{int(valid.sum())} pixels of valid depth: expected at least 200")
    x, z = disparity[valid].astype(np.float64), depth_m[valid].astype(np.float64)
    scale, shift = _align(x, z) if fit == "reweighted" else _align_log(x, z)
    errors = depth_errors(1 / np.clip(scale * x + shift, 0.01, 10.0), z)
    constant = depth_errors(np.full_like(z, np.median(z)), z)
    return AlignedScore(errors.abs_rel, errors.delta1, bool(scale > 0), constant.abs_rel)


def best_log_range(disparity: Float[ndarray, "h w"], depth_m: Float[ndarray, "h w"]) -> float | None:
    """Return the log depth range that the best affine head gives a map, or None where there is no such head.

    Best is least error of the log (SIlog): far things weigh as much as near ones.

    Args:
        disparity: the network's map.
        depth_m: the truth; 0 or infinite for sky.
    """
    pixels = _pixels(disparity, depth_m)
    if pixels is None:
        return None
    x, z = pixels
    best = fit_silog(x, z, np.zeros(len(x), int), space="disparity")
    return None if isinstance(best, Rejected) else _log_range(disparity, best.scale, best.shift)


def aligned_log_range(disparity: Float[ndarray, "h w"], depth_m: Float[ndarray, "h w"]) -> float | None:
    """Return the same for the affine map of :func:`aligned_score`, ten times faster: for maps that are nearly true.

    Args:
        disparity: a map.
        depth_m: the truth; 0 or infinite for sky.
    """
    pixels = _pixels(disparity, depth_m)
    return None if pixels is None else _log_range(disparity, *_align(*pixels))


def _pixels(
    disparity: Float[ndarray, "h w"], depth_m: Float[ndarray, "h w"]
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]] | None:
    """Return every fifth pixel with a depth, or None where there are too few."""
    seen = (depth_m > _DEPTHS_M[0]) & (depth_m < _DEPTHS_M[1])
    if seen.sum() < _LEAST_PIXELS:
        return None
    return disparity[seen][::5].astype(np.float64), depth_m[seen][::5].astype(np.float64)


def _log_range(disparity: Float[ndarray, "h w"], scale: float, shift: float) -> float | None:
    """Return the log depth range of a map under a head, or None for one that turns it round or puts all at infinity."""
    span = photo_range(RelativeDepth(disparity, "disparity"))
    ratio = shift / scale if scale > 0 else -np.inf
    if span.high + ratio <= 0:
        return None
    reach = np.log((span.high + ratio) / max(span.low + ratio, 1e-3 * (span.high - span.low)))
    return float(np.clip(reach, *_LOG_RANGE))


def _align_log(x: Float[ndarray, "n"], z: Float[ndarray, "n"]) -> tuple[float, float]:
    """Return (s, t) that minimise SIlog, or a constant depth where there is no such map."""
    best = fit_silog(x, z, np.zeros(len(x), int), space="disparity")
    return (0.0, float(1 / np.median(z))) if isinstance(best, Rejected) else (best.scale, best.shift)


def _align(x: Float[ndarray, "n"], z: Float[ndarray, "n"]) -> tuple[float, float]:
    """Return (s, t) that minimise |z (s x + t) - 1| over pixels, by reweighted least squares."""
    middle, spread = x.mean(), x.std() + 1e-9
    a, b = z * (x - middle) / spread, z
    weight = np.ones_like(z)
    scale, shift = 0.0, 1 / np.median(z)
    for _ in range(_ITERATIONS):
        cross = (weight * a * b).sum()
        normal = np.array([[(weight * a * a).sum(), cross], [cross, (weight * b * b).sum()]])
        scale, shift = np.linalg.solve(normal, [(weight * a).sum(), (weight * b).sum()])
        weight = 1 / np.maximum(np.abs(scale * a + shift * b - 1), _FLOOR)
    return float(scale / spread), float(shift - scale * middle / spread)
