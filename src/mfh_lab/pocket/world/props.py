"""Furniture and small things. Each function builds one object at a place; sizes are drawn from everyday ones."""

from collections.abc import Callable

import numpy as np

from mfh_lab.pocket.world import palette
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.textures import Texture

Rng = np.random.Generator


def small_object(b: SceneBuilder, rng: Rng, p: Place, i: int) -> None:
    """A box, bottle, mug, bowl, ball, stack of books, can, plant pot or lamp on a surface."""
    kind = rng.integers(9)
    m = palette.thing(b, rng)
    if kind <= 1:
        w, d, h = rng.uniform(0.05, 0.35), rng.uniform(0.04, 0.25), rng.uniform(0.03, 0.32)
        b.box(p.moved(0, 0, 0, rng.uniform(0, 6)), (0, 0, h / 2), (w, d, h), m, i)
    elif kind == 2:
        r, h = rng.uniform(0.025, 0.05), rng.uniform(0.15, 0.35)
        b.lathe(p.at(0, 0), [(0, 0), (r, 0), (r, 0.6 * h), (0.35 * r, 0.8 * h), (0.35 * r, h), (0, h)], m, i)
    elif kind == 3:
        r, h = rng.uniform(0.03, 0.06), rng.uniform(0.07, 0.14)
        b.lathe(p.at(0, 0), [(0, 0), (r, 0), (r, h), (0.88 * r, h), (0.88 * r, 0.01), (0, 0.01)], m, i)
    elif kind == 4:
        r, h = rng.uniform(0.06, 0.16), rng.uniform(0.04, 0.1)
        b.lathe(p.at(0, 0), [(0, 0), (0.5 * r, 0), (r, h), (0.92 * r, h), (0.45 * r, 0.01), (0, 0.01)], m, i)
    elif kind == 5:
        r = rng.uniform(0.03, 0.13)
        b.ball(p.at(0, 0, r), r, m, i)
    elif kind == 6:
        h = 0.0
        for _ in range(int(rng.integers(1, 6))):
            t = rng.uniform(0.012, 0.05)
            q = p.moved(0, 0, h, rng.normal(0, 0.3))
            b.box(q, (0, 0, t / 2), (rng.uniform(0.14, 0.3), rng.uniform(0.1, 0.22), t), palette.thing(b, rng), i)
            h += t
    elif kind == 7:
        b.cylinder(p.at(0, 0), rng.uniform(0.03, 0.12), rng.uniform(0.08, 0.3), m, i, top=rng.uniform(0.03, 0.12))
    else:
        potted_plant(b, rng, p, i, height=rng.uniform(0.2, 0.5))


def potted_plant(b: SceneBuilder, rng: Rng, p: Place, i: int, *, height: float) -> None:
    """A pot with a bush of leaves."""
    r = 0.16 * height
    b.cylinder(p.at(0, 0), r, 0.35 * height, palette.thing(b, rng), i, top=1.3 * r)
    leaves = palette.foliage(b, rng)
    for _ in range(5):
        dx, dy = rng.normal(0, 0.15 * height, 2)
        at = p.at(dx, dy, height * rng.uniform(0.45, 1.0))
        b.ball(at, height * rng.uniform(0.1, 0.25), leaves, i, rough=0.3, rng=rng, rings=6)


def litter(b: SceneBuilder, rng: Rng, p: Place, i: int, width: float, depth: float, count: int) -> None:
    """Scatter small objects over a rectangle of a surface."""
    for _ in range(count):
        dx, dy = rng.uniform(-0.42, 0.42) * width, rng.uniform(-0.42, 0.42) * depth
        small_object(b, rng, p.moved(dx, dy, 0, rng.uniform(0, 6)), i)


