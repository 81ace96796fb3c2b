"""The posterior over scale and shift that people's measurements give: Bayes on a grid, beyond the paper.

Unknown are log s, the ratio r = t/s, how much people scatter, and how many of them are grossly wrong. A measurement
that is right lies about log s with its own sigma and the scatter together; one that is wrong may lie anywhere within a
factor of two or three. The ratio has the prior of ``range_prior``, the log scale none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.measurements import ScaleMeasurement, implied_log_scales
from mfh.scale.range_prior import PhotoRange, log_range_prior
from mfh.types import LogRange, Space

OUTLIER_SHARES = {0.05: 0.6, 0.25: 0.4}
"""Candidate shares of measurements that are no measurement of the scale at all, and how likely each is beforehand.

Chosen on validation scenes with noisy oracles: with one share for all scenes, two to eight people of whom one in five
is wrong were followed too far.
"""
OUTLIER_SIGMA = 0.8
"""Standard deviation of the log factor of such a measurement: false persons and bodies are 0.35 to 4 times too far."""
SCATTERS = np.exp(np.linspace(np.log(0.04), np.log(0.5), 5))
"""Candidate deviations of right measurements beyond what they say themselves."""
SCATTER_MEAN, SCATTER_SIGMA = 0.07, 0.6
"""Prior of that deviation, log-normal: people's heights vary by 4-7 %, mesh models and relative depth add theirs.

