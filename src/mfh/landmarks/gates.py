"""Gates: why a person, a body or a painting is not usable. Each is a pure function; a rejection is a value.

Thresholds were chosen on validation scenes (docs/results/scale.md) to lose few correct people. An error that passes is
rejected as an outlier by the consensus.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.camera import project
from mfh.geometry.masks import box_iou, mask_iou
from mfh.types import Camera, Evidence, HumanMesh, Person, Space

MIN_PIXELS = 20
"""Fewer pixels of erode(M ∩ S) than this are rim and chance."""
MIN_IOU = 0.2
"""Instance mask over silhouette: below this the body is not where the person is seen, even half hidden."""
MIN_INSIDE_PAINT = 0.5
"""Share of a person's mask inside the paint mask for the person to count as painted."""
MIN_DISTANCE_M = 0.2
"""No whole body is nearer to a camera than this."""
STATURE_M = (0.7, 2.3)
"""Children from their first steps, and the tallest adults."""
MIN_IN_PICTURE = 0.15
"""Share of a body inside the picture: less is a guess about a hand or a head."""
MAX_BODY_DEPTH_M = 1.6
"""No visible body extends farther along the line of sight, short of lying towards the camera."""
MAX_MISFIT = 0.5
"""Share of the background's variance that aligning a painting may leave unexplained."""
MAX_DISAGREEMENT = 0.15
"""Of the photo's range of relative depth: how far apart a person's body and the ground at the feet may be."""
BEHIND = 0.05
"""Of the photo's range of relative depth: how far behind what was there before counts as inside it."""
MAX_BEHIND = 0.5
"""Share of a painted body that may be inside the scene: correct ones hardly ever come near, on validation scenes."""
MAX_OVERLAP = 0.7
"""Boxes that overlap more (IoU) hold one person, found twice."""
UNSURE = 0.25
"""Of the scores that count, those in this lower part are unsure for a person who is alone."""
UNSURE_UNCONFIRMED = 0.6
"""The same where an object detector sees no person there, or is unsure itself: two weak ones make no strong one."""
CONFIRMED = 0.5
"""Score of an object detector's person box from which a lone person of any score is sure."""
UNSURE_LOG_SIGMA = 0.5
"""Added to the log distance of a person alone and unsure: of 13 such in real photos 4 were fruit and stones."""


def likely_gate(person: Person, min_score: float) -> Rejected | None:
    """Reject a detection that is probably not a person; it stays on the receipt.

    ``min_score`` is of the model that found it: every model has a scale of its own.
    """
    if person.score < min_score:
        return Rejected(f"probably not a person: score {person.score:.2f}, expected at least {min_score:g}")
    return None


def duplicate_gate(people: Sequence[Person], verdicts: Sequence[Rejected | None]) -> list[Rejected | None]:
    """Return verdicts that also reject a usable detection whose box is that of a usable one with a higher score."""
    verdicts = list(verdicts)
    kept: list[int] = []
    good = [k for k, verdict in enumerate(verdicts) if verdict is None]
    for k in sorted(good, key=lambda k: -people[k].score):
        others = np.array([people[other].box_xyxy for other in kept]).reshape(-1, 4)
        if (box_iou(people[k].box_xyxy, others) > MAX_OVERLAP).any():
            verdicts[k] = Rejected("found twice: a more certain person has the same place")
        else:
            kept.append(k)
    return verdicts


def lone_unsure(evidence: Evidence, min_score: float, agreement: Sequence[float] | None = None) -> int | None:
    """Return the only person used in an image, where it is unsure that they are one; else None.

    Args:
        evidence: of the image.
        min_score: of the model that found them: every model has a scale of its own.
        agreement: for each person the score of an object detector's person box there; None without such a detector.
    """
    used = [k for k, landmark in enumerate(evidence.landmarks) if landmark.verdict == "used"]
    if len(used) != 1:
        return None
    lone = used[0]
    if agreement is not None and agreement[lone] >= CONFIRMED:
        return None
    unsure = UNSURE if agreement is None else UNSURE_UNCONFIRMED
    return lone if evidence.landmarks[lone].score < min_score + unsure * (1 - min_score) else None


def distance_gate(distance_m: float, max_depth_m: float) -> Rejected | None:
    """Reject a person nearer than any person can be, or farther than answers are valid."""
    if not MIN_DISTANCE_M <= distance_m <= max_depth_m:
        return Rejected(f"{distance_m:.3g} m away: expected {MIN_DISTANCE_M} to {max_depth_m:g} m")
    return None


def mask_gate(person: Person, mesh: HumanMesh | None) -> Rejected | None:
    """Reject a person without a body whose mask is empty in the box: for models that need it, there is no person."""
    if mesh is not None or not np.isfinite(person.box_xyxy).all():
        return None
    height, width = person.instance_mask.shape
    left, top = np.clip(np.floor(person.box_xyxy[:2]), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(person.box_xyxy[2:]) + 1, 0, [width, height]).astype(int)
    if person.instance_mask[top:bottom, left:right].any():
        return None
    return Rejected("could not be measured: its mask is empty")


