"""A small world of textured planes, seen by a camera that moves or stands: pictures with exact depth.

Nothing of it is shared with the product: rays meet planes, and textures are read where they do. People are flat, and as
tall as they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mfh.config import Config, HeadConfig, PaintingConfig
from mfh.geometry.camera import camera_from_focal_px
from mfh.io.focal import FocalRequest
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import Camera, HumanMesh, Person, RelativeDepth, Space
from mfh.video.motion import grey_for_flow, motion_between, on_grid
from mfh.video.records import GridReading
from mfh.video.watching import reading_of
from tests.toy_world import box_mesh

FOCAL_PX = 150.0
FOCAL = FocalRequest(focal_px=FOCAL_PX)
CAMERA = camera_from_focal_px(FOCAL_PX, width=160, height=120)
FLOOR_M, STATURE_M, WIDTH_M = 1.4, 1.7, 0.6
_TEXELS_A_METRE = 24


@dataclass(frozen=True)
class Plane:
    """A textured rectangle.

    Attributes:
        corner: (3,) metres, x right, y down, z forward.
        across, along: (3,) unit vectors in it.
        size_m: its extent along both.
        seed: of its texture.
        who: number of the person it is; -1 for none.
    """

    corner: Sequence[float]
    across: Sequence[float]
    along: Sequence[float]
    size_m: tuple[float, float]
    seed: int
    who: int = -1


def person(x_m: float, z_m: float, who: int) -> Plane:
    """Return somebody flat, who faces along z and stands on the floor."""
    corner = (x_m - WIDTH_M / 2, FLOOR_M - STATURE_M, z_m)
    return Plane(corner, (1, 0, 0), (0, 1, 0), (WIDTH_M, STATURE_M), 50 + who, who)


ROOM = (
    Plane((-30, -9, 8), (1, 0, 0), (0, 1, 0), (60, 14), 1),
    Plane((-30, FLOOR_M, 0.5), (1, 0, 0), (0, 0, 1), (60, 8), 2),
    Plane((-2.4, -0.5, 3.2), (1, 0, 0), (0, 1, 0), (1.1, 1.9), 3),
    Plane((1.1, -1.1, 4.6), (1, 0, 0), (0, 1, 0), (1.4, 2.5), 4),
)
"""A wall, a floor and two boards."""


@dataclass(frozen=True)
class Seen:
    """What a camera sees: pixels, depth in metres, who each pixel is of, and the camera in the world."""

    pixels: np.ndarray
    depth_m: np.ndarray
    who: np.ndarray
    pose: np.ndarray


def pose_at(x_m: float = 0.0, y_m: float = 0.0, z_m: float = 0.0, turn_deg: float = 0.0) -> np.ndarray:
    """Return the world from a camera at a place, turned about its vertical axis."""
    angle = np.radians(turn_deg)
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = x_m, y_m, z_m
    return pose


def walk(count: int) -> list[np.ndarray]:
    """Return the poses of a camera that moves sideways and forward, and turns a little."""
    return [pose_at(0.05 * k, 0.01 * k, 0.03 * k, 0.3 * np.sin(k)) for k in range(count)]


def see(planes: Sequence[Plane], pose: np.ndarray, camera: Camera = CAMERA) -> Seen:
    """Render what a camera sees of planes, nearest first."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(columns.shape)], -1)
    rays, origin = rays @ pose[:3, :3].T, pose[:3, 3]
    depth_m = np.full(columns.shape, np.inf)
    pixels, who = np.zeros((*columns.shape, 3), np.uint8), np.full(columns.shape, -1)
    for plane in planes:
        across, along = (np.array(each, float) for each in (plane.across, plane.along))
        normal = np.cross(across, along)
        with np.errstate(divide="ignore", invalid="ignore"):
            z_m = ((np.array(plane.corner) - origin) @ normal) / (rays @ normal)
        z_m = np.where(np.isfinite(z_m), z_m, 0.0)
        place = origin + rays * z_m[..., None] - np.array(plane.corner)
        u, v = place @ across, place @ along
        hit = (z_m > 0.05) & (z_m < depth_m) & (u >= 0) & (v >= 0) & (u < plane.size_m[0]) & (v < plane.size_m[1])
        colours = cv2.remap(
            _texture(plane.seed),
            np.float32(u * _TEXELS_A_METRE % 512),
            np.float32(v * _TEXELS_A_METRE % 512),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        pixels[hit], depth_m[hit], who[hit] = colours[hit], z_m[hit], plane.who
    return Seen(pixels, depth_m, who, pose)


@cache
def _texture(seed: int) -> np.ndarray:
    """Return (512, 512, 3) smooth noise of several sizes."""
    rng = np.random.default_rng(seed)
    total = np.zeros((512, 512, 3))
    for cells, strength in ((128, 0.5), (48, 0.7), (16, 0.5)):
        total += strength * cv2.resize(rng.normal(size=(cells, cells, 3)), (512, 512), interpolation=cv2.INTER_CUBIC)
    return np.uint8(np.clip(128 + 55 * total, 0, 255))


@dataclass
class Truth:
    """Frames that are known, by what they look like: models of this world find their frame, whatever the codec did.

    Attributes:
        frames: what the camera saw, in order.
        space: of the relative depth.
        scramble: whether each frame has a scale and shift of its own.
        noise: standard deviation of log relative depth, of each patch of pixels in each frame.
        asked: frames that relative depth was asked of.
    """

    frames: list[Seen]
    space: Space = "disparity"
    scramble: bool = True
    noise: float = 0.0
    asked: list[int] = field(default_factory=list)

    def number(self, rgb: np.ndarray) -> int:
        """Return which frame a picture is nearest to."""
        size = (40, 30)
        small = cv2.resize(np.float32(rgb), size, interpolation=cv2.INTER_AREA)
        known = [
            cv2.resize(one.pixels.astype(np.float32) / 255, size, interpolation=cv2.INTER_AREA) for one in self.frames
        ]
        return int(np.argmin([np.abs(small - one).mean() for one in known]))

    def affine(self, k: int) -> tuple[float, float]:
        """Return scale and shift from the relative depth of a frame to the truth in its space."""
        if not self.scramble:
            return 0.5, 0.02
        rng = np.random.default_rng(100 + k)
        return float(rng.uniform(0.1, 3)), float(rng.uniform(-0.3, 0.3))

    def exact(self, k: int) -> np.ndarray:
        """Return what the relative depth of a frame stands for: inverse metres, or metres."""
        depth_m = self.frames[k].depth_m
        return 1 / depth_m if self.space == "disparity" else depth_m

    def relative(self, k: int) -> RelativeDepth:
        """Return the relative depth of a frame."""
        scale, shift = self.affine(k)
        exact = self.exact(k)
        if self.noise:
            rough = np.random.default_rng(k).normal(0, self.noise, (9, 12))
            exact = exact * np.exp(cv2.resize(rough, exact.shape[::-1], interpolation=cv2.INTER_CUBIC))
        return RelativeDepth(((exact - shift) / scale).astype(np.float32), self.space)


@dataclass
class WorldDepth:
    """The network of relative depth."""

    truth: Truth
    name: str = "world"
    shape_log_sigma: float = 0.02
    keeps_sky: bool = True

    def predict(self, photos: Sequence[np.ndarray]) -> list[RelativeDepth]:
        """Return the relative depth of frames."""
        numbers = [self.truth.number(rgb) for rgb in photos]
        self.truth.asked += numbers
        maps = [self.truth.relative(k) for k in numbers]
        return [
            replace(one, values=cv2.resize(one.values, rgb.shape[1::-1], interpolation=cv2.INTER_AREA))
            for one, rgb in zip(maps, photos, strict=True)
        ]


@dataclass
class WorldPeople:
    """Finds people and measures them, too far by a factor of their own."""

    truth: Truth
    farther: dict[int, float] = field(default_factory=dict)
    name: str = "world"
    min_score: float = 0.0
    shared_log_sigma: float = 0.05

    def segment(self, photos: Sequence[np.ndarray], regions: object = None) -> list[list[Person]]:
        """Return the people of frames."""
        found = []
        for rgb in photos:
            who = _at_size(self.truth.frames[self.truth.number(rgb)].who, rgb)
            people = []
            for one in np.unique(who[who >= 0]):
                rows, columns = np.nonzero(who == one)
                box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
                people.append(Person(box, who == one, score=0.9))
            found.append(people)
        return found

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return a box whose front is where each person is."""
        seen = self.truth.frames[self.truth.number(photo)]
        meshes: list[HumanMesh | None] = []
        for one in people:
            rows, columns = np.nonzero(one.instance_mask)
            z_m = float(np.median(_at_size(seen.depth_m, photo)[one.instance_mask]))
            left, right = (np.array([columns.min(), columns.max() + 1]) - camera.cx) * z_m / camera.fx
            top, bottom = (np.array([rows.min(), rows.max() + 1]) - camera.cy) * z_m / camera.fy
            mesh = box_mesh(np.array([left, top, z_m]), np.array([right, bottom, z_m + 0.1]))
            who = int(np.median(_at_size(seen.who, photo)[one.instance_mask]))
            factor = self.farther.get(who, 1.0)
            meshes.append(replace(mesh, vertices_m=mesh.vertices_m * factor, log_depth_sigma=0.1))
        return meshes


def _at_size(values: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    return cv2.resize(values.astype(np.float64), rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def pipeline_of(truth: Truth, people: WorldPeople | None = None) -> MetricFromHuman:
    """Return the pipeline whose models know a world, and paint nobody."""
    config = Config(
        name="world",
        relative_depth="world",
        person_segmenter="world",
        human_mesh="world",
        painter=None,
        people="only",
        painting=PaintingConfig(),
        head=HeadConfig(),
    )
    people = people or WorldPeople(truth)
    return MetricFromHuman(config, relative_depth=WorldDepth(truth), person_segmenter=people, human_mesh=people)


def readings_of(truth: Truth, camera: Camera = CAMERA) -> list[GridReading | None]:
    """Return how the grid moved before each frame: of what optical flow finds, and relative depth there."""
    greys = [grey_for_flow(one.pixels) for one in truth.frames]
    found: list[GridReading | None] = [None]
    for k in range(1, len(greys)):
        moved = on_grid(motion_between(greys[k - 1], greys[k]), camera.width, camera.height)
        found.append(reading_of(truth.relative(k - 1), truth.relative(k), moved))
    return found


def write_pictures(folder: Path, frames: Sequence[Seen]) -> Path:
    """Write frames as pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, one in enumerate(frames):
        Image.fromarray(one.pixels).save(folder / f"frame_{k}.png")
    return folder
