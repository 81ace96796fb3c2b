"""The painting loop: people painted into the photo, measured there, and paired with its relative depth.

Step 3 of the pipeline. It knows no model by name, and always ends. People are painted at about 0.3 to 1 megapixels, the
input size of depth networks, painters and person segmenters: a larger painting would give them the same picture for
twenty times the time and memory. Distances and relative depths found there have no size; only places in the picture are
mapped back to the photo.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config
from mfh.errors import MfhError, Rejected
from mfh.geometry.camera import resize_camera
from mfh.geometry.masks import resize_relative
from mfh.landmarks.bodies import judge_people
from mfh.landmarks.contact import Contact, find_contacts
from mfh.landmarks.sprites import judge_sprite, sprite_contact
from mfh.models.protocols import Painter
from mfh.pipeline.evidence import PaintedPeople, painting_evidence
from mfh.pipeline.inference import Models, asking
from mfh.pipeline.planning import LEAST_PEOPLE, PaintingPlan, plan_next, who_proposes
from mfh.pipeline.request import OnPainting, PaintingSoFar
from mfh.pipeline.solve import DepthSoFar, Solution, depth_so_far
from mfh.scale.interval import tight_enough
from mfh.scale.range_prior import region_range
from mfh.types import (
    Camera,
    Evidence,
    HumanMesh,
    MeasuredPainting,
    PaintedPhoto,
    PastedSprite,
    Photo,
    Region,
    RelativeDepth,
    any_used,
)

Stage = Callable[[str, float], AbstractContextManager[None]]
Solve = Callable[[Sequence[Evidence]], Solution]


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
    solve: Solve | None = None,
    region: Region | None = None,
    on_painting: OnPainting | None = None,
) -> PaintingRun:
    """Paint until enough paintings have usable people, or the answer is sure enough, or attempts or time run out.

    Interrupted from the keyboard, it returns what there is, once there is anything, where the configuration says so.

    Args:
        painter: paints people.
        models: run on the paintings.
        photo: the view of it that models take as input.
        relative: its relative depth, of the same size.
        config: limits, seed and kind of evidence.
        stage: called with a name and the fraction done, around each batch.
        solve: fits scale and shift to the paintings so far: the stop rule and the planner of masks read the
            same fit. None where neither is asked for.
        region: where metric depth is wanted most; None for the whole photo.
        on_painting: called after each painting that counts, with the answer so far; it changes nothing.

    Returns:
        Evidence of every attempt that counts.

    Reference:
        Eqs. 3, 6 and 7 of the paper.
    """
    limits = config.painting
    canvas, seen = canvas_of(photo, relative, max_pixels=limits.max_pixels)
    proposes = who_proposes(painter, config) is not None
    deadline = time.monotonic() + limits.budget_s
    run = PaintingRun()
    usable = 0
    solution: Solution | None = None
    before = _depth_so_far(solve, (), config) if on_painting else None
    while usable < limits.max_paintings:
        tried = len(run.evidence)
        if tried >= limits.max_attempts:
            return replace(run, ended_by=f"all {limits.max_attempts} attempts made")
        if time.monotonic() >= deadline:
            return replace(run, ended_by=f"the {limits.budget_s:g} s for it are over")
        # Never more than are still needed: a batch then does just what one at a time would do.
        most = 1 if proposes else limits.batch_size
        size = min(most, limits.max_paintings - usable, limits.max_attempts - tried)
        posterior = solution.fit.consensus.posterior if solution and usable >= LEAST_PEOPLE else None
        wanted = region_range(solution.relative, region) if solution and region else None
        done = max(usable / limits.max_paintings, tried / limits.max_attempts)
        try:
            with stage("painting", 0.3 + 0.65 * done):
                plans = {
                    n: plan_next(painter, canvas, seen, n, posterior, wanted=wanted, config=config)
                    for n in range(tried, tried + size)
                }
                batch = _paint_batch(painter, models, canvas, seen, plans, config)
        except KeyboardInterrupt:
            if not (usable and limits.answer_interrupted):
                raise
            return replace(run, ended_by=f"interrupted after {usable} paintings")
        for k, one in enumerate(on_photo(each, canvas, photo) for each in batch.evidence):
            kept = batch.kept[k : k + 1] if config.keep_paintings else ()
            run = PaintingRun((*run.evidence, one), kept=run.kept + kept)
            is_usable = any_used([one])
            if is_usable:
                usable += 1
                # What comes after in the batch does not count: the answer must not depend on the size of batches.
                solution = solve(run.evidence) if solve and (limits.until_interval or proposes) else None
            if on_painting:
                painting, meshes = batch.kept[k]
                landmarks = batch.evidence[k].landmarks
                on_painting(
                    PaintingSoFar(
                        MeasuredPainting(tried + k, painting.rgb, painting.paint_mask, landmarks, meshes),
                        usable=usable,
                        attempts=len(run.evidence),
                        max_paintings=limits.max_paintings,
                        max_attempts=limits.max_attempts,
                        depth=_depth_so_far(solve, run.evidence, config),
                        before=before,
                    )
                )
            if is_usable and solution and (reason := _tight_enough(solution, limits.until_interval, region)):
                return replace(run, ended_by=reason)
    return replace(run, ended_by=f"{limits.max_paintings} paintings with people collected")


def _depth_so_far(solve: Solve | None, painted: Sequence[Evidence], config: Config) -> DepthSoFar | None:
    """Return the answer by the paintings so far; None where they give no scale."""
    if solve is None:
        return None
    try:
        return depth_so_far(solve(painted), head=config.head, max_depth_m=config.max_depth_m)
    except MfhError:
        # No scale yet. What cannot be used at all is refused with the answer, and only there.
        return None


def _tight_enough(solution: Solution, half_width: float | None, region: Region | None) -> str:
    """Return why painting can stop, or "" to continue: of the region where it has a finite depth, else of the photo."""
    if half_width is None or solution.incomplete:
        return ""
    of_region = None if region is None else solution.region_interval(region)
    if of_region is not None:
        return tight_enough(of_region, half_width, over="region")
    return tight_enough(solution.interval(), half_width)


def _paint_batch(
    painter: Painter,
    models: Models,
    photo: Photo,
    relative: RelativeDepth,
    planned: Mapping[int, PaintingPlan],
    config: Config,
) -> PaintingRun:
    """Paint and measure the paintings of these numbers, and pair metric depth with the photo's relative depth."""
    numbers, plans = list(planned), list(planned.values())
    with asking(painter.name):
        paintings = painter.paint(
            photo.rgb,
            [plan.paint_mask for plan in plans],
            [plan.prompt for plan in plans],
            [plan.seed for plan in plans],
        )
    measured = _measure(models, paintings, numbers, painter=painter.name, camera=photo.camera, config=config)
    evidence = painting_evidence(models, measured, relative, photo.camera, config)
    kept = [(one.painting, tuple(one.meshes)) for one in measured]
    return PaintingRun(tuple(evidence), kept=tuple(kept))


