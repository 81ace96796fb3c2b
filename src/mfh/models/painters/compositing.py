"""Make a pasted sprite look as if the photo's camera had taken it: brightness, colour of the light, blur and noise.

Everything is gentle: a wrong guess of the light must not turn a person into a lamp or a silhouette.

What hides a sprite that is pasted into a photo: things whose disparity is clearly larger than at its feet.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import Rgb

_GAMMA = 2.2
GREY_LINEAR = 0.27
"""Linear brightness at which sprites show a grey of mean albedo: the standard light they are rendered in."""
# How far a sprite follows the photo's brightness and colour, as exponents, and the largest factors.
_FOLLOW_BRIGHTNESS, _FOLLOW_TINT = 0.75, 0.6
_BRIGHTNESS, _TINT = (0.2, 1.7), (0.75, 1.33)
_BLURS_PX = (0.0, 0.5, 0.8, 1.2)
_MAX_NOISE = 0.04


def match_light(color: Float[ndarray, "a b 3"], photo: Rgb, window: tuple[int, int, int, int]) -> ndarray:
    """Bring a sprite from the standard light to that of the photo around it.

    The light of a place is judged by what it shows there (a grey world of mean albedo: Buchsbaum 1980): medians of the
    surroundings, mixed with those of the whole photo.

    Args:
        color: the sprite's colours, gamma-encoded.
        photo: the photo.
        window: left, top, right, bottom of the sprite; surroundings reach a quarter of its height farther.

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
    # A soft shoulder in place of clipping.
    return np.power(np.clip(lifted / (1 + np.clip(lifted - 0.8, 0, None)), 0, 1), 1 / _GAMMA).astype(np.float32)


def _typical(rgb: Float[ndarray, "a b 3"]) -> Float[ndarray, "3"]:
    """Return the typical linear colour of a picture: the mean of its pixels without the darkest and brightest tenth."""
    small = rgb[:: max(1, rgb.shape[0] // 64), :: max(1, rgb.shape[1] // 64)].reshape(-1, 3).astype(np.float64)
    order = np.argsort(small.sum(1))
    middle = small[order[len(order) // 10 : len(order) - len(order) // 10]]
    return np.maximum(np.power(middle, _GAMMA).mean(0), 1e-3)


def match_texture(
    color: Float[ndarray, "a b 3"], alpha: Float[ndarray, "a b"], photo: Rgb, rng: np.random.Generator
) -> ndarray:
    """Blur a sprite that is sharper than the edges of the photo, and add the photo's noise."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    # A photo's middle says enough, at any size.
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
    """Return second over first derivative at the strongest edges: about one over their width in pixels.

    Returns:
        The ratio; None where there is no edge to speak of.
    """
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125))
    bend = np.abs(cv2.Laplacian(grey, cv2.CV_32F, ksize=1))
    if inside is not None:
        slope, bend = slope[inside], bend[inside]
    strong = float(np.percentile(slope, 97))
    return float(np.percentile(bend, 97)) / strong if strong > 0.02 else None


def noise_sigma(grey: Float[ndarray, "a b"]) -> float:
    """Return the standard deviation of a picture's noise, from its flattest parts (Immerkaer 1996, made robust)."""
    if min(grey.shape) < 3:
        return 0.0
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(1.4826 * np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel)[1:-1, 1:-1])) / 6)


# How much nearer than the feet something must be to hide the sprite, in parts of the photo's range of disparity, and
# over how much more it goes from showing to hiding.
_MARGIN, _SOFTNESS = 0.06, 0.03
# Patches smaller than this part of the sprite are noise of the map, in the sprite as in what hides it.
_LEAST_PATCH = 0.01
# Where the feet touch the ground the map is smeared with whatever is there: the lowest part of the sprite hides late.
_FEET = 0.06


@dataclass(frozen=True)
class Hidden:
    """What a disparity map says about a window of the photo.

    Attributes:
        sprite: (a, b) in [0, 1], how much of the sprite is hidden at each pixel.
        floor: (a, b) in [0, 1], where the ground at the feet's distance is seen, so that a shadow may fall on it.
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
    """Say where nearer things hide a sprite.

    A standing person is about as far away everywhere as at the feet. The floor nearer than the feet lies below them in
    the picture, so below the foot point nothing hides unless the feet themselves are hidden.

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
    # Noise of single pixels goes first.
    blur = max(0.8, 0.006 * stature_px)
    nearer = (cv2.GaussianBlur(window, (0, 0), blur) - level) / span
    near_score = np.clip((nearer - _MARGIN) / _SOFTNESS, 0, 1)
    hiding = near_score > 0.5
    if not feet_hidden:
        rows = np.arange(top, top + height)[:, None]
        hiding &= rows < foot_xy_px[1] - _FEET * stature_px
    hiding = _without_specks(hiding & sprite_mask, sprite_mask, _LEAST_PATCH * sprite_mask.sum())
    # The sprite's soft edge goes with the pixels beside it.
    shown = sprite_mask & ~hiding
    hiding = (cv2.dilate(hiding.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~shown
    soft = cv2.GaussianBlur(hiding.astype(np.float32), (0, 0), 0.7)
    floor = np.zeros(sprite_mask.shape) if feet_hidden else np.abs(nearer) < _MARGIN + _SOFTNESS
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
    hiding: Bool[ndarray, "a b"], sprite_mask: Bool[ndarray, "a b"], least_px: float
) -> Bool[ndarray, "a b"]:
    """Drop small patches of what hides the sprite, then small patches of what is left of the sprite."""
    kept = _large(hiding, least_px)
    return sprite_mask & ~_large(sprite_mask & ~kept, least_px)


def _large(mask: Bool[ndarray, "a b"], least_px: float) -> Bool[ndarray, "a b"]:
    """Return the connected patches of a mask that have at least so many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = np.asarray(stats)[:, cv2.CC_STAT_AREA] >= least_px
    large[0] = False
    return large[np.asarray(labels, np.intp)]
