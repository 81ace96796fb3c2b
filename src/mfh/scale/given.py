"""Given sizes in the posterior: they fix the scale, people settle what is left open, and a contradiction is weighed.

A size the user gave is no vote. Where it was measured, depth is the given one with its own error, whatever people say;
what people say of scale and shift tells only which of the heads that meet what is given is likely (in the language of
modular Bayes the feedback is cut). People may be wrong all alike, or of no use at all; and the user may have clicked at
another place or typed another unit. How likely that is, people and what is given tell together: their contradiction
leaves a share of the posterior with people alone, so that intervals reach to what they say.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.scale.measurements import ScaleMeasurement, implied_log_scales
from mfh.scale.posterior import ScalePosterior, weighted_quantiles
from mfh.scale.range_prior import PhotoRange
from mfh.types import Space

GIVEN_WRONG = 0.05
"""Probability, before people are looked at, that the user clicked or typed something else."""
PEOPLE_ALIKE, PEOPLE_USELESS = 0.08, 0.02
"""The same that people are wrong all alike by any factor, or tell nothing of the scene at all."""
MOST_DOUBT = GIVEN_WRONG / (GIVEN_WRONG + PEOPLE_ALIKE + PEOPLE_USELESS)
"""Share of the posterior that goes to people, at most, where they contradict what is given: one third."""
NOTABLE_DOUBT = 0.1
"""Doubt from which a contradiction is said: from there on the 80 % interval reaches to what people say."""
WIDELY_WRONG = 1.5
"""Deviation of the log factor of either: a factor of 4.5."""
_AS_FAR_AS_CAN_BE, _AS_LOW_AS_CAN_BE = 10.0, 700.0
_GAPS = (1e-6, 1e4)
"""Gaps between infinity and what is nearest to it that given sizes may call for, over the photo's range."""
_SEARCHED, _VALLEY, _OFFSETS = 2000, 61, 17
_REACH = 4.0
_ZOOMS, _HALVINGS = 4, 60

Misfit = Callable[[Float[ndarray, "g"]], Float[ndarray, "g"]]


@dataclass(frozen=True)
class GivenScale:
    """What given sizes say of the scale at each ratio r = t/s.

    Attributes:
        ratio: (r,) t/s.
        space: of the relative depth.
        log_scale: (r,) log s that meets them best.
        misfit: (r,) what is left: sum of squares over their own errors.
        implied: (k, r) log s that each of them implies.
    """

    ratio: Float[ndarray, "r"]
    space: Space
    log_scale: Float[ndarray, "r"]
    misfit: Float[ndarray, "r"]
    implied: Float[ndarray, "k r"]


def given_scale(given: Sequence[ScaleMeasurement], ratio: Float[ndarray, "r"], space: Space) -> GivenScale:
    """Return what given sizes say at some ratios.

    Args:
        given: at least one.
        ratio: (r,) x + r must be positive wherever one was measured.
        space: of the relative depth.
    """
    implied = implied_log_scales(given, ratio, space)
    precision = _precision(given)
    log_scale = precision @ implied / precision.sum()
    return GivenScale(ratio, space, log_scale, precision @ (implied - log_scale) ** 2, implied)


@dataclass(frozen=True)
class Valley:
    """Where given sizes are met: the ratios that two or more of them leave possible.

    Attributes:
        ratio: (v,) ascending; empty where all are possible: of one size alone, and in a flat photo.
        best: the one that meets them best; None where all do.
        least: misfit there.
        stretch: what their errors must be multiplied with to make them agree with each other: 1 where they do.
    """

    ratio: Float[ndarray, "v"]
    best: float | None = None
    least: float = 0.0
    stretch: float = 1.0

    def met(self, misfit: Float[ndarray, "r"]) -> Bool[ndarray, "r"]:
        """Return where given sizes are met within their own error; at the best of these ratios at least."""
        return misfit <= max(self.least, float(misfit.min())) + self.stretch**2


def find_valley(given: Sequence[ScaleMeasurement], span: PhotoRange, space: Space) -> Valley:
    """Return the ratios at which several given sizes are met; half of the photo at least stays at a finite depth.

    Args:
        given: at least one.
        span: range of the photo's relative depth.
        space: of the relative depth.
    """
    floor, reach = _limits(given, span)
    if len(given) < 2:
        return Valley(np.zeros(0))
    if reach <= 0:
        # Flat: they agree or not, whatever the ratio.
        least = float(given_scale(given, np.array([1 - floor]), space).misfit[0])
        return Valley(np.zeros(0), least=least, stretch=_stretch(given, least))

    def misfit(log_gap: Float[ndarray, "g"]) -> Float[ndarray, "g"]:
        return given_scale(given, np.exp(log_gap) - floor, space).misfit

    first, last = (float(np.log(reach * gap)) for gap in _GAPS)
    middle = _lowest(misfit, first, last)
    least = float(misfit(np.array([middle]))[0])
    stretch = _stretch(given, least)
    enough = least + (_REACH * stretch) ** 2
    ends = [_where_it_rises_to(enough, misfit, middle, limit) for limit in (first, last)]
    log_gap = np.union1d(np.linspace(ends[0], ends[1], _VALLEY), [middle])
    return Valley(np.exp(log_gap) - floor, float(np.exp(middle) - floor), least, stretch)


