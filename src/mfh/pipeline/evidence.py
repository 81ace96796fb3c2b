"""Metric depth is paired with relative depth: on people's bodies, as in the paper, or at their feet on the ground."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config
from mfh.errors import Rejected
from mfh.landmarks.alignment import Alignment, align_paintings
from mfh.landmarks.bodies import Judged, Sighting, body_evidence, judge_people, reject_all
from mfh.landmarks.contact import Contact, any_lacks_contact, choose_evidence, find_contacts
from mfh.landmarks.detector_check import with_detector_verdicts
from mfh.landmarks.gates import (
    UNSURE_LOG_SIGMA,
    agreement_gate,
    alignment_gate,
    lone_unsure,
    penetration_gate,
)
from mfh.pipeline.inference import Models
from mfh.scale.fit import reject_person
from mfh.scale.range_prior import photo_range
from mfh.types import Camera, DetectedObject, Evidence, HumanMesh, PaintedPhoto, RelativeDepth


@dataclass(frozen=True)
class PaintedPeople:
    """The people of one painting, measured: by the mesh model, or by the painter that knows the size of its sprite.

    Attributes:
        painting: the painting.
        judged: their verdicts, and the metric depth of the pixels they cover.
        meshes: one per person; None where there is no body.
        contacts: finds their ground contacts in a relative depth of the photo (h, w), for a camera.
    """

    painting: PaintedPhoto
    judged: Judged
    meshes: Sequence[HumanMesh | None]
    contacts: Callable[[Float[ndarray, "h w"], Camera], list[Contact | Rejected]]


def photo_evidence(
    sighting: Sighting,
    rgb: Float[ndarray, "h w 3"],
    relative: Float[ndarray, "h w"],
    camera: Camera,
    *,
    config: Config,
    objects: Sequence[DetectedObject] | None = None,
) -> Evidence:
    """Pair the people in the photo with its relative depth, on their bodies or at their feet.

    Args:
        sighting: the people and their bodies.
        rgb: the photo.
        relative: (h, w) relative depth of the photo; NaN where it has none.
        camera: its intrinsics.
        config: kind of evidence, and whether people on screens and in pictures are rejected.
        objects: what an object detector sees in the photo, against which the people are checked then; None without one.

    Returns:
        The evidence.
    """
    if config.gates:
        # Imported with the first photo: it brings OpenCV, and importing the package must stay quick.
        from mfh.landmarks.in_picture import without_pictured

        sighting = sighting if objects is None else with_detector_verdicts(sighting, objects)
        sighting = without_pictured(sighting, rgb, relative)
    judged = judge_people(sighting, camera, max_depth_m=config.max_depth_m, gates=config.gates)
    if config.photo_evidence == "body":
        return body_evidence(judged, relative)
    contacts = find_contacts(sighting, judged, relative, camera)
    return choose_evidence(
        judged, contacts, body_evidence(judged, relative) if config.photo_evidence == "either" else None
    )


def with_shared_error(evidence: Evidence, log_sigma: float) -> Evidence:
    """Return evidence whose landmarks state the common bias of their kind, one-sigma of log distance."""
    landmarks = tuple(replace(one, shared_log_sigma=log_sigma) for one in evidence.landmarks)
    return replace(evidence, landmarks=landmarks)


def doubt_lone_person(
    evidence: Evidence,
    min_score: float,
    *,
    refused: Callable[[], Rejected | None],
    agreement: Sequence[float] | None = None,
) -> Evidence:
    """Reject or widen a lone detection of low score: fruit and stones are found as people.

    Args:
        evidence: of the photo.
        min_score: how certain the finder is of people.
        refused: asked, where there is such a person, whether the photo is none in which people would stand.
        agreement: for each person the score of an object detector's person box there; None without such a detector.

    Returns:
        The evidence; that person is rejected in such a photo, and counts less in any other.
    """
    lone = lone_unsure(evidence, min_score, agreement)
    if lone is None:
        return evidence
    landmark = evidence.landmarks[lone]
    if (reason := refused()) is not None:
        unsure = f"alone and unsure (score {landmark.score:.2f}) in what looks like {reason.reason}"
        return reject_person(evidence, lone, unsure)
    landmarks = list(evidence.landmarks)
    landmarks[lone] = replace(
        landmark, log_distance_sigma=math.hypot(landmark.log_distance_sigma or 0.0, UNSURE_LOG_SIGMA)
    )
    return replace(evidence, landmarks=tuple(landmarks))


def painting_evidence(
    models: Models, measured: Sequence[PaintedPeople], relative: RelativeDepth, camera: Camera, config: Config
) -> list[Evidence]:
    """Pair painted people with relative depth: the paintings' own, aligned, or the photo's at their feet.

    Args:
        models: predict the relative depth of paintings.
        measured: the paintings of one batch, with the people in them.
        relative: relative depth of the photo.
        camera: its intrinsics.
        config: kind of evidence, alignment and cross-checks.

    Returns:
        One per painting.

    Reference:
        Eqs. 6 and 7 of the paper.
    """
    paintings, judged = [one.painting for one in measured], [one.judged for one in measured]
    by_body = config.painting_evidence == "body"
    if by_body and not config.gates:
        return _aligned_bodies(models, paintings, judged, relative, config)
    contacts = [one.contacts(relative.values_or_nan, camera) for one in measured]
    if by_body:
        seen = _aligned_bodies(models, paintings, judged, relative, config)
        return _cross_check(seen, judged, contacts, relative)
    bodies: list[Evidence | None] = [None] * len(paintings)
    if config.painting_evidence == "either":
        # Only where a body must speak.
        lacking = [k for k, one in enumerate(judged) if any_lacks_contact(one, contacts[k])]
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
    elif config.gates:
        alignments = [one if isinstance(one, Rejected) else alignment_gate(one.misfit) or one for one in alignments]
    for k, painted, alignment in zip(telling, maps, alignments, strict=True):
        if isinstance(alignment, Rejected):
            evidence[k] = reject_all(judged[k], f"the painting cannot be aligned: {alignment.reason}")
        else:
            evidence[k] = body_evidence(judged[k], alignment.apply(painted.values))
    return evidence


def _cross_check(
    evidence: Sequence[Evidence],
    judged: Sequence[Judged],
    contacts: Sequence[Sequence[Contact | Rejected]],
    relative: RelativeDepth,
) -> list[Evidence]:
    """Reject people whose body is seen elsewhere in depth than the ground at their feet, or inside the scene."""
    span = photo_range(relative)
    width = span.high - span.low
    checked = list(evidence)
    for image, (one, feet) in enumerate(zip(evidence, contacts, strict=True)):
        scene = body_evidence(judged[image], relative.values).relative
        for person in np.unique(one.person):
            own = one.person == person
            rejected = penetration_gate(one.relative[own], scene[own], width, relative.space)
            contact = feet[person]
            if rejected is None and isinstance(contact, Contact):
                at_body, at_feet = np.median(one.relative[own]), np.median(contact.relative)
                rejected = agreement_gate(float(at_body), float(at_feet), width)
            if rejected is not None:
                checked[image] = reject_person(checked[image], int(person), rejected.reason)
    return checked
