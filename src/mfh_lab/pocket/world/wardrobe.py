"""Clothes for sprites seen from near: cut along smooth hems, loose over the body, with shoes and hair of some volume.

The crowd of the pocket world wears paint on coarse faces (``mfh_lab.pocket.world.people``), which does at a hundred
pixels; sprites that are pasted into photos are larger.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.palette import color, offset, pick
from mfh_lab.pocket.world.people import place_body
from mfh_lab.pocket.world.scene_builder import Place, Rgb, SceneBuilder
from mfh_lab.pocket.world.textures import Texture

_ANKLE, _SHOE_TOP, _KNEE = 0.045, 0.055, 0.27
"""Heights on the body at rest, whose own height is 1."""


@dataclass(frozen=True)
class Surface:
    """Triangles of a body with the place on the body at rest that each vertex comes from."""

    vertices: NDArray[np.float64]
    rest: NDArray[np.float64]
    faces: NDArray[np.int32]

    def part(self, keep: NDArray[np.bool_]) -> "Surface":
        """Return some of the faces and the vertices they use."""
        used, faces = np.unique(self.faces[keep], return_inverse=True)
        return Surface(self.vertices[used], self.rest[used], faces.reshape(-1, 3).astype(np.int32))

    def centres(self) -> NDArray[np.float64]:
        """Return (f, 3) the middle of each face on the body at rest."""
        return self.rest[self.faces].mean(1)

    def normals(self) -> NDArray[np.float64]:
        """Return (v, 3) unit vertex normals."""
        corners = self.vertices[self.faces]
        face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = np.zeros_like(self.vertices)
        for k in range(3):
            np.add.at(total, self.faces[:, k], face_normal)
        return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)


def cut(surface: Surface, line: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Surface:
    """Split the triangles that a line crosses, so that none lies on both sides of it.

    Args:
        surface: triangles.
        line: a function of (v, 3) places on the body at rest; the line is where it is zero.
    """
    field = line(surface.rest)
    # A vertex on the line counts as beyond it; otherwise triangles without area would appear.
    field = np.where(np.abs(field) < 1e-7, 1e-7, field)
    above = field[surface.faces] > 0
    crossed = (above.sum(1) == 1) | (above.sum(1) == 2)
    whole, split = surface.faces[~crossed], surface.faces[crossed]
    if not len(split):
        return surface
    # Turn each triangle so that its first corner is alone on its side.
    lonely_above = above[crossed].sum(1) == 1
    lonely = np.where(lonely_above, above[crossed].argmax(1), (~above[crossed]).argmax(1))
    order = (lonely[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(split, order, 1).T
    edges = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    i, j = unique.T
    t = (field[i] / (field[i] - field[j]))[:, None]
    new = len(surface.vertices) + which.ravel()
    ab, ac = new[: len(a)], new[len(a) :]
    faces = [whole, np.stack([a, ab, ac], 1), np.stack([ab, b, c], 1), np.stack([ab, c, ac], 1)]
    return Surface(
        np.concatenate([surface.vertices, surface.vertices[i] * (1 - t) + surface.vertices[j] * t]),
        np.concatenate([surface.rest, surface.rest[i] * (1 - t) + surface.rest[j] * t]),
        np.concatenate(faces).astype(np.int32),
    )


def smooth(surface: Surface, *, rounds: int) -> Surface:
    """Move every vertex to the mean of its neighbours, some times; vertices of the border stay."""
    edges = np.concatenate([surface.faces[:, [0, 1]], surface.faces[:, [1, 2]], surface.faces[:, [2, 0]]])
    _, which, times = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    free = np.ones(len(surface.vertices), bool)
    free[edges[times[which.ravel()] == 1].ravel()] = False
    vertices = surface.vertices.copy()
    for _ in range(rounds):
        total, number = np.zeros_like(vertices), np.zeros(len(vertices))
        for start, end in ((0, 1), (1, 0)):
            np.add.at(total, edges[:, start], vertices[edges[:, end]])
            np.add.at(number, edges[:, start], 1)
        vertices = np.where(free[:, None], total / np.maximum(number, 1)[:, None], vertices)
    return Surface(vertices, surface.rest, surface.faces)


def add_dressed(
    b: SceneBuilder, bank: BodyBank, index: int, place: Place, person_id: int, *, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add a body in clothes, shoes and hair.

    Returns:
        (v, 3) world vertices of everything seen.
    """
    posed, rest = place_body(bank, index, place).astype(float), bank.rest.astype(float)
    body = Surface(posed, rest, bank.faces["body"])
    shell = Surface(posed, rest, bank.faces["tights"])
    female = bool(bank.female[index])
    skin, hair = _skin_and_hair(b, rng)
    cloth = pick(rng, Texture.PLAIN, Texture.PLAIN, Texture.PLAIN, Texture.STRIPES, Texture.CHECKS)
    shirt = _cloth(b, rng, cloth, color(rng, 0.05, 0.9, saturation=0.9))
    trousers = _cloth(b, rng, Texture.PLAIN, color(rng, 0.04, 0.55, saturation=0.6))
    leather = _cloth(b, rng, Texture.PLAIN, color(rng, 0.02, 0.35, saturation=0.3))
    waist, sleeve = rng.uniform(0.5, 0.56), float(rng.choice([0.175, 0.2, 0.255, 0.255]))
    skirt = female and rng.random() < 0.25
    hem = _KNEE if rng.random() < 0.12 else _SHOE_TOP
    loose = rng.uniform(0.008, 0.02)
    drawn: list[tuple[Surface, int]] = []

    body = cut(body, lambda at: at[:, 2] - _ANKLE)
    on_feet = body.centres()[:, 2] < _ANKLE
    drawn.append((body.part(~on_feet), skin))
    drawn.append((_shoes(body.part(on_feet), place.z), leather))

    shell = cut(shell, lambda at: at[:, 2] - waist)
    shell = cut(shell, lambda at: np.abs(at[:, 0]) - sleeve)
    shell = cut(shell, lambda at: at[:, 2] - hem)
    shell = cut(shell, lambda at: at[:, 2] - 0.83)
    x, _, z = shell.centres().T
    upper = shell.part((z > waist) & (z < 0.83) & (np.abs(x) < sleeve))
    lower = shell.part((z <= waist) & (z > hem) & (np.abs(x) < 0.17))
    drawn.append((_inflated(upper, 0.006 + 0.6 * loose), shirt))
    if skirt and "skirt" in bank.faces:
        drawn.append((Surface(posed, rest, bank.faces["skirt"]), trousers))
    else:
        drawn.append((_inflated(lower, 0.005 + loose * np.clip((0.5 - lower.rest[:, 2]) / 0.2, 0, 1)), trousers))

    if rng.random() < (0.8 if female else 0.1):
        long = Surface(posed, rest, bank.faces["hair"])
        # The shell is closed and reaches the hips: the face is cut free, and below the neck it would go into the shirt.
        length = rng.uniform(0.84, 0.89)
        for line in (lambda at: at[:, 1] + 0.025, lambda at: at[:, 2] - 0.97, lambda at: at[:, 2] - length):
            long = cut(long, line)
        _, y, z = long.centres().T
        drawn.append((_inflated(long.part(((y > -0.025) | (z > 0.97)) & (z > length)), 0.008), hair))
    elif rng.random() < 0.92:
        head = cut(body, _hairline)
        cap = head.part(_hairline(head.centres()) > 0)
        drawn.append((_inflated(smooth(cap, rounds=2), 0.012), hair))
    for surface, material in drawn:
        if len(surface.faces):
            b.mesh(surface.vertices, surface.faces, material, person_id, smooth=True)
    return np.concatenate([surface.vertices for surface, _ in drawn])


