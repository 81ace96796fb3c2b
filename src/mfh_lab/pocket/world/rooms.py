"""Rooms: living, bed, office, kitchen, corridor, hall. The room spans x in [-w/2, w/2], y in [0, d], floor at z = 0."""

from dataclasses import dataclass

import numpy as np

from mfh_lab.pocket.world import palette, props
from mfh_lab.pocket.world.layout import Layout
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.textures import Texture
from mfh_lab.pocket.world.tracer import Environment

Rng = np.random.Generator
_WALL_M = 0.1


@dataclass(frozen=True)
class RoomKind:
    """Size ranges in metres, pieces per square metre, and what stands in the room (against walls, freely)."""

    width: tuple[float, float]
    depth: tuple[float, float]
    height: tuple[float, float]
    density: float
    wall: dict[str, float]
    free: dict[str, float]


KINDS = {
    "living": RoomKind((3, 6.5), (3.5, 8), (2.3, 3), 0.55, {"sofa": 3, "shelf": 2, "cabinet": 2, "desk": 1},
                       {"table": 3, "floor_object": 4, "sofa": 1}),
    "bedroom": RoomKind((2.6, 4.5), (3, 5), (2.3, 2.8), 0.6, {"bed": 3, "cabinet": 3, "shelf": 1, "desk": 1},
                        {"floor_object": 4}),
    "office": RoomKind((3, 10), (4, 12), (2.5, 3.2), 0.5, {"desk": 4, "shelf": 2, "cabinet": 2},
                       {"desk": 3, "table": 1, "floor_object": 2}),
    "kitchen": RoomKind((2.4, 5), (3, 6), (2.3, 2.8), 0.6, {"cabinet": 6, "shelf": 1}, {"table": 3, "floor_object": 2}),
    "corridor": RoomKind((1.5, 2.8), (6, 20), (2.3, 3), 0.2, {"cabinet": 1, "shelf": 1}, {"floor_object": 3}),
    "hall": RoomKind((6, 14), (8, 22), (2.8, 5.5), 0.18, {"shelf": 2, "cabinet": 2, "desk": 1},
                     {"table": 4, "floor_object": 3, "sofa": 1}),
}  # fmt: skip
_SHARES = {"living": 0.26, "bedroom": 0.14, "office": 0.26, "kitchen": 0.13, "corridor": 0.09, "hall": 0.12}


