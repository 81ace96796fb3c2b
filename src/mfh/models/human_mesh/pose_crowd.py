"""From person candidates to the people of a photo: duplicates are removed, and instance masks are disjoint.

A landmark crop often contains other people, and the network then assigns their legs to the person, who comes out too
small. So the landmark network runs twice per person: first to assign pixels to people, then with all others blurred.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.human_mesh.body_translation import pixels_per_metre
from mfh.models.human_mesh.pose_detector import Detection
from mfh.models.human_mesh.pose_landmarks import (
    INPUT_PX,
    PoseReading,
    Roi,
    RunLandmarks,
    read_pose,
    roi_box,
    spread_over_photo,
)

# Bones and the outline of the trunk, which are drawn to compute the distance of pixels from the skeleton.
_BONES = ((11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20), (23, 25), (25, 27), (27, 31), (24, 26), (26, 28))
_MORE_BONES = ((28, 32), (0, 11), (0, 12))
_TRUNK = (11, 12, 24, 23)
# Extent of flesh and clothes around the bones, beyond which a person's claim to a pixel decreases, and the decrease.
_FLESH_M = 0.10
_FADE_M = 0.06
# Duplicates: the mean distance of shoulders, hips and nose is less than this fraction of the trunk's length.
_SAME_POSE = 0.35
# A reading is of another person where its hips and shoulders differ from the detector's by more than this fraction of
# the body circle's radius (about half a person's height; neighbours may be less than half of that apart).
_MAX_DRIFT = 0.2
_TORSO_POINTS = (0, 11, 12, 23, 24)
# A candidate is a duplicate where more than this fraction of its flesh (mask near its own skeleton) belongs to people
# of a higher score.
_MAX_COVERED = 0.5


@dataclass(frozen=True)
class PersonCandidate:
    """A person candidate with the output of all three networks.

    Attributes:
        detection_score: the detector's confidence in [0, 1].
        agreement: fraction of the mask that the segmentation network classifies as person, in [0, 1].
        reading: the landmark network's output.
        claim: (256, 256) log-odds of the crop's pixels, reduced far from the skeleton: the larger one of two people
            decides who a pixel belongs to.
    """

    detection_score: float
    agreement: float
    reading: PoseReading
    claim: Float[ndarray, "256 256"]

    @property
    def score(self) -> float:
        """Confidence that this is a person, in [0, 1]."""
        return self.detection_score * self.agreement


def person_candidate(detection_score: float, agreement: float, reading: PoseReading) -> PersonCandidate:
    """Return a candidate, with the claim of its reading to pixels."""
    return PersonCandidate(detection_score, agreement, reading, reading.mask_logit - _distance_penalty(reading))


def _distance_penalty(reading: PoseReading) -> Float[ndarray, "256 256"]:
    """Return the reduction of a pixel's claim: half the square of its distance from the flesh, in fade widths."""
    photo_from_crop = reading.roi.photo_from_crop()
    linear = photo_from_crop[:, :2]
    points = (reading.image_px - photo_from_crop[:, 2]) @ np.linalg.inv(linear).T
    scale = pixels_per_metre(reading.image_px, reading.world_m) * INPUT_PX / reading.roi.size_px
    away = np.full((INPUT_PX, INPUT_PX), 255, np.uint8)
    # Far outside the crop OpenCV's integer drawing would overflow.
    drawn = np.clip(points, -4 * INPUT_PX, 5 * INPUT_PX).round().astype(np.int32)
    cv2.fillPoly(away, [drawn[list(_TRUNK)]], 0)
    for start, end in _BONES + _MORE_BONES:
        cv2.line(away, tuple(drawn[start].tolist()), tuple(drawn[end].tolist()), 0, 1)
    distance_m = cv2.distanceTransform(away, cv2.DIST_L2, 3) / max(scale, 1e-6)
    return (0.5 * np.square(np.clip(distance_m - _FLESH_M, 0, None) / _FADE_M)).astype(np.float32)


def matches_detection(detection: Detection, reading: PoseReading) -> bool:
    """Return whether a reading is of the detected person: in a crowd it may be of a neighbour."""
    hips, shoulders = reading.image_px[[23, 24]].mean(0), reading.image_px[[11, 12]].mean(0)
    moved = (np.hypot(*(hips - detection.points_px[0])) + np.hypot(*(shoulders - detection.points_px[2]))) / 2
    return bool(moved < _MAX_DRIFT * detection.radius_px)


def same_pose(a: PoseReading, b: PoseReading) -> bool:
    """Return whether two readings are of one person: trunk and head are in the same place."""
    torso = list(_TORSO_POINTS)
    apart = np.hypot(*(a.image_px[torso] - b.image_px[torso]).T).mean()
    return bool(apart < _SAME_POSE * max(_trunk_px(a), _trunk_px(b)))


def _trunk_px(reading: PoseReading) -> float:
    shoulders, hips = reading.image_px[[11, 12]].mean(0), reading.image_px[[23, 24]].mean(0)
    return float(np.hypot(*(shoulders - hips)))


