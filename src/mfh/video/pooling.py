"""All sightings of a clip as one body of evidence: each person or object is one measurement of size.

A person seen in a hundred frames has one stature. What is not known of it stays unknown however often they are seen;
what the network misreads from frame to frame averages out. So a track is one landmark whose variance has a part that
frames leave as it is and a part that they share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Evidence, Landmark, Space
from mfh.types.people import SCALE_PRIOR
from mfh.video.chain import FrameHead, to_metres
from mfh.video.linking import Track

LASTING = 0.7
"""Share of a person's variance that frames do not average out: stature, clothes, and how the model sees this body."""
MOST_DISTANCES, LEAST_AT_DISTANCE, APART = 6, 2, 0.15
"""Distances of a track at most, sightings at each of them at least, and the log distance between two."""
FEW_OF_MANY = 3
"""Sightings that a track needs where the clip has twice as many key frames: less is an accident of one frame."""


@dataclass(frozen=True)
class TrackSighting:
    """A track in one key frame.

    Attributes:
        frame: its number.
        box_xyxy: left, top, right, bottom, pixels.
        distance_m: where it is by the clip's depth; None where that was not read, or is not finite.
        measured_m: where it is by its own size, which is the same in all frames; None where that was not measured.
    """

    frame: int
    box_xyxy: tuple[float, float, float, float]
    distance_m: float | None
    measured_m: float | None


@dataclass(frozen=True)
class PooledTrack:
    """One person, object or prior of the clip: a row of its receipt.

    Attributes:
        landmark: as it counts; its box is that of the frame ``at``.
        at: frame whose sighting stands for all.
        frames: those in which it was seen.
        used_frames: those in which it could be measured.
        spread: robust standard deviation of log metres from frame to frame; None for fewer than three.
        sightings: each of ``frames``, once the scale is known.
    """

    landmark: Landmark
    at: int
    frames: tuple[int, ...]
    used_frames: tuple[int, ...]
    spread: float | None
    sightings: tuple[TrackSighting, ...] = ()

    def at_frames(self, indices: Sequence[int]) -> "PooledTrack":
        """Return the row with frames that are numbered otherwise.

        Args:
            indices: the number of each frame.
        """
        frames, used_frames = (tuple(indices[one] for one in each) for each in (self.frames, self.used_frames))
        sightings = tuple(replace(one, frame=indices[one.frame]) for one in self.sightings)
        return replace(self, at=indices[self.at], frames=frames, used_frames=used_frames, sightings=sightings)


def pool_tracks(
    tracks: Sequence[Track], heads: Sequence[FrameHead], space: Space, *, least_seen: int
) -> tuple[Evidence, tuple[PooledTrack, ...]]:
    """Return the evidence of a clip in its common space.

    Args:
        tracks: people, objects and priors.
        heads: that bring each frame to the common space.
        space: of the relative depth.
        least_seen: frames in which a track is to be measured.

    Returns:
        Evidence with one landmark a track, and the tracks' rows, in the same order.
    """
    rows: list[PooledTrack] = []
    relative, depth_m, person = [], [], []
    for number, track in enumerate(tracks):
        row, pairs = _pooled(track, heads, space, least_seen)
        rows.append(row)
        for value, metres in pairs:
            relative.append(value)
            depth_m.append(metres)
            person.append(number)
    evidence = Evidence(
        np.array(relative, float), np.array(depth_m, float), np.array(person, int), tuple(row.landmark for row in rows)
    )
    return evidence, tuple(rows)


