"""Made-up rooms in the layout of NYUv2's BTS extraction: boxes in box rooms, exact depth, NYUv2's camera."""

import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from mfh_lab.evaluation.datasets.nyu import CAMERA, MILLIMETRE, SHOWN_COLUMNS, SHOWN_ROWS

SCENES = ("bedroom", "kitchen", "living_room", "office")
EYE_M = 1.5


def write_rooms(root: Path, count: int) -> Path:
    """Write rooms as ``official_splits/test/<scene type>/{rgb_%05d.jpg, sync_depth_%05d.png}``.

    Args:
        root: new folder.
        count: how many.

    Returns:
        The root.
    """
    for number in range(count):
        folder = root / "official_splits" / "test" / SCENES[number % len(SCENES)]
        folder.mkdir(parents=True, exist_ok=True)
        rgb, depth_m = room(number)
        shown = np.zeros((*depth_m.shape, 3), np.uint8)
        shown[SHOWN_ROWS, SHOWN_COLUMNS] = np.rint(255 * rgb[SHOWN_ROWS, SHOWN_COLUMNS]).astype(np.uint8)
        Image.fromarray(shown).save(folder / f"rgb_{number:05d}.jpg", quality=95)
        Image.fromarray(np.rint(depth_m * MILLIMETRE).astype(np.uint16)).save(folder / f"sync_depth_{number:05d}.png")
    return root


def room(seed: int) -> tuple[Float[ndarray, "480 640 3"], Float[ndarray, "480 640"]]:
    """Return the picture and the depth in metres of a room.

    Args:
        seed: of its size, colours and furniture.
    """
    rng = np.random.default_rng(seed)
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack([(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones(rows.shape)], -1)
    tilt = np.radians(rng.uniform(8, 20))
    rotation = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    world = rays @ rotation.T
    half, ahead = rng.uniform(2.0, 4.0), rng.uniform(4.5, 8.0)
    low, high = np.array([-half, EYE_M - 2.6, -1.0]), np.array([half, EYE_M, ahead])
    with np.errstate(divide="ignore"):
        along = np.where(world > 0, high / world, low / world)
    side = np.argmin(along, axis=-1)
    depth = along.min(axis=-1)
    surface = 2 * side + (np.take_along_axis(world, side[..., None], -1)[..., 0] > 0)
    for number in range(int(rng.integers(2, 5))):
        size = rng.uniform(0.3, 0.9, 3)
        corner = np.array([rng.uniform(-half, half - size[0]), EYE_M - size[1], rng.uniform(2.5, ahead - size[2])])
        near, face = _box(world, corner, corner + size)
        front = near < depth
        depth = np.where(front, near, depth)
        surface = np.where(front, 6 + 3 * number + face, surface)
    points = world * depth[..., None]
    colors = rng.uniform(0.25, 0.85, (int(surface.max()) + 1, 3))
    tiles = 0.06 * ((np.floor(points / 0.45).astype(int).sum(axis=-1) % 2)[..., None] - 0.5)
    light = 1.15 - 0.1 * depth[..., None]
    grain = np.random.default_rng(zlib.crc32(str(seed).encode())).normal(0, 0.01, (*depth.shape, 1))
    return np.clip((colors[surface] + tiles) * light + grain, 0, 1), depth.clip(0.3, 9.9)


def _box(
    world: Float[ndarray, "h w 3"], low: Float[ndarray, "3"], high: Float[ndarray, "3"]
) -> tuple[Float[ndarray, "h w"], ndarray]:
    """Return where rays enter a box, infinite where they miss it, and through which pair of faces."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = low / world, high / world
    enter, leave = np.fmin(first, second), np.fmax(first, second)
    at, face = enter.max(axis=-1), enter.argmax(axis=-1)
    hit = (at > 0.2) & (at <= leave.min(axis=-1))
    return np.where(hit, at, np.inf), face
