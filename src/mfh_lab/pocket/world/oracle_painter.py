"""The oracle painter: true bodies where a person can truly stand, at places known beforehand."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera, HumanMesh, PaintedPhoto, Proposal
from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.oracles import KnownPictures, Truth
from mfh_lab.pocket.world.places import FreePlaces, draw_places, true_body
from mfh_lab.pocket.world.scenes import ScenePerson, render

MIN_VISIBLE_PX = 100
MIN_VISIBLE_SHARE = 0.5
_LOOKS = 8


class OraclePainter:
    """Puts a true body of the bank where a person can stand and falls inside the paint mask; no person where none does.

    Depth and ids are exact: the body is z-buffered against the scene. The prompt is not read. Without light, the person
    is one flat colour drawn by the painting's seed; with it, the scene is rendered again with the person in it.

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
        self._places: dict[int, FreePlaces] = {}
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
        """Return exactly where the person of each painting will stand; None where there will be no person."""
        truth = self._known.truth_of(photo)
        proposals = []
        for paint_mask, seed in zip(paint_masks, seeds, strict=True):
            person = self._choose(truth, paint_mask, _draws(truth, seed))
            body = None if person is None else true_body(truth.scene, self._bank, person)
            proposals.append(None if body is None else Proposal(_foot_xy_px(truth.camera, body)))
        return proposals

    def _one(
        self, photo: NDArray[np.float32], truth: Truth, paint_mask: NDArray[np.bool_], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        rng = _draws(truth, seed)
        person = self._choose(truth, paint_mask, rng)
        if person is None:
            return photo, np.zeros(paint_mask.shape, bool)
        body = true_body(truth.scene, self._bank, person)
        body_depth_m = rasterize_depth(body.vertices_m, body.faces, truth.camera)
        visible = (body_depth_m < truth.depth_m) & paint_mask
        touched = visible
        rgb = photo.copy()
        if self._light:
            picture = render(truth.scene, self._bank, people=[person], samples=self._samples, gain=truth.gain)
            lit = picture.rgb.astype(np.float32) / np.float32(255)
            # The person with its shadow, as far as the mask goes.
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

    def _choose(self, truth: Truth, paint_mask: NDArray[np.bool_], rng: np.random.Generator) -> ScenePerson | None:
        """Return a person who falls inside the mask and is not hidden."""
        if truth.scene.seed not in self._places:
            self._places[truth.scene.seed] = draw_places(truth.scene, self._bank, split=self._split)
        free = self._places[truth.scene.seed]
        for k in rng.permutation(free.inside(paint_mask))[:_LOOKS]:
            silhouette_px, in_front_mask = self._look(truth, free, int(k))
            visible_px = int((in_front_mask & paint_mask).sum())
            if visible_px >= max(MIN_VISIBLE_PX, MIN_VISIBLE_SHARE * silhouette_px):
                return free.people[k]
        return None

    def _look(self, truth: Truth, free: FreePlaces, k: int) -> tuple[int, NDArray[np.bool_]]:
        """Return how many pixels a person covers, and those at which nothing is nearer; remembered for one picture."""
        if self._looked is None or self._looked[0] is not truth:
            self._looked = truth, {}
        seen = self._looked[1]
        if k not in seen:
            body = true_body(truth.scene, self._bank, free.people[k])
            depth_m = rasterize_depth(body.vertices_m, body.faces, truth.camera)
            seen[k] = int(np.isfinite(depth_m).sum()), depth_m < truth.depth_m
        return seen[k]


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
