"""The bank of sprites the sprite painter pastes: dressed bodies rendered alone, with transparency, in varied light.

``python -m mfh_lab.pocket.world.sprites --bank bodies.npz --split train --count 96 --out
src/mfh/weights/data/sprites.npz``

Each sprite is rendered by a level camera, so that the picture of an upright body is an exact scaled drawing of it:
height in pixels = pixels per metre x height in metres. Light is brought to one standard (a grey of albedo 0.4 shows
neutral, at the same brightness in every sprite); matching a photo's light is the painter's business.
"""

import argparse
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mfh.io.atomic import atomic_path
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.cameras import look
from mfh_lab.pocket.world.people import FIRST_PERSON_ID, place_body
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.scenes import tonemap
from mfh_lab.pocket.world.textures import Texture
from mfh_lab.pocket.world.tracer import CameraPose, Environment, denoise, trace_image
from mfh_lab.pocket.world.wardrobe import add_dressed

Light = Literal["lamp", "sun", "overcast"]
LIGHTS: tuple[Light, ...] = ("lamp", "sun", "sun", "overcast")
POSES = ("stand", "walk", "gesture")
HEIGHT_PX = 280
_SUPERSAMPLING = 3
_MARGIN_PX = 3
# Children among the sprites: they are painted now and then, as they stand in photos now and then.
_CHILD_SHARE = 0.05
_CHILD_M = 1.5
_GREY = 0.4
_GREY_RADIANCE = 0.27
_WEBP_QUALITY = 90


@dataclass(frozen=True)
class Sprite:
    """One sprite and what is known about it.

    Attributes:
        rgba: (h, w, 4) uint8, colours not multiplied by alpha.
        stature_m: standing height of the body.
        px_per_m: pixels a metre covers at the depth of the feet.
        foot_xy_px: (x, y) of the point midway between the feet on the ground, integer coordinates at pixel centres.
        female: whether the prompt is "a woman".
        light_sign: -1 where the light comes from the left, 1 from the right, 0 from above or all around.
        pelvis_depth_ratio: depth of the pelvis over the depth of the feet.
        surface_depth_ratio: median depth of the visible surface over the depth of the feet.
    """

    rgba: NDArray[np.uint8]
    stature_m: float
    px_per_m: float
    foot_xy_px: tuple[float, float]
    female: bool
    light_sign: int
    pelvis_depth_ratio: float
    surface_depth_ratio: float


def draw_bodies(bank: BodyBank, *, split: str, count: int, seed: int) -> NDArray[np.intp]:
    """Draw standing, walking and gesturing bodies of a split, each once before any twice, with few children."""
    rng = np.random.default_rng((seed, 0))
    bodies = rng.permutation(bank.indices(split, poses=POSES))
    child = bank.stature_m[bodies] < _CHILD_M
    children = bodies[child][: round(_CHILD_SHARE * count)]
    adults = bodies[~child]
    if not len(adults):
        raise ValueError(f"no adult of split {split!r} stands, walks or gestures in this bank: build a larger one")
    return np.concatenate([np.resize(adults, count - len(children)), children])


