"""The surface that a depth map shows: where it is torn, its triangles and its normals.

In a map of a network an edge is no step but a ramp, some pixels wide. It is told from a floor seen at a grazing angle,
which is as steep, by its end: a plane goes on in inverse depth as it is, a ramp does not. All limits are angles and
shares of the picture, so that a larger picture of the same scene is torn at the same places.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.types import Camera

_STEEP, _SHOULDER = math.tan(math.radians(80.0)), math.tan(math.radians(75.0))
"""Change of depth over the way across: at an edge, and on the ramp to both sides of it."""
_LEAST_JUMP = 0.04
"""Relative change over the window, below which nothing is an edge: noise."""
_OVER_PLANE = 1.5
"""By how much an edge is steeper than the window around it; a plane is as steep."""
_WINDOW = 0.0125
"""To each side, over the longer side of the picture."""


def edge_window(shape: tuple[int, int]) -> int:
    """Return how many pixels to each side decide whether a surface is torn.

    Args:
        shape: height and width of the whole map.
    """
    return max(1, round(_WINDOW * max(shape)))


def rows_around(shape: tuple[int, int]) -> int:
    """Return how many more rows above and below a part of a map must have for its normals to be those of the whole.

    Args:
        shape: height and width of the whole map.
    """
    return 2 * edge_window(shape) + 2


def torn(depth_m: Float[ndarray, "h w"], *, focal_px: float, window: int) -> Bool[ndarray, "h w_less_1"]:
    """Return where a pixel and the next one in its row are not on one surface.

    An edge is a pair that is steep (seen at less than ten degrees if it were a surface), part of a jump, and steeper
    than the window around it; and what is nearly as steep beside it.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none.
        focal_px: along the row.
        window: pixels to each side.

    Returns:
        (h, w - 1) True also where one of the two has no depth.
    """
    inverse = 1 / depth_m
    width = depth_m.shape[1]
    here = np.arange(width - 1)
    low, high = np.maximum(here - window, 0), np.minimum(here + 1 + window, width - 1)
    rise = np.abs(np.diff(inverse, axis=1))
    nearer = np.fmax(inverse[:, :-1], inverse[:, 1:])
    wide = np.nan_to_num(np.abs(inverse[:, high] - inverse[:, low])) / (high - low).astype(np.float32)
    after, before = np.abs(inverse[:, high] - inverse[:, :-1]), np.abs(inverse[:, 1:] - inverse[:, low])
    jump = np.fmax(rise, np.fmax(after, before))
    with np.errstate(invalid="ignore"):
        slope = rise / nearer * np.float32(focal_px)
        found = (slope > _STEEP) & (jump > _LEAST_JUMP * nearer) & (rise > _OVER_PLANE * wide)
        shoulder = slope > _SHOULDER
    for _ in range(window // 2):
        beside = np.zeros_like(found)
        beside[:, 1:] |= found[:, :-1]
        beside[:, :-1] |= found[:, 1:]
        found |= beside & shoulder
    return found | np.isnan(rise)


def flying(depth_m: Float[ndarray, "h w"], camera: Camera) -> Bool[ndarray, "h w"]:
    """Return pixels that hang between two surfaces: torn from both neighbours, of which one is nearer and one farther.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none.
        camera: of this size.
    """
    found = np.zeros(depth_m.shape, bool)
    window = edge_window(depth_m.shape)
    for values, inside, focal_px in ((depth_m, found, camera.fx), (depth_m.T, found.T, camera.fy)):
        if values.shape[1] < 3:
            continue
        cut = torn(values, focal_px=focal_px, window=window)
        rise = np.diff(values, axis=1)
        # Not where a neighbour has no depth.
        inside[:, 1:-1] |= cut[:, :-1] & cut[:, 1:] & (rise[:, :-1] * rise[:, 1:] > 0)
    return found


def grid_triangles(depth_m: Float[ndarray, "h w"], camera: Camera) -> Int[ndarray, "f 3"]:
    """Return the triangles between the pixels of a depth map, cut where the surface is torn.

    Each cell of four pixels is cut along the diagonal with the smaller change of depth. All triangles turn the same
    way: their normals, by the right-hand rule, point to the camera.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none.
        camera: of this size.

    Returns:
        (f, 3) int32 numbers of pixels, row · w + column.
    """
    height, width = depth_m.shape
    if height < 2 or width < 2:
        return np.empty((0, 3), np.int32)
    window = edge_window((height, width))
    across = torn(depth_m, focal_px=camera.fx, window=window)
    down = torn(depth_m.T, focal_px=camera.fy, window=window).T
    rising = np.abs(depth_m[1:, :-1] - depth_m[:-1, 1:])
    falling = np.abs(depth_m[:-1, :-1] - depth_m[1:, 1:])
    # Where one of the four has no depth, the diagonal is the one that has.
    by_falling = ~(rising <= falling) & ~np.isnan(falling)
    top, bottom, left, right = across[:-1], across[1:], down[:, :-1], down[:, 1:]
    number = np.arange(height * width, dtype=np.int32).reshape(height, width)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    parts = (
        ((a, c, b), ~(by_falling | left | top)),
        ((b, c, d), ~(by_falling | right | bottom)),
        ((a, c, d), by_falling & ~(left | bottom)),
        ((a, d, b), by_falling & ~(right | top)),
    )
    return np.concatenate([np.stack([one[whole] for one in corners], 1) for corners, whole in parts])


def normals(
    depth_m: Float[ndarray, "h w"], camera: Camera, *, first_row: int = 0, window: int | None = None
) -> Float[ndarray, "h w 3"]:
    """Return unit normals of the surface at every pixel, in the camera frame, towards the camera.

    The normal is the cross product of the ways across and down: over both neighbours where neither is torn off, else
    over the one that is not.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none. Rows of a larger map give those of the larger one, but for
            some at both ends (:func:`rows_around`).
        camera: of the whole map.
        first_row: number of the first row in the whole map.
        window: of the whole map; None where this is the whole one.

    Returns:
        (h, w, 3) float32; NaN where there is no depth, or no neighbour on the same surface.
    """
    height, width = depth_m.shape
    window = edge_window((height, width)) if window is None else window
    z = depth_m.astype(np.float64)
    x = (np.arange(width) - camera.cx) / camera.fx * z
    y = ((np.arange(height) + first_row)[:, None] - camera.cy) / camera.fy * z
    points = np.stack([x, y, z], -1)
    right = _along(points, torn(depth_m, focal_px=camera.fx, window=window))
    cut = torn(depth_m.T, focal_px=camera.fy, window=window)
    below = _along(points.swapaxes(0, 1), cut).swapaxes(0, 1)
    normal = np.cross(below, right)
    with np.errstate(invalid="ignore"):
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        away = (normal * points).sum(-1) > 0
    normal[away] *= -1
    return normal.astype(np.float32)


def _along(points: Float[ndarray, "n m 3"], cut: Bool[ndarray, "n m_less_1"]) -> Float[ndarray, "n m 3"]:
    """Return the way along the second axis at each point, over the neighbours it is not torn from; NaN for none."""
    step = np.where(cut[..., None], 0.0, np.diff(points, axis=1))
    way = np.zeros_like(points)
    way[:, :-1] += step
    way[:, 1:] += step
    alone = np.ones(points.shape[:2], bool)
    alone[:, :-1] &= cut
    alone[:, 1:] &= cut
    way[alone] = np.nan
    return way
