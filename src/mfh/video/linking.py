"""The people and objects of key frames, linked to tracks: one track is one person or object, however often seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Camera
from mfh.video.motion import grid_points
from mfh.video.records import GridReading, Sighting

Box = tuple[float, float, float, float]

_OVERLAP = 0.3
"""Intersection over union from which two boxes are of one thing."""
_NEAR, _ALIKE = 0.7, 1.35
"""Distance of centres, over the height, and ratio of heights up to which boxes that do not overlap so are of one thing:
small people walk half their height from key frame to key frame."""
_LOST_AFTER = 4
"""Key frames in a row without a sighting after which a track has ended."""
_FEW = 6
"""Points in a box below which its motion is not read."""
_GROWTH = 1.15
"""Most that a box grows or shrinks from frame to frame."""


@dataclass
class Track:
    """One person or object through the clip.

    Attributes:
        label: class of an object; empty for a person.
        seen: (frame, sighting) in order.
        box: where it is by now, as the picture has moved.
        missed: key frames since it was seen last.
    """

    label: str
    box: Box
    seen: list[tuple[int, Sighting]] = field(default_factory=list)
    missed: int = 0

    def affinity_to(self, box: Box, index: int) -> float:
        """Return how well a box in a key frame fits.

        What was hidden for a while is also sought where it would be had it gone on as before: what hides it is
        what moves in its box.
        """
        expected = self._gone_on(index) if self.missed and len(self.seen) > 1 else self.box
        return max(affinity(self.box, box), affinity(expected, box))

    def _gone_on(self, index: int) -> Box:
        (before, first), (last, second) = self.seen[-2:]
        was, box = first.landmark.box_xyxy, second.landmark.box_xyxy
        share = (index - last) / (last - before)
        dx, dy = (share * (box[k] + box[k + 2] - was[k] - was[k + 2]) / 2 for k in (0, 1))
        return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def link_sightings(
    key_frames: Callable[[int], Sequence[Sighting] | None],
    readings: Callable[[int], GridReading | None],
    count: int,
    camera: Camera,
) -> list[Track]:
    """Link sightings through a clip.

    Args:
        key_frames: returns what was seen in a frame; None where it is no key frame.
        readings: returns how the grid of a frame moved since the one before.
        count: number of frames.
        camera: of the clip.

    Returns:
        All tracks, in the order in which they begin.
    """
    points = grid_points(camera.width, camera.height)
    ended: list[Track] = []
    alive: list[Track] = []
    for index in range(count):
        reading = readings(index)
        if reading is not None:
            for track in alive:
                track.box = _moved(track.box, points, reading)
        seen = key_frames(index)
        if seen is None:
            continue
        _match(alive, index, seen)
        ended += [track for track in alive if track.missed > _LOST_AFTER]
        alive = [track for track in alive if track.missed <= _LOST_AFTER]
    return sorted([*ended, *alive], key=lambda track: track.seen[0][0])


def _match(alive: list[Track], index: int, seen: Sequence[Sighting]) -> None:
    """Give the sightings of a key frame to tracks, the likeliest first; others begin tracks."""
    pairs = [
        (track.affinity_to(one.landmark.box_xyxy, index), number, k)
        for number, track in enumerate(alive)
        for k, one in enumerate(seen)
        if track.label == one.landmark.label
    ]
    taken: set[int] = set()
    given: set[int] = set()
    for likeness, number, k in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if likeness == 0 or number in taken or k in given:
            continue
        taken.add(number)
        given.add(k)
        track = alive[number]
        track.seen.append((index, seen[k]))
        track.box, track.missed = seen[k].landmark.box_xyxy, 0
    for number, track in enumerate(alive):
        track.missed += number not in taken
    for k, one in enumerate(seen):
        if k not in given:
            alive.append(Track(one.landmark.label, one.landmark.box_xyxy, [(index, one)]))


def affinity(one: Box, other: Box) -> float:
    """Return how likely two boxes are of one thing, 0 to 1: their overlap, or less than any where they are just near.

    Args:
        one: where a thing is expected.
        other: where one is seen.
    """
    shared = overlap(one, other)
    if shared >= _OVERLAP:
        return shared
    heights = sorted((one[3] - one[1], other[3] - other[1]))
    away = float(np.hypot(one[0] + one[2] - other[0] - other[2], one[1] + one[3] - other[1] - other[3]) / 2)
    if heights[0] <= 0 or heights[1] > _ALIKE * heights[0] or away >= _NEAR * heights[1]:
        return 0.0
    return _OVERLAP * (1 - away / (_NEAR * heights[1]))


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (areas[0] + areas[1] - shared)


def _moved(box: Box, points: Float[ndarray, "n 2"], reading: GridReading) -> Box:
    """Return where a box of the frame before is now: as the points that were in it have moved, on the median."""
    was = reading.was_px
    within = (was[:, 0] >= box[0]) & (was[:, 0] <= box[2]) & (was[:, 1] >= box[1]) & (was[:, 1] <= box[3])
    if np.count_nonzero(within) < _FEW:
        return box
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    half = np.array([(box[2] - box[0]) / 2, (box[3] - box[1]) / 2])
    centre = centre + np.median(points[within] - was[within], axis=0)
    spread_was, spread = was[within].std(0), points[within].std(0)
    half = half * np.clip(spread / np.maximum(spread_was, 1e-6), 1 / _GROWTH, _GROWTH)
    return (
        float(centre[0] - half[0]),
        float(centre[1] - half[1]),
        float(centre[0] + half[0]),
        float(centre[1] + half[1]),
    )
