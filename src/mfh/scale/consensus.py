"""The consensus head: a robust consensus over per-person scale estimates, read off their posterior (``posterior``).

One person suffices: the prior then gives the shift. People at one distance leave the shift to the prior smoothly, and
no single painting decides. At relative depths over the photo's range, the posterior's quantile of depth is taken; it is
tilted to the near side, because depths that are too large cost more relative error (AbsRel) than those too small. The
head is the affine map nearest to these, each weighted by its precision. Where the user gave a size, only heads that
meet it are candidates (``given``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import NoLandmarkError
from mfh.scale.given import (
    ConstrainedPosterior,
    FeasibleRatios,
    by_people,
    constrain,
    find_feasible,
    given_scale,
    lowest_floor,
    mix_with_people,
)
from mfh.scale.groups import fit_groups, group_names, groups_at
from mfh.scale.known_sizes import GIVE_A_SIZE
from mfh.scale.measurements import ScaleMeasurement, log_scales_at
from mfh.scale.posterior import (
    Candidates,
    ErrorModel,
    PosteriorFit,
    ScalePosterior,
    all_error_models,
    fit_posterior,
    inlier_probability_under,
    log_prior,
    quadrature_weights,
    weighted_median,
)
from mfh.scale.range_prior import PhotoRange, candidate_ratios, log_depth_range, log_range_prior, photo_range
from mfh.types import MetricHead, RelativeDepth, Space

MAX_RANGE_SIGMA = 0.2
"""Largest standard deviation of the photo's log depth range at which the shift counts as determined."""

_REACH = 1.5
_COARSE, _FINE = (32, 25), (48, 33)
_NEGLIGIBLE = 1e-6
NEARER = 0.5
"""Candidates are weighted by depth^-NEARER: 1 has the least expected relative error, but for few people it follows the
long tail towards the camera.
"""
_KNOTS, _READ_RATIOS, _FINER = 9, 400, 8


@dataclass(frozen=True)
class Disagreement:
    """How far people contradict what the user gave.

    Attributes:
        doubt: probability that the given sizes are wrong: 0 without people, one third at most.
        by_people: (m,) log of each size by people alone over the given one; None without people.
        by_head: (m,) the same by the head: not 0 where given sizes contradict each other.
    """

    doubt: float
    by_people: Float[ndarray, "m"] | None
    by_head: Float[ndarray, "m"]


@dataclass(frozen=True)
class Consensus:
    """The joint fit to all measurements.

    Attributes:
        head: scale and shift.
        posterior: over both.
        inlier_probability: (k,) of each measurement.
        weight: (k,) share of each measurement in the head; sums to 1.
        residual: (k,) log of each measured depth over the head's; -inf where the head has no finite depth.
        range_sigma: standard deviation of the photo's log depth range.
        disagreement: between people and given sizes; None without given sizes.
    """

    head: MetricHead
    posterior: ScalePosterior
    inlier_probability: Float[ndarray, "k"]
    weight: Float[ndarray, "k"]
    residual: Float[ndarray, "k"]
    range_sigma: float
    disagreement: Disagreement | None = None

    @property
    def effective(self) -> float:
        """Return the effective number of measurements, 1 / sum(weight²)."""
        return float(1 / (self.weight @ self.weight))


