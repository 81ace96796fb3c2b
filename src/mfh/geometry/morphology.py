"""Morphology on pixel masks."""

import numpy as np
from jaxtyping import Bool
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
