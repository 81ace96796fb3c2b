"""The painting loop: people painted into the photo, measured there, and paired with its relative depth.

Step 3 of the pipeline. It knows no model by name, and always ends.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.config import Config
from mfh.errors import BackendError, Rejected
from mfh.findings import any_used
from mfh.models.protocols import HumanMeshModel, Painter, PersonSegmenter, RelativeDepthModel
from mfh.models.relative_depth.shape_range import with_likely_range
from mfh.numerics.alignment import Alignment, align_paintings
from mfh.numerics.contact import Contact
from mfh.numerics.evidence import Judged, Sighting, body_evidence, judge_people, reject_everybody
from mfh.numerics.evidence_choice import choose_evidence, find_contacts, somebody_lacks_contact
from mfh.numerics.gates import agreement_gate, alignment_gate
from mfh.numerics.known_figure import figure_contact, judge_figure
from mfh.numerics.paint_masks import plan_painting
from mfh.numerics.scale import reject_person
from mfh.numerics.shift_prior import photo_range
from mfh.types import Camera, Evidence, HumanMesh, PaintedFigure, PaintedPhoto, Person, Photo, RelativeDepth

Stage = Callable[[str, float], AbstractContextManager[None]]
Enough = Callable[[Sequence[Evidence]], str]


@dataclass(frozen=True)
class Models:
    """The models of one pipeline, held to their contracts."""

    relative_depth: RelativeDepthModel
    person_segmenter: PersonSegmenter
    human_mesh: HumanMeshModel

    def predict_relative(self, photos: Sequence[Float[ndarray, "_ _ 3"]]) -> list[RelativeDepth]:
        """Predict relative depth.

        Args:
            photos: pictures of any sizes.

        Returns:
            One map per picture.

        Raises:
            BackendError: for a map of another size, or with values that are not finite.
        """
        maps = self.relative_depth.predict(photos)
        for rgb, relative in zip(photos, maps, strict=True):
            name = self.relative_depth.name
            if relative.values.shape != rgb.shape[:2]:
                raise BackendError(f"{name} returned {relative.values.shape}: expected the photo's {rgb.shape[:2]}")
            if not np.isfinite(relative.values).all():
                raise BackendError(f"{name} returned values that are not finite: expected relative depth everywhere")
        return maps

    def look(self, rgb: Float[ndarray, "h w 3"]) -> RelativeDepth:
        """Predict relative depth of a photo, with how far its depth likely reaches.

        Args:
            rgb: the photo.

        Raises:
            BackendError: as for :meth:`predict_relative`.
        """
        (relative,) = self.predict_relative([rgb])
        return with_likely_range(relative, shape_log_sigma=self.relative_depth.shape_log_sigma)

    def measure(
        self,
        rgb: Float[ndarray, "h w 3"],
        people: Sequence[Person],
        camera: Camera,
        source: str,
        paint_mask: Bool[ndarray, "h w"] | None = None,
    ) -> Sighting:
        """Measure the people found in one image.

        Args:
            rgb: the image.
            people: who was found in it.
            camera: its intrinsics.
            source: "photo", or "painting k".
            paint_mask: where it was painted; None for the photo itself.

        Returns:
            The people with their bodies.
        """
        meshes = self.human_mesh.measure(rgb, people, camera) if people else []
        finder = self.person_segmenter
        return Sighting(people, meshes, source, finder.name, self.human_mesh.name, paint_mask, finder.min_score)


@dataclass(frozen=True)
class PaintingRun:
    """What the painting loop found.

    Attributes:
        evidence: of every attempt, in order.
        ended_by: which limit ended it.
        kept: every painting with the bodies measured in it; empty unless the configuration keeps them.
    """

    evidence: tuple[Evidence, ...] = ()
    ended_by: str = ""
    kept: tuple[tuple[PaintedPhoto, tuple[HumanMesh | None, ...]], ...] = ()


def paint_people(
    painter: Painter,
    models: Models,
    photo: Photo,
    relative: RelativeDepth,
    *,
    config: Config,
    stage: Stage,
    enough: Enough | None = None,
) -> PaintingRun:
    """Paint until enough paintings have usable people, or the answer is sure enough, or attempts or time run out.

    Interrupted from the keyboard, it returns what there is, once there is anything, where the configuration says so.

    Args:
        painter: paints people.
        models: look at the paintings.
        photo: the photo.
        relative: its relative depth.
        config: limits, seed and kind of evidence.
        stage: called with a name and the fraction done, around each batch.
        enough: asked after every usable painting, in order; says why to stop, or nothing to go on.

    Returns:
        Evidence of every attempt that counts.

    Reference:
        Eqs. 3, 6 and 7 of the paper.
    """
    limits = config.painting
    deadline = time.monotonic() + limits.budget_s
    run = PaintingRun()
    usable = 0
    while usable < limits.max_paintings:
        tried = len(run.evidence)
        if tried >= limits.max_attempts:
            return replace(run, ended_by=f"max_attempts = {limits.max_attempts} reached")
        if time.monotonic() >= deadline:
            return replace(run, ended_by=f"budget_s = {limits.budget_s:g} spent")
        # Never more than are still needed: a batch then does just what one at a time would do.
        size = min(limits.batch_size, limits.max_paintings - usable, limits.max_attempts - tried)
        done = max(usable / limits.max_paintings, tried / limits.max_attempts)
        try:
            with stage("painting", 0.3 + 0.65 * done):
                batch = _paint_batch(painter, models, photo, relative, range(tried, tried + size), config)
        except KeyboardInterrupt:
            if not (usable and limits.answer_interrupted):
                raise
            return replace(run, ended_by=f"interrupted after {usable} paintings")
        for k, one in enumerate(batch.evidence):
            run = PaintingRun((*run.evidence, one), kept=run.kept + batch.kept[k : k + 1])
            if any_used([one]):
                usable += 1
                # What comes after in the batch does not count: the answer must not depend on the size of batches.
                if enough is not None and (reason := enough(run.evidence)):
                    return replace(run, ended_by=reason)
    return replace(run, ended_by=f"max_paintings = {limits.max_paintings} reached")


def photo_evidence(sighting: Sighting, relative: Float[ndarray, "h w"], camera: Camera, *, config: Config) -> Evidence:
    """Pair the people in the photo with its relative depth, on their bodies or at their feet.

    Args:
        sighting: the people and their bodies.
        relative: (h, w) relative depth of the photo.
        camera: its intrinsics.
        config: kind of evidence.

    Returns:
        The evidence.
    """
    judged = judge_people(sighting, camera, max_depth_m=config.max_depth_m)
    if config.photo_evidence == "body":
        return body_evidence(judged, relative)
    contacts = find_contacts(sighting, judged, relative, camera)
    return choose_evidence(
        judged, contacts, body_evidence(judged, relative) if config.photo_evidence == "either" else None
    )


def _paint_batch(
    painter: Painter,
    models: Models,
    photo: Photo,
    relative: RelativeDepth,
    numbers: Sequence[int],
    config: Config,
) -> PaintingRun:
    """Paint and measure the paintings of these numbers, and pair metres with the photo's relative depth."""
    height, width = photo.rgb.shape[:2]
    plans = [plan_painting(n, seed=config.seed, height=height, width=width, config=config.painting) for n in numbers]
    paintings = painter.paint(
        photo.rgb,
        [plan.paint_mask for plan in plans],
        [plan.prompt for plan in plans],
        [plan.seed for plan in plans],
    )
    sightings = _sight(models, paintings, photo.camera, numbers, known=config.painted_people == "known")
    judged = [
        judge_people(seen, photo.camera, max_depth_m=config.max_depth_m)
        if isinstance(seen, Sighting)
        else judge_figure(
            seen,
            photo.camera,
            source=f"painting {n}",
            painter=painter.name,
            max_depth_m=config.max_depth_m,
            by_body=config.painting_evidence != "contact",
        )
        for n, seen in zip(numbers, sightings, strict=True)
    ]
    evidence = _painting_evidence(models, paintings, sightings, judged, relative, photo.camera, config)
    kept = [
        (painting, tuple(seen.meshes) if isinstance(seen, Sighting) else (None,))
        for painting, seen in zip(paintings, sightings, strict=True)
    ]
    return PaintingRun(tuple(evidence), kept=tuple(kept) if config.keep_paintings else ())


