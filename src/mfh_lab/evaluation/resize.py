"""Bilinear resizing with aligned corners: the corner pixels of both sizes are the same points."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def resize_aligned(values: Float[ndarray, "_ _"], height: int, width: int) -> Float[ndarray, "{height} {width}"]:
    """Resize a map bilinearly; pixel i of n lies at i / (n - 1), as ``align_corners=True`` has it.

    A value that is not finite reaches only the pixels it has a weight in.

    Args:
        values: (h, w) map.
        height: rows wanted.
        width: columns wanted.

    Returns:
        The map, float64.
    """
    return _stretched(_stretched(values.astype(np.float64), height).T, width).T


def _stretched(values: Float[ndarray, "n m"], size: int) -> Float[ndarray, "{size} m"]:
    position = np.linspace(0, len(values) - 1, size)
    # linspace ends a rounding error past whole numbers, which must not drag a neighbour in.
    whole = np.rint(position)
    position = np.where(np.abs(position - whole) < 1e-9, whole, position)
    below, above = np.floor(position).astype(int), np.ceil(position).astype(int)
    share = (position - below)[:, None]
    lower = values[below]
    return (
        lower + share * (values[above] - lower) if np.isfinite(values).all() else _blended(lower, values[above], share)
    )


def _blended(
    lower: Float[ndarray, "n m"], upper: Float[ndarray, "n m"], share: Float[ndarray, "n 1"]
) -> Float[ndarray, "n m"]:
    """Blend values of which some are not finite: inf - inf is no number where one of them has no weight."""
    with np.errstate(invalid="ignore"):
        return np.where(share == 0, lower, (1 - share) * lower + share * upper)
