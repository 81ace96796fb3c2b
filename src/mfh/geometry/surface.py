"""The surface that a depth map shows: where it is torn, its triangles and its normals.

In a map of a network an edge is no step but a ramp, some pixels wide. It differs from a floor seen at a grazing angle,
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
_WINDOW = 0.02
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
    than the window around it; and what is nearly as steep within half a window of it.

    Args:
        depth_m: (h, w) z in metres; NaN where there is none.
        focal_px: along the row.
        window: pixels to each side.

    Returns:
        (h, w - 1) True also where one of the two has no depth.
    """
    import cv2

    width = depth_m.shape[1]
    # By rows in memory, also where columns are given as rows; beyond the border it goes on as it ends.
    inverse = np.pad(1 / depth_m, ((0, 0), (window, window)), mode="edge")
    low, high = inverse[:, : width - 1], inverse[:, 2 * window + 1 :]
    this, following = inverse[:, window : window + width - 1], inverse[:, window + 1 : window + width]
    here = np.arange(width - 1)
    ahead, behind = np.minimum(window + 1, width - 1 - here), np.minimum(window + 1, here + 1)
    rise = np.abs(following - this)
    nearer = np.fmax(this, following)
    after, before = np.abs(high - this), np.abs(following - low)
    wide = np.abs(high - low) / (ahead + behind - 1).astype(np.float32)
    # Beside what has no depth, the other half of the window.
    half = np.fmax(after / ahead.astype(np.float32), before / behind.astype(np.float32))
    wide = np.nan_to_num(np.where(np.isnan(wide), half, wide))
    jump = np.fmax(rise, np.fmax(after, before))
    with np.errstate(invalid="ignore"):
        slope = rise / nearer * np.float32(focal_px)
        found = (slope > _STEEP) & (jump > _LEAST_JUMP * nearer) & (rise > _OVER_PLANE * wide)
        shoulder = slope > _SHOULDER
    near_edge = cv2.dilate(found.view(np.uint8), np.ones((1, 1 + 2 * (window // 2)), np.uint8)) > 0
    return found | (near_edge & shoulder) | np.isnan(rise)


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

    The plane n·P = 1 has the inverse depth n·ray, so that n_x = fx ∂(1/z)/∂u, n_y = fy ∂(1/z)/∂v and n_z is what is
    left: exact for planes. Derivatives are the mean of the steps to the neighbours that are not torn off.

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
    inverse = 1 / depth_m
    normal = np.empty((height, width, 3), np.float32)
    x, y, z = (normal[..., axis] for axis in range(3))
    x[:] = camera.fx * _slope(inverse, torn(depth_m, focal_px=camera.fx, window=window))
    y[:] = camera.fy * _slope(inverse.T, torn(depth_m.T, focal_px=camera.fy, window=window)).T
    z[:] = inverse - x * ((np.arange(width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx))
    z -= y * ((np.arange(first_row, first_row + height, dtype=np.float32) - np.float32(camera.cy)) / camera.fy)[:, None]
    length = np.sqrt(x * x + y * y + z * z)
    with np.errstate(invalid="ignore", divide="ignore"):
        # n·P = 1 points away from the camera.
        normal /= -length[..., None]
    return normal


def _slope(values: Float[ndarray, "n m"], cut: Bool[ndarray, "n m_less_1"]) -> Float[ndarray, "n m"]:
    """Return the change along the second axis at each pixel, over the neighbours it is not torn from; NaN for none."""
    step = np.where(cut, np.float32(0), np.diff(values, axis=1))
    slope, count = np.zeros(values.shape, np.float32), np.zeros(values.shape, np.float32)
    for side in (np.s_[:, :-1], np.s_[:, 1:]):
        slope[side] += step
        count[side] += ~cut
    with np.errstate(invalid="ignore"):
        return slope / count
