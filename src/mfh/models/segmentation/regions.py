"""What every person segmenter does around its network: photos one by one, regions, and masks that become people."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import RegionOfAnySize, Rgb, RgbOfAnySize
from mfh.types import Person

REGION_MARGIN = 0.3
"""What the network sees around a region, in parts of its longer side: people are told by their surroundings, too."""
MIN_MARGIN_PX = 16
MIN_IN_REGION = 0.5
"""Part of a person's mask that must lie in the region for the person to stand there."""

FindPeople = Callable[[Rgb], list[Person]]


def segment_each(
    photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None, find: FindPeople
) -> list[list[Person]]:
    """Find the people of each photo, most confident first; where a photo has a region, only those who stand in it.

    Photos go to the network one at a time, so that what is found never depends on the others.

    Raises:
        ValueError: when there are not as many regions as photos.
    """
    regions = [None] * len(photos) if regions is None else regions
    people = [
        find(photo) if region is None else _find_in(photo, region, find)
        for photo, region in zip(photos, regions, strict=True)
    ]
    return [sorted(found, key=lambda person: -person.score) for found in people]


def person_of_mask(
    instance_mask: Bool[ndarray, "h w"], score: float, box_xyxy: Float[ndarray, "4"] | None = None
) -> Person | None:
    """Return a person from its mask; None for an empty mask."""
    rows, columns = np.flatnonzero(instance_mask.any(1)), np.flatnonzero(instance_mask.any(0))
    if not len(rows):
        return None
    if box_xyxy is None:
        box_xyxy = np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float64)
    return Person(box_xyxy, instance_mask, float(np.clip(score, 0.0, 1.0)))


def _find_in(photo: Rgb, region: Bool[ndarray, "h w"], find: FindPeople) -> list[Person]:
    """Find the people most of whose pixels lie in a region, looking only around it."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    if not len(rows):
        return []
    grow = max(MIN_MARGIN_PX, round(REGION_MARGIN * max(np.ptp(rows), np.ptp(columns))))
    top, left = max(0, int(rows[0]) - grow), max(0, int(columns[0]) - grow)
    view = np.s_[top : int(rows[-1]) + 1 + grow, left : int(columns[-1]) + 1 + grow]
    there = []
    for person in find(np.ascontiguousarray(photo[view])):
        if (person.instance_mask & region[view]).sum() >= MIN_IN_REGION * person.instance_mask.sum():
            instance_mask = np.zeros(region.shape, bool)
            instance_mask[view] = person.instance_mask
            box_xyxy = person.box_xyxy + np.array([left, top, left, top], np.float64)
            there.append(Person(box_xyxy, instance_mask, person.score))
    return there
