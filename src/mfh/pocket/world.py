"""The pocket world: a seed becomes a scene with people and a camera, and a picture with exact depth and ids.

Object ids: 0 sky, 1 ground and shell, 2-99 objects, 100 and up people. Scenes of different splits use different bodies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfh.pocket.bodies import BodyBank
from mfh.pocket.layout import Layout
from mfh.pocket.outdoors import outdoors
from mfh.pocket.people import FIRST_PERSON_ID, add_person, seat_place
from mfh.pocket.rooms import room
from mfh.pocket.scene_builder import Place
from mfh.pocket.tracer import View, denoise, trace_image

Rng = np.random.Generator
_STANDING = ("stand", "walk", "gesture", "reach", "crouch")
_MAX_REDRAWS = 12


@dataclass(frozen=True)
class FigureTruth:
    """One person of a scene: exact body in the camera frame.

    Attributes:
        person_id: value in the id image.
        body_index: row of the bank.
        stature_m: standing height.
        vertices_m: (v, 3) body and clothes, camera frame.
        faces: (f, 3) the triangles that were rendered.
    """

    person_id: int
    body_index: int
    stature_m: float
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Render:
    """One rendered picture.

    Attributes:
        rgb: (h, w, 3) uint8, sRGB.
        depth_m: (h, w) float32 z in metres at pixel centres, 0 for sky.
        ids: (h, w) int16 object ids.
        f_px: focal length in pixels; the principal point is the image centre.
        kind: kind of scene.
        people: everybody in the scene, seen or not.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    ids: NDArray[np.int16]
    f_px: float
    kind: str
    people: tuple[FigureTruth, ...]


def look(position: NDArray[np.float64], yaw: float, pitch: float, roll: float = 0.0) -> NDArray[np.float32]:
    """Return (3, 3) camera axes as rows: x right, y down, z forward; yaw 0 looks along +y, pitch > 0 looks up."""
    z = np.array([np.cos(pitch) * np.sin(yaw), np.cos(pitch) * np.cos(yaw), np.sin(pitch)])
    x = np.cross(z, [0, 0, 1])
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * x + s * y, -s * x + c * y, z]).astype(np.float32)


def render_scene(seed: int, bank: BodyBank, *, split: str, size: tuple[int, int], samples: int = 4) -> Render:
    """Draw and render the scene of a seed.

    Args:
        seed: the picture is a function of the seed, the split, the bank and the size.
        bank: bodies.
        split: whose bodies to use.
        size: (width, height) pixels.
        samples: light paths per pixel.

    Returns:
        The picture. A camera that ends up inside an object, or sees almost nothing, is drawn again.
    """
    for attempt in range(_MAX_REDRAWS):
        rng = np.random.default_rng((seed, attempt))
        layout = (room if rng.random() < 0.58 else outdoors)(rng)
        view, subject = _camera(layout, rng, size)
        people = _populate(layout, rng, bank, split, view, size, subject)
        if not layout.builder.corners:
            continue
        render = _render(layout, view, size, samples, seed, people, rng)
        seen = render.depth_m[render.depth_m > 0]
        if seen.size > 0.35 * render.depth_m.size and np.percentile(seen, 25) > 0.4 and np.percentile(seen, 1) > 0.15:
            return render
    raise RuntimeError(f"scene {seed}: no usable camera in {_MAX_REDRAWS} draws")


def _camera(layout: Layout, rng: Rng, size: tuple[int, int]) -> tuple[View, Place | None]:
    """Draw a camera; returns it and, for a portrait, where the person it looks at must stand."""
    width, height = size
    x0, _, x1, y1 = layout.bounds
    reach = (x1 - x0) / 2
    indoor = layout.kind not in ("street", "road", "yard", "park")
    longest_fov = np.deg2rad(rng.uniform(46, 80))
    f_px = max(width, height) / 2 / np.tan(longest_fov / 2)
    position = np.array([rng.uniform(-reach, reach) * 0.6, rng.uniform(0.15, 0.7), rng.uniform(1.0, 1.75)])
    yaw, pitch, roll = rng.normal(0, 0.2) - position[0] / max(y1, 3) * 1.1, rng.normal(-0.17, 0.17), rng.normal(0, 0.03)
    subject = None
    mode = rng.random()
    if layout.kind == "road" and mode < 0.85:
        position = np.array([rng.uniform(-0.6, 0.6) * reach, -1.0, rng.uniform(1.2, 2.2)])
        yaw, pitch, roll = rng.normal(0, 0.08), rng.normal(-0.05, 0.04), rng.normal(0, 0.01)
    elif layout.targets and mode < (0.3 if indoor else 0.12):
        position, yaw, pitch = _close_up(layout, rng)
    elif mode < 0.46:
        distance, turn = rng.uniform(0.8, 2.4), rng.uniform(-0.25, 0.25)
        x = position[0] + distance * np.sin(yaw + turn)
        subject = Place(x, position[1] + distance * np.cos(yaw + turn), 0, rng.normal(0, 0.7))
        pitch = rng.normal(-0.02 if distance < 1.5 else -0.12, 0.08)
    elif mode < 0.58:
        position[2] = min(rng.uniform(1.9, 2.9), layout.ceiling_m - 0.2)
        pitch = rng.uniform(-0.6, -0.2)
    position[2] = min(position[2], layout.ceiling_m - 0.15)
    view = View(f_px, (width - 1) / 2, (height - 1) / 2, look(position, yaw, pitch, roll), position.astype(np.float32))
    return view, subject


