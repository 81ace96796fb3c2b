"""The toy world of the tests: a floor and a far wall, people, and models that know the truth.

Simulated are

- pictures: they carry the truth themselves (red: depth; green: which body), so that the models are functions of
  pixels, as real ones are;
- box people (``render``): their size is known in metres, whatever camera one believes in. Depths are ray-traced box
  by box; the pipeline rasterizes meshes: the two know nothing of each other;
- models (``Oracle...``).

Flat people are in ``flat_world``, answers that nothing was run for in ``made_up``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mfh.config import Config, HeadConfig, PaintingConfig, PeopleMode, SilogForm
from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import (
    Camera,
    FocalProvenance,
    HumanMesh,
    MetricDepth,
    PaintedPhoto,
    Person,
    Photo,
    RelativeDepth,
    Space,
)

CAMERA = camera_from_focal_px(90.0, width=96, height=72)
# Sees the floor from two metres on, so that everybody's feet are in view; CAMERA cuts off the nearer ones.
WIDE = camera_from_focal_px(60.0, width=96, height=100)
FLOOR_M, WALL_M, STATURE_M = 1.5, 9.0, 1.7
NOBODY = -1
# Where bodies can stand: x and z of their middles.
PLACES = [(x, z) for z in (2.6, 3.3, 4.1, 5.2, 6.5) for x in (-1.5, -0.9, -0.3, 0.3, 0.9, 1.5)]
LEFT_NEAR, MIDDLE, RIGHT_FAR = PLACES.index((-0.9, 2.6)), PLACES.index((0.3, 4.1)), PLACES.index((1.5, 6.5))


def box_of(place: int) -> tuple[np.ndarray, np.ndarray]:
    x, z = PLACES[place]
    return np.array([x - 0.3, FLOOR_M - STATURE_M, z - 0.15]), np.array([x + 0.3, FLOOR_M, z + 0.15])


def box_mesh(low: np.ndarray, high: np.ndarray) -> HumanMesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6]]
    faces += [[0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return HumanMesh(low + corners * (high - low), np.array(faces), source="oracle", stature_m=STATURE_M)


def ray_traced_box(place: int, camera: Camera) -> np.ndarray:
    """z at which the ray through each pixel enters the box (slab method); +inf where it misses."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = unproject(camera, np.stack([columns, rows], -1), np.ones(columns.shape))
    low, high = box_of(place)
    with np.errstate(divide="ignore"):
        enter, leave = np.sort([low / rays, high / rays], axis=0)
    return np.where(enter.max(-1) <= leave.min(-1), enter.max(-1), np.inf)


def floor_and_wall(camera: Camera, wall_m: float) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    down = unproject(camera, np.stack([columns, rows], -1), np.ones(columns.shape))[..., 1]
    return np.minimum(wall_m, np.where(down > 0, FLOOR_M / np.maximum(down, 1e-9), np.inf))


def draw(depth_m: np.ndarray, body: np.ndarray) -> np.ndarray:
    return np.stack([depth_m / 16, (body + 1) / 64, np.zeros_like(depth_m)], -1).astype(np.float32)


def depth_in(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., 0].astype(float) * 16


def bodies_in(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb[..., 1] * 64).astype(int) - 1


def render(places: Sequence[int], camera: Camera = CAMERA) -> Photo:
    depth_m = floor_and_wall(camera, WALL_M)
    body = np.full(depth_m.shape, NOBODY)
    for place in places:
        box = ray_traced_box(place, camera)
        body[box < depth_m] = place
        depth_m = np.minimum(depth_m, box)
    given = FocalProvenance("explicit", "given: 90 px", 0.0)
    return Photo(draw(depth_m, body), camera, given, name="oracle.png")


@dataclass
class OracleRelativeDepth:
    """The truth under an affine map that differs from picture to picture; people can be seen too far by a factor."""

    space: Space = "disparity"
    name: str = "oracle"
    shape_log_sigma: float = 0.0
    batches: list[int] = field(default_factory=list)
    people_farther: float = 1.0
    # Its pictures are no photos: nothing in them looks like a sky, or like no sky.
    keeps_sky: bool = True

    def predict(self, photos: Sequence[np.ndarray]) -> list[RelativeDepth]:
        self.batches.append(len(photos))
        maps = []
        for rgb in photos:
            rng = np.random.default_rng(int(rgb[..., 1].astype(float).sum() * 1e4))
            seen_m = np.where(bodies_in(rgb) == NOBODY, 1.0, self.people_farther) * depth_in(rgb)
            exact = 1 / seen_m if self.space == "disparity" else seen_m
            values = (exact - rng.uniform(-1, 0.1)) / rng.uniform(0.2, 3)
            maps.append(RelativeDepth(values.astype(np.float32), self.space))
        return maps


