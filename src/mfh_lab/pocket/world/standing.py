"""Where in a picture a person could stand, and how large a metre would appear there.

On flat ground the pixels a metre covers at a foot point are linear in the pixel's position: f / z = n·(u, v, 1), zero
at the horizon (Hoiem, Efros and Hebert 2008, "Putting objects in perspective"). So three numbers and a map of free
ground hold all the truth about the people a scene could have.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.scenes import PERSON_RADIUS_M, Scene
from mfh_lab.pocket.world.tracer import CameraPose

CHEST_M = 1.25
"""Height of the point that must be in the picture, and seen, for a person to count as standing there."""
_HIDDEN_M = 0.3
_NEAREST_M = 0.7
_FARTHEST_M = 30.0


@dataclass(frozen=True)
class Standing:
    """Truth about the people a picture could have.

    Attributes:
        plane: (3,) a, b, c: pixels a metre covers, upright, for feet at pixel (u, v): a·u + b·v + c.
        free_mask: (h, w) True where a person's feet could be: free ground, with the chest in the picture and seen.
    """

    plane: NDArray[np.float64]
    free_mask: NDArray[np.bool_]


def standing_room(scene: Scene, depth_m: NDArray[np.floating]) -> Standing:
    """Return where in a scene's picture a person could stand.

    Args:
        scene: its floor plan and camera.
        depth_m: (h, w) its depth, with or without people; 0 for sky.
    """
    plane = ground_plane(scene.view)
    height, width = depth_m.shape
    v, u = np.mgrid[0:height, 0:width].astype(float)
    px_per_m = plane[0] * u + plane[1] * v + plane[2]
    z = scene.view.f_px / np.maximum(px_per_m, 1e-6)
    candidate = (px_per_m > 0) & (z > _NEAREST_M) & (z < _FARTHEST_M)
    x, y = _on_ground(scene.view, u, v, z)
    free = candidate & _is_free(scene.layout, x, y)
    chest_u, chest_v, chest_z = _project(scene.view, x, y, CHEST_M)
    column, row = np.rint(chest_u), np.rint(chest_v)
    inside = free & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    seen = np.zeros_like(free)
    scene_z = depth_m[row[inside].astype(int), column[inside].astype(int)]
    seen[inside] = (scene_z == 0) | (scene_z > chest_z[inside] - _HIDDEN_M)
    return Standing(plane, seen)


def ground_plane(view: CameraPose) -> NDArray[np.float64]:
    """Return (a, b, c) with f / z = a·u + b·v + c for points of the ground z_world = 0 seen at pixel (u, v)."""
    # The ray of pixel (u, v) falls by down·(u - cx, v - cy, f) / f per unit of z; the ground is a camera height away.
    down = -view.axes[:, 2].astype(float)
    a, b = down[0] / view.position[2], down[1] / view.position[2]
    return np.array([a, b, down[2] * view.f_px / view.position[2] - a * view.cx - b * view.cy])


def _on_ground(
    view: CameraPose, u: NDArray[np.float64], v: NDArray[np.float64], z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ray = np.stack([(u - view.cx) / view.f_px * z, (v - view.cy) / view.f_px * z, z], -1)
    world = ray @ view.axes.astype(float) + view.position
    return world[..., 0], world[..., 1]


def _project(
    view: CameraPose, x: NDArray[np.float64], y: NDArray[np.float64], height_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    world = np.stack([x, y, np.full_like(x, height_m)], -1) - view.position
    p = world @ view.axes.astype(float).T
    z = np.maximum(p[..., 2], 1e-6)
    return p[..., 0] / z * view.f_px + view.cx, p[..., 1] / z * view.f_px + view.cy, p[..., 2]


def _is_free(layout: Layout, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Vectorised :meth:`mfh_lab.pocket.world.layout.Layout.is_free` for a person."""
    r = PERSON_RADIUS_M
    x0, y0, x1, y1 = layout.bounds
    free = (x >= x0 + r) & (x <= x1 - r) & (y >= y0 + r) & (y <= y1 - r)
    for a, b, radius in layout.taken:
        free &= (x - a) ** 2 + (y - b) ** 2 >= (r + radius) ** 2
    return free
