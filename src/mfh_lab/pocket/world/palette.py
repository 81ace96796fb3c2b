"""Random colours and materials of rooms, furniture, clothes and streets."""

import colorsys

import numpy as np

from mfh_lab.pocket.world.scene_builder import Rgb, SceneBuilder
from mfh_lab.pocket.world.textures import Texture


def color(rng: np.random.Generator, low: float = 0.1, high: float = 0.85, *, saturation: float = 0.6) -> Rgb:
    """Draw an albedo: brightness in [low, high], colourfulness up to ``saturation``, any hue."""
    chroma = saturation * rng.random() ** 1.5
    r, g, b = colorsys.hsv_to_rgb(rng.random(), min(chroma, 0.95), rng.uniform(low, high))
    return (max(r, 0.02), max(g, 0.02), max(b, 0.02))


def shade(rng: np.random.Generator, base: Rgb) -> Rgb:
    """Return a slightly darker or lighter variant, for surfaces that are nearly uniform."""
    k = rng.uniform(0.8, 1.1)
    return (min(base[0] * k, 0.97), min(base[1] * k, 0.97), min(base[2] * k, 0.97))


def offset(rng: np.random.Generator) -> Rgb:
    """Draw a texture offset, so that two things of one kind do not look alike."""
    x, y, z = rng.uniform(0, 40, 3)
    return (float(x), float(y), float(z))


def pick(rng: np.random.Generator, *kinds: Texture) -> Texture:
    """Draw one of the given textures."""
    return kinds[int(rng.integers(len(kinds)))]


def wood(b: SceneBuilder, rng: np.random.Generator) -> int:
    """Wood, veneer or painted board."""
    if rng.random() < 0.35:
        tone = color(rng, 0.1, 0.92, saturation=0.5)
        return b.material(Texture.PLAIN, tone, scale=1.5, gloss=rng.choice([0.0, 0.04]))
    shade = rng.uniform(0.2, 1.0)
    tone = (0.72 * shade, 0.5 * shade * rng.uniform(0.85, 1.1), 0.3 * shade * rng.uniform(0.7, 1.2))
    return b.material(Texture.PLANKS, tone, scale=rng.uniform(0.8, 3), gloss=rng.choice([0.0, 0.0, 0.04]),
                      offset=offset(rng))  # fmt: skip


def fabric(b: SceneBuilder, rng: np.random.Generator) -> int:
    """Upholstery, curtains, bedding."""
    kind = pick(rng, Texture.PLAIN, Texture.FIBRE, Texture.STRIPES, Texture.CHECKS, Texture.DOTS)
    return b.material(kind, color(rng, 0.06, 0.9, saturation=0.9), color(rng, 0.06, 0.9, saturation=0.9),
                      scale=rng.uniform(4, 14), bump=0.3, aspect=rng.uniform(0.2, 0.6), offset=offset(rng))  # fmt: skip


def thing(b: SceneBuilder, rng: np.random.Generator) -> int:
    """Packaging, plastic, metal, print: the surface of a small object."""
    kind = pick(rng, Texture.PLAIN, Texture.PLAIN, Texture.PRINT, Texture.BLOBS, Texture.PATCHES, Texture.STRIPES)
    return b.material(kind, color(rng, 0.03, 0.95, saturation=1.1), color(rng, 0.03, 0.95, saturation=1.1),
                      scale=rng.uniform(4, 20), gloss=rng.choice([0.0, 0.0, 0.05, 0.25]),
                      offset=offset(rng))  # fmt: skip


def metal(b: SceneBuilder, rng: np.random.Generator) -> int:
    """Painted or bare metal of legs, frames and poles."""
    tone = color(rng, 0.05, 0.8, saturation=0.15)
    return b.material(Texture.PLAIN, tone, scale=2, gloss=rng.choice([0.04, 0.3]))


def foliage(b: SceneBuilder, rng: np.random.Generator) -> int:
    """Leaves."""
    warm, shade = rng.uniform(0.4, 1.2), rng.uniform(0.6, 1.3)
    return b.material(Texture.FIBRE, (0.07 * warm * shade, 0.17 * shade, 0.04 * shade),
                      (0.24 * warm * shade, 0.38 * shade, 0.1 * shade), scale=rng.uniform(4, 9), bump=0.9,
                      offset=offset(rng))  # fmt: skip


def screen(b: SceneBuilder, rng: np.random.Generator) -> int:
    """A monitor or television: dark and glossy, or showing something."""
    if rng.random() < 0.5:
        return b.material(Texture.PLAIN, (0.02, 0.02, 0.025), gloss=0.08)
    kind = pick(rng, Texture.BLOBS, Texture.PRINT, Texture.PATCHES)
    return b.material(kind, color(rng, 0.2, 0.95, saturation=1.0), color(rng, 0.05, 0.9, saturation=1.0),
                      scale=rng.uniform(4, 14), emission=rng.uniform(0.4, 1.2), offset=offset(rng))  # fmt: skip
