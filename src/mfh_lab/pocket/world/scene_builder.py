"""Put triangles, materials and lamps together into a scene the tracer can read."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfh_lab.pocket.world.bvh import build_triangles
from mfh_lab.pocket.world.textures import COLUMNS, Texture
from mfh_lab.pocket.world.tracer import Environment, SceneArrays

Rgb = tuple[float, float, float]
_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)
_BOX_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


@dataclass(frozen=True)
class Place:
    """A spot with a heading: objects are built in its local frame (x along, y back, z up)."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0

    def at(self, dx: float, dy: float, dz: float = 0.0) -> tuple[float, float, float]:
        """Return world coordinates of a local point."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.x + dx * c - dy * s, self.y + dx * s + dy * c, self.z + dz

    def moved(self, dx: float, dy: float, dz: float = 0.0, turn: float = 0.0) -> "Place":
        """Return a place relative to this one."""
        return Place(*self.at(dx, dy, dz), self.yaw + turn)


@dataclass
class SceneBuilder:
    """Collects geometry. Object ids: 1 is floor, walls and ground, 2 and up objects, 100 and up people."""

    corners: list[NDArray[np.float32]] = field(default_factory=list)
    normals: list[NDArray[np.float32]] = field(default_factory=list)
    material_ids: list[NDArray[np.int32]] = field(default_factory=list)
    object_ids: list[NDArray[np.int16]] = field(default_factory=list)
    materials: list[list[float]] = field(default_factory=list)
    lights: list[list[float]] = field(default_factory=list)
    next_id: int = 2

    def copy(self) -> "SceneBuilder":
        """Return a builder to continue from here without changing this one (the arrays themselves are shared)."""
        return SceneBuilder(
            list(self.corners), list(self.normals), list(self.material_ids), list(self.object_ids),
            list(self.materials), list(self.lights), self.next_id,
        )  # fmt: skip

    def new_id(self) -> int:
        """Return a fresh object id (ids 100 and up belong to people, so objects share the last one)."""
        used = self.next_id
        self.next_id = min(self.next_id + 1, 99)
        return used

    def material(
        self,
        kind: Texture,
        color: Rgb,
        second: Rgb | None = None,
        *,
        scale: float = 1.0,
        bump: float = 0.0,
        gloss: float = 0.0,
        emission: float = 0.0,
        offset: Rgb = (0.0, 0.0, 0.0),
        aspect: float = 0.5,
    ) -> int:
        """Add a material and return its index; ``second`` defaults to a darker ``color``."""
        other = second if second is not None else (color[0] * 0.6, color[1] * 0.6, color[2] * 0.6)
        row = [float(kind), *color, *other, scale, bump, gloss, emission, *offset, aspect]
        assert len(row) == COLUMNS
        self.materials.append(row)
        return len(self.materials) - 1

    def mesh(
        self, vertices: ArrayLike, faces: NDArray[np.integer], material: ArrayLike, object_id: int, *, smooth: bool
    ) -> None:
        """Add a triangle mesh: (v, 3) world metres, (f, 3) indices, one material or one per face."""
        v = np.asarray(vertices, np.float32)
        corners = v[faces]
        face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        if smooth:
            vertex_normal = np.zeros_like(v)
            for k in range(3):
                np.add.at(vertex_normal, faces[:, k], face_normal)
            normal = (vertex_normal / (np.linalg.norm(vertex_normal, axis=1, keepdims=True) + 1e-12))[faces]
        else:
            unit = face_normal / (np.linalg.norm(face_normal, axis=1, keepdims=True) + 1e-12)
            normal = np.repeat(unit[:, None], 3, axis=1)
        self.corners.append(corners)
        self.normals.append(normal.astype(np.float32))
        self.material_ids.append(np.broadcast_to(np.asarray(material, np.int32), (len(faces),)).copy())
        self.object_ids.append(np.full(len(faces), object_id, np.int16))

    def box(self, place: Place, center: ArrayLike, size: ArrayLike, material: int, object_id: int) -> None:
        """Add a box: ``center`` and ``size`` (3,) in the local frame of ``place``."""
        local = _BOX_CORNERS * np.asarray(size) + np.asarray(center)
        c, s = np.cos(place.yaw), np.sin(place.yaw)
        world = np.stack([local[:, 0] * c - local[:, 1] * s, local[:, 0] * s + local[:, 1] * c, local[:, 2]], 1)
        self.mesh(world + [place.x, place.y, place.z], _BOX_FACES, material, object_id, smooth=False)

    def lathe(
        self, base: ArrayLike, profile: ArrayLike, material: int, object_id: int, *, sides: int = 12, squash: float = 1
    ) -> None:
        """Add a surface of revolution about a vertical axis: profile (n, 2) of (radius, height)."""
        p = np.asarray(profile, float)
        turn = np.arange(sides) * 2 * np.pi / sides
        x, y = np.outer(p[:, 0], np.cos(turn)), np.outer(p[:, 0], np.sin(turn)) * squash
        ring = np.stack([x, y, np.repeat(p[:, 1:], sides, 1)], -1)
        k, j = np.arange(sides), (np.arange(sides) + 1) % sides
        faces = []
        for i in range(len(p) - 1):
            low, high = i * sides, (i + 1) * sides
            faces += [np.stack([low + k, low + j, high + j], 1), np.stack([low + k, high + j, high + k], 1)]
        self.mesh(ring.reshape(-1, 3) + np.asarray(base), np.concatenate(faces), material, object_id, smooth=True)

    def cylinder(
        self, base: ArrayLike, radius: float, height: float, material: int, object_id: int, *, top: float | None = None
    ) -> None:
        """Add a closed vertical cylinder or cone frustum."""
        upper = radius if top is None else top
        self.lathe(base, [(0, 0), (radius, 0), (radius, 0), (upper, height), (upper, height), (0, height)], material,
                   object_id)  # fmt: skip

    def ball(
        self,
        center: ArrayLike,
        radius: ArrayLike,
        material: int,
        object_id: int,
        *,
        rough: float = 0.0,
        rng: np.random.Generator | None = None,
        rings: int = 8,
    ) -> None:
        """Add an ellipsoid (radius scalar or (3,)); ``rough`` jitters its vertices for foliage and rocks."""
        lat, lon = np.linspace(0, np.pi, rings), np.arange(2 * rings) * np.pi / rings
        x, y = np.outer(np.sin(lat), np.cos(lon)), np.outer(np.sin(lat), np.sin(lon))
        unit = np.stack([x, y, np.outer(np.cos(lat), np.ones(2 * rings))], -1).reshape(-1, 3)
        if rough and rng is not None:
            unit = unit * (1 + rough * rng.standard_normal((len(unit), 1)))
        k, j, n = np.arange(2 * rings), (np.arange(2 * rings) + 1) % (2 * rings), 2 * rings
        faces = [np.stack([p * n + k, (p + 1) * n + k, (p + 1) * n + j], 1) for p in range(rings - 1)]
        faces += [np.stack([p * n + k, (p + 1) * n + j, p * n + j], 1) for p in range(rings - 1)]
        self.mesh(
            unit * np.asarray(radius) + np.asarray(center), np.concatenate(faces), material, object_id, smooth=not rough
        )

    def lamp(self, corner: ArrayLike, edge1: ArrayLike, edge2: ArrayLike, color: ArrayLike) -> None:
        """Add a rectangular area light (its visible surface, if any, is a separate emissive mesh)."""
        e1, e2 = np.asarray(edge1, float), np.asarray(edge2, float)
        normal = np.cross(e1, e2)
        area = float(np.linalg.norm(normal))
        self.lights.append([*np.asarray(corner, float), *e1, *e2, *np.asarray(color, float), *(normal / area), area])

    def build(self, environment: Environment) -> SceneArrays:
        """Return the arrays the tracer reads."""
        triangles = build_triangles(np.concatenate(self.corners))
        return SceneArrays(
            triangles,
            np.concatenate(self.normals)[triangles.order],
            np.concatenate(self.material_ids)[triangles.order],
            np.concatenate(self.object_ids)[triangles.order],
            np.array(self.materials, np.float32),
            np.array(self.lights, np.float32).reshape(-1, 16),
            environment,
        )