def fit_consensus(
    measurements: Sequence[ScaleMeasurement], relative: RelativeDepth, *, common_log_sigma: float = 0.0
) -> Consensus:
    """Fit scale and shift to people's and known sizes' measurements, in any order.

    Where sizes are given, the head meets them, whatever people imply; people's common bias has ``common_log_sigma``.

    Raises:
        NoLandmarkError: for no measurement.
    """
    if not measurements:
        raise NoLandmarkError(
            "no person, no object and no known size is usable: there is nothing to fit the metric scale to; "
            f"{GIVE_A_SIZE}"
        )
    span = photo_range(relative)
    if any(measurement.given for measurement in measurements):
        return _fit_given(measurements, relative, span, common_log_sigma)
    if len(group_names(measurements)) > 1:
        grouped = fit_groups(measurements, span, relative.log_range, relative.space)
        return _consensus(
            measurements,
            _fit_head(grouped.posterior, _fit_points(measurements, grouped.weight, span)),
            grouped.posterior,
            grouped.inlier_probability,
            grouped.weight,
            span,
        )
    lowest = min(float(measurement.relative.min()) for measurement in measurements)
    floor = min(lowest, span.low)
    ratio = candidate_ratios(span, lowest, _COARSE[0])
    offset = _offsets()
    coarse = Candidates(np.log(ratio + floor), floor, offset)
    prior = log_prior(coarse, span, relative.log_range)
    rough = fit_posterior(measurements, coarse, all_error_models(), prior, relative.space)
    log_gap = coarse.log_gap
    if len(log_gap) > 1:
        log_gap = _finer(log_gap, rough.posterior.weight.sum(1), _FINE[0])
    fine = Candidates(log_gap, floor, _finer(offset, rough.posterior.weight.sum(0), _FINE[1]))
    found = fit_posterior(
        measurements, fine, rough.error_models, log_prior(fine, span, relative.log_range), relative.space
    )
    posterior, inlier = found.posterior, found.inlier_probability
    weight = _weights(measurements, inlier, found.intrinsic_sigma**2)
    return _consensus(
        measurements,
        _fit_head(posterior, _fit_points(measurements, weight, span)),
        posterior,
        inlier,
        weight,
        span,
    )


def _fit_given(
    measurements: Sequence[ScaleMeasurement], relative: RelativeDepth, span: PhotoRange, common_log_sigma: float
) -> Consensus:
    """Fit scale and shift where sizes are given: those constrain both, and people inform what stays open."""
    is_given = np.array([measurement.given for measurement in measurements])
    people, given = (
        [measurement for measurement in measurements if not measurement.given],
        [measurement for measurement in measurements if measurement.given],
    )
    feasible = find_feasible(given, span, relative.space)
    standard = candidate_ratios(
        span, min(float(measurement.relative.min()) for measurement in measurements), _COARSE[0]
    )
    floor = lowest_floor(given, span)

    def fit_on_grid(
        log_gap: Float[ndarray, "r"], offset: Float[ndarray, "d"], error_models: Sequence[ErrorModel]
    ) -> ConstrainedPosterior:
        candidates = Candidates(log_gap, floor, offset)
        return _fit_on_grid(people, given, feasible, candidates, error_models, relative, span, common_log_sigma)

    always = np.log(feasible.ratio + floor)
    log_gap, offset = _merged(np.log(standard + floor), always), _offsets()
    found = fit_on_grid(log_gap, offset, all_error_models())
    if len(log_gap) > 1:
        likely = mix_with_people(found, common_log_sigma=0.0).weight.sum(1)
        if found.people and len(group_names(people)) == 1:
            offset = _finer(offset, found.people.posterior.weight.sum(0), _FINE[1])
        error_models = found.people.error_models if found.people else []
        found = fit_on_grid(_merged(_finer(log_gap, likely, _FINE[0]), always), offset, error_models)
    inlier = np.ones(len(measurements))
    if found.people:
        inlier[~is_given] = inlier_probability_under(
            people, found.posterior, found.people, common_log_sigma=common_log_sigma
        )
    weight = _weights(measurements, inlier, found.intrinsic_sigma**2 + common_log_sigma**2)
    head = _fit_head_given(found.posterior, given, feasible, _fit_points(measurements, weight, span))
    posterior = mix_with_people(found, common_log_sigma=common_log_sigma)
    return replace(
        _consensus(measurements, head, posterior, inlier, weight, span),
        disagreement=Disagreement(found.doubt, by_people(found), -_residual(given, head)),
    )


