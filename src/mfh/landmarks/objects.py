"""Objects of known size as landmarks: the distance at which a thing of its class has the size it has in the picture.

z = f·S/p for an object of size S metres that covers p pixels. It is paired with the photo's relative depth in the
middle of its box. Each detection becomes a landmark, used or rejected with the reason. A hidden part makes an object
look farther: the measurement has a tail on that side, and never one on the other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.masks import box_iou
from mfh.landmarks.figures import figure_of
from mfh.landmarks.gates import distance_gate
from mfh.landmarks.object_sizes import OBJECT_SIZES, SCREENS_AND_PICTURES, ObjectSize
from mfh.scale.range_prior import photo_range
from mfh.types import Camera, DetectedObject, Evidence, Landmark, RelativeDepth

MIN_SCORE = 0.4
"""Detections below this score are not considered: too many of them are something else."""
SURE_SCORE, UNSURE_LOG_SIGMA = 0.6, 2.0
"""Below the first score, what is in a box is less certain: added to its log sigma, per unit of score.

Chosen on real photos; whether errors are as large as stated is in docs/results/real.md, by class.
"""
BORDER = 0.008
"""Share of the picture's side next to its border: a box that reaches into it is cut off."""
MIN_PIXELS = 12.0
"""Smallest side of a box that measures anything."""
BOX_ERROR = 1.5 / 416
"""Error of an edge of a box over the picture's side: the detector's input has 416 pixels."""
SAME_PLACE = 0.6
"""Boxes that overlap more (IoU) show one thing, which has one class."""
SHOWN_ON = 0.8
"""Share of a box inside a screen's from which the object is a picture on it."""
INSIDE = 0.9
"""Share of a box inside another object's of the same class from which it is a part of that."""
READING_ERROR = 0.06
"""Error of the relative depth of a thing of a few pixels, over the photo's range of relative depth."""
_MIDDLE = (0.2, 0.8)
_NEARER_SIDE = 65
"""Percentile of nearness in the middle of the box: what is seen through or beside an object is behind it."""
_ORDER_SIGMAS, _ORDER_MARGIN = 1.5, 0.1
_KEPT_REASON = "measured"


def object_evidence(
    objects: Sequence[DetectedObject],
    relative: RelativeDepth,
    camera: Camera,
    *,
    finder: str,
    max_depth_m: float,
    sizes: Mapping[str, ObjectSize] = OBJECT_SIZES,
) -> Evidence:
    """Pair the objects of known size in a photo with its relative depth.

    Args:
        objects: all detections; those of classes without a size are used to judge the others.
        relative: relative depth of the photo.
        camera: its intrinsics, of the size that the boxes are in.
        finder: name of the detector.
        max_depth_m: objects farther than this are rejected.
        sizes: class -> its size.

    Returns:
        Evidence of one sample per object used, with a landmark for every detection of a class of known size.
    """
    objects = [one for one in objects if one.score >= MIN_SCORE]
    known = [one for one in objects if one.label in sizes]
    span = photo_range(relative)
    reading_sigma = READING_ERROR * (span.high - span.low)
    landmarks, values = [], []
    for one in known:
        size = sizes[one.label]
        z, log_sigma = _measure(one, size, camera)
        value = _relative_in(one, relative)
        rejected = _gate(one, size, objects, camera) or distance_gate(z, max_depth_m)
        if rejected is None and not math.isfinite(value):
            rejected = Rejected("no relative depth where it is")
        landmarks.append(_landmark(one, size, z, log_sigma, finder, rejected, reading_sigma))
        values.append(value)
    landmarks = _in_order(landmarks, np.array(values), relative)
    used = [k for k, one in enumerate(landmarks) if one.verdict == "used"]
    return Evidence(
        np.array([values[k] for k in used], np.float64),
        np.array([landmarks[k].distance_m for k in used], np.float64),
        np.array(used, int),
        tuple(landmarks),
    )


def _measure(one: DetectedObject, size: ObjectSize, camera: Camera) -> tuple[float, float]:
    """Return an object's distance, and the one-sigma of its log."""
    left, top, right, bottom = one.box_xyxy
    wide, tall = max(right - left, 1e-6), max(bottom - top, 1e-6)
    per_metre = {
        "height": tall / camera.fy,
        "width": wide / camera.fx,
        "mean": math.sqrt(tall * wide / (camera.fx * camera.fy)),
    }[size.dimension]
    edge = math.hypot(BOX_ERROR * camera.height / tall, BOX_ERROR * camera.width / wide)
    unsure = UNSURE_LOG_SIGMA * max(0.0, SURE_SCORE - one.score)
    return size.metres / per_metre, math.hypot(size.log_sigma, edge, unsure)


def _relative_in(one: DetectedObject, relative: RelativeDepth) -> float:
    """Return the relative depth of an object: of its nearer parts in the middle of the box; NaN where there is none."""
    left, top, right, bottom = one.box_xyxy
    (x1, y1), (x2, y2) = (
        relative.place((left + share * (right - left), top + share * (bottom - top))) for share in _MIDDLE
    )
    rows, columns = slice(max(0, round(y1)), max(0, round(y2)) + 1), slice(max(0, round(x1)), max(0, round(x2)) + 1)
    seen = relative.values[rows, columns]
    if relative.valid_mask is not None:
        seen = seen[relative.valid_mask[rows, columns]]
    if not seen.size:
        return math.nan
    return float(np.percentile(seen, _NEARER_SIDE if relative.space == "disparity" else 100 - _NEARER_SIDE))