def measured_gate(mesh: HumanMesh | None) -> Rejected | None:
    """Reject a body that gives no depth: missing, broken or behind the camera. The one gate of the paper's method."""
    if mesh is None:
        return Rejected("could not be measured")
    if not np.isfinite(mesh.vertices_m).all():
        return Rejected("its body has coordinates that are not finite")
    if np.median(mesh.vertices_m[:, 2]) <= 0:
        return Rejected("its body is behind the camera")
    return None


def mesh_gate(mesh: HumanMesh | None, camera: Camera, max_depth_m: float) -> Rejected | None:
    """Reject a body that gives no depth, is not human, or is mostly outside the picture."""
    unmeasured = measured_gate(mesh)
    if mesh is None or unmeasured is not None:
        return unmeasured
    distance_m = float(np.median(mesh.vertices_m[:, 2]))
    if mesh.stature_m is not None and not STATURE_M[0] <= mesh.stature_m <= STATURE_M[1]:
        return Rejected(
            f"{mesh.stature_m:.2f} m tall: no person's stature, expected {STATURE_M[0]} to {STATURE_M[1]} m"
        )
    return distance_gate(distance_m, max_depth_m) or _truncated(mesh.vertices_m, camera)


def seen_gate(body_depth_m: Float[ndarray, "h w"], visible: Bool[ndarray, "h w"]) -> Rejected | None:
    """Reject a rasterized body without any pixel of Eq. 4; arguments as for :func:`body_gate`."""
    if not np.isfinite(body_depth_m).any():
        return Rejected("its body falls outside the image")
    return None if visible.any() else Rejected("no pixel of its body is inside its mask")


def body_gate(
    instance_mask: Bool[ndarray, "h w"],
    body_depth_m: Float[ndarray, "h w"],
    visible: Bool[ndarray, "h w"],
    paint_mask: Bool[ndarray, "h w"] | None,
) -> Rejected | None:
    """Reject a rasterized body that does not overlap its person's mask, or is no single body.

    Args:
        instance_mask: (h, w) the person's pixels.
        body_depth_m: (h, w) rasterized z, +inf off the silhouette.
        visible: (h, w) erode(M ∩ S).
        paint_mask: (h, w) where the image was painted; None for the photo.
    """
    silhouette = np.isfinite(body_depth_m)
    if not silhouette.any():
        return seen_gate(body_depth_m, visible)
    if paint_mask is not None and (instance_mask & paint_mask).sum() < MIN_INSIDE_PAINT * instance_mask.sum():
        return Rejected("not painted: stands mostly outside the paint mask")
    iou = mask_iou(instance_mask, silhouette)
    if iou < MIN_IOU:
        return Rejected(f"its body and its mask overlap by {iou:.2f} (IoU): expected at least {MIN_IOU}")
    pixels = int(visible.sum())
    if pixels < MIN_PIXELS:
        return Rejected(f"too small: {pixels} pixels of body inside the mask, expected at least {MIN_PIXELS}")
    near_m, far_m = np.percentile(body_depth_m[visible], (2, 98))
    if far_m - near_m > MAX_BODY_DEPTH_M:
        return Rejected(
            f"its body reaches {far_m - near_m:.1f} m in depth: expected at most {MAX_BODY_DEPTH_M} m of one person"
        )
    return None


def alignment_gate(misfit: float) -> Rejected | None:
    """Reject a painting whose background differs from the photo's; ``misfit`` is the share of variance unexplained."""
    if misfit > MAX_MISFIT:
        return Rejected(f"its background differs from the photo's by {misfit:.0%} of the variance")
    return None


def agreement_gate(at_body: float, at_feet: float, photo_range: float) -> Rejected | None:
    """Reject a person whose body and ground contact have different relative depths: two measurements of one place.

    Both are in the photo's relative depth, whose range is ``photo_range``.
    """
    apart = abs(at_body - at_feet) / photo_range if photo_range > 0 else 0.0
    if apart > MAX_DISAGREEMENT:
        return Rejected(
            f"body and feet disagree: {apart:.0%} of the photo's depth range apart, expected {MAX_DISAGREEMENT:.0%}"
        )
    return None


def penetration_gate(
    body: Float[ndarray, "n"], scene: Float[ndarray, "n"], photo_range: float, space: Space
) -> Rejected | None:
    """Reject a painted body that is inside the scene: behind what its own pixels showed before.

    ``body`` and ``scene`` are relative depths at the body's pixels, of the painting (aligned) and of the photo, whose
    range is ``photo_range``.
    """
    farther = scene - body if space == "disparity" else body - scene
    share = float((farther > BEHIND * photo_range).mean()) if photo_range > 0 and len(body) else 0.0
    if share > MAX_BEHIND:
        return Rejected(
            f"inside the scene: {share:.0%} of its body is seen behind what was there before, expected {MAX_BEHIND:.0%}"
        )
    return None


def _truncated(vertices_m: Float[ndarray, "v 3"], camera: Camera) -> Rejected | None:
    ahead = vertices_m[:, 2] > 0
    pixels = project(camera, vertices_m[ahead])
    inside = (pixels >= -0.5).all(1) & (pixels <= (camera.width - 0.5, camera.height - 0.5)).all(1)
    share = float(inside.sum() / len(vertices_m))
    if share < MIN_IN_PICTURE:
        return Rejected(
            f"cut off: {share:.0%} of the body is inside the picture, expected at least {MIN_IN_PICTURE:.0%}"
        )
    return None
