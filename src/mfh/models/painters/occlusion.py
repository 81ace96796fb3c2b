"""What hides a figure that is pasted into a photo: things whose disparity is clearly larger than at its feet."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

# How much nearer than the feet something must be to hide the figure, in parts of the photo's range of disparity, and
# over how much more it goes from showing to hiding.
_MARGIN, _SOFTNESS = 0.06, 0.03
# Patches smaller than this part of the figure are noise of the map, in the figure as in what hides it.
_LEAST_PATCH = 0.01
# Where the feet touch the ground the map is smeared with whatever is there: the lowest part of the figure hides late.
_FEET = 0.06


@dataclass(frozen=True)
class Hidden:
    """What a disparity map says about a window of the photo.

    Attributes:
        figure: (a, b) in [0, 1], how much of the figure is hidden at each pixel.
        floor: (a, b) in [0, 1], where the ground at the feet's distance is seen, so that a shadow may fall on it.
    """

    figure: Float[ndarray, "a b"]
    floor: Float[ndarray, "a b"]


def hidden_by_nearer(
    relative: Float[ndarray, "h w"],
    figure_mask: Bool[ndarray, "a b"],
    corner_xy: tuple[int, int],
    foot_xy_px: tuple[float, float],
    stature_px: float,
) -> Hidden:
    """Say where nearer things hide a figure.

    A standing person is about as far away everywhere as at the feet. The floor nearer than the feet lies below them in
    the picture, so below the foot point nothing hides unless the feet themselves are hidden.

    Args:
        relative: disparity of the photo.
        figure_mask: the figure's pixels in a window of the photo.
        corner_xy: left and top of that window.
        foot_xy_px: foot point in the photo.
        stature_px: height of the figure.
    """
    (left, top), (height, width) = corner_xy, figure_mask.shape
    window = relative[top : top + height, left : left + width].astype(np.float32)
    low, high = np.percentile(relative[::4, ::4], (2, 98))
    span = float(high - low)
    ground = ground_disparity(relative, foot_xy_px, stature_px, _MARGIN * span)
    if ground is None or span <= 0:
        return Hidden(np.zeros(figure_mask.shape, np.float32), np.ones(figure_mask.shape, np.float32))
    level, feet_hidden = ground
    # Noise of single pixels goes first.
    blur = max(0.8, 0.006 * stature_px)
    nearer = (cv2.GaussianBlur(window, (0, 0), blur) - level) / span
    near_score = np.clip((nearer - _MARGIN) / _SOFTNESS, 0, 1)
    hiding = near_score > 0.5
    if not feet_hidden:
        rows = np.arange(top, top + height)[:, None]
        hiding &= rows < foot_xy_px[1] - _FEET * stature_px
    hiding = _without_specks(hiding & figure_mask, figure_mask, _LEAST_PATCH * figure_mask.sum())
    # The figure's soft edge goes with the pixels beside it.
    shown = figure_mask & ~hiding
    hiding = (cv2.dilate(hiding.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~shown
    soft = cv2.GaussianBlur(hiding.astype(np.float32), (0, 0), 0.7)
    floor = np.zeros(figure_mask.shape) if feet_hidden else np.abs(nearer) < _MARGIN + _SOFTNESS
    return Hidden(soft, floor.astype(np.float32))


def ground_disparity(
    relative: Float[ndarray, "h w"], foot_xy_px: tuple[float, float], stature_px: float, margin: float
) -> tuple[float, bool] | None:
    """Return the disparity of the ground at a foot point, and whether something nearer stands before it there.

    On level ground everything that is seen in the foot point's row is as near as the ground there, or nearer; so where
    the foot point shows something clearly nearer than the far quarter of its row, the feet are hidden behind that.

    Returns:
        The two; None for a foot point outside the photo, whose ground nobody sees.
    """
    height, width = relative.shape
    x, y = foot_xy_px
    if not (0 <= round(x) < width and 0 <= round(y) < height):
        return None
    radius = max(1, round(0.02 * stature_px))
    column, row = round(x), round(y)
    rows = np.s_[max(0, row - radius) : row + radius + 1]
    here = float(np.median(relative[rows, max(0, column - 2 * radius) : column + 2 * radius + 1]))
    reach = max(4 * radius, round(0.75 * stature_px))
    beside = float(np.percentile(relative[rows, max(0, column - reach) : column + reach + 1], 20))
    return (beside, True) if here > beside + margin else (here, False)


def _without_specks(
    hiding: Bool[ndarray, "a b"], figure_mask: Bool[ndarray, "a b"], least_px: float
) -> Bool[ndarray, "a b"]:
    """Drop small patches of what hides the figure, then small patches of what is left of the figure."""
    kept = _large(hiding, least_px)
    return figure_mask & ~_large(figure_mask & ~kept, least_px)


def _large(mask: Bool[ndarray, "a b"], least_px: float) -> Bool[ndarray, "a b"]:
    """Return the connected patches of a mask that have at least so many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = np.asarray(stats)[:, cv2.CC_STAT_AREA] >= least_px
    large[0] = False
    return large[np.asarray(labels, np.intp)]
