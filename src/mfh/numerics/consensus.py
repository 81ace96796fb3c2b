"""The consensus head: scale and shift that people agree on, with the belief over both beyond the paper.

Bayes on a grid. Unknown are log s, the ratio r = t/s, and how much people scatter. A clue that is right lies about
log s with its own sigma and the scatter together; one in ten is grossly wrong and may lie anywhere within a factor of
two or three. The ratio has the prior of ``shift_prior``, the log scale none. So one person works (the prior gives the
shift), people at one distance leave the shift to the prior smoothly, and no single painting decides.

The head is read off the belief: over the photo's range, the median of depth, with a lean to the near side since too far
costs more relative error (AbsRel) than too near; the affine map nearest to these, each weighted by how precisely it is
known, is the head. Where people stand it is therefore what people say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import NoLandmarkError
from mfh.numerics.clues import Clue, implied_log_scales, log_scales_at
from mfh.numerics.shift_prior import PhotoRange, candidate_ratios, log_range_prior, photo_range
from mfh.types import MetricHead, RelativeDepth, Space

GROSSLY_WRONG = 0.1
"""Prior share of clues that are no measurement of the scale at all."""
WRONG_SIGMA = 0.8
"""Deviation of the log factor such a clue is off by: false persons and wrong bodies are 0.35 to 4 times too far."""
SCATTERS = np.exp(np.linspace(np.log(0.04), np.log(0.5), 5))
"""Candidate deviations of right clues beyond what they say themselves."""
SCATTER_MEAN, SCATTER_SIGMA = 0.07, 0.6
"""Prior of that deviation, log-normal: people's heights vary by 4-7 %, mesh models and relative depth add theirs.

Chosen on validation scenes with noisy oracles so that intervals hold as often as they say.
"""
MAX_RANGE_SIGMA = 0.2
"""Largest deviation of the photo's log depth range at which people have determined the shift."""

_REACH = 1.5
_COARSE, _FINE = (32, 25), (48, 33)
_NEGLIGIBLE = 1e-6
NEARER = 0.5
"""Candidates count by depth to the power of minus this: 1 has the least expected relative error, but for few people it
follows the long tail towards the camera."""
_KNOTS, _READ_RATIOS = 9, 400
_TOGETHER = 24
"""Likelihoods multiplied before a logarithm is taken: more might underflow."""


@dataclass(frozen=True)
class ScaleBelief:
    """Belief over scale and shift: weights on a grid.

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
        """Return log depth at one relative depth for every candidate; beyond infinity counts as infinitely far.

        Args:
            value: relative depth.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            log_gap = np.where(value + self.ratio > 0, np.log(np.maximum(value + self.ratio, 0)), -np.inf)
        log_metric = self.log_scale + log_gap[:, None]
        return -log_metric if self.space == "disparity" else log_metric

    def quantiles(self, value: float, levels: Sequence[float], *, nearer: float = 0.0) -> Float[ndarray, "q"]:
        """Return quantiles of log depth at one relative depth.

        Args:
            value: relative depth.
            levels: between 0 and 1.
            nearer: candidates are weighted by depth to the power of minus this.

        Returns:
            (q,) log metres.
        """
        log_depth = self.log_depth(value).ravel()
        order = np.argsort(log_depth, kind="stable")
        log_depth, weight = log_depth[order], self.weight.ravel()[order]
        if nearer:
            weight = weight * np.exp(-nearer * (log_depth - log_depth[0]))
        # Half of its own weight lies before each candidate.
        below = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
        finite = np.isfinite(log_depth)
        return np.interp(levels, below[finite], log_depth[finite])

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
    """

    head: MetricHead
    belief: ScaleBelief
    trust: Float[ndarray, "k"]
    weight: Float[ndarray, "k"]
    deviation: Float[ndarray, "k"]
    range_sigma: float

    @property
    def effective(self) -> float:
        """Return the effective number of clues, 1 / sum(weight²)."""
        return float(1 / (self.weight @ self.weight))


def fit_consensus(clues: Sequence[Clue], relative: RelativeDepth) -> Consensus:
    """Fit scale and shift to clues.

    Args:
        clues: people's, and known sizes'; in any order.
        relative: relative depth of the photo.

    Returns:
        The head and the belief it comes from.

    Raises:
        NoLandmarkError: for no clue.
    """
    if not clues:
        raise NoLandmarkError("no person and no known size gives metres: there is nothing to fit the metric scale to")
    span = photo_range(relative)
    lowest = min(float(clue.relative.min()) for clue in clues)
    floor = min(lowest, span.low)
    ratio = candidate_ratios(span, lowest, _COARSE[0])
    # Fine about the middle, coarse far from it.
    offset = _REACH * np.sinh(np.linspace(-5, 5, _COARSE[1])) / np.sinh(5)
    coarse = _Grid(np.log(ratio + floor), floor, offset)
    belief, _, _ = _believe(clues, coarse, span, relative)
    log_gap = coarse.log_gap
    if len(log_gap) > 1:
        log_gap = _finer(log_gap, belief.weight.sum(1), _FINE[0])
    fine = _Grid(log_gap, floor, _finer(offset, belief.weight.sum(0), _FINE[1]))
    belief, trust, scatter = _believe(clues, fine, span, relative)
    precision = trust / np.array([clue.log_sigma**2 + (0.0 if clue.given else scatter**2) for clue in clues])
    weight = precision / precision.sum()
    range_sigma = _range_sigma(belief, span)
    head = _read_off(belief, _places(clues, weight, span))
    deviation = _deviation(clues, head)
    near = np.isfinite(deviation)
    rms = float(np.sqrt(weight[near] @ deviation[near] ** 2))
    head = MetricHead(head.scale, head.shift, head.space, rms, shift_determined=range_sigma <= MAX_RANGE_SIGMA)
    return Consensus(head, belief, trust, weight, deviation, range_sigma)


@dataclass(frozen=True)
class _Grid:
    """Candidates: ratios by the log of the gap r + floor, log scales by their offset from the clues' middle."""

    log_gap: Float[ndarray, "r"]
    floor: float
    offset: Float[ndarray, "d"]

    @property
    def ratio(self) -> Float[ndarray, "r"]:
        return np.exp(self.log_gap) - self.floor


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
    merged = np.sort(np.concatenate([even, dense]))
    return merged[np.concatenate([[True], np.diff(merged) > 1e-9 * (grid[-1] - grid[0])])]


