"""The toy world of the tests: a floor and a far wall, people, models that know the truth, and made-up answers.

Simulated are

- pictures: they carry the truth themselves (red: depth; green: which body), so that the models are functions of
  pixels, as real ones are;
- box people (``render``): their size is known in metres, whatever camera one believes in. Depths are ray-traced box
  by box; the pipeline rasterizes meshes: the two know nothing of each other;
- flat people (``FloorWorld``): their size is known in pixels, as that of people in photos is. How far away they are
  depends on the focal length one believes in, and nobody is measured exactly;
- models (``Oracle...`` of box people, ``Flat...`` of flat ones);
- answers of a whole run that nothing was run for (``made_up_result``, ``made_up_gathered``, ``with_depth``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mfh.config import Config, HeadConfig, PaintingConfig, PeopleMode, SilogForm
from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.io.exif import ExifFacts
from mfh.io.focal import choose_camera
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import (
    Camera,
    Evidence,
    FocalProvenance,
    HumanMesh,
    Landmark,
    LogRange,
    MeasuredPainting,
    MetricDepth,
    MetricHead,
    Note,
    PaintedPhoto,
    PastedSprite,
    Person,
    Photo,
    RelativeDepth,
    Space,
)
from mfh.types.observations import Gathered

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


class FloorWorld:
    """A room with flat people at some distances, seen with a focal length of 150 pixels, and its models."""

    focal_px, wall_m = 150.0, 8.0

    def __init__(self, people_at_m: Sequence[float] = ()):
        self.camera = camera_from_focal_px(self.focal_px, width=160, height=120)
        self.depth_m = floor_and_wall(self.camera, self.wall_m)
        body = np.full(self.depth_m.shape, NOBODY)
        for k, z in enumerate(people_at_m):
            standing = FlatPerson(20 + 40 * k, z)
            mask = standing.mask(self.camera)
            body[mask], self.depth_m[mask] = k, z
        self.rgb = draw(self.depth_m, body)
        self.masks = [body == k for k in range(len(people_at_m))]

    def photo(self, focal_px: float = focal_px) -> Photo:
        """The picture, believed to have been taken with some focal length."""
        height, width = self.depth_m.shape
        camera = camera_from_focal_px(focal_px, width=width, height=height)
        return Photo(self.rgb, camera, FocalProvenance("explicit", f"given: {focal_px:g} px", 0.0), "floor.png")

    def models(self) -> dict:
        """One for every role."""
        people = FlatPeople(taken_with=self.camera)
        return {
            "relative_depth": OracleRelativeDepth(shape_log_sigma=0.02),
            "person_segmenter": people,
            "human_mesh": people,
            "painter": FlatPainter(taken_with=self.camera),
        }


@dataclass(frozen=True)
class FlatPerson:
    """Somebody as flat as paper who stands at a column of the picture, some metres away."""

    column: float
    z: float

    def foot(self, camera: Camera) -> tuple[float, float, float]:
        """Column and row of the feet, and pixels per metre there: all that a picture shows."""
        px_per_m = camera.fy / self.z
        return self.column, camera.cy + FLOOR_M * px_per_m, px_per_m

    def mask(self, camera: Camera) -> np.ndarray:
        x, foot, px_per_m = self.foot(camera)
        mask = np.zeros((camera.height, camera.width), bool)
        mask[
            max(0, round(foot - STATURE_M * px_per_m)) : round(foot),
            max(0, round(x - 0.25 * px_per_m)) : round(x + 0.25 * px_per_m),
        ] = True
        return mask


@dataclass
class FlatPeople(OraclePeople):
    """Finds everybody, and knows their sizes in pixels from the camera that took the picture, up to 3 %."""

    taken_with: Camera = CAMERA
    shared_log_sigma: float = 0.02

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        meshes: list[HumanMesh | None] = []
        for person in people:
            who = int(np.median(bodies_in(photo)[person.instance_mask]))
            seen = FlatPerson(20 + 40 * who, float(np.median(depth_in(photo)[person.instance_mask])))
            x, foot, px_per_m = seen.foot(self.taken_with)
            z = camera.fy / px_per_m * (1.03, 0.97, 1.02)[who]
            feet = np.array([(x - camera.cx) * z / camera.fx, (foot - camera.cy) * z / camera.fy, z])
            meshes.append(box_mesh(feet - (0.25, STATURE_M, 0.1), feet + (0.25, 0, 0.1)))
        return meshes


@dataclass
class FlatPainter:
    """Pastes somebody at a place drawn by the seed, and knows their size in pixels up to 2 %."""

    taken_with: Camera
    name: str = "flat"
    provenance: str = "the painter knows how large people are"
    shared_log_sigma: float = 0.02

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _one(self, photo: np.ndarray, paint_mask: np.ndarray, prompt: str, seed: int) -> PaintedPhoto:
        rng = np.random.default_rng(seed)
        z = rng.uniform(2.6, 6.5)
        painted = FlatPerson(rng.choice(np.flatnonzero(paint_mask.any(0))), z)
        visible = painted.mask(self.taken_with) & paint_mask
        new = draw(np.full(visible.shape, z), np.full(visible.shape, 0))
        x, foot, px_per_m = painted.foot(self.taken_with)
        size = px_per_m * rng.normal(1, 0.02)
        figure = PastedSprite(visible, (float(x), foot), size, STATURE_M, log_size_sigma=0.05)
        return PaintedPhoto(np.where(visible[..., None], new, photo), visible, prompt, seed, figure)


def made_up_result() -> MetricDepth:
    """A small made-up result: one person used, one rejected, a quarter of the pixels without depth."""

    height, width = 48, 64
    rgb = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    disparity = np.linspace(0.2, 1.8, height * width, dtype=np.float32).reshape(height, width)
    disparity[: height // 2, : width // 2] = -1.0
    used = Landmark(
        source="photo",
        measured_by="made-up",
        box_xyxy=(10.0, 5.0, 30.0, 45.0),
        score=0.9,
        distance_m=2.5,
        stature_m=1.7,
        pixels=400,
        verdict="used",
        reason="measured",
        reprojection_px=3.0,
    )
    rejected = Landmark(
        source="photo",
        measured_by="made-up",
        box_xyxy=(40.0, 20.0, 44.0, 30.0),
        score=0.3,
        distance_m=None,
        stature_m=None,
        pixels=0,
        verdict="rejected",
        reason="too small",
    )
    photo = Photo(
        pixels=rgb,
        camera=Camera(fx=55.0, fy=55.0, cx=31.5, cy=23.5, width=width, height=height),
        focal=FocalProvenance(source="default-fov", detail="unknown: 60° assumed", relative_sigma=0.25),
        name="photo.jpg",
        notes=("an odd photo",),
    )
    return MetricDepth(
        photo=photo,
        relative=RelativeDepth(values=disparity, space="disparity"),
        head=MetricHead(scale=0.5, shift=0.1, space="disparity", loss=float("nan"), shift_determined=False),
        max_depth_m=200.0,
        landmarks=(used, rejected),
        preset="pocket",
        models={"relative_depth": "pocket", "person_segmenter": "blazepose"},
        seed=7,
        attempts=0,
        ended_by="",
        paintings=0,
        seconds={"relative depth": 0.25, "total": 1.25},
        notes=(Note("scale", "the shift is regularized"),),
    )


def made_up_gathered(result: MetricDepth) -> Gathered:
    """What models may have said about the made-up photo: one person in it of two measured, and three painted ones."""

    rng = np.random.default_rng(1)
    used, rejected = result.landmarks
    height, width = result.shape
    camera, focal = choose_camera(None, ExifFacts(), width=width, height=height)
    down, across = np.mgrid[0:1:48j, 0:1:64j]
    rgb = np.stack([down, across, 0.2 + 0 * down], -1).astype(np.float32)
    photo = Photo(rgb, camera, focal, "photo.jpg", ("an odd photo",))
    # Everybody scatters about the made-up head, the painted ones alike all over their figures.
    bent = 1 / (0.5 * np.linspace(0.3, 1.7, 40) + 0.1) * np.exp(rng.normal(0, 0.02, 40))
    seen = Evidence(np.linspace(0.3, 1.7, 40), bent, np.zeros(40, int), (replace(used, origin_m=2.4), rejected))
    painted = []
    for number, relative in enumerate((0.4, 0.9, 1.6)):
        z = 1 / (0.5 * relative + 0.1) * math.exp(0.05 * (-1) ** number)
        figure = Landmark(
            source=f"painting {number}",
            measured_by="sprite",
            box_xyxy=(1.0, 2.0, 3.0, 4.0),
            score=1.0,
            distance_m=z,
            stature_m=1.75,
            pixels=30,
            verdict="used",
            reason="painted at a known size",
            log_distance_sigma=0.1,
            origin_m=z,
        )
        painted.append(
            Evidence(relative + rng.normal(0, 0.01, 30), np.full(30, z), np.zeros(30, int), (figure,)),
        )
    disparity = np.linspace(0.2, 1.8, height * width, dtype=np.float32).reshape(height, width)
    return Gathered(
        photo=photo,
        relative=RelativeDepth(disparity, "disparity", LogRange(((0.8, 1.1, 0.4), (0.2, 3.0, 0.7)))),
        evidence=(seen, *painted),
        preset="pocket",
        models={"relative_depth": "pocket", "painter": "sprite"},
        seed=7,
        attempts=3,
        ended_by="3 paintings with people collected",
        shared_log_sigma=0.1,
        shape_log_sigma=0.15,
        provenance="the painter learned it somewhere",
        max_depth_m=200.0,
        seconds={"relative depth": 0.25},
    )


def made_up_painting(result: MetricDepth) -> MeasuredPainting:
    """A made-up painting in which nobody was found."""

    rgb = result.photo.rgb
    return MeasuredPainting(0, rgb, np.ones(rgb.shape[:2], bool), (), ())


def with_depth(result: MetricDepth, depth_m: np.ndarray, **changes) -> MetricDepth:
    """The result with this depth, of the photo's size or smaller; NaN where there is none.

    Its relative depth is metric already, under a head that leaves it.
    """
    head = replace(result.head, scale=1.0, shift=0.0, space="depth")
    photo = changes.get("photo", result.photo)
    relative = RelativeDepth(depth_m.astype(np.float32), "depth", photo_shape=photo.pixels.shape[:2])
    return replace(result, relative=relative, head=head, max_depth_m=np.inf, **changes)
