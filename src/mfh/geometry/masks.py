"""Pixel masks, boxes, and maps with holes: NaN where a map has no value."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.types import RelativeDepth, Space

_LEAST_SHARE = 0.5
"""A resized value is valid where at least this share of its weight is."""


def erode_3x3(region: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Keep the pixels whose whole 3x3 neighbourhood is in the region; outside the image counts as outside it.

    The ``erode`` of Eq. 4: a mask's rim is where a silhouette and the picture disagree, and where a relative-depth
    network blends person and background.
    """
    rows = np.zeros_like(region)
    rows[1:-1] = region[:-2] & region[1:-1] & region[2:]
    eroded = np.zeros_like(region)
    eroded[:, 1:-1] = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return eroded


def mask_iou(one: Bool[ndarray, "h w"], other: Bool[ndarray, "h w"]) -> float:
    """Return the intersection over union of two regions; 0 where both are empty."""
    either = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / either) if either else 0.0


def box_iou(box: Float[ndarray, "4"], others: Float[ndarray, "n 4"]) -> Float[ndarray, "n"]:
    """Return the intersection over union of one box (left, top, right, bottom) with each of the others."""
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = np.clip(overlap, 0, None).prod(1)
    area = np.clip(box[2:] - box[:2], 0, None).prod()
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(1)
    return intersection / np.maximum(area + areas - intersection, 1e-12)


def relative_with_holes(values: Float[ndarray, "h w"], space: Space) -> RelativeDepth:
    """Return relative depth from a map with at least one finite value; NaN are holes.

    Holes hold the median of the rest. The relative depth has a mask only where there are holes.
    """
    valid_mask = np.isfinite(values)
    if valid_mask.all():
        return RelativeDepth(values, space)
    filled = np.where(valid_mask, values, np.median(values[valid_mask])).astype(np.float32)
    return RelativeDepth(filled, space, valid_mask=valid_mask)


def resize_relative(relative: RelativeDepth, size: tuple[int, int], interpolation: int) -> RelativeDepth:
    """Return relative depth at another size, interpolated between its valid values alone.

    In the sky the values are a network's: they are kept, since paintings are aligned by them too.

    Args:
        relative: of the photo.
        size: width and height.
        interpolation: OpenCV's number of a linear one.
    """
    seen = resize_with_holes(relative.values_or_nan, size, interpolation)
    smaller = replace(relative_with_holes(seen, relative.space), log_range=relative.log_range)
    if not relative.holes_are_sky or smaller.valid_mask is None:
        return smaller
    import cv2

    values = np.where(smaller.valid_mask, seen, cv2.resize(relative.values, size, interpolation=interpolation))
    return replace(smaller, values=values, holes_are_sky=True)


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