def lowest_floor(given: Sequence[ScaleMeasurement], span: PhotoRange) -> float:
    """Return what every ratio that given sizes may call for keeps at a positive gap.

    Args:
        given: at least one.
        span: range of the photo's relative depth.
    """
    return _limits(given, span)[0]


@dataclass(frozen=True)
class Bound:
    """The posterior once given sizes bind it.

    Attributes:
        posterior: of the heads that meet what is given.
        doubt: probability that it is what was given that is wrong.
    """

    posterior: ScalePosterior
    doubt: float


def bind(
    scale: GivenScale,
    valley: Valley,
    given: Sequence[ScaleMeasurement],
    density: Float[ndarray, "r"],
    volume: Float[ndarray, "r"],
    people: ScalePosterior | None,
    *,
    common_log_sigma: float,
    scatter: float,
) -> Bound:
    """Return the posterior in the heads that meet what is given, and how far that is to be doubted.

    Args:
        scale: what given sizes say at the ratios.
        valley: where they are met.
        given: the sizes.
        density: (r,) prior of each ratio, per unit of volume.
        volume: (r,) how much each stands for.
        people: what people alone leave to believe, at the same ratios; None where there is nobody.
        common_log_sigma: by how much all people may be off alike, against what is given.
        scatter: deviation of each person from the best head: a place where something is given may be off as much.
    """
    prior = density * volume / (density @ volume)
    sigma = valley.stretch / math.sqrt(float(_precision(given).sum()))
    judged = None if people is None else _people_on_given(scale, given, people, prior, sigma, common_log_sigma, scatter)
    likely = prior if judged is None else judged.likely
    # Where what is given is not met, people and the prior count no more than the best they say where it is.
    per_volume = likely / volume
    likely = np.minimum(per_volume, per_volume[valley.met(scale.misfit)].max()) * volume
    fit = likely * np.exp(-0.5 * (scale.misfit - valley.least) / valley.stretch**2)
    spread = sigma if judged is None else math.sqrt(float(fit @ judged.off_square) / float(fit.sum()))
    offset = spread * np.linspace(-_REACH, _REACH, _OFFSETS)
    weight = fit[:, None] * _normal(offset, spread)
    posterior = ScalePosterior(scale.ratio, scale.log_scale[:, None] + offset, weight / weight.sum(), scale.space)
    if judged is None:
        return Bound(posterior, 0.0)
    against = math.log(GIVEN_WRONG / (1 - GIVEN_WRONG)) + judged.log_wrong - judged.log_right
    return Bound(posterior, min(MOST_DOUBT, 1 / (1 + math.exp(min(-against, _AS_LOW_AS_CAN_BE)))))


@dataclass(frozen=True)
class _PeopleOnGiven:
    """What people say of what is given.

    Attributes:
        likely: (r,) how likely each ratio is, what is given being right: together with people, with people wrong all
            alike, or with people of no use.
        off_square: (r,) squared log factor by which what is given may be off, right as it is: people who are right too
            make it less, where they say the same.
        log_right: log likelihood of what is given where it is right.
        log_wrong: where it is wrong.
    """

    likely: Float[ndarray, "r"]
    off_square: Float[ndarray, "r"]
    log_right: float
    log_wrong: float


def _people_on_given(
    scale: GivenScale,
    given: Sequence[ScaleMeasurement],
    people: ScalePosterior,
    prior: Float[ndarray, "r"],
    sigma: float,
    common_log_sigma: float,
    scatter: float,
) -> _PeopleOnGiven:
    off = people.log_scale - scale.log_scale[:, None]
    alike = (people.weight * _normal(off, WIDELY_WRONG)).sum(1)
    otherwise = PEOPLE_ALIKE * alike + PEOPLE_USELESS * prior * alike.sum()

    def both_right(apart: float) -> Float[ndarray, "r d"]:
        return (1 - PEOPLE_ALIKE - PEOPLE_USELESS) * people.weight * _normal(off, math.hypot(sigma, apart))

    agreeing = both_right(common_log_sigma)
    likely = agreeing.sum(1) + otherwise
    # Of two normal distributions, the product's mean and variance about what is given.
    kept = common_log_sigma**2 / (sigma**2 + common_log_sigma**2)
    together = (agreeing * (kept * sigma**2 + ((1 - kept) * off) ** 2)).sum(1)
    # One place is off by more than what all people share: that is no contradiction yet.
    loosely = both_right(math.hypot(common_log_sigma, scatter)).sum(1) + otherwise
    # Each place or number is wrong by itself, or all of them alike: a unit.
    each = sum(np.log(_normal(people.log_scale - one[:, None], WIDELY_WRONG)) for one in scale.implied)
    wrong = np.logaddexp(_log_sum(people.weight, np.asarray(each)), _log_evidence(scale, given, alike))
    return _PeopleOnGiven(
        likely=likely,
        off_square=(together + otherwise * sigma**2) / likely,
        log_right=_log_evidence(scale, given, loosely),
        log_wrong=float(wrong) - math.log(2),
    )


