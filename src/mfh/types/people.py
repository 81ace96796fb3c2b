"""People and objects: found, measured, and judged as evidence of scale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

Verdict = Literal["used", "rejected"]
EvidenceKind = Literal["body", "contact", "object", "prior"]

SCALE_PRIOR = "scale prior"
"""What the prior on the size of the view is called, on the receipt and among the groups of measurements."""


@dataclass(frozen=True)
class PoseLandmarks:
    """33 BlazePose landmarks of one person.

    Attributes:
        image_px: (33, 2) pixel coordinates (x, y) in the photo.
        world_m: (33, 3) metres, hip-centred, camera-aligned axes (x right, y down, z forward).
        visibility: (33,) in [0, 1].
    """

    image_px: Float[ndarray, "33 2"]
    world_m: Float[ndarray, "33 3"]
    visibility: Float[ndarray, "33"]


@dataclass(frozen=True)
class Person:
    """One person found in an image.

    Attributes:
        box_xyxy: (4,) pixels, left, top, right, bottom.
        instance_mask: (h, w) the person's visible pixels.
        score: detection confidence in [0, 1].
        pose: landmarks, where the finder has them.
    """

    box_xyxy: Float[ndarray, "4"]
    instance_mask: Bool[ndarray, "h w"]
    score: float
    pose: PoseLandmarks | None = None


@dataclass(frozen=True)
class DetectedObject:
    """One object found in a photo.

    Attributes:
        label: its class, by its COCO name, e.g. "car".
        box_xyxy: pixels, left, top, right, bottom; its width is right - left, and a box of the whole photo begins at
            -0.5, because an integer coordinate is a pixel centre.
        score: detection confidence in [0, 1].
        mask: (h, w) the object's visible pixels, where the detector has them.
    """

    label: str
    box_xyxy: tuple[float, float, float, float]
    score: float
    mask: Bool[ndarray, "h w"] | None = None


@dataclass(frozen=True)
class ViewSize:
    """How large the view is: the height, in metres, of what the picture shows at the photo's median depth.

    It does not depend on the focal length: the median depth is height_m · fy / (rows of the picture).

    Attributes:
        height_m: the median of its distribution.
        log_sigma: standard deviation of its log.
    """

    height_m: float
    log_sigma: float


@dataclass(frozen=True)
class HumanMesh:
    """One measured person: a closed body surface in metres in the camera frame.

    Attributes:
        vertices_m: (v, 3) x right, y down, z forward from the camera centre.
        faces: (f, 3) vertex indices.
        source: which model measured it.
        stature_m: standing height implied by the body, where the model knows it.
        log_depth_sigma: one-sigma of the log of the person's distance, where the model has one.
        reprojection_px: rms reprojection error of the camera translation, pixels, where there is one.
        near_share: probability that the person is a child whom the model takes for an adult, and is nearer.
        near_log: mean log of the distance given over the true one, in that case.
    """

    vertices_m: Float[ndarray, "v 3"]
    faces: Int[ndarray, "f 3"]
    source: str
    stature_m: float | None = None
    log_depth_sigma: float | None = None
    reprojection_px: float | None = None
    near_share: float = 0.0
    near_log: float = 0.0


@dataclass(frozen=True)
class PseudoGroundTruth:
    """Metric depth carried by people's bodies to the pixels they cover (Eq. 4).

    Attributes:
        depth_m: (h, w) float64 z in metres; +inf where no person gives a depth.
        person_index: (h, w) index of the person who gave the depth, -1 where none did.
    """

    depth_m: Float[ndarray, "h w"]
    person_index: Int[ndarray, "h w"]


@dataclass(frozen=True)
class Figure:
    """What is seen of a person or an object, and a person's body: small, for pictures, of no part in the answer.

    Attributes:
        mask: (a, b) visible pixels, on a grid over the landmark's box.
        vertices_m: (v, 3) float32 corners of a simplified body surface in the camera frame; none where no body was
            measured.
        faces: (f, 3) vertex indices.
    """

    mask: Bool[ndarray, "a b"]
    vertices_m: Float[ndarray, "v 3"]
    faces: Int[ndarray, "f 3"]

    def scaled(self, factor: float) -> "Figure":
        """Return the figure of a body so many times larger and farther, which covers the same pixels."""
        return replace(self, vertices_m=self.vertices_m * np.float32(factor))

    def farther(self, metres: float) -> "Figure":
        """Return the figure of the same body so much farther along the camera's axis."""
        return replace(self, vertices_m=self.vertices_m + np.array([0, 0, metres], np.float32))