def _sight(
    models: Models, paintings: Sequence[PaintedPhoto], camera: Camera, numbers: Sequence[int], *, known: bool
) -> list[Sighting | PaintedFigure]:
    """Take the figures that painters know, and find and measure the people of the other paintings."""
    seen: dict[int, Sighting | PaintedFigure] = {
        k: painting.figure for k, painting in enumerate(paintings) if known and painting.figure is not None
    }
    others = [k for k in range(len(paintings)) if k not in seen]
    photos, regions = [paintings[k].rgb for k in others], [paintings[k].paint_mask for k in others]
    found = models.person_segmenter.segment(photos, regions=regions) if others else []
    for k, people in zip(others, found, strict=True):
        seen[k] = models.measure(paintings[k].rgb, people, camera, f"painting {numbers[k]}", paintings[k].paint_mask)
    return [seen[k] for k in range(len(paintings))]


def _painting_evidence(
    models: Models,
    paintings: Sequence[PaintedPhoto],
    sightings: Sequence[Sighting | PaintedFigure],
    judged: Sequence[Judged],
    relative: RelativeDepth,
    camera: Camera,
    config: Config,
) -> list[Evidence]:
    """Pair painted people with relative depth: the paintings' own, aligned, or the photo's at their feet."""
    by_body = config.painting_evidence == "body"
    if by_body and not config.cross_check:
        return _aligned_bodies(models, paintings, judged, relative, config)
    contacts = [
        find_contacts(seen, one, relative.values, camera)
        if isinstance(seen, Sighting)
        else [figure_contact(seen, relative.values, camera)]
        for seen, one in zip(sightings, judged, strict=True)
    ]
    if by_body:
        seen = _aligned_bodies(models, paintings, judged, relative, config)
        return _check_feet(seen, contacts, relative)
    bodies: list[Evidence | None] = [None] * len(paintings)
    if config.painting_evidence == "either":
        # Only where a body must speak.
        lacking = [k for k, one in enumerate(judged) if somebody_lacks_contact(one, contacts[k])]
        chosen = [paintings[k] for k in lacking], [judged[k] for k in lacking]
        seen = _aligned_bodies(models, *chosen, relative, config)
        for k, body in zip(lacking, seen, strict=True):
            bodies[k] = body
    return [choose_evidence(*each) for each in zip(judged, contacts, bodies, strict=True)]