def monitor(b: SceneBuilder, rng: Rng, p: Place, i: int) -> None:
    """A desktop screen, or an open laptop."""
    dark = b.material(Texture.PLAIN, palette.color(rng, 0.02, 0.8, saturation=0.1), gloss=0.04)
    shown = palette.screen(b, rng)
    if rng.random() < 0.35:
        b.box(p, (0, 0, 0.01), (0.34, 0.24, 0.02), dark, i)
        b.box(p, (0, 0.12, 0.12), (0.34, 0.012, 0.22), dark, i)
        b.box(p, (0, 0.112, 0.12), (0.31, 0.004, 0.19), shown, i)
        return
    w = rng.uniform(0.42, 0.75)
    h = 0.6 * w
    b.cylinder(p.at(0, 0), 0.11, 0.015, dark, i)
    b.box(p, (0, 0.01, 0.12), (0.05, 0.03, 0.24), dark, i)
    b.box(p, (0, 0, 0.14 + h / 2), (w, 0.035, h), dark, i)
    b.box(p, (0, -0.02, 0.14 + h / 2), (w - 0.03, 0.004, h - 0.03), shown, i)
    b.box(p, (0, -0.22, 0.012), (0.42, 0.14, 0.02), dark, i)


def table(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A dining, coffee or work table with things on it; returns (width, depth)."""
    w, d = rng.uniform(0.7, 2.0), rng.uniform(0.55, 1.0)
    h = rng.uniform(0.38, 0.5) if rng.random() < 0.25 else rng.uniform(0.7, 0.77)
    top = palette.wood(b, rng)
    legs = palette.metal(b, rng) if rng.random() < 0.5 else top
    if rng.random() < 0.2:
        b.cylinder(p.at(0, 0, h - 0.03), d / 2, 0.03, top, i)
        b.cylinder(p.at(0, 0), 0.05, h - 0.03, legs, i)
        w = d
    else:
        b.box(p, (0, 0, h - 0.02), (w, d, 0.04), top, i)
        for sx in (-1, 1):
            for sy in (-1, 1):
                b.box(p, (sx * (w / 2 - 0.05), sy * (d / 2 - 0.05), h / 2 - 0.02), (0.05, 0.05, h - 0.04), legs, i)
    if rng.random() < 0.2:
        b.box(p, (0, 0, h + 0.003), (w * 0.8, d * 0.8, 0.006), palette.fabric(b, rng), i)
    litter(b, rng, p.moved(0, 0, h), i, w * 0.8, d * 0.8, int(rng.integers(0, 8)))
    return w, d


def desk(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A desk with one or two screens, drawers and clutter; returns (width, depth)."""
    w, d, h = rng.uniform(1.0, 1.8), rng.uniform(0.6, 0.8), rng.uniform(0.7, 0.77)
    top, side = palette.wood(b, rng), palette.wood(b, rng)
    b.box(p, (0, 0, h - 0.015), (w, d, 0.03), top, i)
    for sx in (-1, 1):
        b.box(p, (sx * (w / 2 - 0.02), 0, h / 2), (0.04, d * 0.9, h - 0.03), side, i)
    b.box(p, (w / 2 - 0.24, 0, h * 0.45), (0.4, d * 0.85, h * 0.75), side, i)
    for k in range(int(rng.integers(1, 3))):
        monitor(b, rng, p.moved((k - 0.4) * 0.6, 0.12, h, rng.normal(0, 0.2)), i)
    litter(b, rng, p.moved(0, -0.1, h), i, w, d * 0.7, int(rng.integers(1, 8)))
    return w, d


def chair(b: SceneBuilder, rng: Rng, p: Place, i: int) -> float:
    """A chair or an office chair facing -y; returns the seat height."""
    h, w = rng.uniform(0.43, 0.48), rng.uniform(0.4, 0.5)
    seat = palette.fabric(b, rng) if rng.random() < 0.5 else palette.wood(b, rng)
    frame = palette.metal(b, rng)
    b.box(p, (0, 0, h - 0.03), (w, w, 0.06), seat, i)
    back = rng.uniform(0.3, 0.55)
    b.box(p, (0, w / 2 - 0.02, h + 0.1 + back / 2), (w * 0.95, 0.04, back), seat, i)
    if rng.random() < 0.4:
        b.cylinder(p.at(0, 0, 0.08), 0.03, h - 0.12, frame, i)
        for k in range(5):
            arm = p.moved(0, 0, 0, k * 2 * np.pi / 5)
            b.box(arm, (0.14, 0, 0.06), (0.28, 0.04, 0.04), frame, i)
        b.box(p, (0, w / 2, h + 0.05), (0.06, 0.03, 0.3), frame, i)
    else:
        for sx in (-1, 1):
            for sy in (-1, 1):
                b.box(p, (sx * (w / 2 - 0.03), sy * (w / 2 - 0.03), h / 2), (0.035, 0.035, h), frame, i)
            b.box(p, (sx * (w / 2 - 0.03), w / 2 - 0.02, h + 0.2), (0.03, 0.03, 0.4), frame, i)
    return h


def sofa(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A sofa or armchair facing -y; returns (width, depth)."""
    w, d = rng.uniform(0.8, 2.3), rng.uniform(0.8, 0.95)
    m = palette.fabric(b, rng)
    b.box(p, (0, 0, 0.21), (w, d, 0.42), m, i)
    b.box(p, (0, d / 2 - 0.1, 0.6), (w, 0.2, 0.5), m, i)
    for sx in (-1, 1):
        b.box(p, (sx * (w / 2 - 0.09), 0, 0.32), (0.18, d, 0.64), m, i)
    for _ in range(int(rng.integers(0, 4))):
        b.box(p.moved(rng.uniform(-0.4, 0.4) * w * 0.7, 0.12, 0.45, rng.normal(0, 0.3)), (0, 0, 0.17),
              (0.4, 0.15, 0.34), palette.fabric(b, rng), i)  # fmt: skip
    return w, d


def shelf(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """Shelves with books and things, open to -y; returns (width, depth)."""
    w, d, h = rng.uniform(0.6, 2.0), 0.34, rng.uniform(0.9, 2.3)
    m = palette.wood(b, rng)
    b.box(p, (0, d / 2 - 0.01, h / 2), (w, 0.02, h), m, i)
    for sx in (-1, 1):
        b.box(p, (sx * w / 2, 0, h / 2), (0.03, d, h), m, i)
    rows = int(h / 0.36) + 1
    for k in range(rows):
        z = min(h - 0.015, 0.03 + k * h / max(rows - 1, 1))
        b.box(p, (0, 0, z), (w, d, 0.03), m, i)
        if k == rows - 1:
            litter(b, rng, p.moved(0, 0, z + 0.015), i, w, d, int(rng.integers(0, 3)))
        elif rng.random() < 0.65:
            full = rng.uniform(0.4, 0.95)
            books = b.material(Texture.BOOKS, (0.5, 0.5, 0.5), scale=rng.uniform(0.7, 1.4), offset=palette.offset(rng))
            b.box(p, ((full - 0.95) * w / 2, 0.02, z + 0.135), (w * full, 0.2, rng.uniform(0.18, 0.26)), books, i)
        else:
            litter(b, rng, p.moved(0, 0, z + 0.015), i, w, d, int(rng.integers(1, 4)))
    return w, d


def cabinet(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A cupboard, wardrobe, fridge, counter or chest of drawers facing -y; returns (width, depth)."""
    w, d = rng.uniform(0.45, 1.8), rng.uniform(0.4, 0.65)
    h = float(rng.choice([0.5, 0.75, 0.9, 1.3, 2.0, 2.2]))
    body, trim = palette.wood(b, rng), palette.metal(b, rng)
    b.box(p, (0, 0, h / 2), (w, d, h), body, i)
    columns, rows = max(1, int(w / 0.5)), int(rng.integers(1, 5))
    dark = b.material(Texture.PLAIN, (0.05, 0.05, 0.05))
    for c in range(1, columns):
        b.box(p, (-w / 2 + c * w / columns, -d / 2, h / 2), (0.008, 0.01, h * 0.96), dark, i)
    for r in range(rows):
        if r:
            b.box(p, (0, -d / 2, r * h / rows), (w * 0.98, 0.01, 0.008), dark, i)
        for c in range(columns):
            b.box(p, (-w / 2 + (c + 0.5) * w / columns, -d / 2 - 0.015, (r + 0.75) * h / rows), (0.12, 0.02, 0.015),
                  trim, i)  # fmt: skip
    if h < 1.4:
        litter(b, rng, p.moved(0, 0, h), i, w, d, int(rng.integers(0, 7)))
        if rng.random() < 0.2:
            monitor(b, rng, p.moved(0, 0, h), i)
    return w, d


def bed(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A bed with its head towards +y; returns (width, depth)."""
    w, d = rng.uniform(0.9, 1.8), 2.0
    b.box(p, (0, 0, 0.15), (w, d, 0.3), palette.wood(b, rng), i)
    b.box(p, (0, 0, 0.4), (w * 0.97, d * 0.97, 0.22), palette.fabric(b, rng), i)
    b.box(p, (0, -0.25, 0.46), (w * 1.02, d * 0.7, 0.16), palette.fabric(b, rng), i)
    b.box(p, (0, d / 2, 0.55), (w, 0.06, 1.1), palette.wood(b, rng), i)
    pillow = b.material(Texture.PLAIN, palette.color(rng, 0.6, 0.95, saturation=0.3), scale=8, bump=0.3)
    for sx in (-1, 1):
        b.ball(p.at(sx * w / 4, d / 2 - 0.3, 0.56), (0.28, 0.2, 0.1), pillow, i)
    return w, d


def floor_object(b: SceneBuilder, rng: Rng, p: Place, i: int) -> tuple[float, float]:
    """A carton, basket, suitcase, bag, bin, ball, plant or floor lamp; returns (width, depth)."""
    kind = rng.integers(6)
    if kind <= 1:
        w, d, h = rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.8)
        b.box(p, (0, 0, h / 2), (w, d, h), palette.thing(b, rng), i)
        if rng.random() < 0.3:
            b.box(p.moved(0, 0, h, 0.3), (0, 0, h / 3), (0.8 * w, 0.8 * d, 0.66 * h), palette.thing(b, rng), i)
    elif kind == 2:
        r = rng.uniform(0.12, 0.22)
        b.lathe(p.at(0, 0), [(0, 0), (0.8 * r, 0), (r, 2 * r), (0.94 * r, 2 * r), (0.75 * r, 0.02), (0, 0.02)],
                palette.thing(b, rng), i)  # fmt: skip
    elif kind == 3:
        r = rng.uniform(0.1, 0.35)
        b.ball(p.at(0, 0, 0.8 * r), (r, r, 0.8 * r), palette.fabric(b, rng), i)
    elif kind == 4:
        potted_plant(b, rng, p, i, height=rng.uniform(0.5, 1.6))
    else:
        pole = palette.metal(b, rng)
        shade = b.material(Texture.PLAIN, (1.0, 0.9, 0.7), (1.0, 0.9, 0.7), emission=rng.choice([0.7, 1.6]))
        h = rng.uniform(1.2, 1.7)
        b.cylinder(p.at(0, 0), 0.14, 0.03, pole, i)
        b.cylinder(p.at(0, 0), 0.015, h, pole, i)
        b.cylinder(p.at(0, 0, h - 0.05), 0.2, 0.28, shade, i, top=0.13)
    return 0.5, 0.5


Builder = Callable[[SceneBuilder, Rng, Place, int], object]
# Against a wall (facing the room) or free-standing.
WALL: dict[str, Builder] = {"sofa": sofa, "shelf": shelf, "cabinet": cabinet, "bed": bed, "desk": desk}
FREE: dict[str, Builder] = {"table": table, "floor_object": floor_object, "desk": desk, "sofa": sofa}
FOOTPRINT_M = {
    "sofa": (2.0, 0.95),
    "shelf": (1.6, 0.36),
    "cabinet": (1.5, 0.6),
    "bed": (1.6, 2.05),
    "desk": (1.6, 0.8),
    "table": (1.6, 0.95),
    "floor_object": (0.6, 0.6),
}