def without_duplicates(people: Sequence[PersonCandidate], shape: tuple[int, int]) -> list[PersonCandidate]:
    """Remove duplicates, highest score first; ``shape`` is (height, width) of the photo."""
    kept: list[PersonCandidate] = []
    for person in sorted(people, key=lambda one: -one.score * one.reading.presence):
        if any(same_pose(person.reading, other.reading) for other in kept):
            continue
        flesh = _flesh(person, roi_box(person.reading.roi, shape))
        if flesh is None or not flesh.any():
            continue
        covered = np.zeros(flesh.shape, bool)
        for other in kept:
            theirs = _flesh(other, roi_box(person.reading.roi, shape))
            if theirs is not None:
                covered |= theirs
        if (flesh & covered).sum() <= _MAX_COVERED * flesh.sum():
            kept.append(person)
    return kept


def _flesh(person: PersonCandidate, box: tuple[int, int, int, int]) -> Bool[ndarray, "h w"] | None:
    """Return the pixels of a box to which a person has a positive claim; None for an empty box."""
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    return spread_over_photo(person.claim, person.reading.roi, box) > 0


def owned(
    person: PersonCandidate, others: Sequence[PersonCandidate], box: tuple[int, int, int, int]
) -> Bool[ndarray, "h w"]:
    """Return where in a box no other person has an equal or larger claim."""
    claim = spread_over_photo(person.claim, person.reading.roi, box)
    mine = np.ones(claim.shape, bool)
    for other in others:
        theirs = spread_over_photo(other.reading.mask_logit, other.reading.roi, box)
        if (theirs > 0).any():
            mine &= (theirs <= 0) | (claim > spread_over_photo(other.claim, other.reading.roi, box))
    return mine


def instance_masks(people: Sequence[PersonCandidate], shape: tuple[int, int]) -> list[Bool[ndarray, "h w"]]:
    """Return one mask per person over the whole photo; the masks are disjoint."""
    masks = []
    taken = np.zeros(shape, bool)
    for index, person in enumerate(people):
        mask = np.zeros(shape, bool)
        left, top, right, bottom = box = roi_box(person.reading.roi, shape)
        if left < right and top < bottom:
            others = [other for k, other in enumerate(people) if k != index]
            visible = spread_over_photo(person.reading.mask_logit, person.reading.roi, box) > 0
            visible &= owned(person, others, box)
            # Claims are equal only where both are interpolated to the same value: the first person keeps the pixel.
            visible &= ~taken[top:bottom, left:right]
            mask[top:bottom, left:right] = visible
            taken |= mask
        masks.append(mask)
    return masks


def read_alone(
    rgb: Float[ndarray, "h w 3"],
    roi: Roi,
    others: Sequence[PersonCandidate],
    run: RunLandmarks,
    *,
    person: PersonCandidate | None,
) -> PoseReading | None:
    """Run the landmark network on a crop in which the other people are blurred; None for a crop outside the photo.

    ``person`` is the earlier reading of the crop's person, whose own pixels are kept; None for the first reading.
    """
    left, top, right, bottom = box = roi_box(roi, rgb.shape[:2])
    if left >= right or top >= bottom:
        return None
    crowd = np.zeros((bottom - top, right - left), bool)
    for other in others:
        crowd |= (
            spread_over_photo(other.claim if person is None else other.reading.mask_logit, other.reading.roi, box) > 0
        )
    if not crowd.any():
        return read_pose(rgb, roi, run)
    if person is not None:
        crowd &= ~_mine(person, others, box)
    view = blurred(rgb[top:bottom, left:right], crowd, roi.size_px)
    offset = np.array([left, top], float)
    reading = read_pose(view, replace(roi, centre_px=roi.centre_px - offset), run)
    return replace(
        reading,
        roi=roi,
        image_px=reading.image_px + offset,
        next_roi=replace(reading.next_roi, centre_px=reading.next_roi.centre_px + offset),
    )


def _mine(
    person: PersonCandidate, others: Sequence[PersonCandidate], box: tuple[int, int, int, int]
) -> Bool[ndarray, "h w"]:
    visible = spread_over_photo(person.reading.mask_logit, person.reading.roi, box) > 0
    return visible & owned(person, others, box)


def blurred(rgb: Float[ndarray, "h w 3"], where: Bool[ndarray, "h w"], size_px: float) -> Float[ndarray, "h w 3"]:
    """Blur the pixels of a mask over an eighth of the crop, with a soft edge."""
    height, width = where.shape
    cell = max(2.0, size_px / 8)
    coarse = (max(1, round(width / cell)), max(1, round(height / cell)))
    far = cv2.resize(cv2.resize(rgb, coarse, interpolation=cv2.INTER_AREA), (width, height))
    soft = cv2.GaussianBlur(where.astype(np.float32), (0, 0), max(1.0, size_px / 100))[..., None]
    return rgb * (1 - soft) + far * soft
