"""Pixel masks and boxes: erosion, and intersection over union."""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray


def erode_3x3(region: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Keep the pixels whose whole 3x3 neighbourhood is in the region; outside the image counts as outside it.

    The ``erode`` of Eq. 4: a mask's rim is where a silhouette and the picture disagree, and where a relative-depth
    network blends person and background.

    Args:
        region: (h, w) pixels of the region.

    Returns:
        (h, w) the eroded region; the outermost rows and columns are never in it.
    """
    rows = np.zeros_like(region)
    rows[1:-1] = region[:-2] & region[1:-1] & region[2:]
    eroded = np.zeros_like(region)
    eroded[:, 1:-1] = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return eroded


def mask_iou(one: Bool[ndarray, "h w"], other: Bool[ndarray, "h w"]) -> float:
    """Return the intersection over union of two regions; 0 where both are empty.

    Args:
        one: (h, w) pixels of a region.
        other: (h, w) of another.
    """
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 0.0


def box_iou(box: Float[ndarray, "4"], others: Float[ndarray, "n 4"]) -> Float[ndarray, "n"]:
    """Return the intersection over union of one box with each of the others; 0 with one of no area.

    Args:
        box: (4,) left, top, right, bottom.
        others: (n, 4) of the same.
    """
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = np.clip(overlap, 0, None).prod(1)
    area = np.clip(box[2:] - box[:2], 0, None).prod()
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(1)
    return intersection / np.maximum(area + areas - intersection, 1e-12)
