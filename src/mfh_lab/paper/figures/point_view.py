"""Views of coloured points and bodies from other cameras: numpy splats and the product's own rasterizer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera, HumanMesh
from mfh.viz.strip import shade

_BACKGROUND = 255
_NEAR_M = 0.05
_LARGEST_SPLAT_PX = 11
_WIDEST_SPLAT = 5.0
_TORN = 0.08


@dataclass(frozen=True)
class Cloud:
    """Coloured points.

    Attributes:
        points_m: (n, 3) metres in the photo's camera frame.
        colors: (n, 3) RGB.
        footprint_m: (n,) how wide a pixel is there: what a splat must cover.
    """

    points_m: Float[ndarray, "n 3"]
    colors: UInt8[ndarray, "n 3"]
    footprint_m: Float[ndarray, "n"]


@dataclass(frozen=True)
class Body:
    """A body and the colour it is drawn in.

    Attributes:
        mesh: in the photo's camera frame.
        color: RGB.
    """

    mesh: HumanMesh
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Viewpoint:
    """A camera that has gone round the scene.

    Attributes:
        R_view_photo: (3, 3) rotation from the photo's camera frame.
        t_view_photo: (3,) metres.
        camera: intrinsics of the picture.
    """

    R_view_photo: Float[ndarray, "3 3"]
    t_view_photo: Float[ndarray, "3"]
    camera: Camera

    def see(self, points_m: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
        """Return points in this camera's frame.

        Args:
            points_m: (n, 3) in the photo's camera frame.
        """
        return points_m @ self.R_view_photo.T + self.t_view_photo


def cloud_of(
    rgb: Float[ndarray, "h w 3"], depth_m: Float[ndarray, "h w"], camera: Camera, *, mask: Bool[ndarray, "h w"]
) -> Cloud:
    """Return the pixels of a photo as points.

    Args:
        rgb: (h, w, 3) in [0, 1].
        depth_m: (h, w) z in metres.
        camera: intrinsics.
        mask: (h, w) pixels that are wanted; their depth must be finite.
    """
    rows, columns = np.nonzero(mask)
    filled = np.where(mask, depth_m, 1.0).astype(np.float64)
    every_column, every_row = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    points = unproject(camera, np.stack([every_column, every_row], -1), filled)
    # A floor that is seen at a grazing angle has its pixels far apart: a splat covers that too, within reason.
    down = np.linalg.norm(np.diff(points, axis=0, append=points[-1:]), axis=-1)
    right = np.linalg.norm(np.diff(points, axis=1, append=points[:, -1:]), axis=-1)
    width_m = np.clip(np.maximum(down, right), filled / camera.fx, _WIDEST_SPLAT * filled / camera.fx)
    colors = np.rint(np.clip(rgb[rows, columns], 0, 1) * 255).astype(np.uint8)
    return Cloud(points[rows, columns], colors, width_m[rows, columns])


def untorn(depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Return valid pixels that are not between two surfaces, where a depth map bleeds from one to the other.

    Args:
        depth_m: (h, w) z in metres.
        valid_mask: (h, w) where there is a depth.
    """
    log_depth = np.log(np.where(valid_mask, depth_m, 1.0)).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    spread = cv2.dilate(log_depth, kernel) - cv2.erode(log_depth, kernel)
    return valid_mask & (spread < _TORN)


def orbit(cloud: Cloud, *, yaw_deg: float, pitch_deg: float, size: tuple[int, int], fill: float = 0.92) -> Viewpoint:
    """Return a camera on an orbit around the middle of a cloud, at the distance at which it fills the picture.

    Args:
        cloud: in the middle of the picture.
        yaw_deg: to the right (from the photo's camera).
        pitch_deg: upwards; 90 looks straight down.
        size: (width, height) of the picture.
        fill: share of the picture that nearly all points shall fill.
    """
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    rotation = tilt @ turn
    turned = cloud.points_m @ rotation.T
    low, high = np.percentile(turned, [2, 98], axis=0)
    # A long lens: nearly parallel lines, so that lengths can be compared by eye.
    focal_px = 2.2 * max(size)
    span = (high - low) / np.array([size[0], size[1], 1.0])
    distance = focal_px * max(span[0], span[1]) / fill + (high[2] - low[2]) / 2
    middle = (low + high) / 2
    camera = camera_from_focal_px(focal_px, width=size[0], height=size[1])
    return Viewpoint(rotation, np.array([0.0, 0.0, distance]) - middle, camera)


