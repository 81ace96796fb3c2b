"""How the picture moves from one frame to the next: dense optical flow, where it holds both ways, and a grid of it."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8
from numpy import ndarray

FLOW_LONG_SIDE_PX = 640
"""Flow is computed at this size: finer ones cost more and move the grid's points by less than they are sure of."""
GRID = 40
"""Points of the grid along the long side."""
_BACK_PX, _BACK_SHARE = 0.5, 0.02
"""Forward and backward flow that miss each other by more, and by this share of their length, do not hold."""


@dataclass(frozen=True)
class Motion:
    """Flow from a frame to the one before it.

    Attributes:
        back: (h, w, 2) float32: pixel (x, y) of this frame was at (x, y) + back in the one before.
        holds: (h, w) where flow forth and back agree, and ends inside the picture.
    """

    back: Float[ndarray, "h w 2"]
    holds: Bool[ndarray, "h w"]


def flow_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height at which flow between frames of a size is computed."""
    factor = min(1.0, FLOW_LONG_SIDE_PX / max(width, height))
    return max(16, round(width * factor)), max(16, round(height * factor))


def grey_for_flow(pixels: UInt8[ndarray, "h w 3"]) -> UInt8[ndarray, "a b"]:
    """Return a frame as flow is computed on it."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = flow_size(grey.shape[1], grey.shape[0])
    return np.asarray(grey if grey.shape[1::-1] == size else cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def motion_between(before: UInt8[ndarray, "a b"], now: UInt8[ndarray, "a b"]) -> Motion:
    """Compute the flow from a frame to the one before it, and where it holds.

    Args:
        before: the earlier frame, as :func:`grey_for_flow` returns it.
        now: the later one.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back = np.asarray(flow.calc(now, before, np.zeros((*now.shape, 2), np.float32)), np.float32)
    forth = np.asarray(flow.calc(before, now, np.zeros((*now.shape, 2), np.float32)), np.float32)
    columns, rows = pixels_of(*now.shape)
    x, y = columns + back[..., 0], rows + back[..., 1]
    returned = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    miss = np.linalg.norm(back + returned, axis=2)
    inside = (x >= 0) & (y >= 0) & (x <= now.shape[1] - 1) & (y <= now.shape[0] - 1)
    return Motion(back, inside & (miss <= _BACK_PX + _BACK_SHARE * np.linalg.norm(back, axis=2)))


def grid_points(width: int, height: int) -> Float[ndarray, "n 2"]:
    """Return the points of the grid on a frame of a size: (n, 2) columns and rows, row by row."""
    step = max(width, height) / GRID
    columns = (np.arange(round(width / step)) + 0.5) * step - 0.5
    rows = (np.arange(round(height / step)) + 0.5) * step - 0.5
    return np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)


@dataclass(frozen=True)
class GridMotion:
    """Where the grid's points of a frame were in the one before.

    Attributes:
        was_px: (n, 2) float32 columns and rows there, in pixels of the clip's size.
        holds: (n,) where that is known.
    """

    was_px: Float[ndarray, "n 2"]
    holds: Bool[ndarray, "n"]


def on_grid(motion: Motion, width: int, height: int) -> GridMotion:
    """Return a motion at the points of the grid.

    Args:
        motion: at the size of the flow.
        width: of the clip's frames, pixels.
        height: the same.
    """
    points = grid_points(width, height)
    tall, wide = motion.holds.shape
    scale = np.array([width / wide, height / tall])
    places = (points + 0.5) / scale - 0.5
    moved = sampled(motion.back, places)
    return GridMotion((points + moved * scale).astype(np.float32), sampled(motion.holds, places) > 0)


def sampled(field: Shaped[ndarray, "h w *c"], places: Float[ndarray, "n 2"]) -> Shaped[ndarray, "n *c"]:
    """Return a field at places (column, row): between its pixels, or of the nearest one where it is a mask.

    Beyond the border is what is at it.
    """
    x, y = (places[None, :, k].astype(np.float32) for k in (0, 1))
    how = cv2.INTER_NEAREST if field.dtype == bool else cv2.INTER_LINEAR
    content = field.astype(np.uint8 if field.dtype == bool else np.float32)
    return np.asarray(cv2.remap(content, x, y, how, borderMode=cv2.BORDER_REPLICATE))[0]


@cache
def pixels_of(height: int, width: int) -> tuple[Float[ndarray, "h w"], Float[ndarray, "h w"]]:
    """Return the (h, w) columns and rows of all pixels; not to be written to."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns, rows
