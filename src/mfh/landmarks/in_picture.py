"""People on a screen, a poster or a print: they are not in the room, and uninformative about its scale.

Three features identify a picture. Its border is four straight edges that enclose the whole person and end at its
corners. A picture and its wall are one surface in relative depth. Beside the border brightness is even. None of them
suffices alone: doors, windows and pavements have straight edges, and far people have little relief. A logistic
regression on them does (``benchmarks/study_pictures.py`` has the fit and the rates, docs/results/scale.md the table).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.geometry.masks import resize_with_holes
from mfh.geometry.rectangles import Rectangle, find_rectangle, holds
from mfh.landmarks.bodies import Sighting

LEAST_LOG_ODDS = 1.0
"""Log odds from which a person counts as being in a picture."""
_LONG_SIDE_PX = 384
"""Relative depth is resized to this: it has no finer detail."""
LEAST_COVERAGE = 0.7
"""Of the side with the least: a doorway has three good sides, and its floor continues."""
MOST_RELIEF = 0.15
"""A person in a picture stands out less; no border, however clean, makes a picture of a person in a doorway."""


@dataclass(frozen=True)
class PictureFeatures:
    """Features for whether a person is in a picture.

    Attributes:
        least_coverage: of the four sides, the least share along which an edge is seen.
        mean_coverage: of all four.
        relief: how far the person stands out from the surroundings, over the photo's range of relative depth.
        overshoot: how much the edges continue beyond the corners.
        log_roughness: of brightness beside the border.
    """

    least_coverage: float
    mean_coverage: float
    relief: float
    overshoot: float
    log_roughness: float


WEIGHTS = PictureFeatures(2.9, 12.3, -8.7, -1.2, -1.1)
"""Of the log odds: fitted to composites and real people by ``benchmarks/study_pictures.py --fit``."""
BIAS = -15.1


def log_odds(features: PictureFeatures) -> float:
    """Return the log odds of a person being in a picture."""
    return BIAS + sum(getattr(WEIGHTS, one.name) * getattr(features, one.name) for one in fields(PictureFeatures))


def in_picture(features: PictureFeatures) -> bool:
    """Return whether a person is classified as being in a picture."""
    plain = features.least_coverage >= LEAST_COVERAGE and features.relief <= MOST_RELIEF
    return plain and log_odds(features) >= LEAST_LOG_ODDS


def pictured(
    rgb: Float[ndarray, "h w 3"],
    relative: Float[ndarray, "h w"],
    boxes: Sequence[Float[ndarray, "4"]],
    instance_masks: Sequence[Bool[ndarray, "h w"]],
) -> list[Rejected | None]:
    """Reject the people of a photo who are on a screen or in a picture; one verdict each, in order.

    The border found around one person counts for all people inside it.
    """
    depth = small_depth(relative)
    found = [find_rectangle(rgb, box, mask) for box, mask in zip(boxes, instance_masks, strict=True)]
    borders = [one for one in found if one is not None]
    verdicts: list[Rejected | None] = []
    for mask in instance_masks:
        is_pictured = any(in_picture(picture_features(one, depth, mask)) for one in borders if holds(one, mask))
        verdicts.append(Rejected("on a screen or in a picture, not in the room") if is_pictured else None)
    return verdicts


def without_pictured(sighting: Sighting, rgb: Float[ndarray, "h w 3"], relative: Float[ndarray, "h w"]) -> Sighting:
    """Return a photo's sighting, with a verdict on the people who are on a screen or in a picture.

    People with too low a score, not measured, or with a verdict already are skipped.
    """
    known = list(sighting.verdicts) or [None] * len(sighting.people)
    counting = [
        k
        for k, (person, mesh, verdict) in enumerate(zip(sighting.people, sighting.meshes, known, strict=True))
        if person.score >= sighting.min_score and mesh is not None and verdict is None
    ]
    people = [sighting.people[k] for k in counting]
    found = pictured(rgb, relative, [one.box_xyxy for one in people], [one.instance_mask for one in people])
    verdicts = dict(zip(counting, found, strict=True))
    return replace(sighting, verdicts=tuple(verdicts.get(k, verdict) for k, verdict in enumerate(known)))


def small_depth(relative: Float[ndarray, "h w"]) -> Float[ndarray, "a b"]:
    """Return relative depth, resized, with its 5th percentile at 0 and its 95th at 1; NaN where most of it is."""
    height, width = relative.shape
    shrink = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = resize_with_holes(relative.astype(np.float32, copy=False), size, cv2.INTER_AREA)
    low, high = np.nanpercentile(small, (5, 95))
    return (small - low) / max(float(high - low), 1e-6)


def picture_features(
    rectangle: Rectangle, depth: Float[ndarray, "a b"], instance_mask: Bool[ndarray, "h w"]
) -> PictureFeatures:
    """Return the features of a person inside a rectangle; ``depth`` is of :func:`small_depth`."""
    mask = cv2.resize(instance_mask.astype(np.float32), depth.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    return PictureFeatures(
        least_coverage=float(rectangle.coverage.min()),
        mean_coverage=float(rectangle.coverage.mean()),
        relief=abs(_relief(depth, mask)),
        overshoot=rectangle.overshoot,
        log_roughness=float(np.log(rectangle.roughness + 0.01)),
    )


def _relief(values: Float[ndarray, "a b"], mask: Bool[ndarray, "a b"]) -> float:
    """Return how much nearer a person is than the surroundings; infinite where one of them has no depth."""
    if not mask.any():
        return 0.0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    reach = max(3, int(0.25 * max(np.ptp(rows), np.ptp(columns))))
    person = mask.astype(np.uint8)
    around = (cv2.dilate(person, np.ones((2 * reach + 1, 2 * reach + 1))) > 0) & ~(
        cv2.dilate(person, np.ones((3, 3))) > 0
    )
    if not around.any():
        return 0.0
    seen = np.isfinite(values)
    if not (seen & mask).any() or not (seen & around).any():
        return math.inf
    return float(np.median(values[seen & mask]) - np.median(values[seen & around]))