Chosen on validation scenes with noisy oracles so that intervals hold as often as they say.
"""
_IMPOSSIBLE = 1e-12
_UNLIKELY = 1e-4
"""Share of the posterior below which an error model is not looked at again."""
_TOGETHER = 24
"""Likelihoods multiplied before a logarithm is taken: more might underflow."""


@dataclass(frozen=True)
class ScalePosterior:
    """Posterior over scale and shift: weights on a grid.

    Attributes:
        ratio: (r,) t/s.
        log_scale: (r, d) log s.
        weight: (r, d), sums to 1.
        space: of the relative depth.
    """

    ratio: Float[ndarray, "r"]
    log_scale: Float[ndarray, "r d"]
    weight: Float[ndarray, "r d"]
    space: Space

    def log_depth(self, value: float) -> Float[ndarray, "r d"]:
        """Return log depth at one relative depth for every candidate; beyond infinity counts as infinitely far."""
        with np.errstate(invalid="ignore", divide="ignore"):
            log_gap = np.where(value + self.ratio > 0, np.log(np.maximum(value + self.ratio, 0)), -np.inf)
        log_metric = self.log_scale + log_gap[:, None]
        return -log_metric if self.space == "disparity" else log_metric

    def finite_share(self, value: float) -> float:
        """Return the probability that one relative depth lies at a finite depth."""
        return float(self.weight[np.isfinite(self.log_depth(value))].sum())

    def quantiles(self, value: float, levels: Sequence[float], *, nearer: float = 0.0) -> Float[ndarray, "q"]:
        """Return quantiles of log depth at one relative depth.

        Args:
            value: relative depth.
            levels: between 0 and 1.
            nearer: candidates are weighted by depth to the power of minus this.
        """
        return weighted_quantiles(self.log_depth(value).ravel(), self.weight.ravel(), levels, smaller=nearer)

    def moments(self, values: Float[ndarray, "v"]) -> tuple[Float[ndarray, "v"], Float[ndarray, "v"]]:
        """Return mean and deviation of log depth at several relative depths.

        Args:
            values: (v,) relative depths; candidates that put one at infinity do not count there.
        """
        log_depth = np.stack([self.log_depth(float(value)) for value in values])
        finite = np.isfinite(log_depth)
        usable, log_depth = np.where(finite, self.weight, 0.0), np.where(finite, log_depth, 0.0)
        # NaN where no candidate is finite: the sky is as far as can be, whatever the scale.
        with np.errstate(invalid="ignore"):
            usable = usable / usable.sum((1, 2), keepdims=True)
        mean = (usable * log_depth).sum((1, 2))
        square = (usable * (log_depth - mean[:, None, None]) ** 2).sum((1, 2))
        return mean, np.sqrt(square)


@dataclass(frozen=True)
class Candidates:
    """Ratios by the log of the gap r + floor, and log scales by their offset from the measurements' middle.

    Attributes:
        log_gap: (r,) ascending.
        floor: what keeps every relative depth that counts at a positive gap.
        offset: (d,) ascending.
    """

    log_gap: Float[ndarray, "r"]
    floor: float
    offset: Float[ndarray, "d"]

    @property
    def ratio(self) -> Float[ndarray, "r"]:
        """Return (r,) t/s."""
        return np.exp(self.log_gap) - self.floor


@dataclass(frozen=True)
class ErrorModel:
    """One way people may be off.

    Attributes:
        scatter: deviation of right measurements beyond what they say themselves.
        wrong: share of measurements that are grossly wrong.
        log_prior: up to a constant.
    """

    scatter: float
    wrong: float
    log_prior: float


def all_error_models() -> list[ErrorModel]:
    """Return every error model that is considered."""
    return [
        ErrorModel(scatter, wrong, float(np.log(likely) - 0.5 * (np.log(scatter / SCATTER_MEAN) / SCATTER_SIGMA) ** 2))
        for scatter, (wrong, likely) in product(SCATTERS.tolist(), OUTLIER_SHARES.items())
    ]


@dataclass(frozen=True)
class PosteriorFit:
    """Posterior given people's measurements.

    Attributes:
        posterior: over scale and shift.
        inlier_probability: (k,) probability that each measurement is right.
        scatter: rms over the posterior.
        error_models: those that are likely enough to matter.
        shares: (n,) probability of each of them.
    """

    posterior: ScalePosterior
    inlier_probability: Float[ndarray, "k"]
    scatter: float
    error_models: list[ErrorModel]
    shares: Float[ndarray, "n"]


def fit_posterior(
    measurements: Sequence[ScaleMeasurement],
    candidates: Candidates,
    error_models: Sequence[ErrorModel],
    log_prior: Float[ndarray, "r d"],
    space: Space,
) -> PosteriorFit:
    """Return what people's measurements leave to believe.

    Args:
        measurements: at least one; what the user knows is no vote, and comes to the posterior in ``given``.
        candidates: ratios and log scales, the latter about the measurements' weighted median at each ratio.
        error_models: to consider.
        log_prior: of each candidate.
        space: of the relative depth.
    """
    own_log_sigma = np.array([measurement.log_sigma for measurement in measurements])
    implied = implied_log_scales(measurements, candidates.ratio, space)
    middle = weighted_median(implied, 1 / (own_log_sigma**2 + SCATTER_MEAN**2))
    square = ((implied - middle)[:, :, None] - candidates.offset) ** 2
    likelihoods = _Likelihoods(square, own_log_sigma**2, error_models)
    log_weight, rights = [], []
    for error_model in error_models:
        right, both = likelihoods.of(error_model)
        products = np.multiply.reduceat(both, np.arange(0, len(both), _TOGETHER), axis=0)
        log_weight.append(np.log(products).sum(0) + log_prior + error_model.log_prior)
        rights.append(right / both)
    weight = np.exp(np.stack(log_weight) - np.max(log_weight))
    weight /= weight.sum()
    inlier = sum(np.tensordot(right, one, 2) for right, one in zip(rights, weight, strict=True))
    share = weight.sum((1, 2))
    likely = share > _UNLIKELY
    return PosteriorFit(
        ScalePosterior(candidates.ratio, middle[:, None] + candidates.offset, weight.sum(0), space),
        np.asarray(inlier),
        float(np.sqrt(share @ [error_model.scatter**2 for error_model in error_models])),
        [error_model for error_model, one in zip(error_models, likely, strict=True) if one],
        share[likely] / share[likely].sum(),
    )


def inlier_probability_under(
    measurements: Sequence[ScaleMeasurement],
    posterior: ScalePosterior,
    people_fit: PosteriorFit,
    *,
    common_log_sigma: float,
) -> Float[ndarray, "k"]:
    """Return the probability that each of people's measurements is right under a posterior that is not theirs alone.

    Args:
        measurements: people's.
        posterior: over scale and shift.
        people_fit: what people alone leave to believe: how they scatter, and how many are wrong.
        common_log_sigma: by how much all of them may be off alike.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        implied = implied_log_scales(measurements, posterior.ratio, posterior.space)
    # Whoever would stand at infinity, or behind it, is no measurement at all there.
    off = np.where(np.isfinite(implied), implied, np.inf)[:, :, None] - posterior.log_scale
    variance = np.array([measurement.log_sigma for measurement in measurements]) ** 2 + common_log_sigma**2
    likelihoods = _Likelihoods(off**2, variance, people_fit.error_models)
    inlier = np.zeros(len(measurements))
    for error_model, share in zip(people_fit.error_models, people_fit.shares, strict=True):
        right, both = likelihoods.of(error_model)
        inlier += share * np.tensordot(right / both, posterior.weight, 2)
    return inlier


