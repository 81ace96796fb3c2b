"""Cameras of the pocket world: eye level, portrait, close-up, from above, from a car."""

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.scene_builder import Place
from mfh_lab.pocket.world.tracer import CameraPose

Rng = np.random.Generator


def look(position: NDArray[np.float64], yaw: float, pitch: float, roll: float = 0.0) -> NDArray[np.float32]:
    """Return (3, 3) camera axes as rows: x right, y down, z forward; yaw 0 looks along +y, pitch > 0 looks up."""
    z = np.array([np.cos(pitch) * np.sin(yaw), np.cos(pitch) * np.cos(yaw), np.sin(pitch)])
    x = np.cross(z, [0, 0, 1])
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * x + s * y, -s * x + c * y, z]).astype(np.float32)


def draw_camera(layout: Layout, rng: Rng, size: tuple[int, int]) -> tuple[CameraPose, Place | None]:
    """Draw a camera; returns it and, for a portrait, where the person in front of it must stand."""
    width, height = size
    x0, _, x1, y1 = layout.bounds
    reach = (x1 - x0) / 2
    indoor = layout.kind not in ("street", "road", "yard", "park")
    longest_fov = np.deg2rad(rng.uniform(46, 80))
    f_px = max(width, height) / 2 / np.tan(longest_fov / 2)
    height_m, pitch = _held(rng)
    position = np.array([rng.uniform(-reach, reach) * 0.6, rng.uniform(0.15, 0.7), height_m])
    yaw, roll = rng.normal(0, 0.2) - position[0] / max(y1, 3) * 1.1, rng.normal(0, 0.03)
    subject = None
    mode = rng.random()
    if layout.kind == "road" and mode < 0.85:
        position = np.array([rng.uniform(-0.6, 0.6) * reach, -1.0, rng.uniform(1.2, 2.2)])
        yaw, pitch, roll = rng.normal(0, 0.08), rng.normal(-0.05, 0.04), rng.normal(0, 0.01)
    elif layout.targets and mode < (0.24 if indoor else 0.1):
        position, yaw, pitch = _close_up(layout, rng)
    elif mode < 0.4:
        distance, turn = rng.uniform(0.8, 2.4), rng.uniform(-0.25, 0.25)
        x = position[0] + distance * np.sin(yaw + turn)
        subject = Place(x, position[1] + distance * np.cos(yaw + turn), 0, rng.normal(0, 0.7))
        pitch = rng.normal(-0.02 if distance < 1.5 else -0.12, 0.08)
    elif mode < 0.45:
        position[2] = min(rng.uniform(1.9, 2.9), layout.ceiling_m - 0.2)
        pitch = rng.uniform(-0.6, -0.2)
    position[2] = min(position[2], layout.ceiling_m - 0.15)
    view = CameraPose(
        f_px, (width - 1) / 2, (height - 1) / 2, look(position, yaw, pitch, roll), position.astype(np.float32)
    )
    return view, subject


def _held(rng: Rng) -> tuple[float, float]:
    """Draw height and pitch of a camera held in the hands.

    Mostly at the eyes of a standing adult or a little below, sometimes of a person who sits or crouches; level or
    slightly down, and in one picture of four far down, at what lies on floors and desks.
    """
    standing = rng.random() < 0.85
    height_m = float(np.clip(rng.normal(1.5, 0.13), 1.15, 1.85)) if standing else rng.uniform(0.5, 1.2)
    steep = rng.random() < 0.26
    return height_m, float(rng.uniform(-0.9, -0.25) if steep else rng.normal(-0.1, 0.12))


def _close_up(layout: Layout, rng: Rng) -> tuple[NDArray[np.float64], float, float]:
    """Draw a camera half a metre to two metres from a table top, a shelf or a car, directed at it."""
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


def sees(view: CameraPose, size: tuple[int, int], x: float, y: float) -> bool:
    """Return whether the chest of a person standing at (x, y) falls inside the picture."""
    p = view.axes @ (np.array([x, y, 1.2]) - view.position)
    if p[2] < 0.6:
        return False
    u, v = p[0] / p[2] * view.f_px + view.cx, p[1] / p[2] * view.f_px + view.cy
    return bool(-0.05 * size[0] < u < 1.05 * size[0] and -0.3 * size[1] < v < 1.3 * size[1])
