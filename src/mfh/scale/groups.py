"""Several kinds of evidence in one posterior: each group's likelihood, widened by its common bias, and their product.

People in the photo share a bias (the mesh model's idea of stature), painted people share another (the painter's sense
of size), and the objects of one class a third (the cars of one country). A common bias moves all scale estimates of a
group alike, so it does not average out over its members: it convolves the group's likelihood in log scale with a
normal. Biases of different groups are independent, so the groups' likelihoods are multiplied. Error models are
marginalized within each group.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.measurements import PAINTED, ScaleMeasurement, implied_log_scales
from mfh.scale.posterior import (
    INTRINSIC_SIGMA_MEDIAN,
    Candidates,
    PosteriorFit,
    ScalePosterior,
    all_error_models,
    fit_posterior,
    inlier_probability_under,
    log_prior,
    weighted_median,
)
from mfh.scale.range_prior import PhotoRange, candidate_ratios
from mfh.types import LogRange, Space

_RATIOS = (24, 40)
"""Candidate ratios of the first and the second grid."""
_REACH = 3.0
"""Log scales of the first grid go so far to both sides of the middle of all measurements."""
_STEPS = (121, 161)
_NEGLIGIBLE = 1e-7
GROUP_WRONG, PAINTED_WRONG, GROSS_LOG_SIGMA = 0.03, 0.15, 1.0
"""Probability that all measurements of a group are wrong alike (of painted people the second), and the standard
deviation of the log factor then."""
_ENOUGH = 3
"""Members from which a group tells which of them is an outlier."""
_TAILS = 3.5
"""Standard deviations of a common bias that the convolution reaches."""


@dataclass(frozen=True)
class GroupedFit:
    """The joint posterior of several groups.

    Attributes:
        posterior: over scale and shift.
        inlier_probability: (k,) of each measurement, in the order given.
        weight: (k,) share of each measurement; sums to 1.
    """

    posterior: ScalePosterior
    inlier_probability: Float[ndarray, "k"]
    weight: Float[ndarray, "k"]


def group_names(measurements: Sequence[ScaleMeasurement]) -> list[str]:
    """Return the groups of measurements, each once, in order."""
    return list(dict.fromkeys(measurement.group for measurement in measurements))


def fit_groups(
    measurements: Sequence[ScaleMeasurement], span: PhotoRange, learned: LogRange | None, space: Space
) -> GroupedFit:
    """Fit the posterior of measurements of several groups, at least one.

    Args:
        measurements: of people and objects; given sizes are none of them.
        span: relative depth of the photo.
        learned: its predicted log depth range; None for any photo's.
        space: of the relative depth.
    """
    lowest = min(float(one.relative.min()) for one in measurements)
    floor = min(lowest, span.low)
    log_gap = np.log(candidate_ratios(span, lowest, _RATIOS[0]) + floor)
    offset = _first_offsets()
    for last in (False, True):
        candidates = Candidates(log_gap, floor, offset)
        posterior, groups = _on_grid(measurements, candidates, log_prior(candidates, span, learned), space)
        if not last:
            log_gap = _support(log_gap, posterior.weight.sum(1), _RATIOS[1])
            offset = _support(offset, posterior.weight.sum(0), _STEPS[1])
    inlier, share = _inlier_probabilities(measurements, groups, posterior), np.ones(len(measurements))
    for group in groups:
        share[group.members] = _precision(measurements, group, inlier)
    return GroupedFit(posterior, inlier, share / share.sum())


def groups_at(
    measurements: Sequence[ScaleMeasurement],
    log_gap: Float[ndarray, "r"],
    floor: float,
    log_density: Float[ndarray, "r"],
    space: Space,
) -> PosteriorFit:
    """Return the joint posterior at given ratios, in the form of a fit to one group.

    Args:
        measurements: of people and objects.
        log_gap: of each ratio, see :class:`~mfh.scale.posterior.Candidates`.
        floor: the same.
        log_density: (r,) log prior of each ratio, times its quadrature weight.
        space: of the relative depth.

    Returns:
        The fit; its error models are those of the group with most members.
    """
    candidates = Candidates(log_gap, floor, _first_offsets())
    posterior, groups = _on_grid(measurements, candidates, log_density[:, None], space)
    largest = max(groups, key=lambda group: len(group.members)).alone
    inlier = _inlier_probabilities(measurements, groups, posterior)
    return replace(largest, posterior=posterior, inlier_probability=inlier)


def _first_offsets() -> Float[ndarray, "d"]:
    return np.linspace(-_REACH, _REACH, _STEPS[0])


def _on_grid(
    measurements: Sequence[ScaleMeasurement], candidates: Candidates, log_prior: Float[ndarray, "r _"], space: Space
) -> tuple[ScalePosterior, list["_Group"]]:
    """Return the joint posterior on a grid with uniform offsets, and the fit of each group."""
    middle = _middle(measurements, candidates.ratio, space)
    groups = []
    for name in group_names(measurements):
        members = [k for k, one in enumerate(measurements) if one.group == name]
        groups.append(_fit_group(measurements, members, candidates, middle, space))
    log_weight = log_prior + sum(group.log_likelihood for group in groups)
    weight = np.exp(log_weight - log_weight.max())
    log_scale = middle[:, None] + candidates.offset
    return ScalePosterior(candidates.ratio, log_scale, weight / weight.sum(), space), groups


@dataclass(frozen=True)
class _Group:
    """The fit of one group.

    Attributes:
        members: numbers of its measurements.
        log_likelihood: (r, d) on the common grid, with the common bias marginalized.
        alone: the posterior of the group under a flat prior, without its common bias.
    """

    members: list[int]
    log_likelihood: Float[ndarray, "r d"]
    alone: PosteriorFit


def _middle(measurements: Sequence[ScaleMeasurement], ratio: Float[ndarray, "r"], space: Space) -> Float[ndarray, "r"]:
    """Return the weighted median of the log scales implied at each ratio, of all measurements together."""
    sigma = np.array([math.hypot(one.log_sigma, one.common_log_sigma, INTRINSIC_SIGMA_MEDIAN) for one in measurements])
    return weighted_median(implied_log_scales(measurements, ratio, space), sigma**-2.0)


def _fit_group(
    measurements: Sequence[ScaleMeasurement],
    members: list[int],
    candidates: Candidates,
    middle: Float[ndarray, "r"],
    space: Space,
) -> _Group:
    """Return a group's likelihood at log scales ``middle`` + offset of each ratio, a uniform grid."""
    own = [measurements[k] for k in members]
    offset, common = candidates.offset, own[0].common_log_sigma
    step = float(offset[1] - offset[0])
    margin = math.ceil(_TAILS * common / step)
    wide = offset[0] + step * np.arange(-margin, len(offset) + margin)
    flat = np.zeros((len(candidates.ratio), len(wide)))
    alone = fit_posterior(own, replace(candidates, offset=wide), all_error_models(), flat, space, middle=middle)
    likelihood = _widened(alone.posterior.weight, margin, common / step)
    # All members may be wrong alike: toys, another country's buses, a painter who misjudges the scene.
    gross = _widened(likelihood, len(offset) - 1, GROSS_LOG_SIGMA / step, full=True)
    wrong = PAINTED_WRONG if own[0].group == PAINTED else GROUP_WRONG
    likelihood = (1 - wrong) * likelihood + wrong * gross
    return _Group(members, np.log(np.maximum(likelihood, np.finfo(float).tiny)), alone)


