"""Streets, roads, yards and parks under sun or cloud. The camera stands near y = 0 and looks towards +y."""

import numpy as np

from mfh_lab.pocket.world import palette, props
from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.textures import Texture
from mfh_lab.pocket.world.tracer import Environment

Rng = np.random.Generator
_SHARES = {"street": 0.34, "road": 0.3, "yard": 0.18, "park": 0.18}


def outdoors(rng: Rng) -> Layout:
    """Draw a street (from the pavement or the roadway), a road (from a car), a yard or a park."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    b = SceneBuilder()
    half = {"street": rng.uniform(3.5, 8), "road": rng.uniform(3.5, 10), "yard": rng.uniform(4, 14),
            "park": rng.uniform(8, 20)}[kind]  # fmt: skip
    layout = Layout(b, kind, _daylight(rng), (-half, 0.5, half, 45.0), 50.0)
    _ground(b, rng, kind, half)
    if kind in ("street", "road"):
        _roadside(layout, rng, kind, half)
        _traffic(layout, rng, kind, half)
    elif kind == "yard":
        _walls_around(layout, rng, half)
    _trees(layout, rng, kind, half)
    _street_furniture(layout, rng, half)
    return layout


def _daylight(rng: Rng) -> Environment:
    """Clear, hazy or overcast; high or low sun."""
    turn, height, power = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.3), rng.uniform(0.3, 2.8)
    overcast = rng.random() < 0.4
    sun = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)], np.float32)
    warmth = np.array([1, 0.94 - 0.2 * np.exp(-3 * height), 0.82 - 0.4 * np.exp(-3 * height)], np.float32)
    horizon = np.array([0.75, 0.77, 0.8] if overcast else [0.8, 0.85, 0.9], np.float32)
    zenith = np.array([0.6, 0.63, 0.67] if overcast else [0.25, 0.45, 0.8], np.float32)
    bright = np.float32(rng.uniform(0.5, 1.2))
    strength = np.float32(power * 0.1 if overcast else power)
    return Environment(sun, warmth * strength, horizon * bright, zenith * bright, float(rng.random()), 0.3)


def _ground(b: SceneBuilder, rng: Rng, kind: str, half: float) -> None:
    """The ground plane with lanes, kerbs, paths and verges."""
    here = Place(0, 0)
    tar = palette.color(rng, 0.1, 0.45, saturation=0.15)
    asphalt = b.material(Texture.FIBRE, tar, palette.shade(rng, tar), scale=rng.uniform(2, 12), bump=0.15)
    grass = b.material(Texture.FIBRE, (0.14, 0.24, 0.06), (0.34, 0.4, 0.15), scale=3, bump=0.6)
    if kind == "park":
        base = grass
    elif kind == "yard":
        base = b.material(palette.pick(rng, Texture.TILES, Texture.FIBRE, Texture.BRICKS), palette.color(rng, 0.2, 0.6,
                          saturation=0.25), palette.color(rng, 0.2, 0.5, saturation=0.2), scale=rng.uniform(0.8, 3),
                          bump=0.1)  # fmt: skip
    else:
        base = asphalt
    b.box(here, (0, 90, -0.05), (400, 500, 0.1), base, 1)
    if kind == "park":
        path = b.material(Texture.FIBRE, palette.color(rng, 0.35, 0.65, saturation=0.25), scale=6, bump=0.1)
        b.box(Place(rng.uniform(-3, 3), 0, 0, rng.uniform(-0.25, 0.25)), (0, 60, 0.004),
              (rng.uniform(1.4, 4), 140, 0.008), path, 1)  # fmt: skip
    if kind not in ("street", "road"):
        return
    slab, joint = palette.color(rng, 0.35, 0.65, saturation=0.15), palette.color(rng, 0.3, 0.5, saturation=0.1)
    paving_kind = palette.pick(rng, Texture.TILES, Texture.FIBRE)
    paving = b.material(paving_kind, slab, joint, scale=rng.uniform(1, 3), bump=0.05)
    verge = grass if rng.random() < 0.5 else paving
    for sx in (-1, 1):
        b.box(here, (sx * (half + 1.6), 90, 0.06), (3.2, 400, 0.12), paving, 1)
        b.box(here, (sx * (half + 14), 90, 0.05), (22, 400, 0.1), verge, 1)
    paint = b.material(Texture.PLAIN, (0.8, 0.8, 0.76), scale=3)
    lines = [0.0] if half < 6 else [-half / 3, half / 3]
    for x in lines:
        if rng.random() < 0.8:
            gap = rng.uniform(5, 10)
            for k in range(24):
                b.box(here, (x, 2 + k * gap, 0.005), (0.14, gap * rng.uniform(0.3, 0.5), 0.01), paint, 1)
    if rng.random() < 0.5:
        for sx in (-1, 1):
            b.box(here, (sx * (half - 0.3), 90, 0.005), (0.13, 400, 0.01), paint, 1)
    if rng.random() < 0.3:
        y = rng.uniform(5, 25)
        for k in range(int(2 * half / 0.9)):
            b.box(here, (-half + 0.5 + k * 0.9, y, 0.006), (0.45, 3, 0.012), paint, 1)


def _facade(b: SceneBuilder, rng: Rng) -> int:
    kind = palette.pick(rng, Texture.FACADE, Texture.FACADE, Texture.FACADE, Texture.BRICKS, Texture.PLAIN)
    return b.material(kind, palette.color(rng, 0.25, 0.85, saturation=0.45),
                      palette.color(rng, 0.04, 0.35, saturation=0.4), scale=rng.uniform(0.28, 0.6), bump=0.03,
                      aspect=rng.uniform(0.7, 1.2), offset=palette.offset(rng))  # fmt: skip


def _building(b: SceneBuilder, rng: Rng, p: Place, size: tuple[float, float, float]) -> None:
    """A house with its front towards local -y: facade, roof, door, shop window, cornice."""
    w, d, h = size
    i = b.new_id()
    b.box(p, (0, d / 2, h / 2), (w, d, h), _facade(b, rng), i)
    trim = b.material(Texture.PLAIN, palette.color(rng, 0.1, 0.9, saturation=0.4))
    dark = b.material(Texture.PLAIN, palette.color(rng, 0.02, 0.3, saturation=0.5), gloss=0.08)
    b.box(p, (0, -0.15, h), (w + 0.3, 0.4, 0.3), trim, i)
    b.box(p, (rng.uniform(-0.4, 0.4) * w, -0.05, 1.05), (0.95, 0.1, 2.1), dark, i)
    if rng.random() < 0.5:
        b.box(p, (0, -0.04, 1.5), (w * 0.5, 0.06, 1.9), dark, i)
        b.box(p, (0, -0.3, 2.8), (w * 0.8, 0.6, 0.5), palette.thing(b, rng), i)
    if h < 9 and rng.random() < 0.5:
        roof = b.material(Texture.TILES, palette.color(rng, 0.15, 0.5, saturation=0.7), scale=3)
        ridge = np.array([(-w / 2, 0, h), (w / 2, 0, h), (w / 2, d, h), (-w / 2, d, h), (-w / 2, d / 2, h + d * 0.35),
                          (w / 2, d / 2, h + d * 0.35)])  # fmt: skip
        world = np.array([p.at(*v) for v in ridge])
        faces = np.array([(0, 1, 5), (0, 5, 4), (2, 3, 4), (2, 4, 5), (0, 4, 3), (1, 2, 5)])
        b.mesh(world, faces, roof, i, smooth=False)


def _roadside(layout: Layout, rng: Rng, kind: str, half: float) -> None:
    """Houses, hedges, fences or open land along both sides, and something at the far end."""
    b = layout.builder
    built = rng.choice([0.95, 0.6, 0.15])
    for side in (-1, 1):
        y, setback = rng.uniform(-12, 0), rng.uniform(3.2, 4.5) if kind == "street" else rng.uniform(3.2, 12)
        while y < 130:
            length = rng.uniform(6, 20)
            front = Place(side * (half + setback + rng.uniform(0, 0.8)), y + length / 2, 0, -side * np.pi / 2)
            if rng.random() < built:
                _building(b, rng, front, (length, 9.0, rng.uniform(3, 18)))
            elif rng.random() < 0.5:
                hedge = palette.foliage(b, rng) if rng.random() < 0.7 else _facade(b, rng)
                b.box(front, (0, 0.4, 0.8), (length, 0.7, rng.uniform(1, 2.4)), hedge, b.new_id())
            y += length + float(rng.choice([0, 0, rng.uniform(1, 8)]))
    far = rng.uniform(40, 160)
    if rng.random() < 0.6:
        _building(b, rng, Place(rng.uniform(-10, 10), far), (half * 2 + 14, 6, rng.uniform(6, 20)))
    hills = palette.foliage(b, rng)
    for _ in range(int(rng.integers(0, 7))):
        at = (rng.uniform(-80, 80), rng.uniform(100, 220), 0)
        b.ball(at, (rng.uniform(10, 30), 10, rng.uniform(4, 14)), hills, 1, rough=0.08, rng=rng)


def _walls_around(layout: Layout, rng: Rng, half: float) -> None:
    """A yard between houses, sheds and fences."""
    b = layout.builder
    far = rng.uniform(8, 45)
    layout.bounds = (-half, 0.5, half, far)
    for p, length in ((Place(0, far), 2 * half + 8), (Place(-half, far / 2, 0, np.pi / 2), far + 6),
                      (Place(half, far / 2, 0, -np.pi / 2), far + 6)):  # fmt: skip
        if rng.random() < 0.7:
            _building(b, rng, p, (length, 8, rng.uniform(2.5, 14)))
        else:
            fence = palette.wood(b, rng)
            b.box(p, (0, 0.1, 0.9), (length, 0.1, rng.uniform(1, 2.2)), fence, b.new_id())


def car(b: SceneBuilder, rng: Rng, p: Place) -> None:
    """A car, van or truck along local y."""
    i = b.new_id()
    paint = b.material(Texture.PLAIN, palette.color(rng, 0.03, 0.92, saturation=0.9), scale=0.3, gloss=0.06)
    glass = b.material(Texture.PLAIN, (0.04, 0.05, 0.06), gloss=0.1)
    tyre = b.material(Texture.PLAIN, (0.03, 0.03, 0.03), scale=3)
    lamp = b.material(Texture.PLAIN, (0.7, 0.05, 0.03) if rng.random() < 0.7 else (0.9, 0.9, 0.85))
    kind = rng.random()
    if kind < 0.72:
        w, n, tall = rng.uniform(1.65, 1.9), rng.uniform(3.7, 4.9), rng.uniform(1.4, 1.75)
        b.box(p, (0, 0, 0.32 + 0.3), (w, n, 0.6), paint, i)
        cabin = rng.uniform(0.45, 0.62) * n
        lower = np.array([(x * w / 2 * 0.96, y * cabin / 2, 0.92) for x in (-1, 1) for y in (-1, 1)])
        upper = np.array([(x * w / 2 * 0.8, y * cabin / 2 * 0.72, tall) for x in (-1, 1) for y in (-1, 1)])
        world = np.array([p.at(x, y - 0.2, z) for x, y, z in np.concatenate([lower, upper])])
        sides = [(0, 1, 5), (0, 5, 4), (2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2), (1, 3, 7), (1, 7, 5)]
        b.mesh(world, np.array(sides), glass, i, smooth=False)
        b.mesh(world, np.array([(4, 5, 7), (4, 7, 6)]), paint, i, smooth=False)
        b.box(p, (0, -n / 2, 0.55), (0.5, 0.03, 0.12), b.material(Texture.PRINT, (0.9, 0.9, 0.85), (0.1, 0.1, 0.1),
              scale=6), i)  # fmt: skip
    else:
        w, n, tall = rng.uniform(1.9, 2.5), rng.uniform(4.8, 9), rng.uniform(2.0, 3.6)
        b.box(p, (0, 0, 0.35 + (tall - 0.35) / 2), (w, n, tall - 0.35), paint, i)
        b.box(p, (0, -n / 2, tall * 0.68), (w * 0.85, 0.05, tall * 0.25), glass, i)
        b.box(p, (0, n * 0.32, tall * 0.68), (w + 0.03, n * 0.2, tall * 0.22), glass, i)
    for sx in (-1, 1):
        b.box(p, (sx * (w / 2 - 0.2), -n / 2, 0.75), (0.3, 0.04, 0.14), lamp, i)
        for sy in (-1, 1):
            b.ball(p.at(sx * (w / 2 - 0.08), sy * n * 0.31, 0.32), (0.14, 0.32, 0.32) if abs(np.sin(p.yaw)) < 0.5
                   else (0.32, 0.14, 0.32), tyre, i, rings=7)  # fmt: skip


def _traffic(layout: Layout, rng: Rng, kind: str, half: float) -> None:
    """Parked rows along the kerbs and moving cars in the lanes."""
    b = layout.builder

    def add(x: float, y: float, yaw: float) -> None:
        if y > 4.0 and layout.is_free(float(np.clip(x, -half + 1.2, half - 1.2)), min(y, 43.0), 1.0) or y >= 44:
            car(b, rng, Place(x, y, 0, yaw))
            layout.taken += [(x, y - 1.4, 1.1), (x, y, 1.1), (x, y + 1.4, 1.1)]
            if y < 15:
                layout.targets.append((x, y, 0.9))

    for side in (-1, 1):
        if rng.random() < (0.6 if kind == "street" else 0.4):
            y, fill = rng.uniform(2, 12), rng.uniform(0.4, 1)
            while y < 70:
                if rng.random() < fill:
                    add(side * (half - 1.05), y, (0 if side > 0 else np.pi) + rng.normal(0, 0.03))
                y += rng.uniform(5.5, 7)
    for _ in range(int(rng.integers(0, 7))):
        lane = float(rng.choice([-1, 1])) * half * rng.uniform(0.2, 0.5)
        add(lane, rng.uniform(6, 90), (0 if lane > 0 else np.pi) + rng.normal(0, 0.05))


def _trees(layout: Layout, rng: Rng, kind: str, half: float) -> None:
    """Trees in rows or scattered; park trees may stand close."""
    b = layout.builder
    count = int(rng.integers(4, 26)) if kind == "park" else int(rng.integers(0, 14))
    for _ in range(count):
        y = 3 + rng.random() ** 1.5 * 70
        if kind in ("street", "road"):
            x = float(rng.choice([-1, 1])) * (half + rng.uniform(0.6, 10))
        else:
            x = rng.uniform(-half * 1.5, half * 1.5)
        if abs(x) < 1.2 and y < 6:
            continue
        layout.taken.append((x, y, 0.5))
        trunk, leaves = rng.uniform(1.5, 3.5), palette.foliage(b, rng)
        bark = b.material(Texture.FIBRE, (0.25, 0.18, 0.12), (0.1, 0.08, 0.06), scale=5, bump=0.6)
        i, spread = b.new_id(), rng.uniform(0.9, 2.6)
        b.cylinder((x, y, 0), rng.uniform(0.09, 0.28), trunk + spread, bark, i, top=0.06)
        for _ in range(7):
            at = (
                x + rng.normal(0, spread * 0.5),
                y + rng.normal(0, spread * 0.5),
                trunk + spread * rng.uniform(0.3, 1.5),
            )
            b.ball(at, spread * rng.uniform(0.4, 0.75), leaves, i, rough=0.18, rng=rng, rings=7)


def _street_furniture(layout: Layout, rng: Rng, half: float) -> None:
    """Posts, signs, bins, benches, bollards, crates, bushes."""
    b = layout.builder
    for _ in range(int(rng.integers(0, 12))):
        kerb = layout.kind in ("street", "road")
        x = float(rng.choice([-1, 1])) * (half + rng.uniform(0.2, 2.8)) if kerb else rng.uniform(-half, half)
        y = 2.2 + rng.random() ** 1.5 * 35
        if abs(x) < 1.0 and y < 4:
            continue
        p, i, kind = Place(x, y, 0.12 if kerb else 0.0, rng.uniform(0, 6)), b.new_id(), rng.integers(7)
        layout.taken.append((x, y, 0.4))
        if kind == 0:
            b.cylinder(p.at(0, 0), 0.07, rng.uniform(3, 8), palette.metal(b, rng), i)
        elif kind == 1:
            h = rng.uniform(2, 3)
            b.cylinder(p.at(0, 0), 0.035, h, palette.metal(b, rng), i)
            b.box(Place(x, y, p.z, rng.normal(0, 0.3)), (0, -0.04, h), (0.6, 0.03, 0.6), palette.thing(b, rng), i)
        elif kind == 2:
            b.cylinder(p.at(0, 0), rng.uniform(0.2, 0.35), rng.uniform(0.8, 1.2), palette.thing(b, rng), i)
        elif kind == 3:
            plank = palette.wood(b, rng)
            b.box(p, (0, 0, 0.43), (1.6, 0.45, 0.05), plank, i)
            b.box(p, (0, 0.22, 0.7), (1.6, 0.04, 0.35), plank, i)
            for sx in (-0.6, 0.6):
                b.box(p, (sx, 0, 0.2), (0.06, 0.4, 0.4), palette.metal(b, rng), i)
            layout.seats.append(p)
        elif kind == 4:
            b.cylinder(p.at(0, 0), 0.08, rng.uniform(0.7, 1.1), palette.metal(b, rng), i)
        elif kind == 5:
            props.floor_object(b, rng, p, i)
            layout.targets.append(p.at(0, 0, 0.4))
        else:
            leaves = palette.foliage(b, rng)
            for _ in range(4):
                dx, dy = rng.normal(0, 0.3, 2)
                b.ball(
                    p.at(dx, dy, rng.uniform(0.2, 0.7)), rng.uniform(0.3, 0.6), leaves, i, rough=0.2, rng=rng, rings=6
                )
