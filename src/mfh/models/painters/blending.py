"""Light, blur and noise of a photo for a sprite that is pasted into it.

All corrections are limited, so that a wrong estimate of the light does not make a person glow or turn black.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
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


@dataclass(frozen=True)
class PhotoLook:
    """What a sprite takes over from a photo as a whole.

    Attributes:
        light: (3,) typical linear colour.
        sharpness: of its edges, see :func:`edge_sharpness`.
        noise: standard deviation.
    """

    light: Float[ndarray, "3"]
    sharpness: float | None
    noise: float


def look_of(photo: Rgb) -> PhotoLook:
    """Return the look of a photo; the middle of it is a sufficient sample of edges and noise."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    rows, columns = (slice(max(0, n // 2 - 200), n // 2 + 200) for n in grey.shape)
    grey = grey[rows, columns]
    return PhotoLook(_typical(photo), edge_sharpness(grey), noise_sigma(grey))


def match_light(
    color: Float[ndarray, "a b 3"], photo: Rgb, window: tuple[int, int, int, int], look: PhotoLook
) -> ndarray:
    """Convert a sprite's colours from the standard light to the light of the photo around it.

    The light is estimated under the grey-world assumption (Buchsbaum 1980), from trimmed means of the surroundings and
    of the whole photo. The surroundings extend the sprite's window (left, top, right, bottom) by a quarter of its
    height. Colours are gamma-encoded.
    """
    left, top, right, bottom = window
    reach = max(8, (bottom - top) // 4)
    local = photo[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach]
    light = np.exp(0.65 * np.log(_typical(local)) + 0.35 * np.log(look.light))
    brightness = float(light @ [0.2126, 0.7152, 0.0722])
    gain = np.clip((brightness / GREY_LINEAR) ** _FOLLOW_BRIGHTNESS, *_BRIGHTNESS)
    tint = np.clip((light / brightness) ** _FOLLOW_TINT, *_TINT)
    # A photo of low contrast (haze, flat light) lifts its blacks; so does the sprite.
    black = float(np.percentile(local, 2)) ** _GAMMA

    def matched(some: Float[ndarray, "n 3"]) -> ndarray:
        linear = np.power(some, _GAMMA) * gain * tint
        lifted = linear + 0.3 * min(black, 0.1) * (1 - linear)
        # A soft shoulder instead of clipping.
        return np.power(np.clip(lifted / (1 + np.clip(lifted - 0.8, 0, None)), 0, 1), 1 / _GAMMA).astype(np.float32)

    # Most of a window is not the sprite: black.
    shown = (color[..., 0] > 0) | (color[..., 1] > 0) | (color[..., 2] > 0)
    out = np.tile(matched(np.zeros((1, 3), np.float32)), (*color.shape[:2], 1))
    out[shown] = matched(color[shown])
    return out


def _typical(rgb: Float[ndarray, "a b 3"]) -> Float[ndarray, "3"]:
    """Return the trimmed mean of the linear colour, without the darkest and the brightest tenth of the pixels."""
    small = rgb[:: max(1, rgb.shape[0] // 64), :: max(1, rgb.shape[1] // 64)].reshape(-1, 3).astype(np.float64)
    order = np.argsort(small.sum(1))
    middle = small[order[len(order) // 10 : len(order) - len(order) // 10]]
    return np.maximum(np.power(middle, _GAMMA).mean(0), 1e-3)


def match_texture(
    color: Float[ndarray, "a b 3"], alpha: Float[ndarray, "a b"], look: PhotoLook, rng: np.random.Generator
) -> ndarray:
    """Blur a sprite that is sharper than the edges of the photo, and add the photo's noise; return its colours."""
    wanted = look.sharpness
    inside = cv2.erode((alpha > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if wanted is not None and inside.sum() >= 50:
        sharp = blurred = color
        for blur in _BLURS_PX:
            blurred = cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp
            sharpness = edge_sharpness(cv2.cvtColor(blurred, cv2.COLOR_RGB2GRAY), inside)
            if sharpness is None or sharpness <= 1.1 * wanted:
                break
        color = blurred
    sigma = min(look.noise, _MAX_NOISE)
    grain = rng.standard_normal(color.shape[:2], np.float32)[..., None] * sigma
    return np.clip(color + grain, 0, 1).astype(np.float32)


def edge_sharpness(grey: Float[ndarray, "a b"], inside: ndarray | None = None) -> float | None:
    """Return second over first derivative at the strongest edges (in a mask): one over their width; None without."""
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