def _fit_on_grid(
    people: Sequence[ScaleMeasurement],
    given: Sequence[ScaleMeasurement],
    feasible: FeasibleRatios,
    candidates: Candidates,
    error_models: Sequence[ErrorModel],
    relative: RelativeDepth,
    span: PhotoRange,
    common_log_sigma: float,
) -> ConstrainedPosterior:
    """Return the posterior on a grid, with that of people alone."""
    ratio, space = candidates.ratio, relative.space
    volume = quadrature_weights(candidates, span) if len(ratio) > 1 else np.ones(1)
    density = np.exp(log_range_prior(span, ratio, relative.log_range))
    people_fit = (
        _people_posterior(people, candidates, error_models, np.log(density * volume), space) if people else None
    )
    scale = given_scale(given, ratio, space)
    return constrain(scale, feasible, given, density, volume, people_fit, common_log_sigma=common_log_sigma)


def _people_posterior(
    people: Sequence[ScaleMeasurement],
    candidates: Candidates,
    error_models: Sequence[ErrorModel],
    log_density: Float[ndarray, "r"],
    space: Space,
) -> PosteriorFit:
    """Return the posterior of people alone; ratios at which one of them is at infinity have no weight."""
    ratio = candidates.ratio
    reached = ratio > -min(float(measurement.relative.min()) for measurement in people)
    part = replace(candidates, log_gap=candidates.log_gap[reached])
    if len(group_names(people)) > 1:
        found = groups_at(people, part.log_gap, part.floor, log_density[reached], space)
    else:
        prior = log_density[reached, None] + np.log(np.gradient(candidates.offset))
        found = fit_posterior(people, part, error_models, prior, space)
    log_scale, weight = np.zeros((2, len(ratio), found.posterior.weight.shape[1]))
    log_scale[reached], weight[reached] = found.posterior.log_scale, found.posterior.weight
    return replace(found, posterior=ScalePosterior(ratio, log_scale, weight, space))


def _offsets() -> Float[ndarray, "d"]:
    """Return coarse offsets: fine about the middle, coarse far from it."""
    return _REACH * np.sinh(np.linspace(-5, 5, _COARSE[1])) / np.sinh(5)


def _weights(
    measurements: Sequence[ScaleMeasurement], inlier: Float[ndarray, "k"], variance: float
) -> Float[ndarray, "k"]:
    """Return the share of each measurement, by inlier probability and precision; ``variance`` is added for people."""
    precision = inlier / np.array(
        [measurement.log_sigma**2 + (0.0 if measurement.given else variance) for measurement in measurements]
    )
    return precision / precision.sum()


def _consensus(
    measurements: Sequence[ScaleMeasurement],
    head: MetricHead,
    posterior: ScalePosterior,
    inlier: Float[ndarray, "k"],
    weight: Float[ndarray, "k"],
    span: PhotoRange,
) -> Consensus:
    """Put a fit together, with the residual of every measurement."""
    range_sigma = _range_sigma(posterior, span)
    residual = _residual(measurements, head)
    near = np.isfinite(residual)
    rms = float(np.sqrt(weight[near] @ residual[near] ** 2))
    head = MetricHead(head.scale, head.shift, head.space, rms, shift_determined=range_sigma <= MAX_RANGE_SIGMA)
    return Consensus(head, posterior, inlier, weight, residual, range_sigma)


def _finer(grid: Float[ndarray, "g"], weight: Float[ndarray, "g"], count: int) -> Float[ndarray, "f"]:
    """Return a grid of ``count`` points: a third even where there is weight, the rest as dense as the weight."""
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


