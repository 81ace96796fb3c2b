"""What is as large as a photo, a few rows at a time: nothing of 100 megapixels is needed whole."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

STRIP_PIXELS = 1 << 20
"""About so many pixels are worked on at a time: 8 MB in double precision."""


def strips(shape: tuple[int, int]) -> Iterator[slice]:
    """Yield slices of rows that cover an image from top to bottom.

    Args:
        shape: height and width.
    """
    height, width = shape
    step = max(1, STRIP_PIXELS // max(width, 1))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def enlarged_rows(values: Float[ndarray, "a b"], shape: tuple[int, int], rows: slice) -> Float[ndarray, "r w"]:
    """Return some rows of a map enlarged bilinearly; which others are asked for with them makes no difference.

    Args:
        values: (a, b) the map.
        shape: height and width to enlarge to.
        rows: which rows of that size; start and stop are given.

    Returns:
        (r, w) float32; beyond the outer pixel centres the map goes on as it ends.
    """
    height, width = shape
    above, below, down = _neighbours(np.arange(rows.start, rows.stop), height, values.shape[0])
    left, right, across = _neighbours(np.arange(width), width, values.shape[1])
    first = int(above[0]) if len(above) else 0
    needed = values[first : int(below[-1]) + 1 if len(below) else 0].astype(np.float32, copy=False)
    wide = needed[:, left]
    wide += across * (needed[:, right] - wide)
    out = wide[above - first]
    out += down[:, None] * (wide[below - first] - out)
    return out


def to_unit_range(pixels: Shaped[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Return float32 in [0, 1] from uint8, uint16, or floats that are in that range.

    Args:
        pixels: of any of these types; float32 comes back as it is.
    """
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    scaled = pixels.astype(np.float32)
    scaled /= np.float32(np.iinfo(pixels.dtype).max)
    return scaled


def _neighbours(places: ndarray, size: int, small: int) -> tuple[ndarray, ndarray, Float[ndarray, "n"]]:
    """Return the two pixels of a smaller map that a pixel of the larger one lies between, and how far along."""
    at = np.clip((places + 0.5) * (small / size) - 0.5, 0, small - 1)
    before = np.floor(at).astype(int)
    return before, np.minimum(before + 1, small - 1), (at - before).astype(np.float32)
