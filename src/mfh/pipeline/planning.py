"""What to paint where: random masks and prompts (Eq. 3, App. B), or of several the most informative one.

A random plan is a function of its painting's seed alone. Beyond the paper: a painter that proposes where its person
would stand lets the posterior of scale and shift choose among several masks. The posterior gives the covariance of log
depth at any two places, and a person at one is informative about the other through it. Far from earlier people, a
person is informative about the shift; where everything varies alike, about the scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.config import Config, PaintingConfig
from mfh.errors import InputError
from mfh.models.protocols import Painter, ProposingPainter
from mfh.pipeline.inference import asking
from mfh.scale.posterior import ScalePosterior
from mfh.scale.range_prior import PhotoRange, photo_range
from mfh.types import Photo, Proposal, RelativeDepth

PERSON_ASPECT = (0.35, 0.55)
"""Width over height of a box around a standing person with room to move the arms."""
PERSON_HEIGHT = (0.3, 0.95)
"""Height of a person box over the image height: from across a room to head-to-toe close."""
PERSON_FEET_ROW = (0.7, 1.0)
"""Lower edge of a person box over the image height: people stand on the lower part of a picture."""


@dataclass(frozen=True)
class PaintingPlan:
    """Everything that decides painting n, derived from (seed, n) alone.

    Attributes:
        paint_mask: (h, w) True where to paint.
        prompt: what to paint.
        seed: the painter's seed.
    """

    paint_mask: Bool[ndarray, "h w"]
    prompt: str
    seed: int


def plan_painting(n: int, *, seed: int, height: int, width: int, config: PaintingConfig) -> PaintingPlan:
    """Draw the mask, the prompt and the seed of painting n (Eq. 3).

    Args:
        n: index of the painting, 0 or more.
        seed: seed of the whole painting loop, 0 or more.
        height: image height in pixels.
        width: image width in pixels.
        config: shape and size of the masks, and the prompts to draw from.

    Returns:
        The plan, the same whatever other paintings there are.

    Raises:
        InputError: for a negative seed.
    """
    own_seed = painting_seed(seed, n)
    if config.mask_shape == "strip":
        paint_mask = strip_paint_mask(
            own_seed, height=height, width=width, min_width=config.min_width, max_width=config.max_width
        )
    else:
        paint_mask = person_paint_mask(own_seed, height=height, width=width)
    # A stream of its own: the prompt must not depend on how many numbers the mask took.
    prompt = config.prompts[int(np.random.default_rng((own_seed, 1)).integers(len(config.prompts)))]
    return PaintingPlan(paint_mask, prompt, own_seed)


def painting_seed(seed: int, n: int) -> int:
    """Return the seed of painting n, a function of (seed, n) alone.

    Args:
        seed: seed of the whole painting loop, 0 or more.
        n: index of the painting, 0 or more.

    Returns:
        An integer in [0, 2^32), well mixed: neighbouring n share nothing.

    Raises:
        InputError: for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}: expected 0 or more")
    return int(np.random.SeedSequence((seed, n)).generate_state(1)[0])


def strip_paint_mask(
    seed: int, *, height: int, width: int, min_width: float = 0.2, max_width: float = 0.8
) -> Bool[ndarray, "h w"]:
    """Draw a full-height strip: width uniform in [alpha·min(H, W), beta·min(H, W)], centre uniform with it inside.

    Args:
        seed: the painting's seed.
        height: image height in pixels.
        width: image width in pixels.
        min_width: alpha, over min(height, width).
        max_width: beta, over min(height, width).

    Returns:
        (h, w) True where to paint; always smaller than an image of two columns or more.

    Reference:
        App. B and Table 7 of the paper (alpha = 0.2, beta = 0.8).
    """
    rng = np.random.default_rng(seed)
    strip = rng.uniform(min_width, max_width) * min(height, width)
    # "Rectangles smaller than the whole image": the alignment (Eq. 7) needs something left unpainted.
    columns = int(np.clip(round(strip), 1, max(width - 1, 1)))
    left = int(rng.integers(0, width - columns + 1))
    paint_mask = np.zeros((height, width), bool)
    paint_mask[:, left : left + columns] = True
    return paint_mask


def person_paint_mask(seed: int, *, height: int, width: int) -> Bool[ndarray, "h w"]:
    """Draw a person-shaped box that stands on the lower part of the image.

    Height, aspect and the row of the feet are uniform in PERSON_HEIGHT, PERSON_ASPECT and PERSON_FEET_ROW; the centre
    is uniform such that the box lies inside. A box that would rise above the image is cut at its top.

    Args:
        seed: the painting's seed.
        height: image height in pixels.
        width: image width in pixels.

    Returns:
        (h, w) True where to paint; never the whole width of an image of two columns or more.
    """
    rng = np.random.default_rng(seed)
    box_height = rng.uniform(*PERSON_HEIGHT) * height
    columns = int(np.clip(round(box_height * rng.uniform(*PERSON_ASPECT)), 1, max(width - 1, 1)))
    bottom = max(round(rng.uniform(*PERSON_FEET_ROW) * height), 1)
    top = min(max(round(bottom - box_height), 0), bottom - 1)
    left = int(rng.integers(0, width - columns + 1))
    paint_mask = np.zeros((height, width), bool)
    paint_mask[top:bottom, left : left + columns] = True
    return paint_mask


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
