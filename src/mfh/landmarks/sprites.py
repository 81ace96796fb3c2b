"""Sprites of known size: the painter knows the metric depth of a sprite it pasted, and no model has to measure it.

A person model that takes the painting as input detects small and whole sprites more easily than large or cut ones. A
large sprite means a near place, so that selection alone would bias the scale. A painter that reports which sprite it
pasted, and how large, has no such bias.
"""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.masks import erode_3x3
from mfh.landmarks.bodies import LONG_SIDE_PX, Judged
from mfh.landmarks.contact import EDGE_PX, MIN_READINGS, Contact, read_ground
from mfh.landmarks.figures import figure_of
from mfh.landmarks.gates import MIN_PIXELS, distance_gate
from mfh.types import Camera, Landmark, PastedSprite, PseudoGroundTruth

SMALL_FIGURE_SIGMA = 0.04
"""Log sigma of the relative depth of a sprite that covers a share p of the picture, times sqrt(p).

Networks smooth over small things. Chosen on validation scenes.
"""
MIN_SHOWN = 0.05
"""Sprites that show less than this part of their height squared are slivers: a whole one covers 0.15 to 0.25 of it."""
_FOOT_ROWS = 0.06
"""The sprite must show within this part of its height above the foot point: else something occludes the feet."""
_FOOT_COLUMNS = 0.12


def judge_sprite(
    sprite: PastedSprite, camera: Camera, *, source: str, painter: str, max_depth_m: float, by_body: bool = True
) -> Judged:
    """Decide whether a pasted sprite is usable, and put its distance on the pixels it shows.

    Args:
        sprite: the sprite.
        camera: intrinsics of the photo.
        source: "painting k".
        painter: name of the painter that pasted it.
        max_depth_m: sprites farther than this are rejected.
        by_body: relative depth is going to be read on the sprite itself, and not at its feet.

    Returns:
        One landmark, and the sprite's distance z = f / (pixels a metre covers) at its inner pixels.
    """
    step = max(1, -(-max(camera.width, camera.height) // LONG_SIDE_PX))
    shown = sprite.sprite_mask[::step, ::step]
    inner = erode_3x3(shown)
    z = camera.fy / sprite.px_per_m
    reading_sigma = SMALL_FIGURE_SIGMA / math.sqrt(max(float(inner.mean()), 1e-6))
    reason = None
    if (misplaced := distance_gate(z, max_depth_m)) is not None:
        reason = misplaced.reason
    elif inner.sum() < MIN_PIXELS:
        reason = f"too small: {int(inner.sum())} pixels of sprite, expected at least {MIN_PIXELS}"
    elif shown.sum() < MIN_SHOWN * (sprite.px_per_m * sprite.stature_m / step) ** 2:
        reason = "hidden: too little of the sprite is in the picture"
    given = inner if reason is None else np.zeros_like(inner)
    box_xyxy = _box(sprite.sprite_mask)
    landmark = Landmark(
        source=source,
        measured_by=painter,
        box_xyxy=box_xyxy,
        score=1.0,
        distance_m=float(z),
        stature_m=sprite.stature_m,
        pixels=int(given.sum()),
        verdict="used" if reason is None else "rejected",
        reason=reason or "painted at a known size",
        log_distance_sigma=math.hypot(sprite.log_size_sigma, reading_sigma if by_body else 0.0),
        shared_log_sigma=sprite.shared_log_sigma,
        origin_m=float(z),
        figure=figure_of(box_xyxy, sprite.sprite_mask),
    )
    truth = PseudoGroundTruth(np.where(given, z, np.inf), np.where(given, 0, -1))
    return Judged((landmark,), truth, step)


def sprite_contact(sprite: PastedSprite, relative: Float[ndarray, "h w"], camera: Camera) -> Contact | Rejected:
    """Pair a sprite's distance with the photo's relative depth of the ground at its feet, or return why not."""
    x, y = sprite.foot_xy_px
    height, width = relative.shape
    if not (0 <= x <= width - 1 and 0 <= y <= height - 1 - EDGE_PX):
        return Rejected("feet not visible: cut off by the image's border")
    person_px = sprite.px_per_m * sprite.stature_m
    rows = slice(max(0, round(y - _FOOT_ROWS * person_px)), round(y + _FOOT_ROWS * person_px) + 1)
    columns = slice(max(0, round(x - _FOOT_COLUMNS * person_px)), round(x + _FOOT_COLUMNS * person_px) + 1)
    if not sprite.sprite_mask[rows, columns].any():
        return Rejected("feet not visible: something nearer hides them")
    values = read_ground((x, y), relative, None, person_px)
    if len(values) < MIN_READINGS:
        return Rejected("no ground is seen at the feet")
    z = camera.fy / sprite.px_per_m
    return Contact(np.array([np.median(values)], float), np.array([z], float), len(values))


def _box(mask: ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return (0.0, 0.0, 0.0, 0.0)
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
