"""The posterior over scale and shift given people's measurements: Bayes on a grid, beyond the paper.

The likelihood is a mixture. An inlier's log scale is normal about log s; its variance is the measurement's own plus an
intrinsic one. One that may be measured too far (part of an object is hidden) has a second component on that side. An
outlier's is normal with ``OUTLIER_SIGMA``. The intrinsic standard deviation and the outlier share are
unknown and marginalized. The ratio r = t/s has the prior of ``range_prior``; the prior on log s is flat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.measurements import ScaleMeasurement, implied_log_scales, own_variance
from mfh.scale.range_prior import PhotoRange, log_range_prior
from mfh.types import LogRange, Space

OUTLIER_SHARES = {0.05: 0.6, 0.25: 0.4}
"""Candidate outlier shares -> prior probability.

Chosen on validation scenes with noisy oracles: with a single share, the fit followed outliers too far where one in five
of two to eight people is one.
"""
OUTLIER_SIGMA = 0.8
"""Standard deviation of an outlier's log factor: false detections and bodies are 0.35 to 4 times too far."""
INTRINSIC_SIGMAS = np.exp(np.linspace(np.log(0.04), np.log(0.5), 5))
"""Candidate intrinsic standard deviations: of inliers, beyond each measurement's own error."""
INTRINSIC_SIGMA_MEDIAN, INTRINSIC_SIGMA_LOG_SIGMA = 0.07, 0.6
"""Its log-normal prior: people's heights vary by 4-7 %, and mesh models and relative depth add their own errors.

Chosen on validation scenes with noisy oracles so that intervals have their nominal coverage.
"""
_FAR_SPREAD = 0.5
"""Standard deviation of the log factor of what is measured too far, over its mean."""
_MIN_LIKELIHOOD = 1e-3
"""However wild an outlier is, it pulls no more: else groups that contradict by a factor of 30 meet halfway."""
_UNLIKELY = 1e-4
"""Posterior probability below which an error model is dropped."""
_PER_LOGARITHM = 24
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
        """Return log depth at one relative depth for every candidate; +inf where the candidate has no finite depth."""
        with np.errstate(invalid="ignore", divide="ignore"):
            log_gap = np.where(value + self.ratio > 0, np.log(np.maximum(value + self.ratio, 0)), -np.inf)
        log_metric = self.log_scale + log_gap[:, None]
        return -log_metric if self.space == "disparity" else log_metric

    def finite_share(self, value: float) -> float:
        """Return the probability that one relative depth lies at a finite depth."""
        return float(self.weight[np.isfinite(self.log_depth(value))].sum())

    def quantiles(self, value: float, levels: Sequence[float], *, nearer: float = 0.0) -> Float[ndarray, "q"]:
        """Return quantiles of log depth at one relative depth; ``nearer`` weights candidates by depth^-nearer."""
        return weighted_quantiles(self.log_depth(value).ravel(), self.weight.ravel(), levels, smaller=nearer)

    def moments(self, values: Float[ndarray, "v"]) -> tuple[Float[ndarray, "v"], Float[ndarray, "v"]]:
        """Return mean and standard deviation of log depth at several relative depths, of candidates finite there."""
        log_depth = np.stack([self.log_depth(float(value)) for value in values])
        finite = np.isfinite(log_depth)
        usable, log_depth = np.where(finite, self.weight, 0.0), np.where(finite, log_depth, 0.0)
        # NaN where no candidate is finite: the sky is at infinity for any scale.
        with np.errstate(invalid="ignore"):
            usable = usable / usable.sum((1, 2), keepdims=True)
        mean = (usable * log_depth).sum((1, 2))
        square = (usable * (log_depth - mean[:, None, None]) ** 2).sum((1, 2))
        return mean, np.sqrt(square)


