"""One scale for a clip: a frame stands for it, with the evidence of all frames brought into that frame's space.

Frames are to that one what paintings are to the photo: pictures of the same scene, aligned to it. So the rest of the
method is that of a photo, painting where people and objects do not suffice included.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfh.pipeline.conclude import conclude
from mfh.pipeline.look import Observed
from mfh.pipeline.messages import describe
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from mfh.types import Camera, MetricDepth, Photo, RelativeDepth, Space
from mfh.types.observations import Gathered
from mfh.video.chain import FrameHead, chain_heads, to_metres
from mfh.video.linking import link_sightings
from mfh.video.pooling import FEW_OF_MANY, PooledTrack, pool_tracks, sightings_of_track
from mfh.video.records import GridReading, Record, Sighting

Chain = Callable[[int, tuple[float, float]], list[FrameHead]]
"""Returns the heads of all frames, from the frame whose head is known and that head."""

_GUESSED_M = 3.0
"""Median depth that is assumed before anything is known: only how far the camera moves depends on it, and not for
long."""
_USUAL_LOG_RANGE, _USUAL_SIGMA = 1.5, 0.3
_ROUNDS = 3
_SETTLED = 0.02
"""Change of log depth, anywhere in the range of a frame, from which on another round changes nothing that is seen."""


@dataclass(frozen=True)
class Watched:
    """A clip whose networks have run.

    Attributes:
        count: number of frames.
        record: returns the record of a frame, with its maps.
        sightings: of each frame; None where people were not looked for.
        readings: returns how the grid of a frame moved since the frame before.
        photo: returns a frame as a photo.
        anchor: the frame that is to stand for all; None for the one in which most is known of the scale.
        least_seen: frames in which a person or an object is to be measured, of the key frames.
    """

    count: int
    record: Callable[[int], Record]
    sightings: Sequence[tuple[Sighting, ...] | None]
    readings: Callable[[int], GridReading | None]
    photo: Callable[[int], Photo]
    anchor: int | None = None
    least_seen: int = FEW_OF_MANY


@dataclass(frozen=True)
class SolvedClip:
    """A clip in metres.

    Attributes:
        result: of the frame that stands for all: scale, interval, and every track as a landmark.
        gathered: what that was concluded from.
        anchor: the frame; None where it is a picture of what stays, and none of the clip.
        heads: of every frame: its own relative depth to inverse metres, or metres.
        tracks: the people and objects, in the order of the result's first landmarks.
    """

    result: MetricDepth
    gathered: Gathered
    anchor: int | None
    heads: tuple[FrameHead, ...]
    tracks: tuple[PooledTrack, ...]


def solve_clip(
    pipeline: MetricFromHuman, watched: Watched, *, chain: Chain | None = None, request: Request = Request()
) -> SolvedClip:
    """Find the one scale of a clip.

    Args:
        pipeline: its configuration, and its painter where people and objects do not suffice.
        watched: the clip.
        chain: brings frames to the space of one of them; None to follow what stands still in the picture.
        request: what is asked of the frame that stands for all.

    Raises:
        NoLandmarkError: where neither a person nor an object gives a scale.
        InputError, BackendError: as for a photo.
    """
    anchor = anchor_of(watched.sightings) if watched.anchor is None else watched.anchor
    relative, photo = watched.record(anchor).relative, watched.photo(anchor)
    chain = chain or following(watched, photo.camera, relative.space)
    tracks = link_sightings(lambda index: watched.sightings[index], watched.readings, watched.count, photo.camera)
    key_frames = sum(one is not None for one in watched.sightings)
    needed = min(watched.least_seen, max(key_frames // 2, 1))
    head, gathered = guessed_head(relative), None
    scale, shift = 1.0, 0.0
    for last in (False,) * (_ROUNDS - 1) + (True,):
        heads = chain(anchor, head)
        evidence, rows = pool_tracks(tracks, heads, relative.space, least_seen=needed)
        seen = _in_common_space(relative, head)
        things = replace(evidence, landmarks=tuple(one for one in evidence.landmarks if not one.is_prior))
        tried = (describe(f"people and objects in {key_frames} frames", [things]),)
        if gathered is None:
            gathered = pipeline.complete(Observed(photo, photo, seen, seen, (evidence,), (), tried), request)
        else:
            # People are painted once: what they say holds in any space of the same frame.
            painted = [replace(one, relative=scale * one.relative + shift) for one in gathered.evidence[1:]]
            gathered = replace(gathered, relative=seen, evidence=(evidence, *painted))
        result = conclude(gathered, head=pipeline.config.head, known=request.known)
        scale, shift = result.head.scale, result.head.shift
        before, head = head, (scale * head[0], scale * head[1] + shift)
        if last or _change(relative, before, head) <= _SETTLED:
            times = 1 / scale if relative.space == "disparity" else scale
            metric = [_rescaled(one, scale, shift, times) for one in heads]
            judged = [
                replace(row, landmark=one, sightings=sightings_of_track(track, metric, relative.space))
                for track, row, one in zip(tracks, rows, result.landmarks, strict=False)
            ]
            return SolvedClip(result, gathered, anchor, tuple(metric), tuple(judged))
    raise AssertionError("the last round returns")


def following(watched: Watched, camera: Camera, space: Space) -> Chain:
    """Return what brings frames to one space along what stands still in the picture."""

    def chain(anchor: int, head: tuple[float, float]) -> list[FrameHead]:
        return chain_heads(watched.readings, watched.count, anchor, head, camera, space)

    return chain


def same_for_all(watched: Watched) -> Chain:
    """Return what takes the relative depth of all frames for one space already, as that of a clip model is."""

    def chain(anchor: int, head: tuple[float, float]) -> list[FrameHead]:
        return [FrameHead(*head, np.eye(4))] * watched.count

    return chain


def anchor_of(sightings: Sequence[tuple[Sighting, ...] | None]) -> int:
    """Return the key frame in which people and objects say most about the scale; the middle one of equals.

    Args:
        sightings: of each frame; None where people were not looked for.
    """
    keys = [index for index, seen in enumerate(sightings) if seen is not None]
    precision = {
        index: sum(
            (one.landmark.log_distance_sigma or _USUAL_SIGMA) ** -2.0 for one in sightings[index] or () if one.used
        )
        for index in keys
    }
    most = max(precision.values())
    best = [index for index in keys if precision[index] == most]
    return best[len(best) // 2]


def guessed_head(relative: RelativeDepth) -> tuple[float, float]:
    """Return a head before anything is known: the likely depth range, about a few metres away.

    Args:
        relative: depth of a frame.
    """
    log_range = _USUAL_LOG_RANGE if relative.log_range is None else relative.log_range.moments()[0]
    low, middle, high = np.percentile(relative.valid_values.astype(float), (5, 50, 95))
    times = math.exp(max(log_range, 0.1))
    # The larger of the two ends, over the smaller, is to be so many times: (high + ratio) / (low + ratio).
    ratio = (high - times * low) / (times - 1)
    unit = middle + ratio
    scale = 1 / (unit * _GUESSED_M) if relative.space == "disparity" else _GUESSED_M / unit
    return float(scale), float(scale * ratio)


def _rescaled(one: FrameHead, scale: float, shift: float, times: float) -> FrameHead:
    """Return the head of a frame after that of the common space, and its pose in a world so many times larger."""
    pose = one.pose.copy()
    pose[:3, 3] *= times
    return replace(one, scale=scale * one.scale, shift=scale * one.shift + shift, pose=pose)


def _in_common_space(relative: RelativeDepth, head: tuple[float, float]) -> RelativeDepth:
    return replace(relative, values=(head[0] * relative.values + head[1]).astype(np.float32))


def _change(relative: RelativeDepth, before: tuple[float, float], now: tuple[float, float]) -> float:
    """Return by how much log depth changes over the range of a frame from one head to another, its mean apart."""
    values = np.percentile(relative.valid_values.astype(float), (5, 25, 50, 75, 95))
    was, is_now = (to_metres(head[0] * values + head[1], relative.space) for head in (before, now))
    change = np.log(is_now / was)
    change = change[np.isfinite(change)]
    return float(np.ptp(change)) if len(change) > 1 else math.inf
