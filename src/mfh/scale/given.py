"""Given sizes in the posterior: they constrain scale and shift, people inform what stays open, conflicts are weighed.

Sizes that the user gave are a hard constraint. The depth where one was measured is the given one within its own error,
whatever people imply. People only weigh the heads that satisfy the constraint: in the language of modular Bayes the
feedback is cut. People may all share a bias, or be uninformative; the user may have clicked at another place or typed
another unit. The conflict between people and given sizes determines the probability that the sizes are wrong. That
share of the posterior goes to people alone, so that intervals reach what people imply.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.scale.measurements import ScaleMeasurement, implied_log_scales
from mfh.scale.posterior import PosteriorFit, ScalePosterior, weighted_quantiles
from mfh.scale.range_prior import PhotoRange
from mfh.types import Space

GIVEN_WRONG = 0.05
"""Prior probability that the user clicked or typed something else."""
PEOPLE_BIASED, PEOPLE_UNINFORMATIVE = 0.08, 0.02
"""Prior probabilities that people share an arbitrary bias, and that they are uninformative about the scene."""
MOST_DOUBT = GIVEN_WRONG / (GIVEN_WRONG + PEOPLE_BIASED + PEOPLE_UNINFORMATIVE)
"""Largest share of the posterior that goes to people where they contradict what is given: one third."""
NOTABLE_DOUBT = 0.1
"""Probability from which a contradiction is reported: from there on the 80 % interval reaches what people imply."""
GROSS_ERROR_SIGMA = 1.5
"""Standard deviation of the log factor of a gross error, of people or of given sizes: a factor of 4.5."""
_MAX_LOG_FACTOR, _MAX_LOG_ODDS = 10.0, 700.0
_GAPS = (1e-6, 1e4)
"""Gaps between infinity and the nearest given size that are searched, over the photo's range."""
_SEARCHED, _FEASIBLE_POINTS, _OFFSETS = 2000, 61, 17
_REACH = 4.0
_ZOOMS, _HALVINGS = 4, 60

Misfit = Callable[[Float[ndarray, "g"]], Float[ndarray, "g"]]


@dataclass(frozen=True)
class GivenScale:
    """The scale that given sizes imply at each ratio r = t/s.

    Attributes:
        ratio: (r,) t/s.
        space: of the relative depth.
        log_scale: (r,) precision-weighted mean of what they imply.
        misfit: (r,) chi-square about that mean.
        implied: (k, r) log s that each of them implies.
    """

    ratio: Float[ndarray, "r"]
    space: Space
    log_scale: Float[ndarray, "r"]
    misfit: Float[ndarray, "r"]
    implied: Float[ndarray, "k r"]


def given_scale(given: Sequence[ScaleMeasurement], ratio: Float[ndarray, "r"], space: Space) -> GivenScale:
    """Return the scale that given sizes, at least one, imply at some ratios.

    x + r must be positive wherever one was measured.
    """
    implied = implied_log_scales(given, ratio, space)
    precision = _precision(given)
    log_scale = precision @ implied / precision.sum()
    return GivenScale(ratio, space, log_scale, precision @ (implied - log_scale) ** 2, implied)


@dataclass(frozen=True)
class FeasibleRatios:
    """The ratios at which two or more given sizes are consistent with each other.

    Attributes:
        ratio: (v,) ascending; empty where all are feasible: for a single size, and for a flat map.
        best: the ratio of least misfit; None where all are feasible.
        least: misfit there.
        birge_ratio: sqrt(chi-square / degrees of freedom), at least 1: the factor on their errors that makes them
            consistent.
    """

    ratio: Float[ndarray, "v"]
    best: float | None = None
    least: float = 0.0
    birge_ratio: float = 1.0

    def met(self, misfit: Float[ndarray, "r"]) -> Bool[ndarray, "r"]:
        """Return where given sizes are met within their own error; at the best of these ratios at least."""
        return misfit <= max(self.least, float(misfit.min())) + self.birge_ratio**2


def find_feasible(given: Sequence[ScaleMeasurement], span: PhotoRange, space: Space) -> FeasibleRatios:
    """Return the ratios at which given sizes are consistent; at least half of the photo keeps a finite depth."""
    floor, reach = _limits(given, span)
    if len(given) < 2:
        return FeasibleRatios(np.zeros(0))
    if reach <= 0:
        # A flat map: their consistency does not depend on the ratio.
        least = float(given_scale(given, np.array([1 - floor]), space).misfit[0])
        return FeasibleRatios(np.zeros(0), least=least, birge_ratio=_birge_ratio(given, least))

    def misfit(log_gap: Float[ndarray, "g"]) -> Float[ndarray, "g"]:
        return given_scale(given, np.exp(log_gap) - floor, space).misfit

    first, last = (float(np.log(reach * gap)) for gap in _GAPS)
    middle = _argmin(misfit, first, last)
    least = float(misfit(np.array([middle]))[0])
    birge_ratio = _birge_ratio(given, least)
    level = least + (_REACH * birge_ratio) ** 2
    ends = [_crossing(level, misfit, middle, limit) for limit in (first, last)]
    log_gap = np.union1d(np.linspace(ends[0], ends[1], _FEASIBLE_POINTS), [middle])
    return FeasibleRatios(np.exp(log_gap) - floor, float(np.exp(middle) - floor), least, birge_ratio)


