"""The prior on the shift: a photo's depth range is limited. The shape of the relative-depth map makes it tighter.

A head is s·(x + r), r = t/s. In both spaces the photo's depth range, its 95th over its 5th percentile of depth, is
(high + r) / (low + r) with high and low percentiles of relative depth. It is 2 to 6 in rooms, and 8 to 50 in streets
and yards. ``ANY_PHOTO`` is a mixture of the two. A predicted range (``LogRange``) takes most of the prior's weight.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import LogRange, Region, RelativeDepth

ANY_PHOTO = LogRange(((0.55, 1.15, 0.55), (0.45, 3.0, 0.95)))
"""Log depth range indoors and outdoors.

Of 320 renders of the held-out split (``mfh_lab.pocket.train.score``): indoors 1.16 ± 0.49, outdoors 3.05 ± 0.74; the
five photos with sensor depth are all indoors and have smaller ranges.
"""
LEARNED_WRONG = 0.1
"""Probability that a predicted depth range is wrong."""
_FAR_MARGIN = 0.02
"""Share of the range next to its far end that counts as sky: at infinity, and uninformative about the rest."""
_LEAST_LEFT = 0.05
_SAMPLES = 50_000
_MANY, _ORDER_CELLS = 1 << 20, np.arange(1 << 16)
"""From so many values on, and so many at a time, ranks are looked for in cells first."""
_GAPS = (3e-3, 30.0)
"""Candidate gaps between the farthest relative depth and infinity (disparity) or the camera (depth), over the range."""
_CELLS = 12
_LEVELS = np.linspace(0, 100, 21)
_CLIP = (-1.0, 4.0)


@dataclass(frozen=True)
class PhotoRange:
    """Percentiles of relative depth, of a photo or a region of it.

    Attributes:
        low: 5th percentile; of a photo, without the sky.
        middle: median; the same.
        high: 95th percentile; the same.
    """

    low: float
    middle: float
    high: float


def sampled(relative: RelativeDepth) -> tuple[Float[ndarray, "n"], Bool[ndarray, "n"]]:
    """Return a sample of a photo's relative depths, and which of them are sky.

    Returns:
        (n,) float64, some ten thousand values, enough for percentiles; and (n,) True within 2 % of the range from the
        far end.
    """
    values = relative.valid_values
    values = values[:: max(1, len(values) // _SAMPLES)].astype(np.float64)
    least, most = np.percentile(values, (1, 99))
    margin = _FAR_MARGIN * (most - least)
    return values, values <= least + margin if relative.space == "disparity" else values >= most - margin


def photo_range(relative: RelativeDepth) -> PhotoRange:
    """Return the 5th, 50th and 95th percentiles of a photo's relative depth, without the sky."""
    values, is_sky = sampled(relative)
    seen = values[~is_sky]
    if len(seen) < _LEAST_LEFT * len(values):
        seen = values
    low, middle, high = np.percentile(seen, (5, 50, 95))
    return PhotoRange(float(low), float(middle), float(high))


def quantiles(values: Float[ndarray, "n"], shares: Float[ndarray, "q"]) -> Float[ndarray, "q"]:
    """Return quantiles in float64, as ``numpy.quantile`` of a copy in float64 does, several times as fast.

    Args:
        values: (n,) finite, at least one.
        shares: (q,) between 0 and 1.
    """
    place = shares * (len(values) - 1)
    before = np.floor(place).astype(np.intp)
    ranks = np.stack([before, np.minimum(before + 1, len(values) - 1)])
    low, high = _ordered(values, ranks).astype(np.float64)
    part = place - before
    return np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))