def _aligned_bodies(
    models: Models,
    paintings: Sequence[PaintedPhoto],
    judged: Sequence[Judged],
    relative: RelativeDepth,
    config: Config,
) -> list[Evidence]:
    """Predict relative depth of paintings, align it to the photo's (Eqs. 6, 7), and pair bodies with it."""
    # Relative depth is the slow part: only where there is a body.
    telling = [k for k, one in enumerate(judged) if any(person.verdict == "used" for person in one.landmarks)]
    evidence = [body_evidence(one, relative.values) for one in judged]
    if not telling:
        return evidence
    maps = models.predict_relative([paintings[k].rgb for k in telling])
    paint_masks = np.stack([paintings[k].paint_mask for k in telling])
    alignments = align_paintings(np.stack([one.values for one in maps]), relative.values, paint_masks)
    if not config.align:
        alignments = [Alignment(1.0, 0.0)] * len(maps)
    elif config.cross_check:
        alignments = [one if isinstance(one, Rejected) else alignment_gate(one.misfit) or one for one in alignments]
    for k, painted, alignment in zip(telling, maps, alignments, strict=True):
        if isinstance(alignment, Rejected):
            evidence[k] = reject_everybody(judged[k], f"the painting cannot be aligned: {alignment.reason}")
        else:
            evidence[k] = body_evidence(judged[k], alignment.apply(painted.values))
    return evidence


def _check_feet(
    evidence: Sequence[Evidence], contacts: Sequence[Sequence[Contact | Rejected]], relative: RelativeDepth
) -> list[Evidence]:
    """Reject people whose body is seen elsewhere in depth than the ground their feet stand on."""
    span = photo_range(relative)
    checked = list(evidence)
    for image, (one, feet) in enumerate(zip(evidence, contacts, strict=True)):
        for person in np.unique(one.person):
            contact = feet[person]
            if isinstance(contact, Rejected):
                continue
            at_body, at_feet = np.median(one.relative[one.person == person]), np.median(contact.relative)
            apart = agreement_gate(float(at_body), float(at_feet), span.high - span.low)
            if apart is not None:
                checked[image] = reject_person(checked[image], int(person), apart.reason)
    return checked