@dataclass(frozen=True)
class Candidates:
    """The grid: ratios by the log of the gap r + floor, log scales as offsets from the measurements' weighted median.

    Attributes:
        log_gap: (r,) ascending.
        floor: at most the smallest relative depth that must stay at a finite depth.
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
    """Hyperparameters of the likelihood.

    Attributes:
        intrinsic_sigma: standard deviation of inliers beyond their own error.
        outlier_share: probability that a measurement is an outlier.
        log_prior: up to a constant.
    """

    intrinsic_sigma: float
    outlier_share: float
    log_prior: float


def all_error_models() -> list[ErrorModel]:
    """Return the grid of error models."""
    return [
        ErrorModel(
            intrinsic_sigma,
            outlier_share,
            float(
                np.log(likely)
                - 0.5 * (np.log(intrinsic_sigma / INTRINSIC_SIGMA_MEDIAN) / INTRINSIC_SIGMA_LOG_SIGMA) ** 2
            ),
        )
        for intrinsic_sigma, (outlier_share, likely) in product(INTRINSIC_SIGMAS.tolist(), OUTLIER_SHARES.items())
    ]


@dataclass(frozen=True)
class PosteriorFit:
    """Posterior given people's measurements.

    Attributes:
        posterior: over scale and shift.
        inlier_probability: (k,) of each measurement.
        intrinsic_sigma: rms over the posterior.
        error_models: those above a posterior probability of 1e-4.
        shares: (n,) their posterior probabilities, normalized.
    """

    posterior: ScalePosterior
    inlier_probability: Float[ndarray, "k"]
    intrinsic_sigma: float
    error_models: list[ErrorModel]
    shares: Float[ndarray, "n"]


def fit_posterior(
    measurements: Sequence[ScaleMeasurement],
    candidates: Candidates,
    error_models: Sequence[ErrorModel],
    log_prior: Float[ndarray, "r d"],
    space: Space,
    *,
    middle: Float[ndarray, "r"] | None = None,
) -> PosteriorFit:
    """Return the posterior given people's measurements, at least one, with the error models marginalized.

    Given sizes enter in ``given``. Offsets count from ``middle`` at each ratio; without it, from the weighted median of
    the log scales implied there.
    """
    variance = own_variance(measurements, candidates.ratio)
    implied = implied_log_scales(measurements, candidates.ratio, space)
    if middle is None:
        middle = weighted_median(implied, 1 / (variance[:, 0] + INTRINSIC_SIGMA_MEDIAN**2))
    residual = (implied - middle)[:, :, None] - candidates.offset
    likelihoods = _Likelihoods(measurements, residual, variance, error_models, space)
    log_weight, responsibilities = [], []
    for error_model in error_models:
        inlier_part, mixture = likelihoods.of(error_model)
        products = np.multiply.reduceat(mixture, np.arange(0, len(mixture), _PER_LOGARITHM), axis=0)
        log_weight.append(np.log(products).sum(0) + log_prior + error_model.log_prior)
        responsibilities.append(inlier_part / mixture)
    weight = np.exp(np.stack(log_weight) - np.max(log_weight))
    weight /= weight.sum()
    inlier = sum(np.tensordot(each, one, 2) for each, one in zip(responsibilities, weight, strict=True))
    share = weight.sum((1, 2))
    likely = share > _UNLIKELY
    return PosteriorFit(
        ScalePosterior(candidates.ratio, middle[:, None] + candidates.offset, weight.sum(0), space),
        np.asarray(inlier),
        float(np.sqrt(share @ [error_model.intrinsic_sigma**2 for error_model in error_models])),
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
    """Return each person's inlier probability under a posterior that other evidence shaped too.

    The error models are those of the fit to people alone; ``common_log_sigma`` is the sigma of people's common bias.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        implied = implied_log_scales(measurements, posterior.ratio, posterior.space)
    # A person without a finite depth under a candidate is an outlier there.
    residual = np.where(np.isfinite(implied), implied, np.inf)[:, :, None] - posterior.log_scale
    variance = own_variance(measurements, posterior.ratio) + common_log_sigma**2
    likelihoods = _Likelihoods(measurements, residual, variance, people_fit.error_models, posterior.space)
    inlier = np.zeros(len(measurements))
    for error_model, share in zip(people_fit.error_models, people_fit.shares, strict=True):
        inlier_part, mixture = likelihoods.of(error_model)
        inlier += share * np.tensordot(inlier_part / mixture, posterior.weight, 2)
    return inlier


