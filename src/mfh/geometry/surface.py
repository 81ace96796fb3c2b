"""The surface that a depth map shows: where it is torn, its triangles and its normals.

Two neighbouring pixels lie on one surface unless that would be seen at less than three degrees, edge on: then one is in
front of the other. In a smooth map of a network such places are ramps between near and far, a few pixels wide.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.types import Camera

STEEPEST = math.tan(math.radians(87.0))
"""Change of depth over the way across, beyond which two neighbours are not joined."""
LEAST_JUMP = 0.015
"""Relative change of depth that never tears a surface: noise."""


def torn(
    first_m: Float[ndarray, "h w"], second_m: Float[ndarray, "h w"], *, apart: float, least: float = LEAST_JUMP
) -> Bool[ndarray, "h w"]:
    """Return where two pixels are not on one surface: |z - z'| > min(z, z') · max(least, steepest · apart).

    Args:
        first_m: (h, w) z of one of each two, in metres.
        second_m: (h, w) z of the other.
        apart: distance between the two in the picture, over the focal length.
        least: relative change that never tears.

    Returns:
        (h, w) True also where one of the two has no depth.
    """
    limit = np.float32(max(least, STEEPEST * apart))
    with np.errstate(invalid="ignore"):
        return ~(np.abs(first_m - second_m) <= limit * np.minimum(first_m, second_m))


def flying(depth_m: Float[ndarray, "h w"], camera: Camera) -> Bool[ndarray, "h w"]:
    """Return pixels that hang between two surfaces: depth rises steeply on to both sides of them, or falls.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none.
        camera: of this size.
    """
    found = np.zeros(depth_m.shape, bool)
    for values, inside, focal_px in ((depth_m, found, camera.fx), (depth_m.T, found.T, camera.fy)):
        if values.shape[1] < 3:
            continue
        rise = np.diff(values, axis=1)
        steep = torn(values[:, :-1], values[:, 1:], apart=1 / focal_px)
        same_way = (rise[:, :-1] > 0) == (rise[:, 1:] > 0)
        known = np.isfinite(rise[:, :-1]) & np.isfinite(rise[:, 1:])
        inside[:, 1:-1] |= steep[:, :-1] & steep[:, 1:] & same_way & known
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
    across = torn(depth_m[:, :-1], depth_m[:, 1:], apart=1 / camera.fx)
    down = torn(depth_m[:-1], depth_m[1:], apart=1 / camera.fy)
    above_left, above_right = depth_m[:-1, :-1], depth_m[:-1, 1:]
    below_left, below_right = depth_m[1:, :-1], depth_m[1:, 1:]
    slant = math.hypot(1 / camera.fx, 1 / camera.fy)
    rising = torn(below_left, above_right, apart=slant)
    falling = torn(above_left, below_right, apart=slant)
    with np.errstate(invalid="ignore"):
        # Where one of the four has no depth, the diagonal is the one that has.
        by_falling = ~(np.abs(below_left - above_right) <= np.abs(above_left - below_right)) & ~falling
    top, bottom, left, right = across[:-1], across[1:], down[:, :-1], down[:, 1:]
    number = np.arange(height * width, dtype=np.int32).reshape(height, width)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    parts = (
        ((a, c, b), ~(by_falling | left | top | rising)),
        ((b, c, d), ~(by_falling | right | bottom | rising)),
        ((a, c, d), by_falling & ~(left | bottom)),
        ((a, d, b), by_falling & ~(right | top)),
    )
    return np.concatenate([np.stack([one[whole] for one in corners], 1) for corners, whole in parts])


def normals(depth_m: Float[ndarray, "h w"], camera: Camera, *, first_row: int = 0) -> Float[ndarray, "h w 3"]:
    """Return unit normals of the surface at every pixel, in the camera frame, towards the camera.

    The normal is the cross product of the ways to the neighbours below and to the right, over both neighbours where
    neither is across an edge, else over the one that is not.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none. Rows of a larger map give those of the larger one, but for
            the first and the last.
        camera: of the whole map.
        first_row: number of the first row in the whole map.

    Returns:
        (h, w, 3) float32; NaN where there is no depth, or no neighbour on the same surface.
    """
    height, width = depth_m.shape
    z = depth_m.astype(np.float64)
    x = (np.arange(width) - camera.cx) / camera.fx * z
    y = ((np.arange(height) + first_row)[:, None] - camera.cy) / camera.fy * z
    points = np.stack([x, y, z], -1)
    right = _along(points, depth_m, apart=1 / camera.fx)
    below = _along(points.swapaxes(0, 1), depth_m.T, apart=1 / camera.fy).swapaxes(0, 1)
    normal = np.cross(below, right)
    with np.errstate(invalid="ignore"):
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        away = (normal * points).sum(-1) > 0
    normal[away] *= -1
    return normal.astype(np.float32)


def _along(points: Float[ndarray, "n m 3"], depth_m: Float[ndarray, "n m"], *, apart: float) -> Float[ndarray, "n m 3"]:
    """Return the way along the second axis at each point, over the neighbours that are on its surface; NaN for none."""
    joined = ~torn(depth_m[:, :-1], depth_m[:, 1:], apart=apart)
    step = np.where(joined[..., None], np.diff(points, axis=1), 0.0)
    way = np.zeros_like(points)
    way[:, :-1] += step
    way[:, 1:] += step
    alone = np.ones(depth_m.shape, bool)
    alone[:, :-1] &= ~joined
    alone[:, 1:] &= ~joined
    way[alone] = np.nan
    return way
