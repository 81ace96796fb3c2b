"""Matching a pasted sprite to the photo: brightness, colour of the light, blur, noise, and occlusion by nearer things.

All corrections are limited, so that a wrong estimate of the light does not make a person glow or turn black.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import Rgb

_GAMMA = 2.2
GREY_LINEAR = 0.27
"""Linear brightness of a grey of mean albedo in the standard light that sprites are rendered in."""
# How far a sprite follows the photo's brightness and colour, as exponents, and the largest factors.
_FOLLOW_BRIGHTNESS, _FOLLOW_TINT = 0.75, 0.6
_BRIGHTNESS, _TINT = (0.2, 1.7), (0.75, 1.33)
_BLURS_PX = (0.0, 0.5, 0.8, 1.2)
_MAX_NOISE = 0.04


def match_light(color: Float[ndarray, "a b 3"], photo: Rgb, window: tuple[int, int, int, int]) -> ndarray:
    """Convert a sprite's colours from the standard light to the light of the photo around it.

    The light is estimated under the grey-world assumption (Buchsbaum 1980), from trimmed means of the surroundings and
    of the whole photo.

    Args:
        color: the sprite's colours, gamma-encoded.
        photo: the photo.
        window: left, top, right, bottom of the sprite; the surroundings extend it by a quarter of its height.

    Returns:
        (a, b, 3) colours.
    """
    left, top, right, bottom = window
    reach = max(8, (bottom - top) // 4)
    local = photo[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach]
    near, whole = _typical(local), _typical(photo)
    light = np.exp(0.65 * np.log(near) + 0.35 * np.log(whole))
    brightness = float(light @ [0.2126, 0.7152, 0.0722])
    gain = np.clip((brightness / GREY_LINEAR) ** _FOLLOW_BRIGHTNESS, *_BRIGHTNESS)
    tint = np.clip((light / brightness) ** _FOLLOW_TINT, *_TINT)
    # A photo of low contrast (haze, flat light) lifts its blacks; so does the sprite.
    black = float(np.percentile(local, 2)) ** _GAMMA
    linear = np.power(color, _GAMMA) * gain * tint
    lifted = linear + 0.3 * min(black, 0.1) * (1 - linear)
    # A soft shoulder instead of clipping.
    return np.power(np.clip(lifted / (1 + np.clip(lifted - 0.8, 0, None)), 0, 1), 1 / _GAMMA).astype(np.float32)


def _typical(rgb: Float[ndarray, "a b 3"]) -> Float[ndarray, "3"]:
    """Return the trimmed mean of the linear colour, without the darkest and the brightest tenth of the pixels."""
    small = rgb[:: max(1, rgb.shape[0] // 64), :: max(1, rgb.shape[1] // 64)].reshape(-1, 3).astype(np.float64)
    order = np.argsort(small.sum(1))
    middle = small[order[len(order) // 10 : len(order) - len(order) // 10]]
    return np.maximum(np.power(middle, _GAMMA).mean(0), 1e-3)


def match_texture(
    color: Float[ndarray, "a b 3"], alpha: Float[ndarray, "a b"], photo: Rgb, rng: np.random.Generator
) -> ndarray:
    """Blur a sprite that is sharper than the edges of the photo, and add the photo's noise; return its colours."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    # The middle of the photo is a sufficient sample.
    rows, columns = (slice(max(0, n // 2 - 200), n // 2 + 200) for n in grey.shape)
    grey = grey[rows, columns]
    wanted = edge_sharpness(grey)
    inside = cv2.erode((alpha > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if wanted is not None and inside.sum() >= 50:
        sharp = blurred = color
        for blur in _BLURS_PX:
            blurred = cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp
            sharpness = edge_sharpness(cv2.cvtColor(blurred, cv2.COLOR_RGB2GRAY), inside)
            if sharpness is None or sharpness <= 1.1 * wanted:
                break
        color = blurred
    sigma = min(noise_sigma(grey), _MAX_NOISE)
    grain = rng.standard_normal(color.shape[:2], np.float32)[..., None] * sigma
    return np.clip(color + grain, 0, 1).astype(np.float32)


def edge_sharpness(grey: Float[ndarray, "a b"], inside: ndarray | None = None) -> float | None:
    """Return second over first derivative at the strongest edges (of a mask): about one over their width in pixels.

    Returns:
        The ratio; None without a strong edge.
    """
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125))
    bend = np.abs(cv2.Laplacian(grey, cv2.CV_32F, ksize=1))
    if inside is not None:
        slope, bend = slope[inside], bend[inside]
    strong = float(np.percentile(slope, 97))
    return float(np.percentile(bend, 97)) / strong if strong > 0.02 else None


def noise_sigma(grey: Float[ndarray, "a b"]) -> float:
    """Return the standard deviation of a picture's noise (Immerkaer 1996, with a median)."""
    if min(grey.shape) < 3:
        return 0.0
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(1.4826 * np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel)[1:-1, 1:-1])) / 6)


