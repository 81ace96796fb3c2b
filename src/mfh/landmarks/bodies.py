"""From measured people to evidence: pseudo ground truth paired with relative depth, each person with a verdict.

No person is dropped silently: each detection becomes a landmark, used or rejected with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.camera import subsample_camera
from mfh.geometry.masks import erode_3x3
from mfh.geometry.rasterize import rasterize_depth
from mfh.landmarks.figures import figure_of
from mfh.landmarks.gates import (
    MIN_PIXELS,
    body_gate,
    duplicate_gate,
    likely_gate,
    mask_gate,
    measured_gate,
    mesh_gate,
    seen_gate,
)
from mfh.types import Camera, Evidence, HumanMesh, Landmark, Person, PseudoGroundTruth

LONG_SIDE_PX = 1536
"""Larger photos are sampled on a coarser grid: that suffices, and rasterizing 24 megapixels takes gigabytes."""


@dataclass(frozen=True)
class Sighting:
    """The people found in one image, with their measurements.

    Attributes:
        people: all detections.
        meshes: one per person; None where a person could not be measured.
        source: "photo", or "painting k".
        finder: name of the model that found them.
        measurer: name of the model that measured them.
        paint_mask: where the image was painted; None for the photo itself. Painted people end at its border: a
            segmenter may add legs behind a table that hides them.
        min_score: people below this score do not count.
        verdicts: known beforehand, one per person in order; empty for none.
    """

    people: Sequence[Person]
    meshes: Sequence[HumanMesh | None]
    source: str
    finder: str
    measurer: str
    paint_mask: Bool[ndarray, "h w"] | None = None
    min_score: float = 0.0
    verdicts: Sequence[Rejected | None] = ()


@dataclass(frozen=True)
class Judged:
    """The people of one image with their verdicts and the metric depth of their bodies; no relative depth is needed.

    Attributes:
        landmarks: one per person, in order.
        truth: metric depth at the pixels people cover, on the grid (Eq. 4).
        step: the grid is every step-th row and column.
    """

    landmarks: tuple[Landmark, ...]
    truth: PseudoGroundTruth
    step: int


def judge_people(sighting: Sighting, camera: Camera, *, max_depth_m: float, gates: bool = True) -> Judged:
    """Return verdicts on an image's people, one each in order, and their rasterized metric depth (Eq. 4).

    Args:
        sighting: the people and their bodies.
        camera: intrinsics of the image.
        max_depth_m: people farther than this are rejected.
        gates: whether implausible people are rejected too; without, all whose body gives a depth count, as published.
    """
    step = max(1, -(-max(camera.width, camera.height) // LONG_SIDE_PX))
    grid = (slice(None, None, step), slice(None, None, step))
    camera = subsample_camera(camera, step=step)
    landmarks, masks, bodies = [], [], []
    known = sighting.verdicts or [None] * len(sighting.people)
    verdicts = [
        likely_gate(person, sighting.min_score)
        or mask_gate(person, mesh)
        or (mesh_gate(mesh, camera, max_depth_m) if gates else measured_gate(mesh))
        or verdict
        for person, mesh, verdict in zip(sighting.people, sighting.meshes, known, strict=True)
    ]
    verdicts = duplicate_gate(sighting.people, verdicts) if gates else verdicts
    for person, mesh, rejected in zip(sighting.people, sighting.meshes, verdicts, strict=True):
        instance_mask = person.instance_mask[grid]
        body_depth_m = np.full(instance_mask.shape, np.inf)
        if mesh is not None and rejected is None:
            body_depth_m = rasterize_depth(mesh.vertices_m, mesh.faces, camera)
            visible = visible_body(instance_mask, body_depth_m)
            if not gates:
                rejected = seen_gate(body_depth_m, visible)
            else:
                paint_mask = None if sighting.paint_mask is None else sighting.paint_mask[grid]
                rejected = body_gate(instance_mask, body_depth_m, visible, paint_mask)
                instance_mask = instance_mask if paint_mask is None else instance_mask & paint_mask
        landmarks.append(_landmark(sighting, person, mesh, rejected.reason if rejected else None))
        # Rejected people must not occlude others.
        masks.append(instance_mask if rejected is None else np.zeros_like(instance_mask))
        bodies.append(body_depth_m)
    shape = (camera.height, camera.width)
    truth = pseudo_ground_truth(np.array(masks, bool).reshape(-1, *shape), np.array(bodies, float).reshape(-1, *shape))
    least = MIN_PIXELS if gates else 1
    for index, landmark in enumerate(landmarks):
        given = truth.depth_m[truth.person_index == index]
        if landmark.verdict == "used" and len(given) < least:
            landmarks[index] = replace(
                landmark,
                verdict="rejected",
                reason=f"hidden behind other people: {len(given)} pixels left, expected {least}",
            )
            truth.person_index[truth.person_index == index] = -1
        elif landmark.verdict == "used":
            landmarks[index] = replace(landmark, pixels=len(given), distance_m=float(np.median(given)))
    return Judged(tuple(landmarks), truth, step)


def body_evidence(judged: Judged, relative: Float[ndarray, "h w"]) -> Evidence:
    """Pair people's metric depth with the image's relative depth at the pixels they cover: the paper's evidence.

    The relative depth is aligned to the photo's; where it is NaN, pixels do not count. ``person`` indexes
    ``landmarks``.
    """
    truth = judged.truth
    chosen = truth.person_index >= 0
    values = relative[:: judged.step, :: judged.step]
    body = Evidence(
        relative=values[chosen].astype(np.float64),
        depth_m=truth.depth_m[chosen],
        person=truth.person_index[chosen],
        landmarks=judged.landmarks,
    )
    return body if np.isfinite(body.relative).all() else _where_finite(body)


def _where_finite(body: Evidence) -> Evidence:
    """Return evidence without the pixels that lack relative depth, and without people who have too few left."""
    landmarks = list(body.landmarks)
    kept = np.isfinite(body.relative)
    for index in np.unique(body.person).tolist():
        own = body.person == index
        left = int(np.count_nonzero(kept & own))
        landmarks[index] = replace(landmarks[index], pixels=left)
        if left < MIN_PIXELS:
            reason = f"no relative depth where they are: {left} pixels with one, expected {MIN_PIXELS}"
            landmarks[index] = replace(landmarks[index], verdict="rejected", reason=reason, pixels=0)
            kept &= ~own
    return Evidence(body.relative[kept], body.depth_m[kept], body.person[kept], tuple(landmarks))


def reject_all(judged: Judged, reason: str) -> Evidence:
    """Return evidence in which no person is used, for an image whose alignment was rejected."""
    landmarks = tuple(
        replace(one, verdict="rejected", reason=reason, pixels=0) if one.verdict == "used" else one
        for one in judged.landmarks
    )
    return Evidence(np.zeros(0), np.zeros(0), np.zeros(0, int), landmarks)


def _landmark(sighting: Sighting, person: Person, mesh: HumanMesh | None, reason: str | None) -> Landmark:
    distance_m = None
    if mesh is not None and np.isfinite(mesh.vertices_m).all():
        distance_m = float(np.median(mesh.vertices_m[:, 2]))
    left, top, right, bottom = (float(edge) for edge in person.box_xyxy)
    box_xyxy = (left, top, right, bottom)
    return Landmark(
        source=sighting.source,
        measured_by=sighting.finder if mesh is None else sighting.measurer,
        box_xyxy=box_xyxy,
        score=float(person.score),
        distance_m=distance_m,
        stature_m=None if mesh is None else mesh.stature_m,
        pixels=0,
        verdict="used" if reason is None else "rejected",
        reason=reason or "measured",
        reprojection_px=None if mesh is None else mesh.reprojection_px,
        origin_m=distance_m,
        log_distance_sigma=None if mesh is None else mesh.log_depth_sigma,
        # Adults are painted.
        far_share=0.0 if mesh is None or sighting.source != "photo" else mesh.near_share,
        far_log=0.0 if mesh is None else mesh.near_log,
        # Of who is rejected, the body may be anything.
        figure=figure_of(box_xyxy, person.instance_mask, mesh if reason is None else None),
    )


def visible_body(instance_mask: Bool[ndarray, "h w"], body_depth_m: Float[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Return the pixels at which one person's body has a usable depth: erode(M ∩ S), 3x3."""
    return erode_3x3(instance_mask & np.isfinite(body_depth_m))


