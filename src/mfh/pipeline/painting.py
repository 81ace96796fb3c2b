"""The painting loop: people painted into the photo, measured there, and paired with its relative depth.

Step 3 of the pipeline. It knows no model by name, and always ends.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from mfh.config import Config
from mfh.landmarks.bodies import Sighting, judge_people
from mfh.landmarks.sprites import judge_sprite
from mfh.models.protocols import Painter
from mfh.pipeline.canvas import canvas_of, on_photo
from mfh.pipeline.evidence import painting_evidence
from mfh.pipeline.inference import Models, asking
from mfh.pipeline.messages import any_used
from mfh.pipeline.paint_masks import PaintingPlan
from mfh.pipeline.planning import plan_next, who_proposes
from mfh.scale.range_prior import PhotoRange
from mfh.types import Camera, Evidence, HumanMesh, PaintedPhoto, PastedSprite, Photo, RelativeDepth

Stage = Callable[[str, float], AbstractContextManager[None]]
Enough = Callable[[Sequence[Evidence]], str]


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
    wanted: PhotoRange | None = None,
) -> PaintingRun:
    """Paint until enough paintings have usable people, or the answer is sure enough, or attempts or time run out.

    Interrupted from the keyboard, it returns what there is, once there is anything, where the configuration says so.

    Args:
        painter: paints people.
        models: look at the paintings.
        photo: the photo, as models look at it.
        relative: its relative depth, of the same size.
        config: limits, seed and kind of evidence.
        stage: called with a name and the fraction done, around each batch.
        wanted: relative depths where metres are wanted most; None for those of the photo.
        enough: asked after every usable painting, in order; says why to stop, or nothing to go on.

    Returns:
        Evidence of every attempt that counts.

    Reference:
        Eqs. 3, 6 and 7 of the paper.
    """
    limits = config.painting
    canvas, seen = canvas_of(photo, relative, max_pixels=limits.max_pixels)
    deadline = time.monotonic() + limits.budget_s
    run = PaintingRun()
    usable = 0
    while usable < limits.max_paintings:
        tried = len(run.evidence)
        if tried >= limits.max_attempts:
            return replace(run, ended_by=f"all {limits.max_attempts} attempts made")
        if time.monotonic() >= deadline:
            return replace(run, ended_by=f"the {limits.budget_s:g} s for it are over")
        # Never more than are still needed: a batch then does just what one at a time would do.
        most = limits.batch_size if who_proposes(painter, config) is None else 1
        size = min(most, limits.max_paintings - usable, limits.max_attempts - tried)
        done = max(usable / limits.max_paintings, tried / limits.max_attempts)
        try:
            with stage("painting", 0.3 + 0.65 * done):
                plans = {
                    n: plan_next(painter, canvas, seen, n, run.evidence, wanted=wanted, config=config)
                    for n in range(tried, tried + size)
                }
                batch = _paint_batch(painter, models, canvas, seen, plans, config)
        except KeyboardInterrupt:
            if not (usable and limits.answer_interrupted):
                raise
            return replace(run, ended_by=f"interrupted after {usable} paintings")
        for k, one in enumerate(on_photo(each, canvas, photo) for each in batch.evidence):
            run = PaintingRun((*run.evidence, one), kept=run.kept + batch.kept[k : k + 1])
            if any_used([one]):
                usable += 1
                # What comes after in the batch does not count: the answer must not depend on the size of batches.
                if enough is not None and (reason := enough(run.evidence)):
                    return replace(run, ended_by=reason)
    return replace(run, ended_by=f"{limits.max_paintings} paintings with people collected")


def _paint_batch(
    painter: Painter,
    models: Models,
    photo: Photo,
    relative: RelativeDepth,
    planned: Mapping[int, PaintingPlan],
    config: Config,
) -> PaintingRun:
    """Paint and measure the paintings of these numbers, and pair metres with the photo's relative depth."""
    numbers, plans = list(planned), list(planned.values())
    with asking(painter.name):
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
        else judge_sprite(
            seen,
            photo.camera,
            source=f"painting {n}",
            painter=painter.name,
            max_depth_m=config.max_depth_m,
            by_body=config.painting_evidence != "contact",
        )
        for n, seen in zip(numbers, sightings, strict=True)
    ]
    evidence = painting_evidence(models, paintings, sightings, judged, relative, photo.camera, config)
    kept = [
        (painting, tuple(seen.meshes) if isinstance(seen, Sighting) else (None,))
        for painting, seen in zip(paintings, sightings, strict=True)
    ]
    return PaintingRun(tuple(evidence), kept=tuple(kept) if config.keep_paintings else ())


def _sight(
    models: Models, paintings: Sequence[PaintedPhoto], camera: Camera, numbers: Sequence[int], *, known: bool
) -> list[Sighting | PastedSprite]:
    """Take the sprites that painters know, and find and measure the people of the other paintings."""
    seen: dict[int, Sighting | PastedSprite] = {
        k: painting.sprite for k, painting in enumerate(paintings) if known and painting.sprite is not None
    }
    others = [k for k in range(len(paintings)) if k not in seen]
    photos, regions = [paintings[k].rgb for k in others], [paintings[k].paint_mask for k in others]
    found = models.find_people(photos, regions) if others else []
    for k, people in zip(others, found, strict=True):
        seen[k] = models.measure(paintings[k].rgb, people, camera, f"painting {numbers[k]}", paintings[k].paint_mask)
    return [seen[k] for k in range(len(paintings))]