# The margin in disparity by which an occluder must be nearer than the feet, and the width of the transition, as
# fractions of the photo's range of disparity.
_MARGIN, _SOFTNESS = 0.06, 0.03
# Patches of sprite or occluder smaller than this fraction of the sprite are noise of the map.
_LEAST_PATCH = 0.01
# Relative depth is blurred where the feet touch the ground: this lowest fraction of the sprite is not occluded.
_FEET = 0.06


@dataclass(frozen=True)
class Hidden:
    """Occlusion of a sprite in a window of the photo, from its disparity.

    Attributes:
        sprite: (a, b) in [0, 1], the occluded fraction of the sprite.
        floor: (a, b) in [0, 1], where ground at the feet's distance is visible and may receive the shadow.
    """

    sprite: Float[ndarray, "a b"]
    floor: Float[ndarray, "a b"]


def hidden_by_nearer(
    relative: Float[ndarray, "h w"],
    sprite_mask: Bool[ndarray, "a b"],
    corner_xy: tuple[int, int],
    foot_xy_px: tuple[float, float],
    stature_px: float,
) -> Hidden:
    """Return where nearer things occlude a sprite.

    A standing person has about the depth of the feet everywhere. The floor nearer than the feet lies below them in the
    picture, so nothing below the foot point occludes unless the feet themselves are occluded.

    Args:
        relative: disparity of the photo.
        sprite_mask: the sprite's pixels in a window of the photo.
        corner_xy: left and top of that window.
        foot_xy_px: foot point in the photo.
        stature_px: height of the sprite.
    """
    (left, top), (height, width) = corner_xy, sprite_mask.shape
    window = relative[top : top + height, left : left + width].astype(np.float32)
    low, high = np.percentile(relative[::4, ::4], (2, 98))
    span = float(high - low)
    ground = ground_disparity(relative, foot_xy_px, stature_px, _MARGIN * span)
    if ground is None or span <= 0:
        return Hidden(np.zeros(sprite_mask.shape, np.float32), np.ones(sprite_mask.shape, np.float32))
    level, feet_hidden = ground
    # Smooths noise of single pixels.
    blur = max(0.8, 0.006 * stature_px)
    nearer = (cv2.GaussianBlur(window, (0, 0), blur) - level) / span
    near_score = np.clip((nearer - _MARGIN) / _SOFTNESS, 0, 1)
    hiding = near_score > 0.5
    if not feet_hidden:
        rows = np.arange(top, top + height)[:, None]
        hiding &= rows < foot_xy_px[1] - _FEET * stature_px
    hiding = _without_specks(hiding & sprite_mask, sprite_mask, _LEAST_PATCH * sprite_mask.sum())
    # The sprite's soft edge is treated like the pixels beside it.
    shown = sprite_mask & ~hiding
    hiding = (cv2.dilate(hiding.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~shown
    soft = cv2.GaussianBlur(hiding.astype(np.float32), (0, 0), 0.7)
    floor = np.zeros(sprite_mask.shape) if feet_hidden else np.abs(nearer) < _MARGIN + _SOFTNESS
    return Hidden(soft, floor.astype(np.float32))


def ground_disparity(
    relative: Float[ndarray, "h w"], foot_xy_px: tuple[float, float], stature_px: float, margin: float
) -> tuple[float, bool] | None:
    """Return the disparity of the ground at a foot point, and whether something nearer occludes it.

    On level ground everything visible in the foot point's row is as near as the ground there, or nearer. So where the
    foot point is clearly nearer than the farthest fifth of its row, the feet are occluded.

    Returns:
        The two; None for a foot point outside the photo, whose ground is not visible.
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
    hiding: Bool[ndarray, "a b"], sprite_mask: Bool[ndarray, "a b"], least_px: float
) -> Bool[ndarray, "a b"]:
    """Drop small patches of the occluder, then small patches of the remaining sprite."""
    kept = _large(hiding, least_px)
    return sprite_mask & ~_large(sprite_mask & ~kept, least_px)


def _large(mask: Bool[ndarray, "a b"], least_px: float) -> Bool[ndarray, "a b"]:
    """Return the connected patches of a mask that have at least ``least_px`` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = np.asarray(stats)[:, cv2.CC_STAT_AREA] >= least_px
    large[0] = False
    return large[np.asarray(labels, np.intp)]
