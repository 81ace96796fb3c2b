"""A camera that stands still: depth once, of the emptiest frame, and people from the frames that show most of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from mfh.errors import InputError, Rejected
from mfh.landmarks.alignment import Alignment, align_paintings
from mfh.pipeline.look import Observer, Watch, observe
from mfh.types import RelativeDepth
from mfh.video.chain import FrameHead
from mfh.video.frames import Clip, Frame
from mfh.video.records import Record, Sighting, sightings_of
from mfh.video.solving import Chain, Watched

FRAMES_A_LOOK, LEAST_LOOKS, MOST_LOOKS = 20, 3, 8
"""Frames of a clip for each that is looked at, and the fewest and most of those."""
_SMALL_PX = 160
_SAMPLES = 128
_CHANGED = 16
"""Grey levels, of 255, by which a pixel differs where something else is seen than usually."""
_MOVES = 0.5
"""Share of changed pixels, in the median frame, from which the camera itself moves."""
_ROUND_BOX = 0.1
"""Share of a box's size around it that is left out of the alignment."""


@dataclass(frozen=True)
class Looks:
    """The frames that are looked at.

    Attributes:
        count: frames of the clip.
        emptiest: the frame that shows least of what comes and goes.
        busiest: those that show most of it, far enough apart, in order.
    """

    count: int
    emptiest: int
    busiest: tuple[int, ...]


def choose_looks(clip: Clip) -> Looks:
    """Choose the frames of a camera that stands still.

    Args:
        clip: the clip.

    Raises:
        InputError: where the camera moves, or the clip cannot be decoded.
    """
    step, count = 1, 0
    kept: list[tuple[int, UInt8[ndarray, "a b"]]] = []
    for frame in clip.read():
        count = frame.index + 1
        if frame.index % step == 0:
            kept.append((frame.index, _small(frame)))
        if len(kept) > _SAMPLES:
            # Every second one: memory does not grow with the clip.
            kept, step = kept[::2], 2 * step
    pictures = np.stack([one for _, one in kept])
    usual = np.median(pictures, axis=0)
    changed = np.mean(np.abs(pictures - usual) > _CHANGED, axis=(1, 2))
    if np.median(changed) > _MOVES:
        raise InputError(
            f"in most frames of {clip.name} {np.median(changed):.0%} of the picture differ from what it usually shows: "
            "expected a camera that stands still; leave out --static-camera"
        )
    emptiest = kept[int(np.argmin(changed))][0]
    wanted = min(max(count // FRAMES_A_LOOK, LEAST_LOOKS), MOST_LOOKS) - 1
    apart = max(1, count // (2 * wanted))
    busiest: list[int] = []
    for k in np.argsort(-changed, kind="stable"):
        index = kept[int(k)][0]
        if len(busiest) < wanted and all(abs(index - other) >= apart for other in (emptiest, *busiest)):
            busiest.append(index)
    return Looks(count, emptiest, tuple(sorted(busiest)))


@dataclass(frozen=True)
class Observation:
    """What was seen in the frames that were looked at, the emptiest first.

    Attributes:
        watched: them, as a clip of their own.
        alignments: of each to the emptiest (Eqs. 6, 7); None where it cannot be aligned.
        indices: their numbers in the clip.
    """

    watched: Watched
    alignments: tuple[Alignment | None, ...]
    indices: tuple[int, ...]

    def chain(self) -> Chain:
        """Return what brings frames to the emptiest one's space."""

        def chain(anchor: int, head: tuple[float, float]) -> list[FrameHead]:
            assert anchor == 0
            # A frame without alignment has no sightings either.
            shared = [one or Alignment(1.0, 0.0) for one in self.alignments]
            return [FrameHead(head[0] * one.scale, head[0] * one.shift + head[1], np.eye(4)) for one in shared]

        return chain


def look(observer: Observer, clip: Clip, looks: Looks) -> Observation:
    """Run the networks on the chosen frames.

    Args:
        observer: the networks.
        clip: the clip.
        looks: which frames.
    """
    wanted = (looks.emptiest, *looks.busiest)
    frames = {frame.index: frame for frame in clip.read() if frame.index in wanted}
    photos = [clip.photo(frames[index]) for index in wanted]
    observed = [observe(observer, photo, Watch()) for photo in photos]
    records, alignments = [], []
    reference = observed[0].seen
    boxes = [tuple(one.box_xyxy for one in each.objects) + _boxes(sightings_of(each.evidence)) for each in observed]
    for k, one in enumerate(observed):
        alignment = _aligned(one.seen, reference, [*boxes[0], *boxes[k]]) if k else Alignment(1.0, 0.0)
        alignments.append(alignment)
        sightings = sightings_of(one.evidence) if alignment is not None else ()
        records.append(Record(frames[wanted[k]].seconds, one.seen, None, True, sightings))
    watched = Watched(
        count=len(records),
        record=lambda index: records[index],
        sightings=[one.sightings for one in records],
        readings=lambda index: None,
        photo=lambda index: photos[index],
        anchor=0,
        least_seen=1,
    )
    return Observation(watched, tuple(alignments), wanted)


def _aligned(
    seen: RelativeDepth, reference: RelativeDepth, boxes: Sequence[tuple[float, float, float, float]]
) -> Alignment | None:
    """Align a frame to the emptiest one where neither shows anything that comes and goes."""
    masked = _within(boxes, *seen.values.shape)
    for one in (seen, reference):
        if one.valid_mask is not None:
            masked |= ~one.valid_mask
    (alignment,) = align_paintings(seen.values[None], reference.values, masked[None])
    return None if isinstance(alignment, Rejected) else alignment


def _within(boxes: Sequence[tuple[float, float, float, float]], height: int, width: int) -> Bool[ndarray, "h w"]:
    mask = np.zeros((height, width), bool)
    for left, top, right, bottom in boxes:
        x, y = _ROUND_BOX * (right - left), _ROUND_BOX * (bottom - top)
        rows = slice(max(round(top - y), 0), max(round(bottom + y), 0))
        mask[rows, max(round(left - x), 0) : max(round(right + x), 0)] = True
    return mask


def _boxes(sightings: Sequence[Sighting]) -> tuple[tuple[float, float, float, float], ...]:
    return tuple(one.landmark.box_xyxy for one in sightings if not one.landmark.is_prior)


def _small(frame: Frame) -> UInt8[ndarray, "a b"]:
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
    factor = _SMALL_PX / max(grey.shape)
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small)