def _close_up(layout: Layout, rng: Rng) -> tuple[NDArray[np.float64], float, float]:
    """Stand half a metre to two metres from a table top, a shelf or a car and look at it."""
    target = np.array(layout.targets[int(rng.integers(len(layout.targets)))])
    distance, height = rng.uniform(0.45, 2.0), rng.uniform(0.1, 0.9)
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else rng.normal(0, 0.6)
    position = target - distance * np.array([np.sin(angle), np.cos(angle), 0.0])
    x0, y0, x1, y1 = layout.bounds
    position[0], position[1] = np.clip(position[0], x0 + 0.15, x1 - 0.15), np.clip(position[1], y0 + 0.15, y1 - 0.15)
    position[2] = max(target[2] + height, 0.3)
    gap = target - position
    yaw = float(np.arctan2(gap[0], gap[1])) + rng.normal(0, 0.15)
    pitch = float(np.arctan2(gap[2], np.hypot(gap[0], gap[1]))) + rng.normal(0.05, 0.12)
    return position, yaw, float(np.clip(pitch, -1.3, 0.3))


def _sees(view: View, size: tuple[int, int], x: float, y: float) -> bool:
    """Tell whether the chest of somebody standing at (x, y) falls inside the picture."""
    p = view.axes @ (np.array([x, y, 1.2]) - view.position)
    if p[2] < 0.6:
        return False
    u, v = p[0] / p[2] * view.f_px + view.cx, p[1] / p[2] * view.f_px + view.cy
    return bool(-0.05 * size[0] < u < 1.05 * size[0] and -0.3 * size[1] < v < 1.3 * size[1])


def _populate(
    layout: Layout, rng: Rng, bank: BodyBank, split: str, view: View, size: tuple[int, int], subject: Place | None
) -> tuple[FigureTruth, ...]:
    """Seat, stand and walk people where the camera may see them."""
    standing, sitting = bank.indices(split, poses=_STANDING), bank.indices(split, poses=("sit",))
    spots: list[tuple[Place, int]] = []
    if subject is not None and layout.is_free(subject.x, subject.y, 0.2):
        spots.append((subject, int(rng.choice(standing))))
    if rng.random() < 0.7:
        for seat in layout.seats:
            if len(sitting) and rng.random() < 0.3 and _sees(view, size, seat.x, seat.y):
                body = int(rng.choice(sitting))
                spots.append((seat_place(bank, body, seat), body))
        crowd = int(rng.choice([0, 1, 1, 2, 2, 3, 4, 7]))
        for x, y in layout.free_spots(rng, 150, 0.28):
            if crowd <= 0:
                break
            if _sees(view, size, x, y) and all(np.hypot(x - s.x, y - s.y) > 0.55 for s, _ in spots):
                spots.append((Place(x, y, 0, rng.uniform(0, 2 * np.pi)), int(rng.choice(standing))))
                crowd -= 1
    people = []
    for k, (place, body) in enumerate(spots[:30]):
        world, faces = add_person(layout.builder, bank, body, place, FIRST_PERSON_ID + k, rng=rng)
        in_camera = ((world - view.position) @ view.axes.T).astype(np.float32)
        people.append(FigureTruth(FIRST_PERSON_ID + k, body, float(bank.stature_m[body]), in_camera, faces))
    return tuple(people)


def _render(
    layout: Layout,
    view: View,
    size: tuple[int, int],
    samples: int,
    seed: int,
    people: tuple[FigureTruth, ...],
    rng: Rng,
) -> Render:
    scene = layout.builder.build(layout.environment)
    radiance, depth, ids, albedo, normal = trace_image(scene, view, size[0], size[1], samples, seed % 2**31)
    clean = denoise(radiance, albedo, normal, depth, iterations=3 if samples < 4 else 2)
    rgb = tonemap(clean, exposure=float(np.exp(rng.normal(0, 0.35))), contrast=rng.uniform(0, 1))
    return Render(rgb, depth, ids, view.f_px, layout.kind, people)


def tonemap(radiance: NDArray[np.float32], *, exposure: float = 1.0, contrast: float = 0.4) -> NDArray[np.uint8]:
    """Expose for the mean, roll off the highlights (Reinhard et al. 2002), encode at gamma 2.2, add an S-curve."""
    x = radiance * (0.27 * exposure / max(float(radiance.mean()), 1e-4))
    x = x * (1 + x / 9) / (1 + 0.8 * x)
    y = np.clip(x * 1.15, 0, 1) ** (1 / 2.2)
    return ((y + contrast * (y * y * (3 - 2 * y) - y)) * 255).astype(np.uint8)
