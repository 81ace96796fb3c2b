"""Maps with holes: NaN where a map has no value, and relative depth with the mask of these."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import RelativeDepth, Space

_LEAST_SHARE = 0.5
"""A resized value is valid where at least this share of its weight is."""


def relative_with_holes(values: Float[ndarray, "h w"], space: Space) -> RelativeDepth:
    """Return relative depth from a map with holes.

    Args:
        values: (h, w) with NaN for holes; at least one value is finite.
        space: of the values.

    Returns:
        The relative depth; holes hold the median of the rest. It has a mask only where there are holes.
    """
    valid_mask = np.isfinite(values)
    if valid_mask.all():
        return RelativeDepth(values, space)
    filled = np.where(valid_mask, values, np.median(values[valid_mask])).astype(np.float32)
    return RelativeDepth(filled, space, valid_mask=valid_mask)


def resize_with_holes(
    values: Float[ndarray, "_ _"], size: tuple[int, int], interpolation: int
) -> Float[ndarray, "_ _"]:
    """Return a map at another size, interpolated between its finite values alone.

    Args:
        values: (h, w) float32, NaN for holes.
        size: width and height.
        interpolation: OpenCV's number of a linear one.

    Returns:
        (height, width) float32: weighted means of the finite values; NaN where most of the weight is in holes.
    """
    import cv2

    valid_mask = np.isfinite(values)
    if valid_mask.all():
        return cv2.resize(values, size, interpolation=interpolation)
    share = cv2.resize(valid_mask.astype(np.float32), size, interpolation=interpolation)
    sums = cv2.resize(np.where(valid_mask, values, np.float32(0)), size, interpolation=interpolation)
    # Where there is nowhere that much, what there is most of: a map is not lost for being speckled.
    seen = (share > 0) & (share >= min(_LEAST_SHARE, float(share.max())))
    return np.where(seen, sums / np.where(seen, share, np.float32(1)), np.float32(np.nan))