def _measure(
    models: Models,
    paintings: Sequence[PaintedPhoto],
    numbers: Sequence[int],
    *,
    painter: str,
    camera: Camera,
    config: Config,
) -> list[PaintedPeople]:
    """Take the size of sprites that the painter knows, and find and measure the people of the other paintings."""
    others = [one for one in paintings if config.painted_people != "known" or one.sprite is None]
    # Without gates, as published, people count wherever they are in the painting.
    regions = [one.paint_mask for one in others] if config.gates else None
    found = iter(models.find_people([one.rgb for one in others], regions) if others else [])
    measured = []
    for painting, number in zip(paintings, numbers, strict=True):
        source, sprite = f"painting {number}", painting.sprite
        if config.painted_people == "known" and sprite is not None:
            by_body = config.painting_evidence != "contact"
            judged = judge_sprite(
                sprite, camera, source=source, painter=painter, max_depth_m=config.max_depth_m, by_body=by_body
            )
            one = PaintedPeople(painting, judged, [None], partial(_sprite_contacts, sprite))
        else:
            seen = models.measure(painting.rgb, next(found), camera, source, painting.paint_mask)
            judged = judge_people(seen, camera, max_depth_m=config.max_depth_m, gates=config.gates)
            one = PaintedPeople(painting, judged, seen.meshes, partial(find_contacts, seen, judged))
        measured.append(one)
    return measured


def _sprite_contacts(sprite: PastedSprite, relative: Float[ndarray, "h w"], camera: Camera) -> list[Contact | Rejected]:
    return [sprite_contact(sprite, relative, camera)]


def canvas_of(photo: Photo, relative: RelativeDepth, *, max_pixels: int) -> tuple[Photo, RelativeDepth]:
    """Return a photo and its relative depth at the size they are painted at: their own, or about ``max_pixels``.

    Args:
        photo: the view of it that models take as input.
        relative: its relative depth, of the same size.
        max_pixels: a larger photo is made smaller, by the mean over what a pixel covers.

    Returns:
        Both, with the camera of their size; the photo's pixels are float32, so that every painting is made from the
        same array.
    """
    camera = photo.camera
    ratio = math.sqrt(max_pixels / (camera.width * camera.height))
    if ratio >= 1:
        rgb = photo.rgb
        return (photo if rgb is photo.pixels else replace(photo, pixels=rgb)), relative
    import cv2

    size = (max(1, round(camera.width * ratio)), max(1, round(camera.height * ratio)))
    rgb = cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA)
    # Means of numbers in [0, 1] may leave it by a rounding error.
    smaller = replace(photo, pixels=np.clip(rgb, 0, 1), camera=resize_camera(camera, width=size[0], height=size[1]))
    return smaller, resize_relative(relative, size, cv2.INTER_AREA)


def on_photo(evidence: Evidence, canvas: Photo, photo: Photo) -> Evidence:
    """Return evidence with its places in pixels of the photo.

    Args:
        evidence: with places in pixels of the canvas.
        canvas: what was painted on.
        photo: the photo it was made from.
    """
    if canvas.camera == photo.camera:
        return evidence
    x, y = photo.camera.width / canvas.camera.width, photo.camera.height / canvas.camera.height
    landmarks = []
    for one in evidence.landmarks:
        left, top, right, bottom = one.box_xyxy
        landmarks.append(
            replace(
                one,
                box_xyxy=(left * x, top * y, right * x, bottom * y),
                reprojection_px=None if one.reprojection_px is None else one.reprojection_px * y,
            )
        )
    return replace(evidence, landmarks=tuple(landmarks))