def doubted(bound: Bound, people: ScalePosterior | None, *, common_log_sigma: float) -> ScalePosterior:
    """Return the posterior with the share that a contradiction leaves with people alone.

    Args:
        bound: posterior and doubt.
        people: what people alone leave to believe, at the same ratios; None where there is nobody.
        common_log_sigma: by how much they may be off alike.
    """
    if people is None:
        return bound.posterior
    # Three-point Gauss-Hermite quadrature: exact for the mean and the deviation.
    nodes = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
    return ScalePosterior(
        bound.posterior.ratio,
        np.hstack([bound.posterior.log_scale, *(people.log_scale + common_log_sigma * at for at, _ in nodes)]),
        np.hstack(
            [(1 - bound.doubt) * bound.posterior.weight, *(bound.doubt * share * people.weight for _, share in nodes)]
        ),
        people.space,
    )


def by_people(scale: GivenScale, people: ScalePosterior) -> Float[ndarray, "k"]:
    """Return the log of how many times larger than given each size is by people alone (median of what they leave).

    Args:
        scale: what given sizes say, at the ratios of the posterior.
        people: what people alone leave to believe.
    """
    sign = 1.0 if people.space == "disparity" else -1.0
    off = sign * (scale.implied[:, :, None] - people.log_scale)
    return np.array([weighted_quantiles(one.ravel(), people.weight.ravel(), [0.5])[0] for one in off])


def _limits(given: Sequence[ScaleMeasurement], span: PhotoRange) -> tuple[float, float]:
    """Return the floor of the ratios that given sizes may call for, and the range they are measured by."""
    floor = min(min(float(measurement.relative.min()) for measurement in given), span.middle)
    highest = max(max(float(measurement.relative.max()) for measurement in given), span.high)
    reach = highest - floor
    return floor, reach if reach > 1e-9 * abs(floor) else 0.0


def _stretch(given: Sequence[ScaleMeasurement], least: float) -> float:
    return math.sqrt(max(1.0, least / (len(given) - 1)))


def _lowest(misfit: Misfit, first: float, last: float) -> float:
    """Return where a misfit is least: on a grid, then on finer ones about the best of it."""
    grid = np.linspace(first, last, _SEARCHED)
    for _ in range(_ZOOMS):
        best = int(np.argmin(misfit(grid)))
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], _VALLEY)
    return float(grid[int(np.argmin(misfit(grid)))])


def _where_it_rises_to(enough: float, misfit: Misfit, inside: float, limit: float) -> float:
    """Return where a misfit first is as large as this on the way from its minimum to a limit, or the limit."""
    if float(misfit(np.array([limit]))[0]) <= enough:
        return limit
    outside = limit
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if float(misfit(np.array([middle]))[0]) <= enough:
            inside = middle
        else:
            outside = middle
    return outside


def _precision(given: Sequence[ScaleMeasurement]) -> Float[ndarray, "k"]:
    return np.array([measurement.log_sigma for measurement in given]) ** -2.0


def _normal(off: Float[ndarray, "..."], sigma: float) -> Float[ndarray, "..."]:
    """Return the normal density; beyond a factor of e^10 everything is as unlikely."""
    return np.exp(-0.5 * np.minimum(np.abs(off), _AS_FAR_AS_CAN_BE) ** 2 / sigma**2) / (sigma * np.sqrt(2 * np.pi))


def _log_evidence(scale: GivenScale, given: Sequence[ScaleMeasurement], likely: Float[ndarray, "r"]) -> float:
    """Return the log likelihood of what is given, right but for an error that all of it shares.

    Args:
        scale: what it says at the ratios.
        given: the sizes.
        likely: (r,) how likely each ratio is, and its log scale there.
    """
    precision = _precision(given)
    # The product of their normal distributions is one about their mean, times this.
    log_norm = 0.5 * float(np.log(precision / (2 * np.pi)).sum() - np.log(precision.sum() / (2 * np.pi)))
    return log_norm + _log_sum(likely, -0.5 * scale.misfit)


def _log_sum(weight: Float[ndarray, "..."], log_likelihood: Float[ndarray, "..."]) -> float:
    """Return the log of a weighted sum of likelihoods."""
    with np.errstate(divide="ignore"):
        return float(np.logaddexp.reduce((np.log(weight) + log_likelihood).ravel()))
