"""The people of a photo against what an object detector sees: two networks rarely make the same mistake.

What one search takes for a person and is none (a dog, a horse, a plate of food) is unsure and has no person box near
it. Real people without a box are mostly neighbours in a group whom the object detector takes for one, and are surer.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.masks import box_iou
from mfh.landmarks.bodies import Sighting
from mfh.landmarks.object_sizes import SCREENS_AND_PICTURES
from mfh.types import DetectedObject, Person

LEAST_SCORE = 0.25
"""Score from which a detected object counts."""
SURE_ALONE = 0.7
"""Score from which a person counts whom the object detector does not see."""
MIN_IOU = 0.3
"""Least overlap (IoU) of a person's box with the person box of the same person."""
MIN_INSIDE = 0.6
"""Least share of a person inside such a box, or of the box inside the person's, where their sizes differ."""
MIN_AREA = 0.2
"""Smaller over larger area of two boxes of one person: one of them ends at the table, or at the knees."""
ON_SCREEN = 0.85
"""Share of a person inside a screen's box from which the person is on it: who stands before one extends out of it."""

Box = tuple[float, float, float, float]


def person_boxes(objects: Sequence[DetectedObject]) -> list[Box]:
    """Return the boxes of the persons among detected objects, for the search for people."""
    return [one.box_xyxy for one in objects if one.label == "person" and one.score >= LEAST_SCORE]


def agreement(people: Sequence[Person], objects: Sequence[DetectedObject]) -> list[float]:
    """Return for each person the best score of an object detector's person box there; 0 where there is none."""
    persons = [one for one in objects if one.label == "person" and one.score >= LEAST_SCORE]
    return [
        max((one.score for one in persons if _same_person(person, np.asarray(one.box_xyxy, float))), default=0.0)
        for person in people
    ]


def detector_verdicts(people: Sequence[Person], objects: Sequence[DetectedObject]) -> list[Rejected | None]:
    """Reject people on a screen, and unsure people whom the object detector does not see; one verdict each, in order.

    Args:
        people: found in a photo.
        objects: all that the object detector sees in it.
    """
    screens = [one for one in objects if one.label in SCREENS_AND_PICTURES and one.score >= LEAST_SCORE]
    verdicts: list[Rejected | None] = []
    for person, agreed in zip(people, agreement(people, objects), strict=True):
        on = [one.label for one in screens if share_inside(person, one.box_xyxy) >= ON_SCREEN]
        if on:
            verdicts.append(Rejected(f"on a {on[0]}, not in the room"))
        elif agreed == 0 and person.score < SURE_ALONE:
            verdicts.append(
                Rejected(
                    f"probably not a person: the object detector sees none there, and the score is {person.score:.2f}, "
                    f"expected at least {SURE_ALONE:g}"
                )
            )
        else:
            verdicts.append(None)
    return verdicts


def with_detector_verdicts(sighting: Sighting, objects: Sequence[DetectedObject]) -> Sighting:
    """Return a photo's sighting with the verdicts of :func:`detector_verdicts`; a verdict known before stays."""
    known = sighting.verdicts or [None] * len(sighting.people)
    found = detector_verdicts(sighting.people, objects)
    return replace(sighting, verdicts=tuple(one or other for one, other in zip(known, found, strict=True)))


def share_inside(person: Person, box_xyxy: Box) -> float:
    """Return the share of a person's mask inside a box."""
    left, top, right, bottom = (max(0, round(edge)) for edge in box_xyxy)
    pixels = np.count_nonzero(person.instance_mask)
    return float(np.count_nonzero(person.instance_mask[top:bottom, left:right]) / pixels) if pixels else 0.0


def _same_person(person: Person, box: Float[ndarray, "4"]) -> bool:
    """Return whether a person box is of a person: boxes overlap, or one holds most of the other and is not much larger.

    One network may end a sitting person's box at the table, where the other infers the hidden legs.
    """
    own = person.box_xyxy
    if box_iou(own, box[None])[0] >= MIN_IOU:
        return True
    areas = sorted(float(np.clip(one[2:] - one[:2], 0, None).prod()) for one in (own, box))
    if areas[0] < MIN_AREA * max(areas[1], 1e-6):
        return False
    shared = float(np.clip(np.minimum(own[2:], box[2:]) - np.maximum(own[:2], box[:2]), 0, None).prod())
    inside = max(
        share_inside(person, (box[0], box[1], box[2], box[3])), shared / max(float((box[2:] - box[:2]).prod()), 1e-6)
    )
    return inside >= MIN_INSIDE
