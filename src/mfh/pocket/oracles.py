"""Oracle models: they know the truth of the pocket world's pictures, and err exactly as much as they are told to.

They keep the contracts of ``models/protocols.py``, so that the real pipeline runs with them. They do not look at a
picture but look it up, by the hash of its pixels, in the :class:`KnownPictures` they share: a picture they were not
told of is an error. They are for proving and comparing, never for photos, and their names say oracle.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from mfh.errors import BackendError
from mfh.geometry.rasterize import rasterize_depth
from mfh.pocket.bodies import POSES, BodyBank
from mfh.pocket.oracle_noise import PeopleNoise, RelativeDepthNoise, disturb, draw_affine, low_frequency
from mfh.pocket.places import SOURCE, Pool, draw_pool, scene_camera, true_body
from mfh.pocket.tracer import trace_image
from mfh.pocket.world import STANDING, Figure, Render, Scene, render
from mfh.types import Camera, FocalProvenance, HumanMesh, PaintedPhoto, Person, Photo, Proposal, RelativeDepth

PHOTO_SEED = -1
"""Stands for the photo itself, where a painting has its seed."""
MIN_VISIBLE_PX = 100
MIN_VISIBLE_SHARE = 0.5
_LOOKS = 8


@dataclass(frozen=True)
class Truth:
    """What is true of one picture.

    Attributes:
        scene: the scene it shows.
        depth_m: (h, w) float64 z in metres; +inf for sky.
        body_index: (h, w) which of ``bodies`` is seen, -1 for none.
        bodies: everybody in the picture.
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
            BackendError: for a picture nobody told of.
        """
        truth = self._truths.get(_name(rgb))
        if truth is None:
            raise BackendError(
                f"oracle models know only pictures of the pocket world they were told of: this one of "
                f"{rgb.shape[1]}x{rgb.shape[0]} pixels is none of the {len(self._truths)}"
            )
        return truth

    def add_photo(self, scene: Scene, picture: Render) -> Photo:
        """Make the photo of a scene and remember its truth.

        Args:
            scene: the scene.
            picture: its render, with or without people.

        Returns:
            The photo, with the true camera.
        """
        rgb = picture.rgb.astype(np.float32) / np.float32(255)
        body_index = np.full(picture.ids.shape, -1, np.int16)
        bodies = []
        for k, figure in enumerate(picture.people):
            body_index[picture.ids == figure.person_id] = k
            vertices = figure.vertices_m.astype(np.float64)
            bodies.append(HumanMesh(vertices, figure.faces, SOURCE, stature_m=figure.stature_m))
        depth_m = np.where(picture.depth_m > 0, picture.depth_m.astype(np.float64), np.inf)
        self.add(rgb, Truth(scene, depth_m, body_index, tuple(bodies), gain=picture.gain))
        focal = FocalProvenance("explicit", "true focal length of the render", 0.0)
        return Photo(rgb, scene_camera(scene), focal, f"scene {scene.seed}")


def unlit(scene: Scene) -> Render:
    """Return the empty scene's exact depth and ids under a picture of depth alone: a tenth of the time of a render.

    Args:
        scene: the scene.
    """
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
        for k, seen_as in enumerate(np.exp(of_picture.normal(0, noise.figure_sigma, len(truth.bodies)))):
            factor[truth.body_index == k] *= seen_as
        return RelativeDepth(scale * disparity * np.maximum(factor, 0.05) + shift, "disparity")


class OraclePainter:
    """Puts a true body of the bank where somebody can stand and falls inside the paint mask; nobody where nobody does.

    Depth and ids are exact: the body is z-buffered against the scene. The prompt is not read. Without light, the figure
    is one flat colour drawn by the painting's seed; with it, the scene is rendered again with the figure in it.

    Args:
        known: the pictures.
        bank: bodies.
        split: whose bodies.
        light: render the painting, which takes seconds.
        samples: light paths per pixel.
    """

    name = "oracle painter"
    provenance = "the truth of the rendered scene: it is an oracle"
    shared_log_sigma = 0.0

    def __init__(
        self, known: KnownPictures, bank: BodyBank, *, split: str, light: bool = False, samples: int = 4
    ) -> None:
        self._known = known
        self._bank = bank
        self._split = split
        self._light = light
        self._samples = samples
        self._pools: dict[int, Pool] = {}
        self._looked: tuple[Truth, dict[int, tuple[int, NDArray[np.bool_]]]] | None = None

    def paint(
        self,
        photo: Float[np.ndarray, "h w 3"],
        paint_masks: Sequence[Bool[np.ndarray, "h w"]],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> list[PaintedPhoto]:
        """Paint one person per mask; the paint mask returned is what was touched."""
        truth = self._known.truth_of(photo)
        paintings = []
        for paint_mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True):
            rgb, touched = self._one(photo, truth, paint_mask, seed)
            paintings.append(PaintedPhoto(rgb, touched, prompt, seed))
        return paintings

    def propose(
        self,
        photo: Float[np.ndarray, "h w 3"],
        paint_masks: Sequence[Bool[np.ndarray, "h w"]],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> list[Proposal | None]:
        """Say just where the person of each painting will stand; None where there will be nobody."""
        truth = self._known.truth_of(photo)
        proposals = []
        for paint_mask, seed in zip(paint_masks, seeds, strict=True):
            figure = self._choose(truth, paint_mask, _draws(truth, seed))
            body = None if figure is None else true_body(truth.scene, self._bank, figure)
            proposals.append(None if body is None else Proposal(_foot_xy_px(truth.camera, body)))
        return proposals

    def _one(
        self, photo: NDArray[np.float32], truth: Truth, paint_mask: NDArray[np.bool_], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        rng = _draws(truth, seed)
        figure = self._choose(truth, paint_mask, rng)
        if figure is None:
            return photo, np.zeros(paint_mask.shape, bool)
        body = true_body(truth.scene, self._bank, figure)
        body_depth_m = rasterize_depth(body.vertices_m, body.faces, truth.camera)
        visible = (body_depth_m < truth.depth_m) & paint_mask
        touched = visible
        rgb = photo.copy()
        if self._light:
            picture = render(truth.scene, self._bank, figures=[figure], samples=self._samples, gain=truth.gain)
            lit = picture.rgb.astype(np.float32) / np.float32(255)
            # The figure with its shadow, as far as the mask goes.
            touched = paint_mask & (visible | (lit != photo).any(-1))
            rgb[touched] = lit[touched]
        else:
            rgb[visible] = rng.random(3, np.float32)
        bodies = (*truth.bodies, body)
        body_index = np.where(visible, np.int16(len(bodies) - 1), truth.body_index)
        painted = Truth(
            truth.scene, np.where(visible, body_depth_m, truth.depth_m), body_index, bodies, seed, truth.gain
        )
        self._known.add(rgb, painted)
        return rgb, touched

    def _choose(self, truth: Truth, paint_mask: NDArray[np.bool_], rng: np.random.Generator) -> Figure | None:
        """Return somebody who falls inside the mask and is not hidden."""
        if truth.scene.seed not in self._pools:
            self._pools[truth.scene.seed] = draw_pool(truth.scene, self._bank, split=self._split)
        pool = self._pools[truth.scene.seed]
        for k in rng.permutation(pool.inside(paint_mask))[:_LOOKS]:
            silhouette_px, in_front_mask = self._look(truth, pool, int(k))
            visible_px = int((in_front_mask & paint_mask).sum())
            if visible_px >= max(MIN_VISIBLE_PX, MIN_VISIBLE_SHARE * silhouette_px):
                return pool.figures[k]
        return None

    def _look(self, truth: Truth, pool: Pool, k: int) -> tuple[int, NDArray[np.bool_]]:
        """Return how many pixels somebody covers, and those at which nothing is nearer; remembered for one picture."""
        if self._looked is None or self._looked[0] is not truth:
            self._looked = truth, {}
        seen = self._looked[1]
        if k not in seen:
            body = true_body(truth.scene, self._bank, pool.figures[k])
            depth_m = rasterize_depth(body.vertices_m, body.faces, truth.camera)
            seen[k] = int(np.isfinite(depth_m).sum()), depth_m < truth.depth_m
        return seen[k]


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
        """Return everybody of each picture who is seen, and who is mostly in its region where there is one."""
        within = [None] * len(photos) if regions is None else regions
        return [self._people(self._known.truth_of(rgb), region) for rgb, region in zip(photos, within, strict=True)]

    def measure(
        self, photo: Float[np.ndarray, "h w 3"], people: Sequence[Person], camera: Camera
    ) -> list[HumanMesh | None]:
        """Return the true body of each person, disturbed; None where the mask shows nobody."""
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


def _draws(truth: Truth, seed: int) -> np.random.Generator:
    """Return what decides everything random in one painting."""
    return np.random.default_rng((truth.scene.seed, 4, seed))


def _foot_xy_px(camera: Camera, body: HumanMesh) -> tuple[float, float]:
    """Return the pixel between the feet: of the lowest vertices, those within 2 cm."""
    lowest = body.vertices_m[body.vertices_m[:, 1] >= body.vertices_m[:, 1].max() - 0.02].mean(0)
    return (
        float(camera.fx * lowest[0] / lowest[2] + camera.cx),
        float(camera.fy * lowest[1] / lowest[2] + camera.cy),
    )


def _name(rgb: NDArray[np.float32]) -> bytes:
    return hashlib.sha1(np.ascontiguousarray(rgb).data, usedforsecurity=False).digest()