def _widened(
    likelihood: Float[ndarray, "r w"], margin: int, sigma_steps: float, *, full: bool = False
) -> Float[ndarray, "r d"]:
    """Return a likelihood convolved along log scale with a normal of so many steps.

    Args:
        likelihood: on a uniform grid.
        margin: half the length of the kernel.
        sigma_steps: standard deviation.
        full: keep the size of the grid, zero beyond it; else ``margin`` points at either end are used up.
    """
    if not margin:
        return likelihood
    kernel = np.exp(-0.5 * (np.arange(-margin, margin + 1) / sigma_steps) ** 2)
    kernel /= kernel.sum()
    if full:
        likelihood = np.pad(likelihood, ((0, 0), (margin, margin)))
    return np.stack([np.convolve(row, kernel, "valid") for row in likelihood])


def _inlier_probabilities(
    measurements: Sequence[ScaleMeasurement], groups: Sequence[_Group], posterior: ScalePosterior
) -> Float[ndarray, "k"]:
    """Return inlier probabilities: within each group, and as one of its group under the joint posterior."""
    inlier = np.ones(len(measurements))
    for group in groups:
        own = [measurements[k] for k in group.members]
        joint = inlier_probability_under(own, posterior, group.alone, common_log_sigma=own[0].common_log_sigma)
        inlier[group.members] = joint if len(own) < _ENOUGH else np.minimum(joint, group.alone.inlier_probability)
    return inlier


def _precision(
    measurements: Sequence[ScaleMeasurement], group: _Group, inlier: Float[ndarray, "k"]
) -> Float[ndarray, "m"]:
    """Return the precision that each member brings: together at most that of their common bias."""
    own = [measurements[k] for k in group.members]
    variance = np.array([one.log_sigma**2 for one in own]) + group.alone.intrinsic_sigma**2
    precision = inlier[group.members] / variance
    return precision / (1 + own[0].common_log_sigma ** 2 * precision.sum())


def _support(grid: Float[ndarray, "g"], weight: Float[ndarray, "g"], count: int) -> Float[ndarray, "f"]:
    """Return a uniform grid of ``count`` points over where there is weight; a single point stays."""
    if len(grid) == 1:
        return grid
    likely = np.flatnonzero(weight > _NEGLIGIBLE * weight.max())
    return np.linspace(grid[max(likely[0] - 1, 0)], grid[min(likely[-1] + 1, len(grid) - 1)], count)
