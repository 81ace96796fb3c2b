"""The metric head: the paper's exact fit (Eqs. 5, 8), and applying scale and shift to relative depth (Eq. 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.config import HeadConfig
from mfh.errors import NoLandmarkError, Rejected
from mfh.numerics.pixel_fit import fit_pixels
from mfh.numerics.silog_fit import fit_silog
from mfh.types import Evidence, MetricHead, RelativeDepth

EXACT_FIT = 1e-4
"""Share of the variance of log depth left unexplained, below which relative depth and metres are free of error.

Exact models reach 1e-10, a network on a real photo hardly 1e-1.
"""
EXACT_CONTACTS = 5
"""Different relative depths of ground contacts below which an exact fit is no wonder: two are always fitted exactly."""


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
        evidence: what the photo and each painting say; all relative depths are aligned to ``relative``.
        relative: relative depth of the photo.
        config: the loss, and what may move.

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
    """Return the head that explains metres by relative depth to EXACT_FIT, or None where there is no such head.

    Models free of error leave nothing that could be mistaken for a shift: even the relief of one body then determines
    both numbers, and the sky is at infinity, as it should be.

    Args:
        evidence: what the photo and each painting say.
        relative: relative depth of the photo.
    """
    pixels = _gather(evidence)
    if len(pixels.relative) < 2:
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

    Args:
        relative: relative depth of the photo.
        head: scale and shift for the same space.
        max_depth_m: farther answers are not valid.

    Returns:
        Depth, (h, w) float32 metres with NaN where not valid; and the valid mask: 0 < depth <= max_depth_m,
        where the relative depth is valid.
    """
    depth_m = head.depth_of(relative.values_or_nan, max_depth_m=max_depth_m)
    return depth_m, ~np.isnan(depth_m)


def log_depth_at(head: MetricHead, value: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Return log metres at relative depths; +inf (disparity) or -inf (depth) where the head gives none.

    Args:
        head: scale and shift.
        value: (n,) relative depths.
    """
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
