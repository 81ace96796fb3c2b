"""Depth of a frame, steadied by the frames before it where the picture stands still.

A network sees a little other shape in every frame. What a frame's depth is by the frames before it is known where the
camera's motion explains how the picture moved; there both are averaged. What moves by itself, or comes into view, keeps
the depth of its own frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mfh.types import Camera, Space
from mfh.video.chain import REPROJECTION_PX, to_metres
from mfh.video.motion import motion_between, pixels_of

MEMORY = 16
"""Frames that are averaged, at most."""
_AGREES = 0.6
"""Log depth by which a frame and those before it may differ: beyond, something else is seen there."""
_ALIKE = 8.0
"""Grey levels, of 255, by which a place that stands still may change from frame to frame."""


@dataclass(frozen=True)
class Steady:
    """What the frames so far know of the frame that was fused last.

    Attributes:
        values: (h, w) in the common space; NaN where there is none.
        age: (h, w) frames that are averaged in it.
        grey: the picture, as flow is computed on it.
        pose: (4, 4) from its camera to that of the first frame.
    """

    values: Float[ndarray, "h w"]
    age: Float[ndarray, "h w"]
    grey: UInt8[ndarray, "a b"]
    pose: Float[ndarray, "4 4"]


def steadied(
    before: Steady | None,
    values: Float[ndarray, "h w"],
    grey: UInt8[ndarray, "a b"],
    pose: Float[ndarray, "4 4"],
    camera: Camera,
    space: Space,
) -> Steady:
    """Average a frame with those before it.

    Args:
        before: of the frame before; None for the first, or after a cut.
        values: of this frame in the common space; NaN where there are none.
        grey: its picture.
        pose: of its camera.
        camera: of the clip.
        space: of the values.
    """
    if before is None:
        return Steady(values, np.ones(values.shape, np.float32), grey, pose)
    expected, age, knows = _carried(before, values, grey, pose, camera, space)
    with np.errstate(divide="ignore", invalid="ignore"):
        agrees = knows & (np.abs(np.log(to_metres(expected, space) / to_metres(values, space))) < _AGREES)
    count = np.where(agrees, np.minimum(age + 1, MEMORY), 1).astype(np.float32)
    fused = np.where(agrees, expected + (values - expected) / count, values).astype(np.float32)
    return Steady(fused, count, grey, pose)


def _carried(
    before: Steady,
    values: Float[ndarray, "h w"],
    grey: UInt8[ndarray, "a b"],
    pose: Float[ndarray, "4 4"],
    camera: Camera,
    space: Space,
) -> tuple[Float[ndarray, "h w"], Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Return what the frames before expect of this one, how many they are, and where they know it.

    Where flow holds, it says where a pixel was, and has to be what the camera's motion explains. Where nothing can be
    followed (a plain wall), the camera's motion says where a pixel was, and both have to look alike.
    """
    height, width = values.shape
    columns, rows = pixels_of(height, width)
    motion = motion_between(before.grey, grey)
    scale = np.array([width / motion.holds.shape[1], height / motion.holds.shape[0]], np.float32)
    back = cv2.resize(motion.back, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    holds = cv2.resize(motion.holds.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    by_pose = _seen_at(columns, rows, to_metres(values, space), _between(pose, before.pose), camera)
    x, y = np.where(holds, columns + back[..., 0], by_pose[0]), np.where(holds, rows + back[..., 1], by_pose[1])
    x, y = np.nan_to_num(x, nan=-1.0).astype(np.float32), np.nan_to_num(y, nan=-1.0).astype(np.float32)
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    was = cv2.remap(before.values.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    age = cv2.remap(before.age.astype(np.float32), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    u, v, now_m = _seen_at(x, y, to_metres(np.asarray(was), space), _between(before.pose, pose), camera)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (1 / now_m if space == "disparity" else now_m).astype(np.float32)
    limit_px = REPROJECTION_PX * max(width, height) / 640
    still = np.hypot(u - columns, v - rows) <= limit_px
    alike = _looks_alike(before.grey, grey, x / scale[0], y / scale[1], (width, height))
    return expected, np.asarray(age), inside & still & (holds | alike) & np.isfinite(expected)


def _seen_at(
    x: Float[ndarray, "h w"],
    y: Float[ndarray, "h w"],
    metres: Float[ndarray, "h w"],
    there: tuple[Float[ndarray, "3 3"], Float[ndarray, "3"]],
    camera: Camera,
) -> tuple[Float[ndarray, "h w"], Float[ndarray, "h w"], Float[ndarray, "h w"]]:
    """Return column, row and depth at which another camera sees points; NaN for those behind it."""
    rotation, shift_m = (one.astype(np.float32) for one in there)
    depth_m = metres.astype(np.float32)
    right, down = (x - camera.cx) / camera.fx * depth_m, (y - camera.cy) / camera.fy * depth_m
    across, below, ahead = (
        row[0] * right + row[1] * down + row[2] * depth_m + shift for row, shift in zip(rotation, shift_m, strict=True)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = np.where(ahead > 0, ahead, np.nan).astype(np.float32)
        return across / ahead * camera.fx + camera.cx, below / ahead * camera.fy + camera.cy, ahead


def _looks_alike(
    before: UInt8[ndarray, "a b"],
    now: UInt8[ndarray, "a b"],
    x: Float[ndarray, "h w"],
    y: Float[ndarray, "h w"],
    size: tuple[int, int],
) -> Bool[ndarray, "h w"]:
    """Return where a picture looks as the one before does at given places of it."""
    was = cv2.remap(before, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    here = cv2.resize(now, size, interpolation=cv2.INTER_LINEAR)
    return np.abs(np.asarray(was, np.float32) - here) <= _ALIKE


def _between(
    before: Float[ndarray, "4 4"], now: Float[ndarray, "4 4"]
) -> tuple[Float[ndarray, "3 3"], Float[ndarray, "3"]]:
    """Return rotation and translation from one camera's frame to another's."""
    there = np.linalg.inv(now) @ before
    return there[:3, :3], there[:3, 3]
