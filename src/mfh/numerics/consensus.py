"""The consensus head: scale and shift that people agree on, read off what is believed about both (``belief``).

One person works (the prior gives the shift), people at one distance leave the shift to the prior smoothly, and no
single painting decides. The head is read off the belief: over the photo's range, the median of depth, with a lean to
the near side since too far costs more relative error (AbsRel) than too near; the affine map nearest to these, each
weighted by how precisely it is known, is the head. Where people stand it is therefore what people say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import NoLandmarkError
from mfh.numerics.belief import Candidates, ScaleBelief, any_noise, believe, weighted_median
from mfh.numerics.clues import Clue, log_scales_at
from mfh.numerics.shift_prior import PhotoRange, candidate_ratios, photo_range
from mfh.types import MetricHead, RelativeDepth

MAX_RANGE_SIGMA = 0.2
"""Largest deviation of the photo's log depth range at which people have determined the shift."""

_REACH = 1.5
_COARSE, _FINE = (32, 25), (48, 33)
_NEGLIGIBLE = 1e-6
NEARER = 0.5
"""Candidates count by depth to the power of minus this: 1 has the least expected relative error, but for few people it
follows the long tail towards the camera."""
_KNOTS, _READ_RATIOS = 9, 400


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
    coarse = Candidates(np.log(ratio + floor), floor, offset)
    rough = believe(clues, coarse, any_noise(), span, relative)
    log_gap = coarse.log_gap
    if len(log_gap) > 1:
        log_gap = _finer(log_gap, rough.belief.weight.sum(1), _FINE[0])
    fine = Candidates(log_gap, floor, _finer(offset, rough.belief.weight.sum(0), _FINE[1]))
    found = believe(clues, fine, rough.noises, span, relative)
    belief, trust = found.belief, found.trust
    precision = trust / np.array([clue.log_sigma**2 + (0.0 if clue.given else found.scatter**2) for clue in clues])
    weight = precision / precision.sum()
    range_sigma = _range_sigma(belief, span)
    head = _read_off(belief, _places(clues, weight, span))
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
    merged = np.sort(np.concatenate([even, dense]))
    return merged[np.concatenate([[True], np.diff(merged) > 1e-9 * (grid[-1] - grid[0])])]


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
    log_range = np.log((span.high + belief.ratio) / (span.low + belief.ratio))
    share = belief.weight.sum(1)
    return float(np.sqrt(share @ (log_range - share @ log_range) ** 2))