@dataclass
class OraclePeople:
    """Finds every body by its colour and knows its box; ``error`` makes some metres wrong by a factor."""

    name: str = "oracle"
    min_score: float = 0.0
    shared_log_sigma: float = 0.0
    error: dict[int, float] = field(default_factory=dict)
    unmeasurable: bool = False
    regions: list[np.ndarray] = field(default_factory=list)

    def segment(
        self, photos: Sequence[np.ndarray], regions: Sequence[np.ndarray | None] | None = None
    ) -> list[list[Person]]:
        everywhere = [None] * len(photos) if regions is None else regions
        self.regions += [region for region in everywhere if region is not None]
        return [
            [one for one in self._people(bodies_in(rgb)) if region is None or (one.instance_mask & region).any()]
            for rgb, region in zip(photos, everywhere, strict=True)
        ]

    def _people(self, bodies: np.ndarray) -> list[Person]:
        people = []
        for place in np.unique(bodies[bodies != NOBODY]):
            instance_mask = bodies == place
            rows, columns = np.nonzero(instance_mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
            people.append(Person(box, instance_mask, score=0.9))
        return people

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        meshes: list[HumanMesh | None] = []
        for person in people:
            place = int(np.median(bodies_in(photo)[person.instance_mask]))
            mesh = box_mesh(*box_of(place))
            mesh = replace(mesh, vertices_m=mesh.vertices_m * self.error.get(place, 1.0))
            meshes.append(None if self.unmeasurable else mesh)
        return meshes


@dataclass
class OraclePainter:
    """Paints a body whose middle is inside the mask, drawn by the seed; some seeds paint nobody."""

    name: str = "oracle"
    provenance: str = "the oracle knows how large people are"
    shared_log_sigma: float = 0.0
    misses: float = 0.3
    seen: list[tuple[int, str, int]] = field(default_factory=list)
    camera: Camera = CAMERA
    exact_mask: bool = False

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _one(self, photo: np.ndarray, paint_mask: np.ndarray, prompt: str, seed: int) -> PaintedPhoto:
        self.seen.append((int(np.flatnonzero(paint_mask.any(0))[0]), prompt, seed))
        rng = np.random.default_rng(seed)
        inside = [
            place
            for place, (x, z) in enumerate(PLACES)
            if 0 <= (column := round(self.camera.fx * x / z + self.camera.cx)) < self.camera.width
            and paint_mask[40, column]
        ]
        rgb, visible = photo, np.zeros_like(paint_mask)
        if inside and rng.random() >= self.misses:
            place = int(rng.choice(inside))
            box = ray_traced_box(place, self.camera)
            visible = paint_mask & (box < depth_in(photo))
            rgb = np.where(visible[..., None], draw(np.where(visible, box, 1), np.full(box.shape, place)), photo)
        return PaintedPhoto(rgb, visible if self.exact_mask else paint_mask, prompt, seed)


def config(people: PeopleMode = "auto", *, form: SilogForm = "pooled", seed: int = 0, **painting) -> Config:
    painting = {"max_paintings": 6, "max_attempts": 40, **painting}
    return Config(
        name="oracle",
        relative_depth="oracle",
        person_segmenter="oracle",
        human_mesh="oracle",
        painter="oracle",
        people=people,
        painting=PaintingConfig(**painting),
        head=HeadConfig(silog_form=form),
        seed=seed,
    )


def pipeline(
    options: Config,
    *,
    space: Space = "disparity",
    people: OraclePeople | None = None,
    painter: OraclePainter | None = None,
    relative_depth: OracleRelativeDepth | None = None,
) -> MetricFromHuman:
    people = people or OraclePeople()
    return MetricFromHuman(
        options,
        relative_depth=relative_depth or OracleRelativeDepth(space),
        person_segmenter=people,
        human_mesh=people,
        painter=painter or OraclePainter(),
    )


def assert_exact(result: MetricDepth, *, rtol: float = 1e-4) -> None:
    assert result.valid_mask.all()
    assert result.depth_m.dtype == np.float32
    np.testing.assert_allclose(result.depth_m, depth_in(result.photo.rgb), rtol=rtol)