def _ordered(values: Float[ndarray, "n"], ranks: Int[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Return the values of these ranks, 0 for the least."""
    least, most = values.min(), values.max()
    per_unit = _ORDER_CELLS[-1] / (most - least) if most > least else np.inf
    if len(values) < _MANY or not 0 < per_unit < np.inf:
        return np.partition(values, np.unique(ranks))[ranks]
    # A cell holds all values that it lies between; only those of a cell with a rank are sorted.
    parts = [slice(start, start + _MANY) for start in range(0, len(values), _MANY)]
    cells = [((values[part] - least) * per_unit).astype(np.uint16) for part in parts]
    counts = sum(np.bincount(cell, minlength=len(_ORDER_CELLS)) for cell in cells)
    at = np.searchsorted(np.cumsum(counts), ranks, side="right")
    wanted = np.isin(_ORDER_CELLS, at)
    left_out = np.cumsum(np.where(wanted, 0, counts))
    chosen = [values[part][wanted[cell]] for part, cell in zip(parts, cells, strict=True)]
    return np.sort(np.concatenate(chosen))[ranks - left_out[at]]


def region_range(relative: RelativeDepth, region: Region) -> PhotoRange:
    """Return the 5th, 50th and 95th percentiles of relative depth in a region of the photo.

    Raises:
        InputError: where the relative depth is valid nowhere in the region.
    """
    values = relative.values_or_nan[relative.window(region)].astype(np.float64)
    seen = values[np.isfinite(values)]
    if not len(seen):
        at = f"{region.left},{region.top} to {region.right},{region.bottom}"
        raise InputError(f"the relative depth has no value in the region {at}: expected one in which it has some")
    low, middle, high = np.percentile(seen, (5, 50, 95))
    return PhotoRange(float(low), float(middle), float(high))


def candidate_ratios(span: PhotoRange, lowest: float, count: int) -> Float[ndarray, "r"]:
    """Return ratios r = t/s that keep the photo's range and ``lowest``, a person's, at positive values.

    Returns:
        (r,) ratios, evenly spaced in the log of the gap r + min(lowest, low). One ratio for a flat map.
    """
    floor = min(lowest, span.low)
    reach = span.high - floor
    if reach <= 1e-9 * abs(floor) or reach <= 0:
        return np.array([1.0 - floor])
    return reach * np.exp(np.linspace(np.log(_GAPS[0]), np.log(_GAPS[1]), count)) - floor


def log_depth_range(span: PhotoRange, ratio: Float[ndarray, "r"]) -> Float[ndarray, "r"]:
    """Return log((high + r) / (low + r)) for each ratio; infinite where the low end lies at infinity or behind it."""
    with np.errstate(divide="ignore"):
        return np.log((span.high + ratio) / np.maximum(span.low + ratio, 0.0))


def log_range_prior(
    span: PhotoRange, ratio: Float[ndarray, "r"], learned: LogRange | None = None
) -> Float[ndarray, "r"]:
    """Return the log prior density of candidate ratios in log(low + r), up to a constant.

    A range predicted for this photo, ``learned``, is mixed with ANY_PHOTO, which keeps a weight of LEARNED_WRONG.
    """
    log_range = log_depth_range(span, ratio)
    mixture = [(1.0, ANY_PHOTO)] if learned is None else [(LEARNED_WRONG, ANY_PHOTO), (1 - LEARNED_WRONG, learned)]
    density = np.full(len(ratio), 1e-9)
    for share, part in mixture:
        for weight, mean, sigma in part.parts:
            density += share * weight / sigma * np.exp(-0.5 * ((log_range - mean) / sigma) ** 2)
    # Change of variables from the log range to the log of the gap: d range = (1 - exp(-range)) d gap.
    return np.log(density) + np.log(-np.expm1(-log_range) + 1e-12)


def shape_features(relative: RelativeDepth) -> Float[ndarray, "2 features"] | None:
    """Return an affine-invariant description of a disparity map and of its mirror image, whose depth range is the same.

    The depth range is predicted from it: a street lies bunched near the far end, a wall fills half of the range.

    Returns:
        (2, 168) float32: 12 x 12 cell means of the map with its 5th percentile at 0 and its 95th at 1 (without sky), 21
        percentiles of the same, the share of pixels at the far end, width / height - 1, and the log depth range if the
        far end were the sky (95th over 5th percentile). None for a constant map.

    Raises:
        ValueError: for a map in depth space.
    """
    if relative.space != "disparity":
        raise ValueError(f"the map is in {relative.space} space: expected disparity")
    span = photo_range(relative)
    if span.high - span.low <= 1e-9 * max(abs(span.high), abs(span.low), 1e-300):
        return None
    values, is_sky = sampled(relative)
    height, width = relative.values.shape
    cells = _cell_means(_unit(relative.values_or_nan.astype(np.float64), span))
    below_sky = log_depth_range(span, -values[is_sky].mean(keepdims=True))
    common = [np.percentile(_unit(values, span), _LEVELS), [is_sky.mean(), width / height - 1], below_sky]
    both = [np.concatenate([view.ravel(), *common]) for view in (cells, cells[:, ::-1])]
    return np.stack(both).astype(np.float32)


def _unit(values: Float[ndarray, "*s"], span: PhotoRange) -> Float[ndarray, "*s"]:
    return np.clip((values - span.low) / (span.high - span.low), *_CLIP)


def _cell_means(values: Float[ndarray, "h w"]) -> Float[ndarray, "12 12"]:
    """Return means over a grid of equal cells, without NaN; a map with fewer pixels than cells repeats them.

    A cell of NaN alone gets the mean of the other cells.
    """
    height, width = values.shape
    rows, columns = np.arange(_CELLS) * height // _CELLS, np.arange(_CELLS) * width // _CELLS

    def sums(pixels: Float[ndarray, "h w"]) -> Float[ndarray, "12 12"]:
        return np.add.reduceat(np.add.reduceat(pixels, rows, axis=0), columns, axis=1)

    seen = np.isfinite(values)
    if not seen.all():
        counts = sums(seen.astype(np.float64))
        means = sums(np.where(seen, values, 0.0)) / np.maximum(counts, 1)
        return np.where(counts > 0, means, means[counts > 0].mean())
    tall = np.maximum(np.diff(np.append(rows, height)), 1)
    wide = np.maximum(np.diff(np.append(columns, width)), 1)
    return sums(values) / tall[:, None] / wide