class _Likelihoods:
    """Of each measurement at each candidate: if it is right, and whether or not it is.

    Args:
        square: (k, r, d) squared log factor by which each measurement is off.
        variance: (k,) of its own error.
        error_models: that will be asked for.
    """

    def __init__(
        self, square: Float[ndarray, "k r d"], variance: Float[ndarray, "k"], error_models: Sequence[ErrorModel]
    ) -> None:
        self._if_wrong = np.exp(-0.5 / OUTLIER_SIGMA**2 * square) / OUTLIER_SIGMA
        self._if_right = {
            scatter: _normal(square, variance + scatter**2)
            for scatter in {error_model.scatter for error_model in error_models}
        }

    def of(self, error_model: ErrorModel) -> tuple[Float[ndarray, "k r d"], Float[ndarray, "k r d"]]:
        """Return the likelihood that a measurement is right and says this, and that it says this."""
        right = (1 - error_model.wrong) * self._if_right[error_model.scatter]
        return right, np.maximum(right + error_model.wrong * self._if_wrong, _IMPOSSIBLE)


def _normal(square: Float[ndarray, "k r d"], variance: Float[ndarray, "k"]) -> Float[ndarray, "k r d"]:
    return np.exp((-0.5 / variance)[:, None, None] * square) / np.sqrt(variance)[:, None, None]


def log_prior(candidates: Candidates, span: PhotoRange, learned: LogRange | None) -> Float[ndarray, "r d"]:
    """Return the log prior of each candidate, with how much of the plane it stands for.

    Args:
        candidates: ratios and log scales.
        span: range of the photo's relative depth.
        learned: what is believed of this photo's depth range; None where nothing is.
    """
    prior = log_range_prior(span, candidates.ratio, learned)[:, None] + np.log(np.gradient(candidates.offset))
    if len(candidates.ratio) == 1:
        return prior
    return prior + np.log(ratio_volumes(candidates, span))[:, None]


def ratio_volumes(candidates: Candidates, span: PhotoRange) -> Float[ndarray, "r"]:
    """Return how much each ratio stands for, in the log of low + r: the prior is per unit of that.

    Args:
        candidates: at least two ratios; for those that put the photo's far end at infinity it is of r + floor.
        span: range of the photo's relative depth.
    """
    gap, low = np.exp(candidates.log_gap), span.low + candidates.ratio
    stretch = gap / np.where(low > 0, low, gap)
    return np.gradient(candidates.log_gap) * stretch


def weighted_quantiles(
    values: Float[ndarray, "n"], weight: Float[ndarray, "n"], levels: Sequence[float], *, smaller: float = 0.0
) -> Float[ndarray, "q"]:
    """Return quantiles of weighted logarithms; of the finite ones, whose share counts among all.

    Args:
        values: (n,) logarithms; those at infinity are the largest, those behind the camera (minus infinity) smallest.
        weight: (n,) not negative.
        levels: between 0 and 1.
        smaller: each is weighted besides by its exponential to the power of minus this.
    """
    order = np.argsort(values, kind="stable")
    values, weight = values[order], weight[order]
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(len(levels), values[0])
    if smaller:
        least = values[finite][0]
        leaning = weight * np.exp(-smaller * (np.maximum(values, least) - least))
        # Candidates that nobody believes may lie so much nearer that nothing else would count.
        weight = leaning if leaning.sum() > 0 else weight
    # Half of its own weight lies before each.
    below = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    return np.interp(levels, below[finite], values[finite])


def weighted_median(values: Float[ndarray, "k r"], weight: Float[ndarray, "k"]) -> Float[ndarray, "r"]:
    """Return the first of the ordered values at which half of the weight is reached, for each column.

    Args:
        values: (k, r).
        weight: (k,) positive.
    """
    order = np.argsort(values, axis=0, kind="stable")
    ordered, share = np.take_along_axis(values, order, 0), weight[order]
    below = (np.cumsum(share, 0) - 0.5 * share) / weight.sum()
    after = np.argmax(below >= 0.5, axis=0)
    return np.take_along_axis(ordered, after[None], 0)[0]