def _hairline(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a function that is positive where short hair grows: the crown, and the back of the head to the neck."""
    _, y, z = rest.T
    forehead = z - 0.972
    back = np.minimum(y + 0.012, z - (0.925 - 0.3 * np.clip(y, 0, 0.06)))
    return np.maximum(forehead, back)


def _inflated(surface: Surface, by: float | NDArray[np.float64]) -> Surface:
    """Move vertices outwards by some metres."""
    return Surface(surface.vertices + surface.normals() * np.reshape(by, (-1, 1)), surface.rest, surface.faces)


def _shoes(feet: Surface, ground_z: float) -> Surface:
    """Turn bare feet into shoes: without toes, a little larger, and not below the ground."""
    shoes = _inflated(smooth(feet, rounds=12), 0.012)
    vertices = shoes.vertices.copy()
    vertices[:, 2] = np.maximum(vertices[:, 2], ground_z)
    return Surface(vertices, shoes.rest, shoes.faces)


def _skin_and_hair(b: SceneBuilder, rng: np.random.Generator) -> tuple[int, int]:
    tone = rng.uniform(0.12, 1.0)
    skin = (0.86 * tone**0.75, 0.62 * tone**0.95, 0.5 * tone**1.05)
    fibre = rng.uniform(0.1, 1.9)
    hair = (0.25 * fibre, 0.16 * fibre, 0.08 * fibre) if rng.random() < 0.9 else (0.55, 0.55, 0.55)
    return (
        b.material(Texture.PLAIN, skin, _times(skin, 0.93), scale=4),
        b.material(Texture.FIBRE, hair, scale=20, bump=0.3),
    )


def _cloth(b: SceneBuilder, rng: np.random.Generator, kind: Texture, tone: Rgb) -> int:
    second = _times(tone, 0.85) if kind == Texture.PLAIN else color(rng, 0.05, 0.9, saturation=0.8)
    return b.material(kind, tone, second, scale=rng.uniform(12, 30), bump=0.12, aspect=rng.uniform(0.2, 0.6),
                      offset=offset(rng))  # fmt: skip


def _times(tone: Rgb, factor: float) -> Rgb:
    return (tone[0] * factor, tone[1] * factor, tone[2] * factor)
