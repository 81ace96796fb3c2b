"""What a pixel of the photo says: the ray behind it, and the relative depth there."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Camera, RelativeDepth

_HALF_PATCH = 2
_LEAST_VALID = 0.5
"""Share of the patch around a pixel in which relative depth must be valid for its median to stand for the pixel."""


def rays_of(camera: Camera, pixels: Sequence[tuple[float, float]], what: str) -> Float[ndarray, "p 3"]:
    """Return the points at unit depth behind pixels, (X/Z, Y/Z, 1).

    Args:
        camera: of the photo.
        pixels: column and row of each.
        what: what they belong to, for the message.

    Raises:
        InputError: for a pixel outside the photo.
    """
    for x, y in pixels:
        if not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
            raise InputError(f"{what}: pixel {x:g},{y:g} is outside the photo, which is {camera.width}x{camera.height}")
    at = np.array(pixels, float)
    return np.stack([(at[:, 0] - camera.cx) / camera.fx, (at[:, 1] - camera.cy) / camera.fy, np.ones(len(at))], axis=1)


def rays_between(
    camera: Camera, start_xy: tuple[float, float], end_xy: tuple[float, float], what: str
) -> Float[ndarray, "2 3"]:
    """Return the points at unit depth behind the two ends of a length.

    Raises:
        InputError: for a pixel outside the photo, or twice the same one.
    """
    if start_xy == end_xy:
        raise InputError(f"{what} starts and ends at one pixel: expected two different ones")
    return rays_of(camera, [start_xy, end_xy], what)


def relative_at(relative: RelativeDepth, xy: tuple[float, float]) -> float:
    """Return the median relative depth around a pixel: a click is not exact.

    Args:
        relative: of the photo.
        xy: column and row.

    Raises:
        InputError: where the relative depth around the pixel is mostly not valid.
    """
    x, y = relative.place(xy)
    column, row = round(x), round(y)
    rows = slice(max(row - _HALF_PATCH, 0), row + _HALF_PATCH + 1)
    columns = slice(max(column - _HALF_PATCH, 0), column + _HALF_PATCH + 1)
    if relative.valid_mask is None:
        return float(np.median(relative.values[rows, columns]))
    valid_mask = relative.valid_mask[rows, columns]
    if valid_mask.mean() < _LEAST_VALID:
        raise InputError(
            f"the relative depth has no value at pixel {xy[0]:g},{xy[1]:g}: expected a pixel where it has one"
        )
    return float(np.median(relative.values[rows, columns][valid_mask]))