def _gate(one: DetectedObject, size: ObjectSize, objects: Sequence[DetectedObject], camera: Camera) -> Rejected | None:
    """Reject an object that is cut off, of an odd shape, shown on a screen, or found as two things."""
    left, top, right, bottom = one.box_xyxy
    x, y = BORDER * camera.width, BORDER * camera.height
    if left < x or top < y or right > camera.width - x or bottom > camera.height - y:
        return Rejected("cut off by the border of the picture")
    if min(right - left, bottom - top) < MIN_PIXELS:
        return Rejected(f"too small: {min(right - left, bottom - top):.0f} pixels, expected {MIN_PIXELS:g}")
    aspect = (bottom - top) / (right - left)
    if not size.aspect[0] <= aspect <= size.aspect[1]:
        return Rejected(
            f"its box is {aspect:.2f} times as high as wide: expected {size.aspect[0]:g} to {size.aspect[1]:g} of a "
            f"whole {one.label}"
        )
    box = np.array(one.box_xyxy)
    for other in objects:
        if other is one:
            continue
        inside = _share_inside(one, other)
        if other.label in SCREENS_AND_PICTURES and other.label != one.label and inside >= SHOWN_ON:
            return Rejected(f"shown on a {other.label}, or lies on it")
        if other.label == one.label and inside >= INSIDE:
            return Rejected(f"inside the box of another {one.label}: a part of it, or one of several")
        if other.label == one.label and _share_inside(other, one) >= INSIDE:
            return Rejected(f"has another {one.label} in its box: a part of it, or one of several")
        if other.score > one.score and box_iou(box, np.array([other.box_xyxy]))[0] > SAME_PLACE:
            return Rejected(f"more likely a {other.label}")
    return None


def _share_inside(one: DetectedObject, other: DetectedObject) -> float:
    """Return the share of an object's box that is inside another's, which must be larger."""
    left, top = np.maximum(one.box_xyxy[:2], other.box_xyxy[:2])
    right, bottom = np.minimum(one.box_xyxy[2:], other.box_xyxy[2:])
    area, whole = _area(one.box_xyxy), _area(other.box_xyxy)
    return max(0.0, right - left) * max(0.0, bottom - top) / area if whole > area > 0 else 0.0


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _in_order(landmarks: Sequence[Landmark], values: Float[ndarray, "k"], relative: RelativeDepth) -> list[Landmark]:
    """Reject objects whose distances contradict the order in which relative depth sees them.

    Of the objects, the one that contradicts most others goes first, until there is no contradiction.
    """
    landmarks = list(landmarks)
    span = photo_range(relative)
    nearness = values if relative.space == "disparity" else -values
    while True:
        used = [k for k, one in enumerate(landmarks) if one.verdict == "used"]
        counts = {
            k: sum(
                _contradict(landmarks[k], landmarks[j], nearness[k] - nearness[j], span.high - span.low) for j in used
            )
            for k in used
        }
        # Two that contradict each other do not tell which of them is wrong.
        # Of several that contradict as many, the least certain goes, in whatever order they were found.
        worst = max(counts, key=lambda k: (counts[k], -landmarks[k].score, landmarks[k].box_xyxy), default=None)
        if worst is None or counts[worst] < 2:
            return landmarks
        landmarks[worst] = replace(
            landmarks[worst],
            verdict="rejected",
            reason=f"its distance contradicts the relative depth of {counts[worst]} other objects",
            pixels=0,
        )


def _contradict(one: Landmark, other: Landmark, nearer: float, span: float) -> bool:
    """Return whether two objects have distances of the opposite order to that of their relative depth."""
    if one.distance_m is None or other.distance_m is None or abs(nearer) <= _ORDER_MARGIN * span:
        return False
    sigma = math.hypot(one.log_distance_sigma or 0.0, other.log_distance_sigma or 0.0)
    farther = math.log(one.distance_m / other.distance_m) * math.copysign(1, nearer)
    return farther > _ORDER_SIGMAS * sigma


def _landmark(
    one: DetectedObject,
    size: ObjectSize,
    z: float,
    log_sigma: float,
    finder: str,
    rejected: Rejected | None,
    relative_sigma: float,
) -> Landmark:
    return Landmark(
        source="photo",
        measured_by=finder,
        box_xyxy=one.box_xyxy,
        score=one.score,
        distance_m=z,
        stature_m=None,
        pixels=0 if rejected else 1,
        verdict="rejected" if rejected else "used",
        reason=rejected.reason if rejected else _KEPT_REASON,
        evidence="object",
        log_distance_sigma=log_sigma,
        shared_log_sigma=size.common_log_sigma,
        origin_m=z,
        label=one.label,
        size_m=size.metres,
        far_share=size.far_share,
        far_log=size.far_log,
        relative_sigma=relative_sigma,
        figure=figure_of(one.box_xyxy, one.mask),
    )
