"""Oracle models: they know the truth of the pocket world's pictures, and err by exactly the noise that is set.

They keep the contracts of ``models/protocols.py``, so that the real pipeline runs with them. They look a
picture up by the hash of its pixels in the :class:`KnownPictures` they share: an unknown picture is an error. They are
for proving and comparing, never for photos, and their names contain "oracle".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from mfh.errors import BackendError
from mfh.types import Camera, FocalProvenance, HumanMesh, Person, Photo, RelativeDepth
from mfh_lab.pocket.world.bodies import POSES, BodyBank
from mfh_lab.pocket.world.oracle_noise import PeopleNoise, RelativeDepthNoise, disturb, draw_affine, low_frequency
from mfh_lab.pocket.world.places import SOURCE, scene_camera
from mfh_lab.pocket.world.scenes import STANDING, Render, Scene
from mfh_lab.pocket.world.tracer import trace_image

PHOTO_SEED = -1
"""Stands for the photo itself, where a painting has its seed."""


@dataclass(frozen=True)
class Truth:
    """What is true of one picture.

    Attributes:
        scene: the scene it shows.
        depth_m: (h, w) float64 z in metres; +inf for sky.
        body_index: (h, w) which of ``bodies`` is seen, -1 for none.
        bodies: all people in the picture.
        seed: of the painting, or ``PHOTO_SEED``.
        gain: how the picture was developed.
    """

    scene: Scene
    depth_m: NDArray[np.float64]
    body_index: NDArray[np.int16]
    bodies: tuple[HumanMesh, ...] = ()
    seed: int = PHOTO_SEED
    gain: float = 1.0

    @property
    def camera(self) -> Camera:
        """Intrinsics of the picture."""
        return scene_camera(self.scene)


class KnownPictures:
    """Pictures and their truth; the oracles of one run share one."""

    def __init__(self) -> None:
        self._truths: dict[bytes, Truth] = {}

    def add(self, rgb: NDArray[np.float32], truth: Truth) -> None:
        """Remember the truth of a picture."""
        self._truths[_name(rgb)] = truth

    def truth_of(self, rgb: NDArray[np.float32]) -> Truth:
        """Return the truth of a picture.

        Raises:
            BackendError: for an unknown picture.
        """
        truth = self._truths.get(_name(rgb))
        if truth is None:
            raise BackendError(
                f"oracle models know only registered pictures of the pocket world: this one of "
                f"{rgb.shape[1]}x{rgb.shape[0]} pixels is none of the {len(self._truths)}"
            )
        return truth

    def add_photo(self, scene: Scene, picture: Render) -> Photo:
        """Make the photo of a scene and remember its truth.

        Args:
            scene: that the render shows.
            picture: its render, with or without people.

        Returns:
            The photo, with the true camera.
        """
        rgb = picture.rgb.astype(np.float32) / np.float32(255)
        body_index = np.full(picture.ids.shape, -1, np.int16)
        bodies = []
        for k, person in enumerate(picture.people):
            body_index[picture.ids == person.person_id] = k
            vertices = person.vertices_m.astype(np.float64)
            bodies.append(HumanMesh(vertices, person.faces, SOURCE, stature_m=person.stature_m))
        depth_m = np.where(picture.depth_m > 0, picture.depth_m.astype(np.float64), np.inf)
        self.add(rgb, Truth(scene, depth_m, body_index, tuple(bodies), gain=picture.gain))
        focal = FocalProvenance("explicit", "true focal length of the render", 0.0)
        return Photo(rgb, scene_camera(scene), focal, f"scene {scene.seed}")


def unlit(scene: Scene) -> Render:
    """Return the empty scene's exact depth and ids under a picture of depth alone: a tenth of the time of a render."""
    width, height = scene.size
    arrays = scene.layout.builder.build(scene.layout.environment)
    _, depth_m, ids, _, _ = trace_image(arrays, scene.view, width, height, 0, 0)
    nearness = 1 / (1 + 0.25 * np.where(depth_m > 0, depth_m, np.inf))
    rgb = np.repeat((255 * nearness).astype(np.uint8)[..., None], 3, -1)
    return Render(rgb, depth_m, ids, scene.view.f_px, scene.layout.kind, ())