def pseudo_ground_truth(
    instance_masks: Bool[ndarray, "k h w"], body_depths_m: Float[ndarray, "k h w"]
) -> PseudoGroundTruth:
    """Return min over people of [erode(M_k ∩ S_k) ⊙ D_k] (Eq. 4).

    Each person is masked *before* the minimum. A nearer person occludes a farther one, and no person's pixels receive
    another person's depth. The minimum of unmasked depths would let a body cover pixels that show another person.

    Args:
        instance_masks: (k, h, w) visible pixels of each person.
        body_depths_m: (k, h, w) rasterized z-depth of each person's body, metres; +inf off its silhouette.

    Returns:
        Depth, +inf where there is none, and the index of the person it comes from, -1 where there is none.

    Reference:
        Eq. 4 of the paper.
    """
    depth_m = np.full(instance_masks.shape[1:], np.inf)
    person_index = np.full(instance_masks.shape[1:], -1)
    for index, (instance_mask, body_depth_m) in enumerate(zip(instance_masks, body_depths_m, strict=True)):
        nearest = visible_body(instance_mask, body_depth_m) & (body_depth_m < depth_m)
        depth_m[nearest] = body_depth_m[nearest]
        person_index[nearest] = index
    return PseudoGroundTruth(depth_m, person_index)