@dataclass(frozen=True)
class Landmark:
    """One person or object considered as evidence of scale, with its verdict: a row of the scale receipt.

    The prior on the size of the view has a row of the same form, whose box is the whole photo.

    Attributes:
        source: "photo", or "painting k".
        measured_by: the mesh model that measured the person, or the person finder when nothing was measured.
        box_xyxy: (4,) pixels.
        score: detection confidence.
        distance_m: median depth of the pseudo ground truth the person gives, else of the mesh; None if not measured.
        stature_m: standing height the mesh implies; None where unknown.
        pixels: pixels of pseudo ground truth the person contributes; by contact, places where relative depth was read.
        verdict: "used" or "rejected".
        reason: why, in a few words.
        log_distance_sigma: one-sigma of the log of the distance, where known.
        shared_log_sigma: by how much the distances of all landmarks of its kind may be off alike, one-sigma of the log:
            of people, of people painted into the photo (as the painter reports it for this painting), of the objects of
            one class; None where it is not stated.
        origin_m: z of the middle of the body: what scales with the focal length, while the body's relief does not.
        weight: share in the answer; all shares, with those of known sizes, sum to 1.
        implied_scale: the scale s that this person alone implies, at the answer's t/s.
        reprojection_px: rms reprojection error, pixels, where there is one.
        evidence: "body" (relative depth of the pixels the person covers), "contact" (of the ground at the feet),
            "object" (of the middle of its box) or "prior" (of the middle of the photo's depth range).
        label: class of an object, such as "car", or SCALE_PRIOR; empty for a person.
        size_m: the size that was assumed of an object; by the prior, the height of the view; None for a person.
        far_share: probability that the distance is too large: part of an object is hidden.
        far_log: mean log factor by which it then is.
        relative_sigma: one-sigma error of the relative depth read at it; 0 where its pixels average it out.
        track_log_sigma: of a person followed through a clip, by how much all sightings may be off alike, one-sigma of
            the log; ``log_distance_sigma`` is then of each pair of relative and metric depth by itself. None else.
        figure: what it looks like; None where only its box is known.
    """

    source: str
    measured_by: str
    box_xyxy: tuple[float, float, float, float]
    score: float
    distance_m: float | None
    stature_m: float | None
    pixels: int
    verdict: Verdict
    reason: str
    reprojection_px: float | None = None
    evidence: EvidenceKind = "body"
    log_distance_sigma: float | None = None
    shared_log_sigma: float | None = None
    origin_m: float | None = None
    weight: float = 0.0
    implied_scale: float | None = None
    label: str = ""
    size_m: float | None = None
    far_share: float = 0.0
    far_log: float = 0.0
    relative_sigma: float = 0.0
    track_log_sigma: float | None = None
    figure: Figure | None = field(default=None, compare=False, repr=False)

    @property
    def is_person(self) -> bool:
        """Whether it is a person, in the photo or painted into it."""
        return not self.label

    @property
    def is_prior(self) -> bool:
        """Whether it is the prior on the size of the view, which is no thing in the photo."""
        return self.evidence == "prior"

    @property
    def is_object(self) -> bool:
        """Whether it is an object of known size."""
        return not (self.is_person or self.is_prior)

    @property
    def painted(self) -> bool:
        """Whether the person was painted into the photo."""
        return self.source != "photo"


@dataclass(frozen=True)
class Evidence:
    """What one image (the photo itself, or one painting) says about the scale.

    Attributes:
        relative: (n,) relative depth at the pseudo-ground-truth pixels, aligned to the photo's relative depth (Eq. 7);
            by contact, the photo's own where feet meet the ground.
        depth_m: (n,) metric depth there (Eq. 4).
        person: (n,) which person of the image each pixel belongs to.
        landmarks: every person considered, used or not.
    """

    relative: Float[ndarray, "n"]
    depth_m: Float[ndarray, "n"]
    person: Int[ndarray, "n"]
    landmarks: tuple[Landmark, ...] = ()


def any_used(evidence: Sequence[Evidence]) -> bool:
    """Return whether any person or object in the evidence is used; the scale prior is neither."""
    return any(landmark.verdict == "used" and not landmark.is_prior for one in evidence for landmark in one.landmarks)


def used_landmarks(landmarks: Iterable[Landmark]) -> str:
    """Say how many landmarks of each kind were used: "2 people, 3 objects and 1 painted person".

    Args:
        landmarks: all that were considered.
    """
    kinds = [_kind(one) for one in landmarks if one.verdict == "used"]
    counts = [(kinds.count(kind), one, several) for kind, (one, several) in _KINDS.items()]
    return (
        _listed([f"{count} {one if count == 1 else several}" for count, one, several in counts if count]) or "0 people"
    )


def kinds_of_landmarks(landmarks: Iterable[Landmark]) -> str:
    """Say which kinds of landmarks were used: "people", "objects", "painted people", or several of them.

    Args:
        landmarks: all that were considered.
    """
    kinds = {_kind(one) for one in landmarks if one.verdict == "used"}
    return _listed([several for kind, (_, several) in _KINDS.items() if kind in kinds]) or "people"


_KINDS = {
    "person": ("person", "people"),
    "object": ("object", "objects"),
    "painted": ("painted person", "painted people"),
    "prior": (SCALE_PRIOR, f"the {SCALE_PRIOR}"),
}
"""Kind of a landmark -> what one and several of it are called."""


def _kind(landmark: Landmark) -> str:
    if landmark.is_prior:
        return "prior"
    return "object" if landmark.is_object else "painted" if landmark.painted else "person"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
