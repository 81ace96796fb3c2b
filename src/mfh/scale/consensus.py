"""The consensus head: scale and shift that people agree on, read off what is believed about both (``belief``).

One person works (the prior gives the shift), people at one distance leave the shift to the prior smoothly, and no
single painting decides. The head is read off the belief: over the photo's range, the median of depth, with a lean to
the near side since too far costs more relative error (AbsRel) than too near; the affine map nearest to these, each
weighted by how precisely it is known, is the head. Where people stand it is therefore what people say. Where the user
gave a size, only heads that meet it are looked at (``given``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import NoLandmarkError
from mfh.scale.given import (
    Bound,
    GivenScale,
    Valley,
    bind,
    by_people,
    doubted,
    find_valley,
    given_scale,
    lowest_floor,
)
from mfh.scale.known_sizes import GIVE_A_SIZE
from mfh.scale.measurements import Clue, log_scales_at
from mfh.scale.posterior import (
    Candidates,
    Noise,
    Posterior,
    ScaleBelief,
    any_noise,
    believe,
    log_prior,
    ratio_volumes,
    trust_under,
    weighted_median,
)
from mfh.scale.range_prior import PhotoRange, candidate_ratios, log_depth_range, log_range_prior, photo_range
from mfh.types import MetricHead, RelativeDepth, Space

MAX_RANGE_SIGMA = 0.2
"""Largest deviation of the photo's log depth range at which people have determined the shift."""

_REACH = 1.5
_COARSE, _FINE = (32, 25), (48, 33)
_NEGLIGIBLE = 1e-6
NEARER = 0.5
"""Candidates count by depth to the power of minus this: 1 has the least expected relative error, but for few people it
follows the long tail towards the camera."""
_KNOTS, _READ_RATIOS, _FINER = 9, 400, 8


@dataclass(frozen=True)
class Disagreement:
    """How far what the user gave is contradicted.

    Attributes:
        doubt: probability that what was given is wrong: 0 where there is nobody, one third at most.
        by_people: (m,) log of how many times larger than given each size is by people alone; None without people.
        by_head: (m,) the same by the answer: what given sizes that contradict each other leave.
    """

    doubt: float
    by_people: Float[ndarray, "m"] | None
    by_head: Float[ndarray, "m"]


@dataclass(frozen=True)
class Consensus:
    """What clues say together.

    Attributes:
        head: scale and shift.
        belief: over both.
        trust: (k,) probability that each clue is right.
        weight: (k,) share of each clue in the answer; sums to 1.
        deviation: (k,) log of how many times farther than the head each clue puts things; -inf where the head has no
            finite depth at all.
        range_sigma: deviation of the photo's log depth range.
        disagreement: of people with what was given; None where nothing was.
    """

    head: MetricHead
    belief: ScaleBelief
    trust: Float[ndarray, "k"]
    weight: Float[ndarray, "k"]
    deviation: Float[ndarray, "k"]
    range_sigma: float
    disagreement: Disagreement | None = None

    @property
    def effective(self) -> float:
        """Return the effective number of clues, 1 / sum(weight²)."""
        return float(1 / (self.weight @ self.weight))


