"""What a relative-depth map looks like, whatever its scale and shift: the numbers that its depth range is told from.

A street lies bunched near the far end with a sky behind it; a wall fills half of the range. The same picture in another
affine map has the same numbers.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.scale.range_prior import PhotoRange, log_depth_range, photo_range, sampled
from mfh.types import RelativeDepth

_CELLS = 12
_LEVELS = np.linspace(0, 100, 21)
_CLIP = (-1.0, 4.0)
FEATURES = _CELLS * _CELLS + len(_LEVELS) + 3


def shape_features(relative: RelativeDepth) -> Float[ndarray, "2 features"] | None:
    """Return an affine-invariant description of a disparity map and of its mirror image, which reaches just as far.

    Args:
        relative: of a photo, in disparity.

    Returns:
        (2, 168) float32: 12 x 12 cell means of the map with its 5th percentile at 0 and its 95th at 1 (without sky), 21
        percentiles of the same, the share of pixels at the far end, width / height - 1, and how far the depth would
        reach if the far end were the sky (log of 95th over 5th percentile). None for a constant map.

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
    """Return means over a grid of equal cells; a map with fewer pixels than cells repeats them.

    NaN does not count; a cell of nothing else gets the mean of the others.
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
