"""Flat people in the toy world: their size is known in pixels, as that of people in photos is.

How far away they are depends on the focal length one believes in, and no person is measured exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfh.geometry.camera import camera_from_focal_px
from mfh.types import (
    Camera,
    FocalProvenance,
    HumanMesh,
    PaintedPhoto,
    PastedSprite,
    Person,
    Photo,
)
from tests.toy_world import (
    CAMERA,
    FLOOR_M,
    NOBODY,
    STATURE_M,
    OraclePeople,
    OracleRelativeDepth,
    bodies_in,
    box_mesh,
    depth_in,
    draw,
    floor_and_wall,
)


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
