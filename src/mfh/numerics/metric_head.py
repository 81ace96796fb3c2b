"""The metric head: scale and shift from all evidence (Eqs. 5, 8), held back where people do not determine the shift.

:func:`mfh.numerics.silog_fit.fit_silog` is the paper's head, exact. This module puts one guard on top. A head has two
parameters, and people at about one distance say nothing about the second: any shift with the matching scale explains
them, while the rest of the photo ends up anywhere. So:

1. The exact minimum is taken as it is where the people determine the shift: where a relative error of PERSON_SIGMA in
   each person's distance (or the scatter seen, if larger) moves the photo's log depth range by less than
   MAX_RANGE_SIGMA, and where the head keeps that range at positive depths. Even one person determines it where the
   relief of the body is explained to EXACT_FIT: no error is left that could be mistaken for a shift. (Ground contacts
   are two pairs a person at most, and few pairs are always explained: EXACT_CONTACTS different ones are asked for.)
2. Otherwise only the scale comes from people. The shift shrinks to what is believed of any photo (``shift_prior``),
   as far as the people do not speak against it, and is marked not determined.

Given the shift, the scale is SIlog's in both cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.config import HeadConfig
from mfh.errors import NoLandmarkError, Rejected
from mfh.numerics.shift_prior import PhotoRange, candidate_ratios, person_sigma, photo_range, range_cost
from mfh.numerics.silog import log_difference, silog_per_image_sum, silog_zoedepth
from mfh.numerics.silog_fit import fit_silog
from mfh.types import Evidence, MetricHead, RelativeDepth, Space

MAX_RANGE_SIGMA = 0.2
"""Largest one-sigma error of the photo's log depth range at which the shift counts as determined.

Photos of groups reach 0.3 to 0.9: there the exact minimum flattens a room behind six people to half a metre.
"""

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
        person: (n,) which person, numbered over all images.
        sign: +1 in disparity space, -1 in depth space: log(relative + r) + sign·log(metres) is the same for all
            pixels where the head fits.
        has_contacts: whether some of them are ground contacts, repeated to weigh as much as bodies.
        sigma: relative error of one person's distance.
    """

    relative: Float[ndarray, "n"]
    depth_m: Float[ndarray, "n"]
    image: Int[ndarray, "n"]
    person: Int[ndarray, "n"]
    sign: float
    has_contacts: bool
    sigma: float

    def person_medians(self) -> tuple[Float[ndarray, "k"], Float[ndarray, "k"]]:
        """Return the median relative depth and sign·log(median metres) of each person."""
        members = [self.person == index for index in range(self.person.max() + 1)]
        relative = np.array([np.median(self.relative[member]) for member in members])
        return relative, self.sign * np.log([np.median(self.depth_m[member]) for member in members])


def fit_metric_head(evidence: Sequence[Evidence], relative: RelativeDepth, *, config: HeadConfig) -> MetricHead:
    """Fit the photo's scale and shift to all evidence.

    Args:
        evidence: what the photo and each painting say; all relative depths are aligned to ``relative``.
        relative: relative depth of the photo.
        config: form of the loss.

    Returns:
        The exact SIlog minimum where the shift is determined, else the guarded head, so marked.

    Raises:
        NoLandmarkError: where no pixel of any person has a depth.

    Reference:
        Eqs. 5, 8 of the paper; the guard is ours.
    """
    pixels = _gather(evidence, relative.space)
    if len(pixels.relative) == 0:
        raise NoLandmarkError("no pixel of any person has a depth: there is nothing to fit the metric scale to")
    span = photo_range(relative)
    exact = fit_silog(
        pixels.relative,
        pixels.depth_m,
        pixels.image,
        space=relative.space,
        form=config.silog_form,
        variance_focus=config.variance_focus,
    )
    if not isinstance(exact, Rejected) and not exact.at_infinity:
        if _is_determined(pixels, span, exact.shift / exact.scale):
            return MetricHead(exact.scale, exact.shift, relative.space, exact.loss, shift_determined=True)
    return _head_at(_likely_ratio(pixels, span), pixels, relative.space, config)