def _fit_head(posterior: ScalePosterior, values: Float[ndarray, "v"]) -> MetricHead:
    """Return the affine head nearest to the posterior's depths at some relative depths, weighted by their precision."""
    log_depth = np.array([posterior.quantiles(float(value), [0.5], nearer=NEARER)[0] for value in values])
    log_metric = -log_depth if posterior.space == "disparity" else log_depth
    precision = 1 / np.maximum(posterior.moments(values)[1], 1e-3) ** 2
    precision /= precision.sum()
    floor = float(values.min())
    gap = posterior.ratio + floor
    if len(gap) > 1:
        gap = np.exp(np.linspace(np.log(gap[0]), np.log(gap[-1]), _READ_RATIOS))
    ratio = gap - floor
    log_scale = log_metric[:, None] - np.log(values[:, None] + ratio)
    middle = precision @ log_scale
    best = int(np.argmin(precision @ (log_scale - middle) ** 2))
    scale = float(np.exp(middle[best]))
    return MetricHead(scale, scale * float(ratio[best]), posterior.space, 0.0)


def _fit_head_given(
    posterior: ScalePosterior, given: Sequence[ScaleMeasurement], feasible: FeasibleRatios, values: Float[ndarray, "v"]
) -> MetricHead:
    """Return, of the heads that meet the given sizes, the one nearest to the posterior's depths, by precision."""
    at = np.linspace(0, len(posterior.ratio) - 1, _FINER * len(posterior.ratio))
    ratio = np.interp(at, np.arange(len(posterior.ratio)), posterior.ratio)
    if feasible.best is not None:
        ratio = np.union1d(ratio, [feasible.best])
    scale = given_scale(given, ratio, posterior.space)
    met = feasible.met(scale.misfit)
    ratio, log_scale = ratio[met], scale.log_scale[met]
    wanted = np.array([posterior.quantiles(float(value), [0.5], nearer=NEARER)[0] for value in values])
    precision = 1 / np.maximum(posterior.moments(values)[1], 1e-3) ** 2
    known = np.isfinite(wanted) & np.isfinite(precision)
    gap = values[known, None] + ratio
    found = log_scale + np.log(np.maximum(gap, np.finfo(float).tiny))
    residual = found + wanted[known, None] if posterior.space == "disparity" else found - wanted[known, None]
    best = int(np.argmin(precision[known] @ residual**2))
    return MetricHead(
        float(np.exp(log_scale[best])), float(np.exp(log_scale[best]) * ratio[best]), posterior.space, 0.0
    )


def _fit_points(
    measurements: Sequence[ScaleMeasurement], weight: Float[ndarray, "k"], span: PhotoRange
) -> Float[ndarray, "v"]:
    """Return the relative depths at which the head is fitted: over the photo's range, at people, at known sizes."""
    places = [*np.linspace(span.low, span.high, _KNOTS if span.high > span.low else 1)]
    people = [k for k, measurement in enumerate(measurements) if not measurement.given and weight[k] > 0]
    if people:
        at = np.array([float(np.mean(measurements[k].relative)) for k in people])
        places.append(float(weighted_median(at[:, None], weight[people])[0]))
    places += [float(value) for measurement in measurements if measurement.given for value in measurement.relative]
    return np.unique(places)


def _residual(measurements: Sequence[ScaleMeasurement], head: MetricHead) -> Float[ndarray, "k"]:
    sign = 1.0 if head.space == "disparity" else -1.0
    # Where the head has no finite depth, a measurement is infinitely nearer.
    implied = log_scales_at(measurements, head)
    return np.where(np.isnan(implied), -np.inf, sign * (np.log(head.scale) - implied))


def _range_sigma(posterior: ScalePosterior, span: PhotoRange) -> float:
    if span.high <= span.low:
        return 0.0
    log_range = log_depth_range(span, posterior.ratio)
    finite = np.isfinite(log_range)
    if not finite.all():
        log_range, share = log_range[finite], posterior.weight[finite].sum(1)
        return float(np.sqrt(np.cov(log_range, aweights=share, ddof=0))) if share.sum() > 0 else math.inf
    share = posterior.weight.sum(1)
    return float(np.sqrt(share @ (log_range - share @ log_range) ** 2))