def fit_consensus(clues: Sequence[Clue], relative: RelativeDepth, *, common_log_sigma: float = 0.0) -> Consensus:
    """Fit scale and shift to clues.

    Args:
        clues: people's, and known sizes'; in any order.
        relative: relative depth of the photo.
        common_log_sigma: by how much all people may be off alike; asked where something is given besides.

    Returns:
        The head and the belief it comes from. Where something is given, the head meets it, whatever people say.

    Raises:
        NoLandmarkError: for no clue.
    """
    if not clues:
        raise NoLandmarkError(
            f"no person and no known size gives metres: there is nothing to fit the metric scale to; {GIVE_A_SIZE}"
        )
    span = photo_range(relative)
    if any(clue.given for clue in clues):
        return _fit_given(clues, relative, span, common_log_sigma)
    lowest = min(float(clue.relative.min()) for clue in clues)
    floor = min(lowest, span.low)
    ratio = candidate_ratios(span, lowest, _COARSE[0])
    offset = _offsets()
    coarse = Candidates(np.log(ratio + floor), floor, offset)
    prior = log_prior(coarse, span, relative.log_range)
    rough = believe(clues, coarse, any_noise(), prior, relative.space)
    log_gap = coarse.log_gap
    if len(log_gap) > 1:
        log_gap = _finer(log_gap, rough.belief.weight.sum(1), _FINE[0])
    fine = Candidates(log_gap, floor, _finer(offset, rough.belief.weight.sum(0), _FINE[1]))
    found = believe(clues, fine, rough.noises, log_prior(fine, span, relative.log_range), relative.space)
    belief, trust = found.belief, found.trust
    weight = _weights(clues, trust, found.scatter**2)
    return _consensus(clues, _read_off(belief, _places(clues, weight, span)), belief, trust, weight, span)


@dataclass(frozen=True)
class _Look:
    """What given sizes and people leave to believe on one grid."""

    bound: Bound
    people: Posterior | None
    scale: GivenScale

    @property
    def alone(self) -> ScaleBelief | None:
        return self.people.belief if self.people else None

    @property
    def scatter(self) -> float:
        return self.people.scatter if self.people else 0.0


def _fit_given(clues: Sequence[Clue], relative: RelativeDepth, span: PhotoRange, common_log_sigma: float) -> Consensus:
    """Fit scale and shift where sizes are given: they bind both, and people tell what is left open."""
    is_given = np.array([clue.given for clue in clues])
    people, given = [clue for clue in clues if not clue.given], [clue for clue in clues if clue.given]
    valley = find_valley(given, span, relative.space)
    standard = candidate_ratios(span, min(float(clue.relative.min()) for clue in clues), _COARSE[0])
    floor = lowest_floor(given, span)

    def look(log_gap: Float[ndarray, "r"], offset: Float[ndarray, "d"], noises: Sequence[Noise]) -> _Look:
        candidates = Candidates(log_gap, floor, offset)
        return _look(people, given, valley, candidates, noises, relative, span, common_log_sigma)

    always = np.log(valley.ratio + floor)
    log_gap, offset = _merged(np.log(standard + floor), always), _offsets()
    seen = look(log_gap, offset, any_noise())
    if len(log_gap) > 1:
        likely = doubted(seen.bound, seen.alone, common_log_sigma=0.0).weight.sum(1)
        if seen.people:
            offset = _finer(offset, seen.people.belief.weight.sum(0), _FINE[1])
        noises = seen.people.noises if seen.people else []
        seen = look(_merged(_finer(log_gap, likely, _FINE[0]), always), offset, noises)
    trust = np.ones(len(clues))
    if seen.people:
        trust[~is_given] = trust_under(people, seen.bound.belief, seen.people, common_log_sigma=common_log_sigma)
    weight = _weights(clues, trust, seen.scatter**2 + common_log_sigma**2)
    head = _read_off_given(seen.bound.belief, given, valley, _places(clues, weight, span))
    belief = doubted(seen.bound, seen.alone, common_log_sigma=common_log_sigma)
    said = by_people(seen.scale, seen.alone) if seen.alone else None
    return replace(
        _consensus(clues, head, belief, trust, weight, span),
        disagreement=Disagreement(seen.bound.doubt, said, -_deviation(given, head)),
    )


def _look(
    people: Sequence[Clue],
    given: Sequence[Clue],
    valley: Valley,
    candidates: Candidates,
    noises: Sequence[Noise],
    relative: RelativeDepth,
    span: PhotoRange,
    common_log_sigma: float,
) -> _Look:
    """Return what is left to believe on a grid."""
    ratio, space = candidates.ratio, relative.space
    volume = ratio_volumes(candidates, span) if len(ratio) > 1 else np.ones(1)
    density = np.exp(log_range_prior(span, ratio, relative.log_range))
    posterior = _people_alone(people, candidates, noises, np.log(density * volume), space) if people else None
    scale = given_scale(given, ratio, space)
    bound = bind(
        scale,
        valley,
        given,
        density,
        volume,
        posterior.belief if posterior else None,
        common_log_sigma=common_log_sigma,
        scatter=posterior.scatter if posterior else 0.0,
    )
    return _Look(bound, posterior, scale)