def render_sprite(
    bank: BodyBank, body: int, *, seed: int, light: Light, height_px: int = HEIGHT_PX, samples: int = 4
) -> Sprite:
    """Render one body alone, by a level camera 1.0 to 1.8 m high and 3 to 6 m away.

    Args:
        bank: bodies.
        body: row of the bank.
        seed: of clothes, heading, camera and light.
        light: kind of light.
        height_px: height of the sprite.
        samples: light paths per pixel, before averaging 3 x 3 of them.
    """
    rng = np.random.default_rng((seed, 1))
    # Most people in photos face the camera more or less.
    yaw = rng.normal(0, 0.9) if rng.random() < 0.75 else rng.uniform(0, 2 * np.pi)
    place = Place(0, 0, 0, float(yaw))
    builder = SceneBuilder()
    environment, light_sign = _surroundings(builder, light, rng)
    vertices = add_dressed(builder, bank, body, place, FIRST_PERSON_ID, rng=rng)
    position = np.array([0.0, -rng.uniform(3, 6), rng.uniform(1.0, 1.8)])
    axes = look(position, 0.0, 0.0)
    seen = (vertices - position) @ axes.T.astype(float)
    foot = (between_feet(bank, body, place) - position) @ axes.T.astype(float)
    pelvis_m = np.mean(((place_body(bank, body, place)[_pelvis(bank)] - position) @ axes.T)[:, 2])

    flat = seen[:, :2] / seen[:, 2:]
    f_px = height_px * _SUPERSAMPLING / float(np.ptp(flat[:, 1]))
    low = np.floor(flat.min(0) * f_px) - _MARGIN_PX * _SUPERSAMPLING
    size = np.ceil((flat.max(0) * f_px - low) / _SUPERSAMPLING).astype(int) + _MARGIN_PX
    width, height = (size * _SUPERSAMPLING).tolist()
    view = CameraPose(f_px, float(-low[0]), float(-low[1]), axes, position.astype(np.float32))
    radiance, depth, ids, albedo, normal = trace_image(
        builder.build(environment), view, width, height, samples, seed % 2**31
    )
    clean = denoise(radiance, albedo, normal, depth)
    mask = ids == FIRST_PERSON_ID
    foot_super = foot[:2] / foot[2] * f_px - low
    return Sprite(
        _rgba(_standard_light(clean, albedo, mask), mask),
        float(bank.stature_m[body]),
        f_px / _SUPERSAMPLING / float(foot[2]),
        # The centre of a block of n pixels lies at n·k + (n - 1)/2.
        (float((foot_super[0] - 1) / _SUPERSAMPLING), float((foot_super[1] - 1) / _SUPERSAMPLING)),
        bool(bank.female[body]),
        light_sign,
        float(pelvis_m / foot[2]),
        float(np.median(depth[mask]) / foot[2]),
    )


def between_feet(bank: BodyBank, body: int, place: Place) -> NDArray[np.float64]:
    """Return the (3,) world point on the ground midway between the soles of a body's two feet."""
    vertices = place_body(bank, body, place).astype(float)
    on_body = np.zeros(len(vertices), bool)
    on_body[np.unique(bank.faces["body"])] = True
    sole = on_body & (bank.rest[:, 2] < 0.012)
    feet = [vertices[sole & side, :2].mean(0) for side in (bank.rest[:, 0] < 0, bank.rest[:, 0] > 0)]
    return np.array([*np.mean(feet, axis=0), place.z])


def _pelvis(bank: BodyBank) -> NDArray[np.bool_]:
    return (bank.rest[:, 2] > 0.48) & (bank.rest[:, 2] < 0.55) & (np.abs(bank.rest[:, 0]) < 0.12)


def _surroundings(b: SceneBuilder, light: Light, rng: np.random.Generator) -> tuple[Environment, int]:
    """Add a ground (and, indoors, walls and lamps) of greys; returns sky and sun, and the side of the light."""
    grey = float(rng.uniform(0.15, 0.5))
    ground = b.material(Texture.PLAIN, (grey, grey, grey))
    b.box(Place(0, 0), (0, 0, -0.05), (60, 60, 0.1), ground, 1)
    turn, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.1)
    sun = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)], np.float32)
    side = int(np.sign(sun[0])) if abs(sun[0]) > 0.2 else 0
    none = np.zeros(3, np.float32)
    if light == "lamp":
        wall = b.material(Texture.PLAIN, (0.6, 0.6, 0.6))
        # No wall behind the camera: it must see in.
        for x, y, wide, deep in ((-3, 0, 0.1, 16), (3, 0, 0.1, 16), (0, 2.5, 6, 0.1)):
            b.box(Place(0, 0), (x, y, 1.4), (wide, deep, 2.8), wall, 1)
        b.box(Place(0, 0), (0, 0, 2.85), (6.2, 16, 0.1), wall, 1)
        x = rng.uniform(-2, 2)
        b.lamp((x - 0.4, rng.uniform(-3, 0.5), 2.75), (0.8, 0, 0), (0, 0.8, 0), np.full(3, 14.0))
        b.lamp((-x - 0.3, rng.uniform(-4, -2), 2.75), (0.6, 0, 0), (0, 0.6, 0), np.full(3, 6.0))
        indoors = Environment(none, none, np.full(3, 0.6, np.float32), np.full(3, 0.6, np.float32), 0.0, 0.4)
        return indoors, int(np.sign(x)) if abs(x) > 0.4 else 0
    if light == "overcast":
        cloud = np.full(3, 0.75, np.float32)
        return Environment(sun, np.full(3, 0.1, np.float32), cloud, cloud, 1.0, 0.3), 0
    power = np.float32(rng.uniform(0.9, 2.2))
    blue = np.array([0.6, 0.68, 0.8], np.float32)
    return Environment(sun, power * np.array([1, 0.95, 0.88], np.float32), blue, blue, 0.3, 0.3), side


