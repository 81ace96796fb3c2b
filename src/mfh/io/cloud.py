"""A depth map as points or as a mesh with the photo's colours: its pixels, evenly thinned to a bounded number."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import subsample_camera
from mfh.geometry.surface import flying, grid_triangles
from mfh.io.depth_rows import DepthRows
from mfh.types.rows import strips

MOST_POINTS = 800_000
"""Of a cloud, unless asked otherwise: 19 MB of GLB."""
MOST_VERTICES = 350_000
"""Of a mesh, unless asked otherwise: 15 MB of GLB and at most 4 MB of texture."""


@dataclass(frozen=True)
class Cloud:
    """Points of a depth map, and triangles between them.

    Attributes:
        points_m: (n, 3) float32 metres in the camera frame: x right, y down, z forward.
        colors: (n, 3) uint8.
        pixels: (n, 2) int32 column and row of each point in the photo.
        grid_step: every how many rows and columns a pixel is a point.
        with_depth: how many pixels of the photo have a depth.
        faces: (f, 3) int32 triangles, seen from the camera counter-clockwise; None for points alone.
    """

    points_m: Float[ndarray, "n 3"]
    colors: UInt8[ndarray, "n 3"]
    pixels: Int[ndarray, "n 2"]
    grid_step: int
    with_depth: int
    faces: Int[ndarray, "f 3"] | None = None

    @property
    def facts(self) -> dict[str, int]:
        """What a file of it says about its size."""
        facts = {"points": len(self.points_m), "of_pixels_with_depth": self.with_depth, "grid_step": self.grid_step}
        return facts if self.faces is None else {**facts, "triangles": len(self.faces)}

    @property
    def share(self) -> str:
        """The same in words; empty where every pixel has its point, but for those at edges."""
        if self.grid_step == 1:
            return ""
        every = f"one of every {self.grid_step} rows and columns (--max-points gives more)"
        return f"{len(self.points_m):,} points of {self.with_depth:,} pixels with depth: {every}"


def cloud_of(rows: DepthRows, *, most: int = MOST_POINTS) -> Cloud:
    """Return the pixels of a depth map as points; those that hang between two surfaces are left out.

    Args:
        rows: with colours.
        most: so many points at most.
    """
    step, depth_m, colors, with_depth = _grid(rows, most)
    return _points(rows, step, depth_m, colors, with_depth, ~np.isnan(depth_m) & ~_flying(rows, depth_m, step))


def mesh_of(rows: DepthRows, *, most: int = MOST_VERTICES) -> Cloud:
    """Return a depth map as triangles between neighbouring pixels, cut where the surface is torn.

    Args:
        rows: with colours.
        most: so many vertices at most.
    """
    step, depth_m, colors, with_depth = _grid(rows, most)
    faces = grid_triangles(depth_m, subsample_camera(rows.about.camera, step=step))
    used = np.zeros(depth_m.size, bool)
    used[faces] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    cloud = _points(rows, step, depth_m, colors, with_depth, used.reshape(depth_m.shape))
    return replace(cloud, faces=number[faces])


def _flying(rows: DepthRows, depth_m: ndarray, step: int) -> ndarray:
    return flying(depth_m, subsample_camera(rows.about.camera, step=step))


def _grid(rows: DepthRows, most: int) -> tuple[int, ndarray, ndarray, int]:
    """Return the step, depth and colours of every step-th row and column, and how many pixels have a depth."""
    if rows.rgb_rows is None:
        raise InputError("points have the photo's colours, and there is no photo: name it")
    height, width = rows.shape
    step = grid_step(rows.shape, most)
    depth_m = np.empty((-(-height // step), -(-width // step)), np.float32)
    colors = np.empty((*depth_m.shape, 3), np.uint8)
    with_depth = 0
    for part in strips(rows.shape):
        some_m = rows.depth_rows(part)
        with_depth += int(np.count_nonzero(~np.isnan(some_m)))
        skipped = -part.start % step
        to = slice(-(-part.start // step), -(-part.stop // step))
        depth_m[to] = some_m[skipped::step, ::step]
        colors[to] = rows.rgb_rows(part)[skipped::step, ::step]
    return step, depth_m, colors, with_depth


def grid_step(shape: tuple[int, int], most: int) -> int:
    """Return the smallest step at which a grid of pixels has at most so many points.

    Args:
        shape: height and width.
        most: at least 1.

    Raises:
        InputError: for less than 1.
    """
    if most < 1:
        raise InputError(f"--max-points is {most}: expected at least 1")
    height, width = shape
    step = max(1, math.isqrt(height * width // most))
    while -(-height // step) * -(-width // step) > most:
        step += 1
    return step


def _points(rows: DepthRows, step: int, depth_m: ndarray, colors: ndarray, with_depth: int, chosen: ndarray) -> Cloud:
    """Return the chosen pixels of a thinned map as points."""
    camera = rows.about.camera
    down, across = np.nonzero(chosen)
    pixels = np.stack([across * step, down * step], 1).astype(np.int32)
    z = depth_m[chosen].astype(np.float64)
    points = np.stack([(pixels[:, 0] - camera.cx) / camera.fx * z, (pixels[:, 1] - camera.cy) / camera.fy * z, z], 1)
    return Cloud(points.astype(np.float32), colors[chosen], pixels, step, with_depth)
