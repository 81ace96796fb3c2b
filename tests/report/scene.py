"""A made-up room for the report: floor, slanted wall, sky; people and objects measured with errors."""

import math
from dataclasses import replace

import numpy as np

from mfh.geometry.camera import camera_from_focal_px
from mfh.types import Evidence, Figure, FocalProvenance, Landmark, Photo, RelativeDepth, Space
from mfh.types.observations import Gathered

FLOOR_M, WALL_M, HORIZON = 1.5, (6.0, 11.0), 0.45
SCALE, SHIFT = 0.4, 0.05
STANDING = [(0.3, 3.0, 0.02), (0.6, 4.5, -0.04), (0.75, 6.0, 0.03)]
"""Column over the width, metres, and the error of the logarithm of each person's distance."""
CHAIRS = [(0.15, 3.6, 0.05), (0.5, 5.2, -0.06), (0.9, 4.0, 0.2)]
PAINTED = [(0.45, 2.6, 0.1), (0.8, 5.5, -0.12)]


def room(
    width: int = 640, height: int = 480, *, name: str = "room.jpg", relief: bool = True, space: Space = "disparity"
) -> Gathered:
    """Return what models may have said about the room.

    Args:
        width: of the photo, pixels.
        height: the same.
        name: of the photo.
        relief: whether people are measured on their bodies, whose relief does not scale with the focal length.
        space: of the relative depth.
    """
    camera = camera_from_focal_px(0.9 * width, width=width, height=height)
    rows = np.arange(height)[:, None]
    down = (rows - HORIZON * height) / camera.fy
    wall = np.linspace(*WALL_M, width)[None]
    z = np.minimum(wall, np.where(down > 0, FLOOR_M / np.maximum(down, 1e-9), np.inf))
    sky = np.repeat(rows < 0.08 * height, width, 1)
    rng = np.random.default_rng(0)
    coarse = rng.random((max(2, height // 24), max(2, width // 24), 3))
    texture = np.kron(coarse, np.ones((24, 24, 1)))[:height, :width]
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: texture.shape[0], : texture.shape[1]] = (90 + 100 * texture).astype(np.uint8)
    pixels += rng.integers(0, 24, pixels.shape, np.uint8)
    photo = Photo(pixels, camera, FocalProvenance("default-fov", "unknown: assumed", 0.25), name)
    seen = [_landmark(photo, one, label="") for one in STANDING] + [_landmark(photo, one, "chair") for one in CHAIRS]
    rejected = _landmark(photo, (0.05, 2.0, 0.0), "", verdict="rejected", reason="too small: 12 px")
    images = [_evidence([*seen, rejected], rng, space, relief=relief)]
    first = images[0].landmarks[0]
    images[0] = replace(images[0], landmarks=(replace(first, figure=standing(first, photo)), *images[0].landmarks[1:]))
    for number, one in enumerate(PAINTED):
        images.append(_evidence([_landmark(photo, one, "", source=f"painting {number}")], rng, space, relief=False))
    return Gathered(
        photo=photo,
        relative=RelativeDepth(_relative(z, space).astype(np.float32), space, valid_mask=~sky, holes_are_sky=True),
        evidence=tuple(images),
        preset="pocket",
        models={"relative_depth": "pocket", "painter": "sprite"},
        seed=3,
        attempts=len(PAINTED),
        ended_by="2 paintings with people collected",
        shared_log_sigma=0.05,
        shape_log_sigma=0.1,
        provenance="the painter learned it somewhere",
        max_depth_m=200.0,
    )


def standing(one: Landmark, photo: Photo) -> Figure:
    """Return the figure of a person who is as a box: 0.5 m wide, 0.3 m deep, and as tall as said."""
    camera, z = photo.camera, one.origin_m
    assert z is not None and one.stature_m is not None
    left, _, right, bottom = one.box_xyxy
    middle = ((left + right) / 2 - camera.cx) / camera.fx * z
    feet = (bottom - camera.cy) / camera.fy * z
    corners = np.array([[x, y, d] for x in (-0.25, 0.25) for y in (-one.stature_m, 0) for d in (-0.15, 0.15)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in sides for triangle in ((a, b, c), (a, c, d))]
    mask = np.zeros((40, 12), bool)
    mask[2:, 3:9] = True
    return Figure(mask, (corners + [middle, feet, z]).astype(np.float32), np.array(faces, np.int32))


def _landmark(
    photo: Photo,
    one: tuple[float, float, float],
    label: str,
    *,
    source: str = "photo",
    verdict: str = "used",
    reason: str = "measured",
) -> Landmark:
    across, z, error = one
    camera = photo.camera
    tall_m = 0.8 if label else 1.7
    foot = HORIZON * camera.height + camera.fy * FLOOR_M / z
    wide, tall = 0.25 * camera.fx / z, tall_m * camera.fy / z
    x = across * camera.width
    measured_m = z * math.exp(error)
    return Landmark(
        source=source,
        measured_by="made-up",
        box_xyxy=(x - wide, foot - tall, x + wide, foot),
        score=0.9,
        distance_m=measured_m,
        stature_m=None if label else 1.7,
        pixels=200,
        verdict="used" if verdict == "used" else "rejected",
        reason=reason,
        evidence="object" if label else "body",
        log_distance_sigma=0.08,
        shared_log_sigma=0.1 if label else 0.05,
        origin_m=measured_m,
        label=label,
        size_m=0.8 if label else None,
    )


def _relative(z: np.ndarray | float, space: Space) -> np.ndarray | float:
    return ((1 / z if space == "disparity" else z) - SHIFT) / SCALE


def _evidence(landmarks: list[Landmark], rng: np.random.Generator, space: Space, *, relief: bool) -> Evidence:
    relative, depth_m, person = [], [], []
    for number, one in enumerate(landmarks):
        if one.verdict != "used" or one.distance_m is None:
            continue
        error = {row[1]: row[2] for row in (*STANDING, *CHAIRS, *PAINTED)}
        true_m = min(error, key=lambda z: abs(z * math.exp(error[z]) - one.distance_m))
        # The front of a body is nearer than its middle.
        surface = one.distance_m - (0.12 if relief and not one.is_object else 0.0)
        relative.append(_relative(true_m, space) + rng.normal(0, 0.003, 40))
        depth_m.append(np.full(40, surface))
        person.append(np.full(40, number))
    return Evidence(np.concatenate(relative), np.concatenate(depth_m), np.concatenate(person), tuple(landmarks))
