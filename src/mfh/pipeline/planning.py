"""What to paint next: a random mask (Eq. 3), or of several the one whose person is expected to tell most.

A painter that fills whatever mask it gets decides by itself how far its person stands, and no mask says it beforehand.
One that proposes does say it, and the posterior so far decides which proposal would narrow the interval most.

Which of several people who could be painted would tell most (beyond the paper, whose masks are all random).

The posterior of scale and shift gives the covariance of log depth at any two places; a person at one is informative
about the other through it. Far from earlier people, a person is informative about the shift; where everything
varies alike, about the scale.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config
from mfh.models.protocols import Painter, ProposingPainter
from mfh.pipeline.inference import asking
from mfh.pipeline.paint_masks import PaintingPlan, plan_painting
from mfh.scale.posterior import ScalePosterior
from mfh.scale.range_prior import PhotoRange, photo_range
from mfh.types import Photo, Proposal, RelativeDepth

CANDIDATES = 24
"""Masks thought of for each that is painted."""
LEAST_PEOPLE = 3
"""With fewer there is no posterior to speak of: masks are drawn at random."""
_APART = 1 << 20
_FOOT_PATCH = 0.01
"""Half a side of the patch whose relative depth is taken for that of the ground at the feet, over the image height."""


def who_proposes(painter: Painter, config: Config) -> ProposingPainter | None:
    """Return the painter where it is to be asked what to paint: paintings are then made one by one.

    Args:
        painter: who can perhaps propose.
        config: whether masks are to be informative.
    """
    return painter if config.painting.informative and isinstance(painter, ProposingPainter) else None


def plan_next(
    painter: Painter,
    photo: Photo,
    relative: RelativeDepth,
    n: int,
    posterior: ScalePosterior | None,
    *,
    wanted: PhotoRange | None,
    config: Config,
) -> PaintingPlan:
    """Plan painting n.

    Args:
        painter: asked where it would stand people, where it can tell.
        photo: what is painted on.
        relative: its relative depth.
        n: index of the painting, 0 or more.
        posterior: over scale and shift, from every painting before; None while there are too few people for one.
        wanted: relative depths where metres are wanted most; None for those of the photo.
        config: seed, masks and prompts, and whether masks are to be informative.

    Returns:
        The plan, a function of the seed, n and the posterior.
    """
    height, width = relative.values.shape

    def drawn(k: int) -> PaintingPlan:
        return plan_painting(k, seed=config.seed, height=height, width=width, config=config.painting)

    asked = who_proposes(painter, config)
    if asked is None or posterior is None:
        return drawn(n)
    plans = [drawn(n + _APART * k) for k in range(CANDIDATES)]
    masks, prompts, seeds = zip(*((plan.paint_mask, plan.prompt, plan.seed) for plan in plans), strict=True)
    with asking(painter.name):
        proposals = asked.propose(photo.rgb, masks, prompts, seeds)
    values = relative.values_or_nan
    possible = [
        (plan, at_feet, one.log_size_sigma)
        for plan, one in zip(plans, proposals, strict=True)
        if one is not None and math.isfinite(at_feet := _relative_at_feet(values, one))
    ]
    if not possible:
        return plans[0]
    span = photo_range(relative) if wanted is None else wanted
    best = most_telling(
        posterior,
        np.array([span.low, span.middle, span.high]),
        np.array([at_feet for _, at_feet, _ in possible]),
        np.array([log_size_sigma for _, _, log_size_sigma in possible]),
    )
    return possible[best][0]


def _relative_at_feet(values: Float[ndarray, "h w"], proposal: Proposal) -> float:
    """Return the relative depth at the feet of a proposed person, NaN where there is none.

    Outside the photo it is that of the nearest pixels.
    """
    height, width = values.shape
    radius = max(1, round(_FOOT_PATCH * height))
    column, row = (round(float(x)) for x in proposal.foot_xy_px)
    column, row = min(max(column, 0), width - 1), min(max(row, 0), height - 1)
    patch = values[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
    seen = patch[np.isfinite(patch)]
    return float(np.median(seen)) if len(seen) else math.nan


_BODY_LOG_SIGMA = 0.1
"""Standard deviation of a person's log distance beyond what the proposal states."""


def most_telling(
    posterior: ScalePosterior,
    places: Float[ndarray, "p"],
    people: Float[ndarray, "c"],
    log_sigmas: Float[ndarray, "c"],
) -> int:
    """Return which person would leave the least uncertainty, in expectation.

    Args:
        posterior: over scale and shift, before.
        places: (p,) relative depths at which metres are wanted.
        people: (c,) relative depths at which each candidate would stand.
        log_sigmas: (c,) what is known of how far each candidate's log metres will be off.

    Returns:
        Index of the candidate for which the standard deviation of log depth, averaged over places, is smallest; the
        first of those that tell as much.
    """
    covariance = _covariance(posterior, [*places.tolist(), *people.tolist()])
    count = len(places)
    variance = np.diag(covariance)
    explained = covariance[:count, count:] ** 2 / (variance[count:] + log_sigmas**2 + _BODY_LOG_SIGMA**2)
    left = np.sqrt(np.maximum(variance[:count, None] - explained, 0)).mean(0)
    return int(np.argmin(left))


def _covariance(posterior: ScalePosterior, values: Sequence[float]) -> Float[ndarray, "v v"]:
    """Return the covariance of log depth at several relative depths; beyond infinity counts as the farthest finite."""
    log_depth = np.stack([posterior.log_depth(value).ravel() for value in values])
    farthest = np.max(log_depth, where=np.isfinite(log_depth), initial=-np.inf)
    log_depth = np.minimum(log_depth, farthest)
    weight = posterior.weight.ravel()
    centred = log_depth - (log_depth @ weight)[:, None]
    return (centred * weight) @ centred.T