class OracleRelativeDepth:
    """True disparity under an affine map of its own for each picture, with as much distortion as asked for.

    Args:
        known: the pictures.
        noise: distortion; none by default.
    """

    name = "oracle relative depth"

    def __init__(self, known: KnownPictures, *, noise: RelativeDepthNoise = RelativeDepthNoise()) -> None:  # noqa: B008
        self._known = known
        self._noise = noise
        self.shape_log_sigma = noise.scene_distortion

    def predict(self, photos: Sequence[Float[np.ndarray, "_ _ 3"]]) -> list[RelativeDepth]:
        """Return one disparity map per picture."""
        return [self._one(self._known.truth_of(rgb)) for rgb in photos]

    def _one(self, truth: Truth) -> RelativeDepth:
        noise = self._noise
        height, width = truth.depth_m.shape
        of_scene = np.random.default_rng((noise.seed, truth.scene.seed))
        of_picture = np.random.default_rng((noise.seed, truth.scene.seed, truth.seed + 1))
        disparity = 1 / truth.depth_m
        factor = 1 + low_frequency(of_scene, noise.scene_distortion, height=height, width=width)
        if truth.seed != PHOTO_SEED:
            factor += low_frequency(of_picture, noise.painting_distortion, height=height, width=width)
        scale, shift = draw_affine(of_picture, disparity, noise)
        for k, seen_as in enumerate(np.exp(of_picture.normal(0, noise.person_sigma, len(truth.bodies)))):
            factor[truth.body_index == k] *= seen_as
        return RelativeDepth(scale * disparity * np.maximum(factor, 0.05) + shift, "disparity")


class OraclePeople:
    """True masks and true bodies, with as much error as asked for: person segmenter and mesh model in one.

    Args:
        known: the pictures.
        bank: bodies, for what a mesh model sees in things that are no persons.
        noise: errors of size and place, gross outliers; none by default.
    """

    name = SOURCE
    min_score = 0.0
    shared_log_sigma = 0.0

    def __init__(self, known: KnownPictures, bank: BodyBank, *, noise: PeopleNoise = PeopleNoise()) -> None:  # noqa: B008
        self._known = known
        self._bank = bank
        self._noise = noise
        self._standing = np.flatnonzero(np.isin(bank.pose, [POSES.index(pose) for pose in STANDING]))

    def segment(
        self,
        photos: Sequence[Float[np.ndarray, "_ _ 3"]],
        regions: Sequence[Bool[np.ndarray, "_ _"] | None] | None = None,
    ) -> list[list[Person]]:
        """Return all people seen in each picture, mostly inside its region where there is one."""
        within = [None] * len(photos) if regions is None else regions
        return [self._people(self._known.truth_of(rgb), region) for rgb, region in zip(photos, within, strict=True)]

    def measure(
        self, photo: Float[np.ndarray, "h w 3"], people: Sequence[Person], camera: Camera
    ) -> list[HumanMesh | None]:
        """Return the true body of each person, disturbed; None where the mask shows no person."""
        truth = self._known.truth_of(photo)
        return [self._measure(truth, person) for person in people]

    def _people(self, truth: Truth, region: NDArray[np.bool_] | None) -> list[Person]:
        people = []
        for k in range(len(truth.bodies)):
            instance_mask = truth.body_index == k
            area = int(instance_mask.sum())
            if area == 0 or (region is not None and (instance_mask & region).sum() < 0.5 * area):
                continue
            rows, columns = np.nonzero(instance_mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
            people.append(Person(box, instance_mask, 1.0))
        return people

    def _measure(self, truth: Truth, person: Person) -> HumanMesh | None:
        seen = truth.body_index[person.instance_mask]
        seen = seen[seen >= 0]
        if seen.size == 0:
            return None
        k = int(np.bincount(seen).argmax())
        rng = np.random.default_rng((self._noise.seed, truth.scene.seed, truth.seed + 1, k))
        upright = self._bank.vertices_m[rng.choice(self._standing)].astype(np.float64)[:, [0, 2, 1]] * [1, -1, 1]
        stranger = HumanMesh(upright, self._bank.faces["body"], self.name)
        return disturb(truth.bodies[k], self._noise, rng, stranger=stranger)


def _name(rgb: NDArray[np.float32]) -> bytes:
    return hashlib.sha1(np.ascontiguousarray(rgb).data, usedforsecurity=False).digest()
