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
from mfh.video.motion import motion_between

MEMORY = 16
"""Frames that are averaged, at most."""
_AGREES = 0.25
"""Log depth by which a frame and those before it may differ: beyond, something else is seen there."""


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
    expected, age, knows = _carried(before, grey, pose, camera, space)
    own_m = to_metres(values, space)
    with np.errstate(divide="ignore", invalid="ignore"):
        agrees = knows & (np.abs(np.log(to_metres(expected, space) / own_m)) < _AGREES)
    count = np.where(agrees, np.minimum(age + 1, MEMORY), 1).astype(np.float32)
    fused = np.where(agrees, expected + (values - expected) / count, values).astype(np.float32)
    return Steady(fused, count, grey, pose)


def _carried(
    before: Steady, grey: UInt8[ndarray, "a b"], pose: Float[ndarray, "4 4"], camera: Camera, space: Space
) -> tuple[Float[ndarray, "h w"], Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    """Return what the frames before expect of this one, how many they are, and where they know it."""
    motion = motion_between(before.grey, grey)
    height, width = before.values.shape
    tall, wide = motion.holds.shape
    scale = np.array([width / wide, height / tall], np.float32)
    back = cv2.resize(motion.back, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    holds = cv2.resize(motion.holds.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + back[..., 0], rows + back[..., 1]
    was = cv2.remap(before.values.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    age = cv2.remap(before.age.astype(np.float32), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    was_m = to_metres(was, space).astype(np.float32)
    rotation, shift_m = _between(before.pose, pose)
    rays = np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones_like(x)], -1)
    moved = (rays * was_m[..., None]) @ rotation.T.astype(np.float32) + shift_m.astype(np.float32)
    now_m = moved[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = moved[..., 0] / now_m * camera.fx + camera.cx
        v = moved[..., 1] / now_m * camera.fy + camera.cy
        expected = 1 / now_m if space == "disparity" else now_m
    limit_px = REPROJECTION_PX * max(width, height) / 640
    still = np.hypot(u - columns, v - rows) <= limit_px
    return expected, age, holds & still & np.isfinite(expected) & (now_m > 0)


def _between(
    before: Float[ndarray, "4 4"], now: Float[ndarray, "4 4"]
) -> tuple[Float[ndarray, "3 3"], Float[ndarray, "3"]]:
    """Return rotation and translation from one camera's frame to another's."""
    there = np.linalg.inv(now) @ before
    return there[:3, :3], there[:3, 3]