def cropped(picture: UInt8[ndarray, "h w 3"], *, margin_px: int = 12) -> UInt8[ndarray, "h2 w2 3"]:
    """Return the part of a drawn picture that has something in it.

    Args:
        picture: as drawn.
        margin_px: kept around it.
    """
    something = (picture != _BACKGROUND).any(axis=-1)
    if not something.any():
        return picture
    rows, columns = np.flatnonzero(something.any(axis=1)), np.flatnonzero(something.any(axis=0))
    top, left = max(0, int(rows[0]) - margin_px), max(0, int(columns[0]) - margin_px)
    return picture[top : int(rows[-1]) + margin_px + 1, left : int(columns[-1]) + margin_px + 1]


def draw(cloud: Cloud, bodies: Sequence[Body], viewpoint: Viewpoint) -> UInt8[ndarray, "h w 3"]:
    """Draw points as squares as large as their pixel was, and bodies as shaded surfaces; the nearest is seen.

    Args:
        cloud: the points.
        bodies: drawn among them.
        viewpoint: where from.
    """
    camera = viewpoint.camera
    rgb, depth_m = _splat(cloud, viewpoint)
    for body in bodies:
        surface = rasterize_depth(viewpoint.see(body.mesh.vertices_m), body.mesh.faces, camera)
        front = surface < depth_m
        if front.any():
            shaded = shade(surface, camera)[..., None] * np.array(body.color, float)
            rgb = np.where(front[..., None], np.rint(shaded), rgb).astype(np.uint8)
            depth_m = np.where(front, surface, depth_m)
    return rgb


def _splat(cloud: Cloud, viewpoint: Viewpoint) -> tuple[UInt8[ndarray, "h w 3"], Float[ndarray, "h w"]]:
    camera = viewpoint.camera
    seen = viewpoint.see(cloud.points_m)
    front = seen[:, 2] > _NEAR_M
    seen, colors, footprint = seen[front], cloud.colors[front], cloud.footprint_m[front]
    columns = np.rint(camera.fx * seen[:, 0] / seen[:, 2] + camera.cx).astype(np.int64)
    rows = np.rint(camera.fy * seen[:, 1] / seen[:, 2] + camera.cy).astype(np.int64)
    side = np.clip(np.ceil(1.3 * camera.fx * footprint / seen[:, 2]), 1, _LARGEST_SPLAT_PX).astype(np.int64)
    rgb = np.full((camera.height, camera.width, 3), _BACKGROUND, np.uint8)
    depth_m = np.full((camera.height, camera.width), np.inf)
    nearest = np.full(depth_m.size, -1, np.int64)
    # Far to near: of several points on one pixel, the assignment that comes last stays.
    order = np.argsort(-seen[:, 2], kind="stable")
    at, point = _covered(rows[order], columns[order], side[order], (camera.height, camera.width))
    nearest[at] = order[point]
    hit = (nearest >= 0).reshape(depth_m.shape)
    rgb[hit], depth_m[hit] = colors[nearest[nearest >= 0]], seen[nearest[nearest >= 0], 2]
    return rgb, depth_m


def _covered(
    rows: Int[ndarray, "n"], columns: Int[ndarray, "n"], side: Int[ndarray, "n"], size: tuple[int, int]
) -> tuple[Int[ndarray, "m"], Int[ndarray, "m"]]:
    """Return flat pixels and the points that cover them, point after point."""
    per_point = side * side
    point = np.repeat(np.arange(len(rows)), per_point)
    within = np.arange(len(point)) - np.repeat(np.cumsum(per_point) - per_point, per_point)
    down, right = within // side[point], within % side[point]
    row = rows[point] + down - side[point] // 2
    column = columns[point] + right - side[point] // 2
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return (row * size[1] + column)[inside], point[inside]