def lowest_floor(given: Sequence[ScaleMeasurement], span: PhotoRange) -> float:
    """Return the lowest relative depth that must keep a positive gap at every ratio."""
    return _limits(given, span)[0]


@dataclass(frozen=True)
class ConstrainedPosterior:
    """The posterior under the constraint that given sizes are met.

    Attributes:
        posterior: over the heads that meet them.
        doubt: probability that the given sizes are wrong.
        given: the scale that they imply.
        people: the posterior of people alone, at the same ratios; None without people.
    """

    posterior: ScalePosterior
    doubt: float
    given: GivenScale
    people: PosteriorFit | None

    @property
    def people_posterior(self) -> ScalePosterior | None:
        """Return the posterior of people alone over scale and shift."""
        return self.people.posterior if self.people else None

    @property
    def intrinsic_sigma(self) -> float:
        """Return the standard deviation of single people about the head; 0 without people."""
        return self.people.intrinsic_sigma if self.people else 0.0


def constrain(
    scale: GivenScale,
    feasible: FeasibleRatios,
    given: Sequence[ScaleMeasurement],
    density: Float[ndarray, "r"],
    volume: Float[ndarray, "r"],
    people: PosteriorFit | None,
    *,
    common_log_sigma: float,
) -> ConstrainedPosterior:
    """Return the posterior over the heads that meet the given sizes, and the probability that the sizes are wrong.

    Args:
        scale: implied by the given sizes, at the ratios of the grid.
        feasible: where they are consistent.
        given: the sizes.
        density: (r,) prior density of each ratio.
        volume: (r,) its quadrature weight.
        people: posterior of people alone at the same ratios; None without people. A place where a size was given may
            be off as much as a single person.
        common_log_sigma: standard deviation of people's common bias against what is given.
    """
    prior = density * volume / (density @ volume)
    sigma = feasible.birge_ratio / math.sqrt(float(_precision(given).sum()))
    joint = None if people is None else _joint_likelihood(scale, given, people, prior, sigma, common_log_sigma)
    likely = prior if joint is None else joint.likely
    # Where the given sizes are not met, people and the prior weigh no more than at the best ratio that meets them.
    per_volume = likely / volume
    likely = np.minimum(per_volume, per_volume[feasible.met(scale.misfit)].max()) * volume
    fit = likely * np.exp(-0.5 * (scale.misfit - feasible.least) / feasible.birge_ratio**2)
    spread = sigma if joint is None else math.sqrt(float(fit @ joint.variance) / float(fit.sum()))
    offset = spread * np.linspace(-_REACH, _REACH, _OFFSETS)
    weight = fit[:, None] * _normal(offset, spread)
    posterior = ScalePosterior(scale.ratio, scale.log_scale[:, None] + offset, weight / weight.sum(), scale.space)
    if joint is None:
        return ConstrainedPosterior(posterior, 0.0, scale, people)
    log_odds = math.log(GIVEN_WRONG / (1 - GIVEN_WRONG)) + joint.log_wrong - joint.log_right
    doubt = min(MOST_DOUBT, 1 / (1 + math.exp(min(-log_odds, _MAX_LOG_ODDS))))
    return ConstrainedPosterior(posterior, doubt, scale, people)


@dataclass(frozen=True)
class _JointLikelihood:
    """How well people and given sizes fit together.

    Attributes:
        likely: (r,) likelihood of each ratio if the sizes are right, marginalized over people being right, sharing a
            bias or being uninformative.
        variance: (r,) variance of log s about the given sizes, if those are right; people who agree narrow it.
        log_right: log marginal likelihood if the sizes are right.
        log_wrong: log marginal likelihood if they are wrong.
    """

    likely: Float[ndarray, "r"]
    variance: Float[ndarray, "r"]
    log_right: float
    log_wrong: float


def _joint_likelihood(
    scale: GivenScale,
    given: Sequence[ScaleMeasurement],
    people_fit: PosteriorFit,
    prior: Float[ndarray, "r"],
    sigma: float,
    common_log_sigma: float,
) -> _JointLikelihood:
    people, intrinsic_sigma = people_fit.posterior, people_fit.intrinsic_sigma
    residual = people.log_scale - scale.log_scale[:, None]
    if_biased = (people.weight * _normal(residual, GROSS_ERROR_SIGMA)).sum(1)
    not_right = PEOPLE_BIASED * if_biased + PEOPLE_UNINFORMATIVE * prior * if_biased.sum()

    def if_both_right(apart: float) -> Float[ndarray, "r d"]:
        return (1 - PEOPLE_BIASED - PEOPLE_UNINFORMATIVE) * people.weight * _normal(residual, math.hypot(sigma, apart))

    agreeing = if_both_right(common_log_sigma)
    likely = agreeing.sum(1) + not_right
    # Of two normal distributions, the product's mean and variance about what is given.
    shrinkage = common_log_sigma**2 / (sigma**2 + common_log_sigma**2)
    variance = (agreeing * (shrinkage * sigma**2 + ((1 - shrinkage) * residual) ** 2)).sum(1)
    # A single place may be off by more than people's common bias: that is no contradiction yet.
    with_local_error = if_both_right(math.hypot(common_log_sigma, intrinsic_sigma)).sum(1) + not_right
    # Each click or number is wrong independently, or all of them by one factor, such as a unit.
    each = sum(np.log(_normal(people.log_scale - one[:, None], GROSS_ERROR_SIGMA)) for one in scale.implied)
    wrong = np.logaddexp(_log_sum(people.weight, np.asarray(each)), _log_evidence(scale, given, if_biased))
    return _JointLikelihood(
        likely=likely,
        variance=(variance + not_right * sigma**2) / likely,
        log_right=_log_evidence(scale, given, with_local_error),
        log_wrong=float(wrong) - math.log(2),
    )