class _Likelihoods:
    """Likelihoods of each measurement at each candidate.

    Args:
        measurements: (k) with their tails.
        residual: (k, r, d) log scale that each implies, less the candidate's.
        variance: (k, r) of each measurement's own error.
        error_models: those ``of`` may be called with.
        space: of the relative depth.
    """

    def __init__(
        self,
        measurements: Sequence[ScaleMeasurement],
        residual: Float[ndarray, "k r d"],
        variance: Float[ndarray, "k r"],
        error_models: Sequence[ErrorModel],
        space: Space,
    ) -> None:
        square = residual**2
        self._if_outlier = np.exp(-0.5 / OUTLIER_SIGMA**2 * square) / OUTLIER_SIGMA
        sigmas = {error_model.intrinsic_sigma for error_model in error_models}
        self._if_inlier = {sigma: _normal(square, variance + sigma**2) for sigma in sigmas}
        share = np.array([measurement.far_share for measurement in measurements])
        self._near_share, self._far = (1 - share)[:, None, None], np.flatnonzero(share)
        if len(self._far):
            log_factor = np.array([measurements[k].far_log for k in self._far.tolist()])
            # Too far means a smaller inverse depth, so a smaller scale in disparity space.
            sign = -1.0 if space == "disparity" else 1.0
            square = (residual[self._far] - sign * log_factor[:, None, None]) ** 2
            spread = variance[self._far] + np.square(log_factor * _FAR_SPREAD)[:, None]
            self._if_far = share[self._far][:, None, None] * _normal(square, spread)

    def of(self, error_model: ErrorModel) -> tuple[Float[ndarray, "k r d"], Float[ndarray, "k r d"]]:
        """Return the inlier part of the mixture likelihood, and the whole."""
        inlier = (1 - error_model.outlier_share) * self._near_share * self._if_inlier[error_model.intrinsic_sigma]
        mixture = inlier + error_model.outlier_share * self._if_outlier
        if len(self._far):
            mixture[self._far] += (1 - error_model.outlier_share) * self._if_far
        return inlier, np.maximum(mixture, _MIN_LIKELIHOOD)


def _normal(square: Float[ndarray, "k r d"], variance: Float[ndarray, "k r"]) -> Float[ndarray, "k r d"]:
    return np.exp((-0.5 / variance)[:, :, None] * square) / np.sqrt(variance)[:, :, None]


def log_prior(candidates: Candidates, span: PhotoRange, learned: LogRange | None) -> Float[ndarray, "r d"]:
    """Return the log prior of each candidate, times its quadrature weight.

    ``learned`` is the log depth range predicted for this photo; None for the prior of any photo.
    """
    prior = log_range_prior(span, candidates.ratio, learned)[:, None] + np.log(np.gradient(candidates.offset))
    if len(candidates.ratio) == 1:
        return prior
    return prior + np.log(quadrature_weights(candidates, span))[:, None]


def quadrature_weights(candidates: Candidates, span: PhotoRange) -> Float[ndarray, "r"]:
    """Return the quadrature weight of each of several ratios in log(low + r), which the prior is a density of.

    Where a ratio puts the photo's far end at infinity, its weight is in log(r + floor).
    """
    gap, low = np.exp(candidates.log_gap), span.low + candidates.ratio
    jacobian = gap / np.where(low > 0, low, gap)
    return np.gradient(candidates.log_gap) * jacobian


def weighted_quantiles(
    values: Float[ndarray, "n"], weight: Float[ndarray, "n"], levels: Sequence[float], *, smaller: float = 0.0
) -> Float[ndarray, "q"]:
    """Return quantiles of weighted logarithms, interpolated between finite ones.

    Args:
        values: (n,) logarithms; +inf (at infinity) and -inf (behind the camera) keep their weight.
        weight: (n,) not negative.
        levels: between 0 and 1.
        smaller: exponent p of an additional weight, exp(value)^-p.
    """
    order = np.argsort(values, kind="stable")
    values, weight = values[order], weight[order]
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(len(levels), values[0])
    if smaller:
        least = values[finite][0]
        tilted = weight * np.exp(-smaller * (np.maximum(values, least) - least))
        # A candidate of weight 0 may lie so much nearer that all other weights underflow.
        weight = tilted if tilted.sum() > 0 else weight
    # Half of its own weight lies before each.
    below = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    return np.interp(levels, below[finite], values[finite])


def weighted_median(values: Float[ndarray, "k r"], weight: Float[ndarray, "k"]) -> Float[ndarray, "r"]:
    """Return the weighted median of each column."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered, share = np.take_along_axis(values, order, 0), weight[order]
    below = (np.cumsum(share, 0) - 0.5 * share) / weight.sum()
    after = np.argmax(below >= 0.5, axis=0)
    return np.take_along_axis(ordered, after[None], 0)[0]