def _people_alone(
    people: Sequence[Clue],
    candidates: Candidates,
    noises: Sequence[Noise],
    log_density: Float[ndarray, "r"],
    space: Space,
) -> Posterior:
    """Return what people alone leave to believe; no ratio counts at which one of them is at infinity."""
    ratio = candidates.ratio
    reached = ratio > -min(float(clue.relative.min()) for clue in people)
    part = replace(candidates, log_gap=candidates.log_gap[reached])
    prior = log_density[reached, None] + np.log(np.gradient(candidates.offset))
    found = believe(people, part, noises, prior, space)
    log_scale, weight = np.zeros((2, len(ratio), len(candidates.offset)))
    log_scale[reached], weight[reached] = found.belief.log_scale, found.belief.weight
    return replace(found, belief=ScaleBelief(ratio, log_scale, weight, space))


def _offsets() -> Float[ndarray, "d"]:
    """Return coarse offsets: fine about the middle, coarse far from it."""
    return _REACH * np.sinh(np.linspace(-5, 5, _COARSE[1])) / np.sinh(5)


def _weights(clues: Sequence[Clue], trust: Float[ndarray, "k"], variance: float) -> Float[ndarray, "k"]:
    """Return the share of each clue: as precise as it is, people by this variance less."""
    precision = trust / np.array([clue.log_sigma**2 + (0.0 if clue.given else variance) for clue in clues])
    return precision / precision.sum()


def _consensus(
    clues: Sequence[Clue],
    head: MetricHead,
    belief: ScaleBelief,
    trust: Float[ndarray, "k"],
    weight: Float[ndarray, "k"],
    span: PhotoRange,
) -> Consensus:
    """Put a fit together, with how far every clue is off."""
    range_sigma = _range_sigma(belief, span)
    deviation = _deviation(clues, head)
    near = np.isfinite(deviation)
    rms = float(np.sqrt(weight[near] @ deviation[near] ** 2))
    head = MetricHead(head.scale, head.shift, head.space, rms, shift_determined=range_sigma <= MAX_RANGE_SIGMA)
    return Consensus(head, belief, trust, weight, deviation, range_sigma)


