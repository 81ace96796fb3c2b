"""The metric head: the paper's exact fit (Eqs. 5, 8), and applying scale and shift to relative depth (Eq. 2).

The paper's head under each of its losses (Table 5) and with each set of free parameters (Table 4), always exact. The
authors compare s·D + t with metric depth in the head's own space: v = 1 / depth in disparity space, v = depth in depth
space. SIlog and MSE-log are of the logarithms (``scale.silog``), L2 is linear regression, and L1 a convex function of
the scale alone once the best shift for each scale, a median, is put in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.config import FreeParameters, HeadConfig
from mfh.errors import NoLandmarkError, Rejected
from mfh.scale.silog import SilogMinimum, fit_silog
from mfh.types import Evidence, MetricHead, RelativeDepth, Space

EXACT_FIT = 1e-4
"""Share of the variance of log depth left unexplained, below which relative and metric depth are free of error.

Exact models reach 1e-10, a network on a real photo hardly 1e-1.
"""
EXACT_CONTACTS = 5
"""Pixels, and distinct relative depths of ground contacts, below which an exact fit proves nothing: two are always
fitted.
"""


@dataclass(frozen=True)
class _Pixels:
    """All pixels of evidence.

    Attributes:
        relative: (n,) relative depth, aligned to the photo's.
        depth_m: (n,) metres.
        image: (n,) which image.
    """

    relative: Float[ndarray, "n"]
    depth_m: Float[ndarray, "n"]
    image: Int[ndarray, "n"]


def fit_silog_head(evidence: Sequence[Evidence], relative: RelativeDepth, *, config: HeadConfig) -> MetricHead:
    """Fit scale and shift, or one of them, to all pixels of the evidence: the paper's head, exact, not robust.

    Args:
        evidence: of the photo and each painting, aligned to ``relative``.
        relative: relative depth of the photo.
        config: the loss, and the free parameters.

    Returns:
        The minimum of the loss; its shift is marked not determined where the loss has no minimum at a finite one.

    Raises:
        NoLandmarkError: where there is no pixel, or no minimum.

    Reference:
        Eqs. 5, 8 of the paper; Tables 4 and 5 for its ablations.
    """
    pixels = _gather(evidence)
    if len(pixels.relative) == 0:
        raise NoLandmarkError("no pixel of any person has a depth: there is nothing to fit the metric scale to")
    found = fit_pixels(pixels.relative, pixels.depth_m, pixels.image, space=relative.space, config=config)
    if isinstance(found, Rejected):
        raise NoLandmarkError(f"scale and shift cannot be fitted to the people: {found.reason}")
    return MetricHead(found.scale, found.shift, relative.space, found.loss, shift_determined=not found.at_infinity)


def exact_head(evidence: Sequence[Evidence], relative: RelativeDepth) -> MetricHead | None:
    """Return the head that explains metric by relative depth to EXACT_FIT, or None where there is no such head.

    With models free of error even the relief of one body determines both numbers, and the sky is at infinity.
    """
    pixels = _gather(evidence)
    if len(pixels.relative) < EXACT_CONTACTS:
        # Of a clip, people are a pair or a few each: two lie on a line whatever their errors.
        return None
    found = fit_silog(pixels.relative, pixels.depth_m, pixels.image, space=relative.space)
    if isinstance(found, Rejected) or found.at_infinity:
        return None
    sign = 1.0 if relative.space == "disparity" else -1.0
    log_depth = np.log(pixels.depth_m)
    unexplained = np.var(np.log(pixels.relative + found.shift / found.scale) + sign * log_depth)
    if unexplained > EXACT_FIT * np.var(log_depth):
        return None
    used = [landmark for one in evidence for landmark in one.landmarks if landmark.verdict == "used"]
    if any(landmark.evidence == "contact" for landmark in used) and _values(pixels.relative) < EXACT_CONTACTS:
        return None
    return MetricHead(found.scale, found.shift, relative.space, found.loss)


def apply_head(
    relative: RelativeDepth, head: MetricHead, *, max_depth_m: float
) -> tuple[Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Return metric depth: 1 / (s·D + t) in disparity space, s·D + t in depth space (Eq. 2).

    Returns:
        Depth, (h, w) float32 metres with NaN where not valid; and the valid mask: 0 < depth <= max_depth_m, where the
        relative depth is valid.
    """
    depth_m = head.depth_of(relative.values_or_nan, max_depth_m=max_depth_m)
    return depth_m, ~np.isnan(depth_m)


