"""Where the camera of a clip is: on a tripod, or in the hands of someone who takes a step or two and breathes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.cameras import look
from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.tracer import CameraPose

Rng = np.random.Generator
_ROOM_M = (3.2, 4.8)
"""The least width and depth of a room that people walk in."""
_CAMERA_RADIUS_M = 0.2
_SWAY_HZ = (0.35, 0.8, 1.7, 3.1)
_SWAY_M = (0.012, 0.008, 0.005, 0.002)
_SWAY_RAD = (0.006, 0.004, 0.003, 0.0015)


@dataclass(frozen=True)
class CameraPath:
    """A smooth path of a camera with one focal length.

    Attributes:
        f_px: focal length.
        size: (width, height) pixels.
        seconds: length.
        start: (6,) x, y, z metres, yaw, pitch, roll radians at the first frame.
        travel: (6,) what is added by the last frame, eased in and out.
        sway: (6, 4) amplitude of each of the slow and fast sways of a hand.
        phase: (6, 4) their phases.
    """

    f_px: float
    size: tuple[int, int]
    seconds: float
    start: NDArray[np.float64]
    travel: NDArray[np.float64]
    sway: NDArray[np.float64]
    phase: NDArray[np.float64]

    def at(self, seconds: float) -> CameraPose:
        """Return the camera at a moment."""
        share = np.clip(seconds / max(self.seconds, 1e-9), 0, 1)
        # Half linear, half eased: a hand is never quite at rest, and a step does not begin at full speed.
        done = 0.5 * share + 0.5 * share * share * (3 - 2 * share)
        turn = 2 * np.pi * np.array(_SWAY_HZ) * seconds
        now = self.start + self.travel * done + (self.sway * np.sin(turn + self.phase)).sum(1)
        width, height = self.size
        axes = look(now[:3], float(now[3]), float(now[4]), float(now[5]))
        return CameraPose(self.f_px, (width - 1) / 2, (height - 1) / 2, axes, now[:3].astype(np.float32))


def draw_path(layout: Layout, rng: Rng, width: int, height: int, *, moving: bool, seconds: float) -> CameraPath | None:
    """Draw the path of a camera at eye level that looks along the scene.

    Args:
        layout: the scene.
        rng: of the path.
        width: pixels.
        height: pixels.
        moving: held in the hands; else all frames are taken from one place.
        seconds: length of the clip.

    Returns:
        The path, or None where the scene is too small, or something is in the way of the camera.
    """
    x0, _, x1, y1 = layout.bounds
    indoor = layout.kind not in ("street", "road", "yard", "park")
    fov = np.deg2rad(rng.uniform(54, 72))
    reach = min((x1 - x0) / 2, 4.0)
    start = np.array([rng.uniform(-0.5, 0.5) * reach, rng.uniform(0.25, 0.7), rng.uniform(1.35, 1.7), 0.0, 0.0, 0.0])
    start[3] = -start[0] / max(min(y1, 9.0), 4.0) + rng.normal(0, 0.1)
    start[4:] = rng.normal(-0.14, 0.03), rng.normal(0, 0.015)
    travel, sway, phase = np.zeros(6), np.zeros((6, 4)), rng.uniform(0, 2 * np.pi, (6, 4))
    ahead, aside, pan = rng.uniform(-0.1, 0.9), rng.uniform(-0.7, 0.7), rng.normal(0, 0.07)
    if moving:
        c, s = np.cos(start[3]), np.sin(start[3])
        travel[:4] = ahead * s + aside * c, ahead * c - aside * s, rng.normal(0, 0.03), pan - aside * 0.12
        sway[:3] = np.array(_SWAY_M) * rng.uniform(0.5, 1.5, (3, 4))
        sway[3:] = np.array(_SWAY_RAD) * rng.uniform(0.5, 1.5, (3, 4))
    if indoor and (x1 - x0 < _ROOM_M[0] or y1 < _ROOM_M[1]):
        return None
    path = CameraPath(float(width / 2 / np.tan(fov / 2)), (width, height), seconds, start, travel, sway, phase)
    for t in np.linspace(0, seconds, 9):
        x, y, z = path.at(t).position
        near = max(float(y), layout.bounds[1] + _CAMERA_RADIUS_M)
        if z > layout.ceiling_m - 0.15 or not layout.is_free(float(x), near, _CAMERA_RADIUS_M):
            return None
        if indoor and y < layout.bounds[1] + 0.1:
            return None
    return path
