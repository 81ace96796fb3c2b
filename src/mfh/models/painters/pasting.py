"""Pasting sprites into a photo: given size and foot point; occlusion; light, blur and noise are of ``blending``.

The sprites are rendered people in a standard light (``mfh_lab.pocket.world.sprites`` makes the file). All functions are
pure; randomness comes from a seeded generator. Outside ``Composite.changed_mask`` the photo is unchanged.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mfh.io.pictures import open_picture
from mfh.models.painters.blending import PhotoLook, look_of, match_light, match_texture
from mfh.models.protocols import Rgb
from mfh.weights import EMBEDDED, check_embedded

SPRITES = EMBEDDED / "sprites.npz"
# Smallest alpha of a pixel of the person.
_OPAQUE = 0.5
# Differences below half a step of an 8-bit photo do not count as a change.
_LEAST_CHANGE = 0.5 / 255
# The contact shadow: its darkness at the sole, and its blur as a fraction of the sprite's height.
_SHADOW = 0.55
_SHADOW_BLUR = 0.018


@dataclass(frozen=True)
class Sprite:
    """A full-length person with an alpha channel.

    Attributes:
        rgba: (h, w, 4) uint8, colours not multiplied by alpha.
        stature_m: standing height.
        px_per_m: pixels per metre at the depth of the feet.
        foot_xy_px: (x, y) of the point on the ground midway between the feet.
        female: whether it is "a woman" or "a man".
        light_sign: -1 where it is lit from the left, 1 from the right, 0 from above or all around.
    """

    rgba: UInt8[ndarray, "h w 4"]
    stature_m: float
    px_per_m: float
    foot_xy_px: tuple[float, float]
    female: bool
    light_sign: int


@dataclass(frozen=True)
class Composite:
    """A photo with a sprite in it.

    Attributes:
        rgb: (h, w, 3) float32 in [0, 1].
        sprite_mask: (h, w) pixels that show the sprite.
        changed_mask: (h, w) pixels that differ from the photo: sprite, its soft edge, its shadow.
    """

    rgb: Rgb
    sprite_mask: Bool[ndarray, "h w"]
    changed_mask: Bool[ndarray, "h w"]


@lru_cache(maxsize=2)
def load_sprites(path: Path = SPRITES) -> tuple[Sprite, ...]:
    """Read a bank of sprites.

    Raises:
        WeightsError: when the file is missing.
    """
    check_embedded(path, "sprites")
    with np.load(path, allow_pickle=False) as stored:
        # Once each: the file is unpacked anew at every access.
        z = {name: stored[name] for name in stored.files}
    sprites, start = [], 0
    for k, end in enumerate(z["ends"]):
        with open_picture(
            z["webp"][start:end].tobytes(), formats=("WEBP",), what="sprite", expected="a sprite of the package"
        ) as picture:
            rgba = np.asarray(picture.convert("RGBA"))
        x, y = z["foot_xy_px"][k].tolist()
        sprites.append(
            Sprite(
                rgba,
                float(z["stature_m"][k]),
                float(z["px_per_m"][k]),
                (x, y),
                bool(z["female"][k]),
                int(z["light_sign"][k]),
            )
        )
        start = int(end)
    return tuple(sprites)


def composite(
    rgb: Rgb,
    sprite: Sprite,
    *,
    foot_xy_px: tuple[float, float],
    px_per_m: float,
    relative: Float[ndarray, "h w"] | None,
    allowed_mask: Bool[ndarray, "h w"],
    rng: np.random.Generator,
    look: PhotoLook | None = None,
) -> Composite:
    """Paste a sprite into a photo; both masks are empty where the sprite falls outside the photo.

    Args:
        rgb: the photo.
        sprite: the person to paste.
        foot_xy_px: position of its foot point; it may lie outside the photo.
        px_per_m: pixels per metre at the depth of the feet.
        relative: disparity of the photo, larger is nearer: nearer things occlude the sprite; None for no occlusion.
        allowed_mask: where the photo may be changed; the sprite is cut off outside.
        rng: of mirroring and noise.
        look: of the photo, where many sprites are pasted into one; None to find it.

    Raises:
        ValueError: when ``px_per_m`` is not positive.
    """
    if not px_per_m > 0:
        raise ValueError(f"px_per_m is {px_per_m}: pixels per metre must be positive")
    shape = rgb.shape[:2]
    mirrored = bool(rng.random() < 0.5)
    placed = _place(sprite, foot_xy_px, px_per_m, mirrored, shape)
    nothing = Composite(rgb, np.zeros(shape, bool), np.zeros(shape, bool))
    if placed is None:
        return nothing
    (left, top, right, bottom), color, alpha = placed
    if not (alpha > _OPAQUE).any():
        return nothing
    window = np.s_[top:bottom, left:right]
    stature_px = px_per_m * sprite.stature_m

    on_floor = np.ones(alpha.shape, np.float32)
    if relative is not None:
        hidden = hidden_by_nearer(relative, alpha > _OPAQUE, (left, top), foot_xy_px, stature_px)
        alpha = alpha * (1 - hidden.sprite)
        on_floor = hidden.floor
    backdrop = rgb[window]
    shaded = backdrop * (1 - _contact_shadow(alpha, foot_xy_px[1] - top, stature_px) * on_floor)[..., None]
    look = look or look_of(rgb)
    color = match_light(color, rgb, (left, top, right, bottom), look)
    color = match_texture(color, alpha, look, rng)
    mixed = (shaded * (1 - alpha[..., None]) + color * alpha[..., None]).astype(np.float32)

    allowed = allowed_mask[window]
    by_channel = np.abs(mixed - backdrop) > _LEAST_CHANGE
    changed = allowed & (by_channel[..., 0] | by_channel[..., 1] | by_channel[..., 2])
    shown = allowed & (alpha > _OPAQUE)
    out = rgb.copy()
    out[window][changed] = np.clip(mixed[changed], 0, 1)
    sprite_mask, changed_mask = np.zeros(shape, bool), np.zeros(shape, bool)
    sprite_mask[window], changed_mask[window] = shown, changed
    return Composite(out, sprite_mask, changed_mask)


def _place(
    sprite: Sprite, foot_xy_px: tuple[float, float], px_per_m: float, mirrored: bool, shape: tuple[int, int]
) -> tuple[tuple[int, int, int, int], Float[ndarray, "a b 3"], Float[ndarray, "a b"]] | None:
    """Scale and move a sprite; None where it lies outside the photo.

    Returned are the window it may change (left, top, right, bottom, ends excluded), and its colours and alpha there.
    """
    rgba = sprite.rgba.astype(np.float32) / 255
    rgba[..., :3] *= rgba[..., 3:]
    foot = np.array(sprite.foot_xy_px)
    if mirrored:
        rgba = np.ascontiguousarray(rgba[:, ::-1])
        foot[0] = rgba.shape[1] - 1 - foot[0]
    scale = np.full(2, px_per_m / sprite.px_per_m)
    if scale[0] < 1:
        # Bilinear sampling would skip pixels: average first, then move by a fraction of a pixel.
        height, width = rgba.shape[:2]
        size = (max(1, round(width * scale[0])), max(1, round(height * scale[1])))
        ratio = np.array([size[0] / width, size[1] / height])
        rgba = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA)
        foot = (foot + 0.5) * ratio - 0.5
        scale = scale / ratio
    low = np.floor(np.array(foot_xy_px) - scale * (foot + 1))
    high = np.ceil(np.array(foot_xy_px) + scale * (np.array(rgba.shape[1::-1]) - foot))
    # Room for the shadow beside and below the feet.
    room = np.ceil(4 * _SHADOW_BLUR * px_per_m * sprite.stature_m) + 1
    left, top = np.clip(low - [room, 0], 0, [shape[1], shape[0]]).astype(int).tolist()
    right, bottom = np.clip(high + room, 0, [shape[1], shape[0]]).astype(int).tolist()
    if left >= right or top >= bottom:
        return None
    window_from_figure = np.array(
        [
            [scale[0], 0, foot_xy_px[0] - left - scale[0] * foot[0]],
            [0, scale[1], foot_xy_px[1] - top - scale[1] * foot[1]],
        ]
    )
    warped = cv2.warpAffine(
        rgba,
        window_from_figure,
        (right - left, bottom - top),
        flags=cv2.INTER_CUBIC if scale[0] > 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    alpha = np.clip(warped[..., 3], 0, 1)
    color = np.clip(warped[..., :3] / np.maximum(warped[..., 3:], 1e-3), 0, 1)
    return (left, top, right, bottom), color, alpha


def _contact_shadow(alpha: Float[ndarray, "a b"], foot_row: float, stature_px: float) -> Float[ndarray, "a b"]:
    """Return the darkness of the ground next to the feet: the lowest part of the sprite, flattened and blurred."""
    rows = np.arange(len(alpha))[:, None]
    soles = alpha * (rows > foot_row - 0.05 * stature_px)
    blur = max(0.6, _SHADOW_BLUR * stature_px)
    near = cv2.GaussianBlur(soles, (0, 0), sigmaX=blur, sigmaY=0.5 * blur)
    far = cv2.GaussianBlur(soles, (0, 0), sigmaX=1.5 * blur, sigmaY=0.8 * blur)
    return (_SHADOW * np.clip(0.8 * near + 0.5 * far, 0, 1)).astype(np.float32)


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
    picture, so nothing below the foot point occludes unless the feet themselves are occluded. ``relative`` is the
    disparity of the photo, and ``corner_xy`` the first pixel of the mask's window in it.
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
    """Return the disparity of the ground at a foot point, and whether it is occluded; None outside the photo.

    On level ground everything visible in the foot point's row is as near as the ground there, or nearer. So where the
    foot point is clearly nearer than the farthest fifth of its row, the feet are occluded.
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
