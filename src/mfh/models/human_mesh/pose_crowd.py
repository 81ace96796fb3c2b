"""From many person candidates to the people of a photo: one reading a person, and no pixel shared.

A landmark crop often holds other people, and the network then borrows their legs and shrinks the person. So people
are read twice: first to know whose pixels are whose, then with everybody else blurred away.
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

# Bones drawn to say which pixels are near a person's skeleton, and the trunk's outline.
_BONES = ((11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20), (23, 25), (25, 27), (27, 31), (24, 26), (26, 28))
_MORE_BONES = ((28, 32), (0, 11), (0, 12))
_TRUNK = (11, 12, 24, 23)
# Flesh and clothes reach about this far from the bones; beyond it a claim to a pixel weakens.
_FLESH_M = 0.10
_FADE_M = 0.06
# The same person twice: shoulders, hips and nose closer than this part of the trunk's length, on average.
_SAME_POSE = 0.35
# A reading whose hips and shoulders lie farther from the detector's than this part of the body circle's radius is of
# somebody else: the radius is about half a person's height, and neighbours stand less than half of that apart.
_MAX_DRIFT = 0.2
_TORSO_POINTS = (0, 11, 12, 23, 24)
# A candidate more of whose flesh (mask near its own skeleton) than this is that of people more certain is a duplicate.
_MAX_COVERED = 0.5


@dataclass(frozen=True)
class Sighted:
    """One person: what the landmark network read, and how sure the finder is.

    Attributes:
        detection_score: the detector's confidence in [0, 1].
        agreement: how much of the mask the segmentation network calls person, in [0, 1].
        reading: the landmark network's output.
        claim: (256, 256) log-odds of the crop's pixels, weaker far from the skeleton: who owns a pixel two claim.
    """

    detection_score: float
    agreement: float
    reading: PoseReading
    claim: Float[ndarray, "256 256"]

    @property
    def score(self) -> float:
        """Confidence that this is a person, in [0, 1]."""
        return self.detection_score * self.agreement


def sighted(detection_score: float, agreement: float, reading: PoseReading) -> Sighted:
    """Put a reading together with the claim it has to pixels."""
    return Sighted(detection_score, agreement, reading, reading.mask_logit - _distance_penalty(reading))


def _distance_penalty(reading: PoseReading) -> Float[ndarray, "256 256"]:
    """Return what a pixel's claim loses for its distance from the skeleton: half its square, in fade widths."""
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


def faithful(detection: Detection, reading: PoseReading) -> bool:
    """Say whether a reading is of the person detected: in a crowd the landmark network may settle on a neighbour."""
    hips, shoulders = reading.image_px[[23, 24]].mean(0), reading.image_px[[11, 12]].mean(0)
    moved = (np.hypot(*(hips - detection.points_px[0])) + np.hypot(*(shoulders - detection.points_px[2]))) / 2
    return bool(moved < _MAX_DRIFT * detection.radius_px)


def same_pose(a: PoseReading, b: PoseReading) -> bool:
    """Say whether two readings are of one person: the trunk and the head lie in the same place."""
    torso = list(_TORSO_POINTS)
    apart = np.hypot(*(a.image_px[torso] - b.image_px[torso]).T).mean()
    return bool(apart < _SAME_POSE * max(_trunk_px(a), _trunk_px(b)))


def _trunk_px(reading: PoseReading) -> float:
    shoulders, hips = reading.image_px[[11, 12]].mean(0), reading.image_px[[23, 24]].mean(0)
    return float(np.hypot(*(shoulders - hips)))


def without_duplicates(people: Sequence[Sighted], shape: tuple[int, int]) -> list[Sighted]:
    """Keep people, most certain first, who are not another person's reading again and whose flesh is their own."""
    kept: list[Sighted] = []
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


def _flesh(person: Sighted, box: tuple[int, int, int, int]) -> Bool[ndarray, "h w"] | None:
    """Return the pixels of a box that a person claims beyond doubt; None for an empty box."""
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    return spread_over_photo(person.claim, person.reading.roi, box) > 0


def owned(person: Sighted, others: Sequence[Sighted], box: tuple[int, int, int, int]) -> Bool[ndarray, "h w"]:
    """Return where in a box nobody else has a stronger claim than this person; a tie goes to the others."""
    claim = spread_over_photo(person.claim, person.reading.roi, box)
    mine = np.ones(claim.shape, bool)
    for other in others:
        theirs = spread_over_photo(other.reading.mask_logit, other.reading.roi, box)
        if (theirs > 0).any():
            mine &= (theirs <= 0) | (claim > spread_over_photo(other.claim, other.reading.roi, box))
    return mine


def instance_masks(people: Sequence[Sighted], shape: tuple[int, int]) -> list[Bool[ndarray, "h w"]]:
    """Return one mask a person over the whole photo; no pixel belongs to two."""
    masks = []
    taken = np.zeros(shape, bool)
    for index, person in enumerate(people):
        mask = np.zeros(shape, bool)
        left, top, right, bottom = box = roi_box(person.reading.roi, shape)
        if left < right and top < bottom:
            others = [other for k, other in enumerate(people) if k != index]
            visible = spread_over_photo(person.reading.mask_logit, person.reading.roi, box) > 0
            visible &= owned(person, others, box)
            # Claims of two crops can tie only where both are interpolated to the same number: the first keeps it.
            visible &= ~taken[top:bottom, left:right]
            mask[top:bottom, left:right] = visible
            taken |= mask
        masks.append(mask)
    return masks


def read_alone(
    rgb: Float[ndarray, "h w 3"], roi: Roi, others: Sequence[Sighted], run: RunLandmarks, *, person: Sighted | None
) -> PoseReading | None:
    """Read a crop with the pixels of everybody else blurred away.

    Args:
        rgb: the photo.
        roi: the crop.
        others: everybody else.
        run: the landmark network.
        person: the crop's person as read before, who keeps the pixels that are theirs; None where not read yet.

    Returns:
        The reading; None where the crop lies outside the photo.
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


def _mine(person: Sighted, others: Sequence[Sighted], box: tuple[int, int, int, int]) -> Bool[ndarray, "h w"]:
    visible = spread_over_photo(person.reading.mask_logit, person.reading.roi, box) > 0
    return visible & owned(person, others, box)


def blurred(rgb: Float[ndarray, "h w 3"], where: Bool[ndarray, "h w"], size_px: float) -> Float[ndarray, "h w 3"]:
    """Blur away the pixels of a mask, as strongly as an eighth of the crop, with a soft edge."""
    height, width = where.shape
    cell = max(2.0, size_px / 8)
    coarse = (max(1, round(width / cell)), max(1, round(height / cell)))
    far = cv2.resize(cv2.resize(rgb, coarse, interpolation=cv2.INTER_AREA), (width, height))
    soft = cv2.GaussianBlur(where.astype(np.float32), (0, 0), max(1.0, size_px / 100))[..., None]
    return rgb * (1 - soft) + far * soft