def _finer(grid: Float[ndarray, "g"], weight: Float[ndarray, "g"], count: int) -> Float[ndarray, "f"]:
    """Return a grid that is even where there is any weight, and as dense as the weight besides.

    Args:
        grid: (g,) ascending.
        weight: (g,) belief on it.
        count: points, a third of them even.
    """
    likely = np.flatnonzero(weight > _NEGLIGIBLE * weight.max())
    first, last = max(likely[0] - 1, 0), min(likely[-1] + 1, len(grid) - 1)
    even = np.linspace(grid[first], grid[last], count // 3)
    # Mass up to the middle between two points belongs to the lower one.
    edges = np.concatenate([grid[:1], (grid[1:] + grid[:-1]) / 2, grid[-1:]])
    mass = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    dense = np.interp(np.linspace(0.005, 0.995, count - len(even)), mass, edges)
    return _merged(even, dense)


def _merged(grid: Float[ndarray, "a"], other: Float[ndarray, "b"]) -> Float[ndarray, "f"]:
    """Return the points of both grids in order, each once."""
    merged = np.sort(np.concatenate([grid, other]))
    return merged[np.concatenate([[True], np.diff(merged) > 1e-9 * (merged[-1] - merged[0])])]


def _read_off(belief: ScaleBelief, values: Float[ndarray, "v"]) -> MetricHead:
    """Return the affine head nearest to the best answers at some relative depths, each as precise as it is."""
    log_depth = np.array([belief.quantiles(float(value), [0.5], nearer=NEARER)[0] for value in values])
    log_metric = -log_depth if belief.space == "disparity" else log_depth
    precision = 1 / np.maximum(belief.moments(values)[1], 1e-3) ** 2
    precision /= precision.sum()
    floor = float(values.min())
    gap = belief.ratio + floor
    if len(gap) > 1:
        gap = np.exp(np.linspace(np.log(gap[0]), np.log(gap[-1]), _READ_RATIOS))
    ratio = gap - floor
    log_scale = log_metric[:, None] - np.log(values[:, None] + ratio)
    middle = precision @ log_scale
    best = int(np.argmin(precision @ (log_scale - middle) ** 2))
    scale = float(np.exp(middle[best]))
    return MetricHead(scale, scale * float(ratio[best]), belief.space, 0.0)


def _read_off_given(
    belief: ScaleBelief, given: Sequence[Clue], valley: Valley, values: Float[ndarray, "v"]
) -> MetricHead:
    """Return, of the heads that meet what is given, the one nearest to the best answers at some relative depths."""
    at = np.linspace(0, len(belief.ratio) - 1, _FINER * len(belief.ratio))
    ratio = np.interp(at, np.arange(len(belief.ratio)), belief.ratio)
    if valley.best is not None:
        ratio = np.union1d(ratio, [valley.best])
    scale = given_scale(given, ratio, belief.space)
    met = valley.met(scale.misfit)
    ratio, log_scale = ratio[met], scale.log_scale[met]
    wanted = np.array([belief.quantiles(float(value), [0.5], nearer=NEARER)[0] for value in values])
    precision = 1 / np.maximum(belief.moments(values)[1], 1e-3) ** 2
    known = np.isfinite(wanted) & np.isfinite(precision)
    gap = values[known, None] + ratio
    found = log_scale + np.log(np.maximum(gap, np.finfo(float).tiny))
    off = found + wanted[known, None] if belief.space == "disparity" else found - wanted[known, None]
    best = int(np.argmin(precision[known] @ off**2))
    return MetricHead(float(np.exp(log_scale[best])), float(np.exp(log_scale[best]) * ratio[best]), belief.space, 0.0)


def _places(clues: Sequence[Clue], weight: Float[ndarray, "k"], span: PhotoRange) -> Float[ndarray, "v"]:
    """Return where the head is read off: over the photo's range, where people are, and where something is known."""
    places = [*np.linspace(span.low, span.high, _KNOTS if span.high > span.low else 1)]
    people = [k for k, clue in enumerate(clues) if not clue.given and weight[k] > 0]
    if people:
        at = np.array([float(np.mean(clues[k].relative)) for k in people])
        places.append(float(weighted_median(at[:, None], weight[people])[0]))
    places += [float(value) for clue in clues if clue.given for value in clue.relative]
    return np.unique(places)


def _deviation(clues: Sequence[Clue], head: MetricHead) -> Float[ndarray, "k"]:
    sign = 1.0 if head.space == "disparity" else -1.0
    # Where the head sees infinity or beyond, a clue in metres is infinitely nearer.
    implied = log_scales_at(clues, head)
    return np.where(np.isnan(implied), -np.inf, sign * (np.log(head.scale) - implied))


def _range_sigma(belief: ScaleBelief, span: PhotoRange) -> float:
    if span.high <= span.low:
        return 0.0
    log_range = log_depth_range(span, belief.ratio)
    finite = np.isfinite(log_range)
    if not finite.all():
        log_range, share = log_range[finite], belief.weight[finite].sum(1)
        return float(np.sqrt(np.cov(log_range, aweights=share, ddof=0))) if share.sum() > 0 else math.inf
    share = belief.weight.sum(1)
    return float(np.sqrt(share @ (log_range - share @ log_range) ** 2))
