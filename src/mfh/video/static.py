"""A camera that stands still: depth once, of the picture without what comes and goes; people from the busiest frames.

The median over time of every pixel shows what stays: it is emptier than any one frame.
"""

from collections.abc import Iterable, Sequence
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
"""Frames of a clip for each picture that is measured, and the fewest and most of those."""
_SMALL_PX = 160
_SAMPLES, _OF_MEDIAN = 31, 15
"""Frames, at most, among which busy ones are chosen, and of which the median is taken."""
_CHANGED = 16
"""Grey levels, of 255, by which a pixel differs where something else is seen than usually."""
_MOVES, _EDGES, _LEAST_MOVED = 0.003, 60, 30
"""Motion, over the long side, from which the camera itself moves in most frames; it is read where the gradient of grey
is above the first percentile, at the second one of the points there: a third of them may be of things that stand.
"""
_ROUND_BOX = 0.1
"""Share of a box's size around it that is left out of the alignment."""


@dataclass(frozen=True)
class Looks:
    """The pictures that are measured.

    Attributes:
        count: frames of the clip.
        empty: (h, w, 3) the median picture.
        busiest: frames that show most of what comes and goes, far enough apart, in order.
    """

    count: int
    empty: UInt8[ndarray, "h w 3"]
    busiest: tuple[Frame, ...]


def choose_looks(clip: Clip) -> Looks:
    """Choose the pictures of a camera that stands still.

    Args:
        clip: the clip.

    Raises:
        InputError: where the camera moves, or the clip cannot be decoded.
    """
    kept, count = evenly(clip.read(), _SAMPLES)
    of_median = kept[:: -(-len(kept) // _OF_MEDIAN)]
    empty = np.median(np.stack([frame.pixels for frame in of_median]), axis=0).astype(np.uint8)
    small = [_small(frame.pixels) for frame in kept]
    changed = np.array([_changed_share(one, _small(empty)) for one in small])
    moved_px = _moved_share(small) * max(clip.camera.width, clip.camera.height)
    if moved_px > _MOVES * max(clip.camera.width, clip.camera.height):
        raise InputError(
            f"in most frames of {clip.name} the whole picture has moved, by {moved_px:.0f} pixels on the median: "
            "expected a camera that stands still; leave out --static-camera"
        )
    wanted = min(max(count // FRAMES_A_LOOK, LEAST_LOOKS), MOST_LOOKS) - 1
    apart = max(1, count // (2 * wanted))
    busiest: list[Frame] = []
    for k in np.argsort(-changed, kind="stable"):
        frame = kept[int(k)]
        if len(busiest) < wanted and all(abs(frame.index - other.index) >= apart for other in busiest):
            busiest.append(frame)
    return Looks(count, empty, tuple(sorted(busiest, key=lambda frame: frame.index)))


def evenly(frames: Iterable[Frame], most: int) -> tuple[list[Frame], int]:
    """Return frames spread evenly over a clip whose length is not known, and how many it has.

    Args:
        frames: of the clip, in order.
        most: that are kept, so that memory does not grow with the clip.
    """
    kept: list[Frame] = []
    step, count = 1, 0
    for frame in frames:
        count = frame.index + 1
        if frame.index % step == 0:
            kept.append(frame)
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    return kept, count


@dataclass(frozen=True)
class Observation:
    """What was seen in the measured pictures, the empty one first.

    Attributes:
        watched: them, as a clip of their own.
        alignments: of each to the empty one (Eqs. 6, 7); None where it cannot be aligned.
        indices: their numbers in the clip; -1 for the empty picture, which is none of its frames.
    """

    watched: Watched
    alignments: tuple[Alignment | None, ...]
    indices: tuple[int, ...]

    def chain(self) -> Chain:
        """Return what brings frames to the space of the empty picture."""

        def chain(anchor: int, head: tuple[float, float]) -> list[FrameHead]:
            assert anchor == 0
            # A frame without alignment has no sightings either.
            shared = [one or Alignment(1.0, 0.0) for one in self.alignments]
            return [FrameHead(head[0] * one.scale, head[0] * one.shift + head[1], np.eye(4)) for one in shared]

        return chain


def look(observer: Observer, clip: Clip, looks: Looks) -> Observation:
    """Run the networks on the chosen pictures.

    Args:
        observer: the networks.
        clip: the clip.
        looks: which pictures.
    """
    frames = [Frame(-1, 0.0, looks.empty), *looks.busiest]
    photos = [clip.photo(frame) for frame in frames]
    observed = [observe(observer, photo, Watch()) for photo in photos]
    reference = observed[0].seen
    boxes = [tuple(one.box_xyxy for one in each.objects) + _boxes(sightings_of(each.evidence)) for each in observed]
    records, alignments = [], []
    for k, one in enumerate(observed):
        alignment = _aligned(one.seen, reference, [*boxes[0], *boxes[k]]) if k else Alignment(1.0, 0.0)
        alignments.append(alignment)
        sightings = sightings_of(one.evidence) if alignment is not None else ()
        records.append(Record(frames[k].seconds, one.seen, None, True, sightings))
    watched = Watched(
        count=len(records),
        record=lambda index: records[index],
        sightings=[one.sightings for one in records],
        readings=lambda index: None,
        photo=lambda index: photos[index],
        anchor=0,
        least_seen=1,
    )
    return Observation(watched, tuple(alignments), tuple(frame.index for frame in frames))


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


def _small(pixels: UInt8[ndarray, "h w 3"]) -> UInt8[ndarray, "a b"]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    factor = _SMALL_PX / max(grey.shape)
    return np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _moved_share(small: Sequence[UInt8[ndarray, "a b"]]) -> float:
    """Return by how much most of the picture has moved since the middle frame, median of all, over the long side."""
    middle, *others = (cv2.equalizeHist(one) for one in (small[len(small) // 2], *small))
    across, down = (cv2.Sobel(middle, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    gradient = np.hypot(across, down)
    edges = gradient >= np.percentile(gradient, _EDGES)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    moved = [
        np.percentile(
            np.linalg.norm(flow.calc(middle, one, np.zeros((*one.shape, 2), np.float32)), axis=2)[edges], _LEAST_MOVED
        )
        for one in others
    ]
    return float(np.median(moved)) / _SMALL_PX


def _changed_share(small: UInt8[ndarray, "a b"], usual: UInt8[ndarray, "a b"]) -> float:
    """Return the share of a small picture that shows something else than usually, whatever the light."""
    off = small.astype(np.float32) - usual
    return float(np.mean(np.abs(off - np.median(off)) > _CHANGED))