def apply_head(
    relative: RelativeDepth, head: MetricHead, *, max_depth_m: float
) -> tuple[Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Return metric depth: 1 / (s·D + t) in disparity space, s·D + t in depth space (Eq. 2).

    Args:
        relative: relative depth of the photo.
        head: scale and shift for the same space.
        max_depth_m: farther answers are not valid.

    Returns:
        Depth, (h, w) float32 metres with NaN where not valid; and the valid mask: 0 < depth <= max_depth_m.
    """
    value = relative.values.astype(np.float64)
    value *= head.scale
    value += head.shift
    # An inverse depth of 0 or less is at infinity or beyond: not valid, like anything too far.
    valid_mask = value >= 1 / max_depth_m if head.space == "disparity" else (value > 0) & (value <= max_depth_m)
    value[~valid_mask] = np.nan
    if head.space == "disparity":
        np.divide(1.0, value, out=value)
    return value.astype(np.float32), valid_mask


def _gather(evidence: Sequence[Evidence], space: Space) -> _Pixels:
    """Put the pixels of all images one after the other."""
    relative = np.concatenate([np.zeros(0), *(one.relative for one in evidence)])
    depth_m = np.concatenate([np.zeros(0), *(one.depth_m for one in evidence)])
    image = np.repeat(np.arange(len(evidence)), [len(one.relative) for one in evidence])
    in_image = np.concatenate([np.zeros(0, int), *(one.person for one in evidence)])
    person = np.unique(np.stack([image, in_image]), axis=1, return_inverse=True)[1].reshape(-1)
    used = [landmark for one in evidence for landmark in one.landmarks if landmark.verdict == "used"]
    has_contacts = any(landmark.evidence == "contact" for landmark in used)
    return _Pixels(
        relative, depth_m, image, person, 1.0 if space == "disparity" else -1.0, has_contacts, person_sigma(evidence)
    )


def _is_determined(pixels: _Pixels, span: PhotoRange, ratio: float) -> bool:
    # Sky has no disparity at all: an exact head puts it at infinity, give or take rounding, and is right to.
    if _is_exact(pixels, ratio):
        return True
    return span.low + ratio > 0 and _range_sigma(pixels, span, ratio) <= MAX_RANGE_SIGMA


def _is_exact(pixels: _Pixels, ratio: float) -> bool:
    """Return whether relative depth and metres agree to EXACT_FIT, over enough different relative depths."""
    log_depth = np.log(pixels.depth_m)
    unexplained = np.var(np.log(pixels.relative + ratio) + pixels.sign * log_depth)
    if unexplained > EXACT_FIT * np.var(log_depth):
        return False
    # The same pixel row under two feet differs by rounding: that is not another value.
    steps = np.rint((pixels.relative - pixels.relative.min()) / max(float(np.ptp(pixels.relative)), 1e-300) * 1000)
    return not pixels.has_contacts or len(np.unique(steps)) >= EXACT_CONTACTS


def _range_sigma(pixels: _Pixels, span: PhotoRange, ratio: float) -> float:
    """Return the one-sigma error of the photo's log depth range, log((high + r) / (low + r)).

    The person is the unit of evidence. A person's log error goes linearly into r, which is estimated from
    log(x_k + r) + sign·log(depth) = const with the derivatives 1 / (x_k + r), and from there into the range.
    """
    relative, target = pixels.person_medians()
    if len(relative) < 2:
        return float("inf")
    residual = np.log(relative + ratio) + target
    residual = residual - residual.mean()
    free = len(residual) - 2
    scatter = np.sqrt(residual @ residual / free) if free > 0 else 0.0
    slope = 1 / (relative + ratio)
    spread = np.sqrt(((slope - slope.mean()) ** 2).sum())
    range_slope = 1 / (span.low + ratio) - 1 / (span.high + ratio)
    # A photo without any range has nothing a wrong shift could spoil, and nothing that could determine one.
    return float(max(pixels.sigma, scatter) * range_slope / spread) if spread > 0 else float("inf")


def _likely_ratio(pixels: _Pixels, span: PhotoRange) -> float:
    """Return r = t/s that people's scatter and the prior together make most likely.

    Their deviation is at least PERSON_SIGMA but not known: k·log(1 + scatter²/sigma²) is the quadratic cost for people
    who agree, and lets the prior speak louder for people who do not agree at any shift.
    """
    relative, target = pixels.person_medians()
    ratio = candidate_ratios(span, float(pixels.relative.min()))
    residual = np.log(relative[:, None] + ratio) + target[:, None]
    scatter = residual.var(0)
    cost = len(relative) * np.log1p(scatter / pixels.sigma**2) + range_cost(span, ratio)
    return float(ratio[np.argmin(cost)])


def _head_at(ratio: float, pixels: _Pixels, space: Space, config: HeadConfig) -> MetricHead:
    """Return the head with SIlog's scale at a given r = t/s."""
    a = np.log(pixels.relative + ratio) + pixels.sign * np.log(pixels.depth_m)
    pooled = config.silog_form == "pooled"
    groups = [a] if pooled else [a[pixels.image == index] for index in np.unique(pixels.image)]
    scale = float(np.exp(-np.mean([group.mean() for group in groups])))
    shift = scale * ratio
    difference = log_difference(pixels.relative, pixels.depth_m, scale=scale, shift=shift, space=space)
    if pooled:
        loss = silog_zoedepth(difference, mean_weight=1 - config.variance_focus)
    else:
        loss = silog_per_image_sum(difference, pixels.image, variance_focus=config.variance_focus)
    return MetricHead(scale, shift, space, loss, shift_determined=False)
