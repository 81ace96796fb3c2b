"""What person segmenters share: one photo at a time, search inside a region, boxes of masks."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import RegionOfAnySize, Rgb, RgbOfAnySize
from mfh.types import Person

REGION_MARGIN = 0.3
"""Context around a region in the network's input, as a fraction of the region's longer side."""
MIN_MARGIN_PX = 16
MIN_IN_REGION = 0.5
"""Smallest fraction of a person's mask inside the region."""

FindPeople = Callable[[Rgb], list[Person]]


def segment_each(
    photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None, find: FindPeople
) -> list[list[Person]]:
    """Find the people of each photo, most confident first; where a photo has a region, only those in it.

    The network runs on one photo at a time, so that a result never depends on the batch. ``find`` returns the people of
    one picture in any order.
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
    """Return a person with a mask, and a box in pixel centres (the mask's own by default); None for an empty mask."""
    own_box = mask_box(instance_mask)
    if own_box is None:
        return None
    return Person(own_box if box_xyxy is None else box_xyxy, instance_mask, float(np.clip(score, 0.0, 1.0)))


def mask_box(instance_mask: Bool[ndarray, "h w"]) -> Float[ndarray, "4"] | None:
    """Return left, top, right, bottom of a mask's pixel centres; None for an empty mask."""
    rows, columns = np.flatnonzero(instance_mask.any(1)), np.flatnonzero(instance_mask.any(0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float64)


def in_whole_photo(person: Person, left: int, top: int, shape: tuple[int, int]) -> Person:
    """Return a person of a view, whose first pixel is at (left, top), as a person of the photo of (height, width)."""
    instance_mask = np.zeros(shape, bool)
    height, width = person.instance_mask.shape
    instance_mask[top : top + height, left : left + width] = person.instance_mask
    corner = np.array([left, top], np.float64)
    pose = None if person.pose is None else replace(person.pose, image_px=person.pose.image_px + corner)
    return Person(person.box_xyxy + np.tile(corner, 2), instance_mask, person.score, pose)


def _find_in(photo: Rgb, region: Bool[ndarray, "h w"], find: FindPeople) -> list[Person]:
    """Find the people most of whose pixels lie in a region; the network runs on a crop around it."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    if not len(rows):
        return []
    grow = max(MIN_MARGIN_PX, round(REGION_MARGIN * max(np.ptp(rows), np.ptp(columns))))
    top, left = max(0, int(rows[0]) - grow), max(0, int(columns[0]) - grow)
    view = np.s_[top : int(rows[-1]) + 1 + grow, left : int(columns[-1]) + 1 + grow]
    return [
        in_whole_photo(person, left, top, region.shape)
        for person in find(np.ascontiguousarray(photo[view]))
        if (person.instance_mask & region[view]).sum() >= MIN_IN_REGION * person.instance_mask.sum()
    ]
