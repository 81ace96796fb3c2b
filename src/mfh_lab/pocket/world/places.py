"""Where in a scene, and in its picture, whole people could be: what the oracle painter chooses from."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mfh.types import Camera, HumanMesh
from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.people import place_body
from mfh_lab.pocket.world.scenes import Scene, ScenePerson, free_people

SOURCE = "oracle people"
POOL = 200
MIN_IN_IMAGE = 0.5
MIN_IN_PAINT_MASK = 0.95
_EVERY_VERTEX = 16


def scene_camera(scene: Scene) -> Camera:
    """Return the intrinsics of a scene's pictures."""
    view = scene.view
    return Camera(view.f_px, view.f_px, view.cx, view.cy, *scene.size)


def true_body(scene: Scene, bank: BodyBank, person: ScenePerson) -> HumanMesh:
    """Return the body of a person in the camera frame, without clothes."""
    world = place_body(bank, person.body, person.place).astype(np.float64)
    vertices = (world - scene.view.position) @ scene.view.axes.T.astype(np.float64)
    stature_m = float(bank.stature_m[person.body])
    return HumanMesh(vertices, bank.faces["body"], SOURCE, stature_m=stature_m)


@dataclass(frozen=True)
class FreePlaces:
    """People who could stand in a scene, each with where in the image some of the body's vertices fall.

    Attributes:
        people: n people.
        pixels: (n, p) index into the flat image; 0 where outside.
        in_image: (n, p) whether a vertex falls into the image.
    """

    people: list[ScenePerson]
    pixels: NDArray[np.int64]
    in_image: NDArray[np.bool_]
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Count once."""
        object.__setattr__(self, "counts", self.in_image.sum(1))

    def inside(self, paint_mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return who falls inside the mask, and not too much outside the image."""
        inside = (paint_mask.reshape(-1)[self.pixels] & self.in_image).sum(1)
        enough = self.counts >= MIN_IN_IMAGE * self.pixels.shape[1]
        return np.flatnonzero(enough & (inside >= MIN_IN_PAINT_MASK * self.counts))


def draw_places(scene: Scene, bank: BodyBank, *, split: str) -> FreePlaces:
    """Draw up to ``POOL`` people of a split who could each stand in the scene.

    Args:
        scene: the scene; the same one has the same pool.
        bank: bodies.
        split: whose bodies.
    """
    people = free_people(scene, bank, split=split, count=POOL, seed=0)
    width, height = scene.size
    few = replace(bank, vertices_m=bank.vertices_m[:, ::_EVERY_VERTEX])
    pixels = np.zeros((len(people), few.vertices_m.shape[1]), np.int64)
    in_image = np.zeros(pixels.shape, bool)
    camera = scene_camera(scene)
    for n, person in enumerate(people):
        some = true_body(scene, few, person).vertices_m
        front = some[:, 2] > 0.1
        z = np.where(front, some[:, 2], 1.0)
        column = np.rint(camera.fx * some[:, 0] / z + camera.cx).astype(np.int64)
        row = np.rint(camera.fy * some[:, 1] / z + camera.cy).astype(np.int64)
        in_image[n] = front & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        pixels[n] = np.where(in_image[n], row * width + column, 0)
    return FreePlaces(people, pixels, in_image)