def _standard_light(
    radiance: NDArray[np.float32], albedo: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Develop a sprite so that a grey in its mean light shows neutral and at the standard brightness."""
    light = (radiance[mask].mean(0) / np.maximum(albedo[mask].mean(0), 1e-3)).astype(np.float32)
    return tonemap(radiance / light, gain=_GREY_RADIANCE / _GREY, contrast=0.3)


def _rgba(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Average blocks of pixels; colours come from inside the sprite alone, so that no backdrop shows at its edge."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    weight = (inner + 1e-3 * mask)[..., None]
    size = (mask.shape[1] // _SUPERSAMPLING, mask.shape[0] // _SUPERSAMPLING)
    alpha = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.concatenate([rgb * weight, weight], 2), size, interpolation=cv2.INTER_AREA)
    # Outside the sprite, colours of the nearest sprite pixels, so that resampling never mixes in black.
    spread = cv2.GaussianBlur(total, (0, 0), 2.0) * 1e-4 + total
    color = spread[..., :3] / np.maximum(spread[..., 3:], 1e-12)
    return np.concatenate([np.clip(color, 0, 255), 255 * alpha[..., None]], 2).round().astype(np.uint8)


def save_sprites(path: Path, sprites: list[Sprite]) -> None:
    """Write a bank of sprites: WebP files end to end, and one row of numbers a sprite."""
    files = []
    for sprite in sprites:
        buffer = io.BytesIO()
        Image.fromarray(sprite.rgba).save(buffer, "WEBP", quality=_WEBP_QUALITY, method=6, alpha_quality=95)
        files.append(np.frombuffer(buffer.getvalue(), np.uint8))
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            webp=np.concatenate(files),
            ends=np.cumsum([len(file) for file in files]),
            stature_m=np.array([s.stature_m for s in sprites], np.float32),
            px_per_m=np.array([s.px_per_m for s in sprites], np.float32),
            foot_xy_px=np.array([s.foot_xy_px for s in sprites], np.float32),
            female=np.array([s.female for s in sprites]),
            light_sign=np.array([s.light_sign for s in sprites], np.int8),
            pelvis_depth_ratio=np.array([s.pelvis_depth_ratio for s in sprites], np.float32),
            surface_depth_ratio=np.array([s.surface_depth_ratio for s in sprites], np.float32),
        )


def build_sprites(bank: BodyBank, *, split: str, count: int, seed: int, samples: int = 4) -> list[Sprite]:
    """Render ``count`` sprites of a split; the result is a function of bank, split, count and seed."""
    bodies = draw_bodies(bank, split=split, count=count, seed=seed)
    return [
        render_sprite(bank, int(body), seed=1000 * seed + k, light=LIGHTS[k % len(LIGHTS)], samples=samples)
        for k, body in enumerate(bodies)
    ]


def main() -> None:
    """Render the sprites and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sprites = build_sprites(
        load_bank(args.bank), split=args.split, count=args.count, seed=args.seed, samples=args.samples
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_sprites(args.out, sprites)
    print(f"{len(sprites)} sprites, {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