def room(rng: Rng) -> Layout:
    """Draw a furnished room."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    spec = KINDS[kind]
    w, d, h = rng.uniform(*spec.width), rng.uniform(*spec.depth), rng.uniform(*spec.height)
    b = SceneBuilder()
    environment = Environment(
        np.zeros(3, np.float32), np.zeros(3, np.float32), np.array([0.6, 0.6, 0.65], np.float32),
        np.array([0.6, 0.7, 0.8], np.float32), 0.0, float(rng.uniform(0.25, 0.5)),
    )  # fmt: skip
    layout = Layout(b, kind, environment, (-w / 2, 0.0, w / 2, d), h)
    _shell(b, rng, w, d, h)
    _lamps(b, rng, w, d, h)
    for _ in range(int(rng.integers(0, 4))):
        _window(b, rng, w, d, h)
    for _ in range(int(rng.integers(0, 3))):
        _door(b, rng, w, d)
    for _ in range(int(rng.integers(0, 6))):
        _wall_picture(b, rng, w, d)
    if rng.random() < 0.4:
        rug = (rng.uniform(1, min(3, 0.8 * w)), rng.uniform(1, 3))
        b.box(Place(rng.uniform(-w / 5, w / 5), d * rng.uniform(0.3, 0.7)), (0, 0, 0.006), (*rug, 0.012),
              palette.fabric(b, rng), 1)  # fmt: skip
    pieces = int(w * d * spec.density * rng.uniform(0.5, 1.4)) + 3
    for _ in range(min(pieces, 45)):
        if rng.random() < 0.55:
            _against_wall(layout, rng, spec, w, d)
        else:
            _free_standing(layout, rng, spec, w, d)
    return layout


def _shell(b: SceneBuilder, rng: Rng, w: float, d: float, h: float) -> None:
    """Floor, ceiling, four walls, skirting."""
    t = _WALL_M
    here = Place(0, 0)
    floor_kind = palette.pick(rng, Texture.PLANKS, Texture.TILES, Texture.PLAIN, Texture.FIBRE, Texture.CHECKS,
                              Texture.MARBLE)  # fmt: skip
    base = palette.color(rng, 0.08, 0.85, saturation=0.6)
    quiet = floor_kind in (Texture.PLAIN, Texture.PLANKS, Texture.FIBRE)
    second = palette.shade(rng, base) if quiet else palette.color(rng, 0.1, 0.8, saturation=0.4)
    floor = b.material(floor_kind, base, second, scale=rng.uniform(0.8, 3), bump=0.04,
                       gloss=rng.choice([0.0, 0.0, 0.03, 0.06]), offset=palette.offset(rng))  # fmt: skip
    walls = []
    for _ in range(4):
        same = walls and rng.random() < 0.6
        kind = palette.pick(rng, *([Texture.PLAIN] * 5), Texture.BRICKS, Texture.STRIPES, Texture.TILES, Texture.BLOBS)
        paint = palette.color(rng, 0.25, 0.95, saturation=0.45)
        second = palette.shade(rng, paint) if kind is Texture.PLAIN else palette.color(rng, 0.3, 0.95, saturation=0.4)
        walls.append(walls[0] if same else b.material(
            kind, paint, second, scale=rng.uniform(0.5, 3), bump=0.02, offset=palette.offset(rng)))  # fmt: skip
    ceiling_kind = Texture.TILES if rng.random() < 0.3 else Texture.PLAIN
    ceiling = b.material(ceiling_kind, palette.color(rng, 0.7, 0.95, saturation=0.1), scale=1.7)
    b.box(here, (0, d / 2, -t / 2), (w + 1, d + 1, t), floor, 1)
    b.box(here, (0, d / 2, h + t / 2), (w + 1, d + 1, t), ceiling, 1)
    b.box(here, (-w / 2 - t / 2, d / 2, h / 2), (t, d, h), walls[0], 1)
    b.box(here, (w / 2 + t / 2, d / 2, h / 2), (t, d, h), walls[1], 1)
    b.box(here, (0, d + t / 2, h / 2), (w, t, h), walls[2], 1)
    b.box(here, (0, -t / 2, h / 2), (w, t, h), walls[3], 1)
    trim = b.material(Texture.PLAIN, palette.color(rng, 0.1, 0.92, saturation=0.2))
    for sx in (-1, 1):
        b.box(here, (sx * (w / 2 - 0.01), d / 2, 0.05), (0.02, d, 0.1), trim, 1)
    b.box(here, (0, d - 0.01, 0.05), (w, 0.02, 0.1), trim, 1)


def _lamps(b: SceneBuilder, rng: Rng, w: float, d: float, h: float) -> None:
    """One to four ceiling panels."""
    glow = b.material(Texture.PLAIN, (1, 1, 1), (1, 1, 1), emission=1.6)
    count = int(rng.integers(1, 5)) if d > 5 else int(rng.integers(1, 3))
    warm = np.array([1, rng.uniform(0.8, 1), rng.uniform(0.55, 1)])
    for k in range(count):
        a, e = rng.uniform(0.3, 1.2, 2)
        x, y = rng.uniform(-w / 4, w / 4), d * (k + 1) / (count + 1)
        power = rng.uniform(8, 18) / (a * e) * w * d / (12 * count) * (h / 2.6) ** 2
        b.box(Place(x, y), (0, 0, h - 0.02), (a, e, 0.03), glow, 1)
        b.lamp((x - a / 2, y - e / 2, h - 0.05), (a, 0, 0), (0, e, 0), power * warm)


def _window(b: SceneBuilder, rng: Rng, w: float, d: float, h: float) -> None:
    """A bright window with a frame and maybe curtains on the left, back or right wall; daylight comes in."""
    wide, tall = rng.uniform(0.7, 2.4), rng.uniform(0.9, min(1.7, h - 1.0))
    sill = rng.uniform(0.4, h - tall - 0.2)
    sky = b.material(Texture.BLOBS, (0.75, 0.88, 1.0), (0.85, 0.95, 0.9), scale=2, emission=rng.uniform(1.0, 2.8))
    frame = b.material(Texture.PLAIN, palette.color(rng, 0.2, 0.95, saturation=0.3))
    daylight = rng.uniform(4, 14) * np.array([0.85, 0.93, 1.0])
    p = _wall_place(rng, w, d, wide)
    b.box(p, (0, -0.01, sill + tall / 2), (wide, 0.03, tall), sky, 1)
    for q in (-0.5, 0.0, 0.5):
        b.box(p, (q * wide, -0.03, sill + tall / 2), (0.05, 0.05, tall + 0.1), frame, 1)
    for q in (0, 1):
        b.box(p, (0, -0.03, sill + q * tall), (wide + 0.1, 0.06, 0.06), frame, 1)
    if rng.random() < 0.4:
        cloth = palette.fabric(b, rng)
        for sx in (-1, 1):
            b.box(
                p, (sx * (wide / 2 + 0.1), -0.08, (sill + tall + 0.1) / 2 + 0.05), (0.35, 0.08, sill + tall), cloth, 1
            )
    left, right = np.array(p.at(-wide / 2, -0.06, sill)), np.array(p.at(wide / 2, -0.06, sill))
    b.lamp(left, right - left, (0, 0, tall), daylight)


def _door(b: SceneBuilder, rng: Rng, w: float, d: float) -> None:
    leaf = b.material(palette.pick(rng, Texture.PLAIN, Texture.PLANKS), palette.color(rng, 0.2, 0.9), scale=1.5)
    frame = b.material(Texture.PLAIN, palette.color(rng, 0.3, 0.95, saturation=0.2))
    p, i = _wall_place(rng, w, d, 0.9), b.new_id()
    b.box(p, (0, -0.02, 1.0), (0.84, 0.05, 2.0), leaf, i)
    b.box(p, (0, -0.02, 2.03), (0.98, 0.07, 0.06), frame, i)
    for sx in (-1, 1):
        b.box(p, (sx * 0.45, -0.02, 1.0), (0.07, 0.07, 2.0), frame, i)
    b.box(p, (0.34, -0.07, 1.02), (0.12, 0.03, 0.03), palette.metal(b, rng), i)


def _wall_picture(b: SceneBuilder, rng: Rng, w: float, d: float) -> None:
    """A picture, poster, whiteboard, notice board, mirror-dark screen or clock-like panel."""
    a, e = rng.uniform(0.25, 1.6), rng.uniform(0.25, 1.0)
    p = _wall_place(rng, w, d, a)
    z = rng.uniform(1.2, 1.8)
    frame = palette.metal(b, rng)
    kind = palette.pick(rng, Texture.BLOBS, Texture.PATCHES, Texture.PRINT, Texture.PLAIN)
    shown = palette.screen(b, rng) if rng.random() < 0.2 else b.material(
        kind, palette.color(rng, 0.1, 0.95, saturation=1), palette.color(rng, 0.05, 0.9, saturation=1),
        scale=rng.uniform(2, 9), offset=palette.offset(rng))  # fmt: skip
    b.box(p, (0, -0.02, z), (a + 0.06, 0.03, e + 0.06), frame, 1)
    b.box(p, (0, -0.037, z), (a, 0.006, e), shown, 1)


def _wall_place(rng: Rng, w: float, d: float, width: float) -> Place:
    """Return a place on the left, back or right wall whose local -y points into the room."""
    side = int(rng.integers(-1, 2))
    if side == 0:
        room_left = max(w / 2 - width / 2 - 0.05, 0.01)
        return Place(rng.uniform(-room_left, room_left), d, 0, 0)
    return Place(side * w / 2, rng.uniform(min(0.8, d / 2), d - 0.5), 0, -side * np.pi / 2)


def _draw(rng: Rng, weights: dict[str, float]) -> str:
    p = np.array(list(weights.values()), float)
    return str(rng.choice(list(weights), p=p / p.sum()))


def _put(layout: Layout, rng: Rng, name: str, p: Place) -> None:
    """Build a piece of furniture, record its seats and targets for cameras, and reserve its floor."""
    b, i = layout.builder, layout.builder.new_id()
    {**props.WALL, **props.FREE}[name](b, rng, p, i)
    a, e = props.FOOTPRINT_M[name]
    for k in range(max(1, round(a / 0.6))):
        x, y, _ = p.at((k + 0.5) * a / max(1, round(a / 0.6)) - a / 2, 0)
        layout.taken.append((x, y, e / 2))
    if name == "sofa":
        layout.seats.append(p.moved(0, -0.1))
    if name in ("table", "desk", "cabinet", "shelf", "bed", "sofa"):
        layout.targets.append(p.at(0, 0, 0.75 if name in ("table", "desk") else rng.uniform(0.5, 1.1)))
    if name in ("table", "desk"):
        sides = [(0.0, -e / 2 - 0.2, np.pi)]
        if name == "table":
            sides += [(0.0, e / 2 + 0.2, 0.0), (-a / 3, -e / 2 - 0.2, np.pi), (a / 3, e / 2 + 0.2, 0.0)]
        for dx, dy, turn in sides:
            if rng.random() < 0.65:
                seat = p.moved(dx, dy, 0, turn + rng.normal(0, 0.25))
                props.chair(b, rng, seat, b.new_id())
                layout.seats.append(seat)
                layout.taken.append((seat.x, seat.y, 0.3))


def _against_wall(layout: Layout, rng: Rng, spec: RoomKind, w: float, d: float) -> None:
    name = _draw(rng, spec.wall)
    a, e = props.FOOTPRINT_M[name]
    for _ in range(8):
        p = _wall_place(rng, w, d, a).moved(0, -e / 2 - 0.03)
        spots = [p.at(t, 0) for t in (-a / 2 + e / 2, 0, a / 2 - e / 2)]
        if all(layout.is_free(x, y, e / 2 - 0.02) for x, y, _ in spots):
            _put(layout, rng, name, p)
            return


def _free_standing(layout: Layout, rng: Rng, spec: RoomKind, w: float, d: float) -> None:
    name = _draw(rng, spec.free)
    a, e = props.FOOTPRINT_M[name]
    for _ in range(8):
        x, y = rng.uniform(-w / 2, w / 2), rng.uniform(0.4, d)
        if layout.is_free(x, y, max(a, e) / 2):
            _put(layout, rng, name, Place(x, y, 0, float(rng.choice([0, np.pi / 2, np.pi, rng.uniform(0, 6)]))))
            return
