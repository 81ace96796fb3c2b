"""People on a screen, a poster or a print: they are not in the room, and their size says nothing of it.

Three things give a picture away. Its border is four straight edges that hold all of the person and end at its corners;
relative depth shows nobody there, since a picture and its wall are one surface; and beside the border brightness is
even. None of them alone suffices: doors, windows and pavements have straight edges, and far people have little relief.
A logistic sum of them does (``benchmarks/study_pictures.py`` has the fit and the rates, docs/scale.md the table).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.rectangles import Rectangle, find_rectangle, holds
from mfh.landmarks.bodies import Sighting

LEAST_LOG_ODDS = 1.0
"""Log odds from which somebody counts as being in a picture."""
_LONG_SIDE_PX = 384
"""Relative depth is looked at at this size: it has no finer detail."""
LEAST_COVERAGE = 0.7
"""Of the side seen worst: a doorway has three good sides, and its floor goes on."""
MOST_RELIEF = 0.15
"""Nobody in a picture stands out more: no border, however clean, makes a picture of somebody in a doorway."""


@dataclass(frozen=True)
class Signs:
    """What speaks for and against somebody being in a picture.

    Attributes:
        least_coverage: of the four sides, how much of the one seen worst.
        mean_coverage: of all four.
        relief: how far the person stands out from what is around, over the photo's range of relative depth.
        overshoot: how much the edges go on beyond the corners.
        log_roughness: of brightness beside the border.
    """

    least_coverage: float
    mean_coverage: float
    relief: float
    overshoot: float
    log_roughness: float


WEIGHTS = Signs(2.9, 12.3, -8.7, -1.2, -1.1)
"""Of the sum of log odds: fitted to composites and real people by ``benchmarks/study_pictures.py --fit``."""
BIAS = -15.1


def log_odds(signs: Signs) -> float:
    """Return the log odds of somebody being in a picture."""
    return BIAS + sum(getattr(WEIGHTS, one.name) * getattr(signs, one.name) for one in fields(Signs))


def in_picture(signs: Signs) -> bool:
    """Return whether somebody is taken to be in a picture."""
    plain = signs.least_coverage >= LEAST_COVERAGE and signs.relief <= MOST_RELIEF
    return plain and log_odds(signs) >= LEAST_LOG_ODDS


def pictured(
    rgb: Float[ndarray, "h w 3"],
    relative: Float[ndarray, "h w"],
    boxes: Sequence[Float[ndarray, "4"]],
    instance_masks: Sequence[Bool[ndarray, "h w"]],
) -> list[Rejected | None]:
    """Reject the people of a photo who are on a screen or in a picture.

    Args:
        rgb: the photo.
        relative: (h, w) its relative depth.
        boxes: (4,) pixels each, of those to look at.
        instance_masks: (h, w) each, of the same.

    Returns:
        One verdict each, in order. The border found around one person counts for everybody inside it.
    """
    depth = small_depth(relative)
    found = [find_rectangle(rgb, box, mask) for box, mask in zip(boxes, instance_masks, strict=True)]
    borders = [one for one in found if one is not None]
    verdicts: list[Rejected | None] = []
    for mask in instance_masks:
        told = any(in_picture(signs_of(one, depth, mask)) for one in borders if holds(one, mask))
        verdicts.append(Rejected("on a screen or in a picture, not in the room") if told else None)
    return verdicts


def without_pictured(sighting: Sighting, rgb: Float[ndarray, "h w 3"], relative: Float[ndarray, "h w"]) -> Sighting:
    """Return what was sighted in a photo, with a verdict on those who are on a screen or in a picture.

    Args:
        sighting: the people; those too unsure to count, or not measured, are not looked at.
        rgb: the photo.
        relative: (h, w) its relative depth.
    """
    counting = [
        k
        for k, (person, mesh) in enumerate(zip(sighting.people, sighting.meshes, strict=True))
        if person.score >= sighting.min_score and mesh is not None
    ]
    people = [sighting.people[k] for k in counting]
    told = pictured(rgb, relative, [one.box_xyxy for one in people], [one.instance_mask for one in people])
    verdicts = dict(zip(counting, told, strict=True))
    return replace(sighting, verdicts=tuple(verdicts.get(k) for k in range(len(sighting.people))))


def small_depth(relative: Float[ndarray, "h w"]) -> Float[ndarray, "a b"]:
    """Return relative depth at the size it is looked at, from 0 to 1 over the photo's range without its extremes.

    Args:
        relative: (h, w) relative depth of the photo.
    """
    height, width = relative.shape
    shrink = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(relative.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, (5, 95))
    return (small - low) / max(float(high - low), 1e-6)


def signs_of(rectangle: Rectangle, depth: Float[ndarray, "a b"], instance_mask: Bool[ndarray, "h w"]) -> Signs:
    """Return what speaks for and against somebody inside a rectangle being in a picture.

    Args:
        rectangle: around the person.
        depth: (a, b) the photo's, of :func:`small_depth`.
        instance_mask: (h, w) the person's pixels.
    """
    mask = cv2.resize(instance_mask.astype(np.float32), depth.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    return Signs(
        least_coverage=float(rectangle.coverage.min()),
        mean_coverage=float(rectangle.coverage.mean()),
        relief=abs(_relief(depth, mask)),
        overshoot=rectangle.overshoot,
        log_roughness=float(np.log(rectangle.roughness + 0.01)),
    )


def _relief(values: Float[ndarray, "a b"], mask: Bool[ndarray, "a b"]) -> float:
    """Return how much nearer a person is than what is around."""
    if not mask.any():
        return 0.0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    reach = max(3, int(0.25 * max(np.ptp(rows), np.ptp(columns))))
    person = mask.astype(np.uint8)
    around = (cv2.dilate(person, np.ones((2 * reach + 1, 2 * reach + 1))) > 0) & ~(
        cv2.dilate(person, np.ones((3, 3))) > 0
    )
    return float(np.median(values[mask]) - np.median(values[around])) if around.any() else 0.0