def mix_with_people(constrained: ConstrainedPosterior, *, common_log_sigma: float) -> ScalePosterior:
    """Return the posterior with the share of ``doubt`` given to people alone.

    ``common_log_sigma`` is the standard deviation of their common bias.
    """
    people = constrained.people_posterior
    if people is None:
        return constrained.posterior
    # Three-point Gauss-Hermite quadrature: exact for the mean and the variance.
    nodes = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
    return ScalePosterior(
        constrained.posterior.ratio,
        np.hstack([constrained.posterior.log_scale, *(people.log_scale + common_log_sigma * at for at, _ in nodes)]),
        np.hstack(
            [
                (1 - constrained.doubt) * constrained.posterior.weight,
                *(constrained.doubt * share * people.weight for _, share in nodes),
            ]
        ),
        people.space,
    )


def by_people(constrained: ConstrainedPosterior) -> Float[ndarray, "k"] | None:
    """Return the log ratio of each size by people alone (median of their posterior) to the given one; None without."""
    scale, people = constrained.given, constrained.people_posterior
    if people is None:
        return None
    sign = 1.0 if people.space == "disparity" else -1.0
    residual = sign * (scale.implied[:, :, None] - people.log_scale)
    return np.array([weighted_quantiles(one.ravel(), people.weight.ravel(), [0.5])[0] for one in residual])


def _limits(given: Sequence[ScaleMeasurement], span: PhotoRange) -> tuple[float, float]:
    """Return the lowest relative depth of the ratios' gaps, and the range of relative depth above it."""
    floor = min(min(float(measurement.relative.min()) for measurement in given), span.middle)
    highest = max(max(float(measurement.relative.max()) for measurement in given), span.high)
    reach = highest - floor
    return floor, reach if reach > 1e-9 * abs(floor) else 0.0


def _birge_ratio(given: Sequence[ScaleMeasurement], least: float) -> float:
    return math.sqrt(max(1.0, least / (len(given) - 1)))


def _argmin(misfit: Misfit, first: float, last: float) -> float:
    """Return where a misfit is least: on a grid, then on finer grids about its minimum."""
    grid = np.linspace(first, last, _SEARCHED)
    for _ in range(_ZOOMS):
        best = int(np.argmin(misfit(grid)))
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], _FEASIBLE_POINTS)
    return float(grid[int(np.argmin(misfit(grid)))])


def _crossing(level: float, misfit: Misfit, inside: float, limit: float) -> float:
    """Return where a misfit first reaches a value on the way from its minimum to a limit, or the limit."""
    if float(misfit(np.array([limit]))[0]) <= level:
        return limit
    outside = limit
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if float(misfit(np.array([middle]))[0]) <= level:
            inside = middle
        else:
            outside = middle
    return outside


def _precision(given: Sequence[ScaleMeasurement]) -> Float[ndarray, "k"]:
    return np.array([measurement.log_sigma for measurement in given]) ** -2.0


def _normal(residual: Float[ndarray, "..."], sigma: float) -> Float[ndarray, "..."]:
    """Return the normal density; beyond a factor of e^10 it is constant."""
    return np.exp(-0.5 * np.minimum(np.abs(residual), _MAX_LOG_FACTOR) ** 2 / sigma**2) / (sigma * np.sqrt(2 * np.pi))


def _log_evidence(scale: GivenScale, given: Sequence[ScaleMeasurement], likely: Float[ndarray, "r"]) -> float:
    """Return the log marginal likelihood of given sizes that are right up to a common error.

    Args:
        scale: implied by them at the ratios.
        given: the sizes.
        likely: (r,) likelihood of each ratio and of its log scale.
    """
    precision = _precision(given)
    # The product of their normal distributions is one about their mean, times this.
    log_norm = 0.5 * float(np.log(precision / (2 * np.pi)).sum() - np.log(precision.sum() / (2 * np.pi)))
    return log_norm + _log_sum(likely, -0.5 * scale.misfit)


def _log_sum(weight: Float[ndarray, "..."], log_likelihood: Float[ndarray, "..."]) -> float:
    """Return the log of a weighted sum of likelihoods."""
    with np.errstate(divide="ignore"):
        return float(np.logaddexp.reduce((np.log(weight) + log_likelihood).ravel()))