def _believe(
    clues: Sequence[Clue], grid: _Grid, span: PhotoRange, relative: RelativeDepth
) -> tuple[ScaleBelief, Float[ndarray, "k"], float]:
    """Return the belief on a grid about the clues' middle, the probability that each is right, and the scatter."""
    ratio, offset = grid.ratio, grid.offset
    said = np.array([clue.log_sigma for clue in clues])
    given = np.array([clue.given for clue in clues])
    implied = implied_log_scales(clues, ratio, relative.space)
    middle = _weighted_median(implied, 1 / (said**2 + np.where(given, 0.0, SCATTER_MEAN**2)))
    square = ((implied - middle)[:, :, None] - offset) ** 2
    wrong = GROSSLY_WRONG / WRONG_SIGMA * np.exp(-0.5 / WRONG_SIGMA**2 * square)
    wrong[given] = 0.0
    share = np.where(given, 1.0, 1 - GROSSLY_WRONG)
    prior = log_range_prior(span, ratio, relative.log_range)[:, None] + np.log(np.gradient(offset))
    if len(ratio) > 1:
        # The prior is per unit of the log of low + r, and the grid is of r + floor.
        stretch = np.exp(grid.log_gap) / (span.low + ratio)
        prior = prior + np.log(np.gradient(grid.log_gap) * stretch)[:, None]
    # What is given is no vote: the floor that keeps products of many wrong people from underflowing must not soften it.
    surely = -0.5 * np.tensordot(1 / said[given] ** 2, square[given], 1)
    log_weight, rights = [], []
    for scatter in SCATTERS:
        variance = said**2 + np.where(given, 0.0, scatter**2)
        right = (share / np.sqrt(variance))[:, None, None] * np.exp((-0.5 / variance)[:, None, None] * square)
        both = np.maximum(right + wrong, 1e-12)
        both[given] = 1.0
        products = np.multiply.reduceat(both, np.arange(0, len(clues), _TOGETHER), axis=0)
        common = -0.5 * ((np.log(scatter) - np.log(SCATTER_MEAN)) / SCATTER_SIGMA) ** 2
        log_weight.append(np.log(products).sum(0) + surely + prior + common)
        rights.append(right / both)
    weight = np.exp(np.stack(log_weight) - np.max(log_weight))
    weight /= weight.sum()
    trust = sum(
        (right.reshape(len(clues), -1) @ one.reshape(-1) for right, one in zip(rights, weight, strict=True)),
        np.zeros(len(clues)),
    )
    scatter = float(np.sqrt(weight.sum((1, 2)) @ SCATTERS**2))
    belief = ScaleBelief(ratio, middle[:, None] + offset, weight.sum(0), relative.space)
    return belief, np.where(given, 1.0, trust), scatter


def _weighted_median(values: Float[ndarray, "k r"], weight: Float[ndarray, "k"]) -> Float[ndarray, "r"]:
    order = np.argsort(values, axis=0, kind="stable")
    ordered, share = np.take_along_axis(values, order, 0), weight[order]
    below = (np.cumsum(share, 0) - 0.5 * share) / weight.sum()
    after = np.argmax(below >= 0.5, axis=0)
    return np.take_along_axis(ordered, after[None], 0)[0]


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


def _places(clues: Sequence[Clue], weight: Float[ndarray, "k"], span: PhotoRange) -> Float[ndarray, "v"]:
    """Return where the head is read off: over the photo's range, where people are, and where something is known."""
    places = [*np.linspace(span.low, span.high, _KNOTS if span.high > span.low else 1)]
    people = [k for k, clue in enumerate(clues) if not clue.given]
    if people:
        at = np.array([float(np.mean(clues[k].relative)) for k in people])
        places.append(float(_weighted_median(at[:, None], weight[people])[0]))
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
    log_range = np.log((span.high + belief.ratio) / (span.low + belief.ratio))
    share = belief.weight.sum(1)
    return float(np.sqrt(share @ (log_range - share @ log_range) ** 2))
