"""The networks' pass over a clip: relative depth of every frame, people and objects of key frames, motion between.

Each frame leaves a record. Frames whose record is there already are not measured again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mfh.pipeline.look import Observer, Watch, observe
from mfh.types import RelativeDepth
from mfh.video.frames import Clip, Frame
from mfh.video.motion import GridMotion, grey_for_flow, grid_points, motion_between, on_grid, sampled
from mfh.video.records import GridReading, Record, read_record, sightings_of, write_record

KEY_EVERY_S = 0.5
"""Seconds between frames in which people and objects are looked for: a walker moves by less than a metre."""
_EDGE = 0.05
"""Range of relative depth around a point, over that of the frame, from which an edge is near it."""
_EDGE_PX = 7
_RANGE = (5, 95)


@runtime_checkable
class DepthOfFrame(Protocol):
    """Relative depth of a clip that the user brings."""

    def __call__(self, index: int, width: int, height: int) -> RelativeDepth:
        """Return the map of a frame at a size."""
        ...


@dataclass(frozen=True)
class Watcher:
    """How a clip is watched.

    Attributes:
        observer: the networks.
        folder: of the records.
        mark: fingerprint of the settings: records of others are made again.
        key_every: each how-manieth frame is a key frame.
        given: relative depth that the user brings; None to ask the network.
    """

    observer: Observer
    folder: Path
    mark: str
    key_every: int
    given: DepthOfFrame | None = None

    def path(self, index: int) -> Path:
        """Return the file of a frame's record."""
        return self.folder / f"{index:06d}.npz"

    def record(self, index: int, *, maps: bool = True) -> Record:
        """Return the record of a frame that was watched."""
        record = read_record(self.path(index), self.mark, maps=maps)
        assert record is not None, f"frame {index} was not watched"
        return record


def watch_clip(watcher: Watcher, clip: Clip, report: Callable[[int], None]) -> int:
    """Run the networks over all frames that have no record yet.

    Args:
        watcher: how.
        clip: the clip.
        report: called with the number of frames that are done.

    Returns:
        How many frames there are.

    Raises:
        InputError: for a clip that cannot be decoded, or a disk that is full.
        BackendError: for a network that fails.
    """
    grey: UInt8[ndarray, "a b"] | None = None
    before: RelativeDepth | None = None
    count = 0
    for frame in clip.read():
        grey_before, grey = grey, grey_for_flow(frame.pixels)
        path = watcher.path(frame.index)
        record = read_record(path, watcher.mark)
        if record is None:
            motion = None if grey_before is None else motion_between(grey_before, grey)
            moved = None if motion is None else on_grid(motion, clip.camera.width, clip.camera.height)
            record = _watch(watcher, clip, frame, before, moved)
            write_record(path, record, watcher.mark)
            # As a run that goes on reads it: in whole levels.
            record = watcher.record(frame.index)
        before = record.relative
        count = frame.index + 1
        report(count)
    return count


def _watch(
    watcher: Watcher, clip: Clip, frame: Frame, before: RelativeDepth | None, moved: GridMotion | None
) -> Record:
    """Run the networks on one frame."""
    photo, observer = clip.photo(frame), watcher.observer
    width, height = clip.camera.width, clip.camera.height
    seen = None if watcher.given is None else watcher.given(frame.index, width, height)
    is_key = frame.index % watcher.key_every == 0
    sightings, boxes = (), ()
    if is_key:
        observed = observe(observer, photo, Watch(), seen=seen)
        seen, sightings = observed.seen, sightings_of(observed.evidence)
        found = [one.landmark.box_xyxy for one in sightings if not one.landmark.is_prior]
        boxes = tuple(dict.fromkeys([*found, *(one.box_xyxy for one in observed.objects)]))
    elif seen is None:
        seen = observer.models.predict_depth(photo.rgb)
    grid = None if before is None or moved is None else reading_of(before, seen, moved)
    return Record(frame.seconds, seen, grid, is_key, sightings, boxes)


def reading_of(before: RelativeDepth, now: RelativeDepth, moved: GridMotion) -> GridReading:
    """Read the relative depth of two neighbours at the points of the grid.

    Args:
        before: of the earlier frame.
        now: of the later one.
        moved: where the points of the later one were in the earlier.
    """
    height, width = now.values.shape
    points = grid_points(width, height)
    value_now, sure_now = _read(now, points)
    value_before, sure_before = _read(before, moved.was_px)
    return GridReading(moved.was_px, value_now, value_before, moved.holds & sure_now & sure_before)


def _read(relative: RelativeDepth, points: Float[ndarray, "n 2"]) -> tuple[Float[ndarray, "n"], Bool[ndarray, "n"]]:
    """Return relative depth at points, and where it is valid with no edge near."""
    values = relative.values.astype(np.float32)
    kernel = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    spread = cv2.dilate(values, kernel) - cv2.erode(values, kernel)
    low, high = np.percentile(values[::4, ::4], _RANGE)
    sure = spread <= _EDGE * max(float(high - low), 1e-12)
    if relative.valid_mask is not None:
        sure &= cv2.erode(relative.valid_mask.astype(np.uint8), kernel) > 0
    return sampled(values, points), sampled(sure, points) > 0
