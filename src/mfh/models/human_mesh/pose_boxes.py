"""Search for people around the person boxes of another detector.

One run of the pose detector on the whole photo finds near people. Each box it does not account for gets a crop of its
own, in which the person fills the network's input, however small they are in the photo.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.landmarks.detector_check import SURE_ALONE
from mfh.models.human_mesh.pose_detector import Crop, Detection
from mfh.models.human_mesh.pose_landmarks import PoseReading, Roi

MIN_BOX_PX = 40
"""Longer side of the smallest box searched: of people below 40 pixels one in ten is found."""
MAX_BOXES = 12
"""Boxes searched in one photo, largest first: more people do not make the scale of a photo more certain."""
CONFIRMED = 0.75
"""Least confidence in a person whom two networks see: the other detector, and the pose detector or landmark network."""
_UPRIGHT = 1.8
"""Height over width of the box of a standing person."""
_REACH = 0.1
"""Margin of a box within which a detection's hips and shoulders may be, as a fraction of its sides."""
_SMALLEST = 0.3
"""Diameter of the smallest body circle that belongs to a box, over the box's longer side."""
_LARGEST = 4.0
"""Diameter of the largest: the box of a person behind a table ends at the chest."""


def searched_boxes(
    boxes: Sequence[tuple[float, float, float, float]], shape: tuple[int, int], ratio: float
) -> list[Float[ndarray, "4"]]:
    """Return the boxes that are searched, largest first, inside a photo of (height, width).

    Args:
        boxes: left, top, right, bottom in pixels.
        shape: of the photo at the size of the search.
        ratio: of that size to the boxes' own.
    """
    limits = np.array([shape[1], shape[0], shape[1], shape[0]], float)
    inside = [np.clip(np.asarray(box, float) * ratio, 0, limits) for box in boxes]
    large = [box for box in inside if (box[2:] > box[:2]).all() and (box[2:] - box[:2]).max() >= MIN_BOX_PX]
    return sorted(large, key=lambda box: -float((box[2:] - box[:2]).prod()))[:MAX_BOXES]


def crop_of_box(box: Float[ndarray, "4"], shape: tuple[int, int], *, margin: float) -> Crop:
    """Return a box extended on every side by a fraction of its longer side, inside a photo of (height, width)."""
    grow = margin * float((box[2:] - box[:2]).max())
    left, top = (int(max(0, np.floor(edge - grow))) for edge in box[:2])
    right, bottom = (int(min(end, np.ceil(edge + grow))) for edge, end in zip(box[2:], shape[::-1], strict=True))
    return Crop(left, top, max(1, right - left), max(1, bottom - top))


def roi_of_box(box_xyxy: Float[ndarray, "4"]) -> Roi:
    """Return the crop for a person with a box only: upright, with the usual margin."""
    left, top, right, bottom = box_xyxy.tolist()
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    return Roi(centre, 1.25 * max(right - left, bottom - top, 1.0), 0.0)


def fits_box(box: Float[ndarray, "4"], detection: Detection) -> bool:
    """Return whether a detection may be the person of a box."""
    return _torso_in_box(box, detection.points_px[0], detection.points_px[2]) and _size_fits(box, detection.radius_px)


def reads_box(box: Float[ndarray, "4"], reading: PoseReading) -> bool:
    """Return whether a reading may be of the person of a box."""
    hips, shoulders = reading.image_px[[23, 24]].mean(0), reading.image_px[[11, 12]].mean(0)
    return _torso_in_box(box, hips, shoulders) and _size_fits(box, reading.next_roi.size_px / 2.5)


def confirmed(detection: Detection, boxes: Sequence[Float[ndarray, "4"]]) -> Detection:
    """Return a detection, with at least the confidence :data:`CONFIRMED` where it may be the person of a box."""
    if detection.score >= CONFIRMED or not any(fits_box(box, detection) for box in boxes):
        return detection
    return replace(detection, score=CONFIRMED)


def is_likely(detection: Detection, boxes: Sequence[Float[ndarray, "4"]]) -> bool:
    """Return whether a detection is worth a reading: a weak one in none of the boxes would be rejected later.

    Until then it would take pixels from the people beside it.
    """
    return detection.score >= SURE_ALONE or any(fits_box(box, detection) for box in boxes)


def is_upright(box: Float[ndarray, "4"]) -> bool:
    """Return whether a box is of a standing person's shape.

    Only there the landmark network is used without the pose detector: of the boxes of sitting people, or of things,
    its landmarks were wrong by 15 % and more.
    """
    width, height = (box[2:] - box[:2]).tolist()
    return height >= _UPRIGHT * width


def unexplained(boxes: Sequence[Float[ndarray, "4"]], detections: Sequence[Detection]) -> list[int]:
    """Return the indices of boxes without a detection of their own; of several, a detection has the most central."""
    explained = set()
    for detection in detections:
        fitting = [k for k, box in enumerate(boxes) if fits_box(box, detection)]
        if fitting:
            explained.add(min(fitting, key=lambda k: _off_centre(boxes[k], detection)))
    return [k for k in range(len(boxes)) if k not in explained]


def _off_centre(box: Float[ndarray, "4"], detection: Detection) -> float:
    """Return how far a detection's torso is from the middle of a box, in widths and heights."""
    torso = (detection.points_px[0] + detection.points_px[2]) / 2
    middle, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    # A torso is above the middle of a standing person's box: sideways counts more.
    return float(np.hypot((torso[0] - middle[0]) / size[0], 0.5 * (torso[1] - middle[1]) / size[1]))


def _torso_in_box(box: Float[ndarray, "4"], hips: Float[ndarray, "2"], shoulders: Float[ndarray, "2"]) -> bool:
    """Return whether the shoulders are in a box, and the hips in it or below: they may be hidden or cut off."""
    reach = _REACH * (box[2:] - box[:2])
    low, high = box[:2] - reach, box[2:] + reach
    beside = low[0] <= hips[0] <= high[0]
    return bool(beside and (low <= shoulders).all() and (shoulders <= high).all() and hips[1] >= low[1])


def _size_fits(box: Float[ndarray, "4"], radius_px: float) -> bool:
    return _SMALLEST <= 2 * radius_px / float((box[2:] - box[:2]).max()) <= _LARGEST