def _pooled(
    track: Track, heads: Sequence[FrameHead], space: Space, least_seen: int
) -> tuple[PooledTrack, list[tuple[float, float]]]:
    """Return the row of a track, and where relative depth meets metres; nowhere if it gives no scale."""
    frames = tuple(index for index, _ in track.seen)
    used = [(index, one) for index, one in track.seen if one.used]
    if not used:
        index, one = track.seen[len(track.seen) // 2]
        return PooledTrack(one.landmark, index, frames, (), None), []
    used_frames = tuple(index for index, _ in used)
    values = np.array([heads[index].scale * float(one.relative or 0) + heads[index].shift for index, one in used])
    metres = _same_size([one.landmark for _, one in used], np.array([float(one.depth_m or 0) for _, one in used]))
    # How many times farther than the common space has them, which is the same in all frames but for errors.
    factor = np.log(metres / to_metres(values, space))
    known = np.isfinite(factor)
    if not known.any():
        far = replace(used[0][1].landmark, verdict="rejected", reason="no finite relative depth where it is")
        return PooledTrack(far, used[0][0], frames, (), None), []
    middle = float(np.median(factor[known]))
    spread = float(1.4826 * np.median(np.abs(factor[known] - middle))) if known.sum() >= 3 else None
    at, sighting = used[int(np.nanargmin(np.abs(factor - middle)))]
    pairs = _at_distances(values[known], metres[known], space)
    landmark = _lasting([one.landmark for _, one in used], sighting.landmark, len(used), len(pairs))
    landmark = replace(
        landmark,
        distance_m=float(np.median(metres)),
        # It is in the unit of its own frame's map.
        relative_sigma=landmark.relative_sigma * abs(heads[at].scale),
        reason=_seen_in(len(used), len(frames)),
    )
    if len(used) < least_seen and landmark.label != SCALE_PRIOR:
        reason = f"measured in {len(used)} of the key frames: expected {least_seen} or more"
        return PooledTrack(replace(landmark, verdict="rejected", reason=reason), at, frames, used_frames, spread), []
    return PooledTrack(landmark, at, frames, used_frames, spread), pairs


def sightings_of_track(track: Track, heads: Sequence[FrameHead], space: Space) -> tuple[TrackSighting, ...]:
    """Return where a track is in each key frame.

    Args:
        track: a person or an object.
        heads: of every frame, to inverse metres or metres.
        space: of the relative depth.
    """
    used = [one for _, one in track.seen if one.used]
    own_m = np.array([float(one.depth_m or 0) for one in used])
    measured_m = iter(_same_size([one.landmark for one in used], own_m).tolist() if used else [])
    found = []
    for index, one in track.seen:
        there_m = math.nan
        if one.relative is not None:
            value = heads[index].scale * float(one.relative) + heads[index].shift
            there_m = float(to_metres(np.array([value]), space)[0])
        found.append(
            TrackSighting(
                index,
                one.landmark.box_xyxy,
                there_m if math.isfinite(there_m) else None,
                next(measured_m) if one.used else None,
            )
        )
    return tuple(found)


def _at_distances(values: Float[ndarray, "n"], metres: Float[ndarray, "n"], space: Space) -> list[tuple[float, float]]:
    """Return where relative depth meets metres at each distance at which a thing was seen: medians of both.

    Where a person walks away, the distances tell how the common space is shifted, whatever their size.
    """
    seen_m = to_metres(values, space)
    order = np.argsort(seen_m, kind="stable")
    span = float(np.log(seen_m[order[-1]] / seen_m[order[0]]))
    count = max(1, int(min(MOST_DISTANCES, len(values) // LEAST_AT_DISTANCE, 1 + span // APART)))
    return [(float(np.median(values[own])), float(np.median(metres[own]))) for own in np.array_split(order, count)]


def _same_size(landmarks: Sequence[Landmark], metres: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Return the distances of one body in all frames: a body measured taller than it is was measured too far."""
    statures = [one.stature_m for one in landmarks]
    if any(stature is None or stature <= 0 for stature in statures):
        return metres
    stature_m = np.array([float(stature or 0) for stature in statures])
    return metres * np.median(stature_m) / stature_m


def _lasting(landmarks: Sequence[Landmark], chosen: Landmark, count: int, distances: int) -> Landmark:
    """Return the landmark of a track with the errors that its frames leave: of the track, and at each distance."""
    sigmas = [one.log_distance_sigma for one in landmarks if one.log_distance_sigma is not None]
    sigma = float(np.median(sigmas)) if sigmas else None
    share = math.sqrt(LASTING + (1 - LASTING) / count)
    if sigma is not None and distances > 1:
        reading = sigma * math.sqrt((1 - LASTING) / (count / distances))
        # A child taken for an adult is one at all distances: all sightings of a track may be wrong alike.
        chosen = replace(chosen, track_log_sigma=sigma * math.sqrt(LASTING), far_share=0.0)
    else:
        reading = None if sigma is None else sigma * share
    statures = [one.stature_m for one in landmarks if one.stature_m is not None]
    return replace(
        chosen,
        log_distance_sigma=reading,
        relative_sigma=chosen.relative_sigma * share,
        stature_m=float(np.median(statures)) if statures else None,
        pixels=sum(one.pixels for one in landmarks),
        score=max(one.score for one in landmarks),
    )


def _seen_in(used: int, frames: int) -> str:
    return f"measured in {used} of the {frames} frames that show it"