def log_depth_at(head: MetricHead, value: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Return log metres at relative depths; +inf (disparity) or -inf (depth) where the head gives none."""
    with np.errstate(divide="ignore"):
        log_metric = np.log(np.maximum(head.scale * value + head.shift, 0.0))
    return -log_metric if head.space == "disparity" else log_metric


def _gather(evidence: Sequence[Evidence]) -> _Pixels:
    """Put the pixels of all images one after the other."""
    relative = np.concatenate([np.zeros(0), *(one.relative for one in evidence)])
    depth_m = np.concatenate([np.zeros(0), *(one.depth_m for one in evidence)])
    return _Pixels(relative, depth_m, np.repeat(np.arange(len(evidence)), [len(one.relative) for one in evidence]))


def _values(relative: Float[ndarray, "n"]) -> int:
    """Return how many different values there are; the same pixel row under two feet differs by rounding."""
    return len(np.unique(np.rint((relative - relative.min()) / max(float(np.ptp(relative)), 1e-300) * 1000)))


_HALVINGS = 200
"""More than enough to bring any bracket of a float64 scale down to rounding."""


def fit_pixels(
    relative: Float[ndarray, "n"],
    depth_m: Float[ndarray, "n"],
    image: Int[ndarray, "n"],
    *,
    space: Space,
    config: HeadConfig,
) -> SilogMinimum | Rejected:
    """Return the global minimum of a head's loss over the free parameters, or why there is none.

    MSE-log is SIlog with lambda = 0 over all pixels as one image: with both parameters free the mean is zero at the
    minimum, and the two have the same scale and shift.

    Args:
        relative: (n,) relative depth, aligned to the photo's.
        depth_m: (n,) metres there, positive.
        image: (n,) which image each pixel comes from.
        space: of the relative depth.
        config: the loss, and the free parameters.

    Reference:
        Tables 4 and 5 of the paper.
    """
    if config.loss == "silog":
        form, focus = config.silog_form, config.variance_focus
        return fit_silog(relative, depth_m, image, space=space, form=form, variance_focus=focus, free=config.free)
    if config.loss == "mse-log":
        one = np.zeros(len(relative), int)
        return fit_silog(
            relative, depth_m, one, space=space, form="per-image-sum", variance_focus=0.0, free=config.free
        )
    if len(relative) == 0:
        return Rejected("no pixel of any person has a depth")
    x = relative.astype(np.float64)
    value = 1 / depth_m.astype(np.float64) if space == "disparity" else depth_m.astype(np.float64)
    if config.free != "shift" and np.ptp(x) <= 1e-9 * max(float(np.abs(x).max()), 1e-300):
        return Rejected("the relative depth is the same at every pixel of every person")
    scale, shift = (
        _least_squares(x, value, config.free) if config.loss == "l2" else _least_absolute(x, value, config.free)
    )
    if not scale > 0:
        return Rejected(f"the best scale is {scale:.3g}: near and far would be swapped")
    off = scale * x + shift - value
    loss = np.mean(off**2) if config.loss == "l2" else np.mean(np.abs(off))
    return SilogMinimum(scale, shift, float(loss), at_infinity=False)


def _least_squares(x: Float[ndarray, "n"], value: Float[ndarray, "n"], free: FreeParameters) -> tuple[float, float]:
    """Return the scale and shift of linear regression."""
    if free == "shift":
        return 1.0, float(np.mean(value - x))
    if free == "scale":
        return float(x @ value / (x @ x)), 0.0
    centred = x - x.mean()
    scale = float(centred @ value / (centred @ centred))
    return scale, float(value.mean() - scale * x.mean())


def _least_absolute(x: Float[ndarray, "n"], value: Float[ndarray, "n"], free: FreeParameters) -> tuple[float, float]:
    """Return the scale and shift of least absolute deviations."""
    if free == "shift":
        return 1.0, float(np.median(value - x))
    if free == "scale":
        # |s·x - v| is |x|·|s - v/x|: a weighted median of the ratios.
        used = x != 0
        ratio, weight = value[used] / x[used], np.abs(x[used])
        order = np.argsort(ratio, kind="stable")
        total = np.cumsum(weight[order])
        return float(ratio[order][np.searchsorted(total, total[-1] / 2)]), 0.0
    scale = _slope_of_least_absolute(x, value)
    return scale, float(np.median(value - scale * x))


def _slope_of_least_absolute(x: Float[ndarray, "n"], value: Float[ndarray, "n"]) -> float:
    """Return the scale at which the profile f(s) = min over t of the sum of |v - s·x - t|, convex, turns upwards."""
    # A common offset of x changes only the shift, and large ones would cost digits.
    x = x - x.mean()
    middle = _least_squares(x, value, "scale-shift")[0]
    step = max(abs(middle), float(np.ptp(value)) / float(np.ptp(x)), 1e-300) / 4
    low, high = middle - step, middle + step
    while _derivative(x, value, low) > 0:
        low, high, step = low - 2 * step, low, 2 * step
    while _derivative(x, value, high) < 0:
        low, high, step = high, high + 2 * step, 2 * step
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high or high - low <= 1e-15 * max(abs(low), abs(high)):
            break
        if _derivative(x, value, middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _derivative(x: Float[ndarray, "n"], value: Float[ndarray, "n"], scale: float) -> float:
    """Return a subgradient of the profile at a scale."""
    off = value - scale * x
    off -= np.median(off)
    sign = np.sign(off)
    # Pixels exactly on the line take whatever sign balances the others, which is what makes the shift the best one.
    on_line = x[sign == 0]
    balance = float(sign.sum()) * float(on_line.mean()) if on_line.size else 0.0
    return balance - float(sign @ x)
