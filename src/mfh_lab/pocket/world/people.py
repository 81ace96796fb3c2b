"""Stand, walk or seat a dressed body of the bank in a scene."""

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.palette import color, offset, pick
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.textures import Texture

FIRST_PERSON_ID = 100


def place_body(bank: BodyBank, index: int, place: Place) -> NDArray[np.float32]:
    """Return the (v, 3) world vertices of body ``index`` standing at ``place``."""
    v = bank.vertices_m[index].astype(np.float32)
    c, s = np.float32(np.cos(place.yaw)), np.float32(np.sin(place.yaw))
    turned = np.stack([v[:, 0] * c - v[:, 1] * s, v[:, 0] * s + v[:, 1] * c, v[:, 2]], 1)
    return turned + np.array([place.x, place.y, place.z], np.float32)


def seat_place(bank: BodyBank, index: int, seat: Place) -> Place:
    """Return where to put a sitting body: pelvis over the middle of ``seat``, feet on the floor."""
    pelvis = (bank.rest[:, 2] > 0.48) & (bank.rest[:, 2] < 0.55) & (np.abs(bank.rest[:, 0]) < 0.12)
    x, y, _ = bank.vertices_m[index][pelvis].astype(np.float32).mean(0)
    return seat.moved(-float(x), -float(y) + 0.03)


def add_person(
    b: SceneBuilder, bank: BodyBank, index: int, place: Place, person_id: int, *, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Add a dressed body; returns (v, 3) world vertices and the (f, 3) faces of the body and the clothes it wears."""
    vertices = place_body(bank, index, place)
    colors = _garments(b, rng)
    body = bank.faces["body"]
    b.mesh(vertices, body, _body_materials(bank, body, colors, rng), person_id, smooth=True)
    worn = [body]
    if rng.random() < 0.8:
        shell = bank.faces["tights"]
        centre = bank.rest[shell].mean(1)
        sleeve = rng.choice([0.2, 0.25, 0.3])
        kept = shell[(centre[:, 2] > 0.06) & (centre[:, 2] < 0.83) & (np.abs(centre[:, 0]) < sleeve)]
        waist = rng.uniform(0.54, 0.6)
        top = bank.rest[kept].mean(1)[:, 2] > waist
        b.mesh(vertices, kept, np.where(top, colors["shirt"], colors["trousers"]), person_id, smooth=True)
        worn.append(kept)
    female = bool(bank.female[index])
    if female and rng.random() < 0.4 and "skirt" in bank.faces:
        b.mesh(vertices, bank.faces["skirt"], colors["trousers"], person_id, smooth=True)
        worn.append(bank.faces["skirt"])
    if rng.random() < (0.85 if female else 0.15):
        shell = bank.faces["hair"]
        centre = bank.rest[shell].mean(1)
        off_face = (centre[:, 1] > -0.035) | (centre[:, 2] > 0.97)  # the shell is closed: cut the face free
        b.mesh(vertices, shell[off_face], colors["hair"], person_id, smooth=True)
        worn.append(shell[off_face])
    return vertices, np.concatenate(worn)


def _garments(b: SceneBuilder, rng: np.random.Generator) -> dict[str, int]:
    """Draw the materials of one person: skin and hair over the human range, any clothes."""
    tone = rng.uniform(0.12, 1.0)
    skin = (0.86 * tone**0.75, 0.62 * tone**0.95, 0.5 * tone**1.05)
    fibre = rng.uniform(0.1, 2.8)
    hair = (0.25 * fibre, 0.16 * fibre, 0.08 * fibre) if rng.random() < 0.85 else (0.6, 0.6, 0.6)
    cloth = pick(rng, Texture.PLAIN, Texture.PLAIN, Texture.PLAIN, Texture.STRIPES, Texture.CHECKS, Texture.BLOBS)
    return {
        "skin": b.material(Texture.PLAIN, skin, scale=4),
        "hair": b.material(Texture.FIBRE, hair, scale=20, bump=0.3),
        "shirt": b.material(cloth, color(rng, 0.03, 0.92, saturation=1.0), color(rng, 0.03, 0.92, saturation=1.0),
                            scale=rng.uniform(8, 25), bump=0.35, aspect=rng.uniform(0.2, 0.6),
                            offset=offset(rng)),  # fmt: skip
        "trousers": b.material(Texture.PLAIN, color(rng, 0.03, 0.7, saturation=0.8), scale=12, bump=0.3),
        "shoes": b.material(Texture.PLAIN, color(rng, 0.02, 0.7, saturation=0.5), scale=9),
    }  # fmt: skip


def _body_materials(
    bank: BodyBank, faces: NDArray[np.int32], colors: dict[str, int], rng: np.random.Generator
) -> NDArray[np.int32]:
    """Colour the body's faces by where they lie on the body at rest: shoes, trousers, shirt, skin, hair."""
    x, y, z = bank.rest[faces].mean(1).T
    waist, sleeve = rng.uniform(0.54, 0.6), rng.choice([0.17, 0.22, 0.33])
    m = np.full(len(faces), colors["skin"], np.int32)
    torso = (z > waist) & (z < 0.86) & (np.abs(x) < sleeve) & ((z < 0.8) | (np.abs(x) > 0.05))
    m[torso] = colors["shirt"]
    m[(z <= waist) & (np.abs(x) < 0.17)] = colors["trousers"]
    m[z < 0.045] = colors["shoes"]
    m[((z > 0.935) & (y > -0.045)) | (z > 0.975)] = colors["hair"]
    return m
