"""The frames of a clip that its report shows: pictures and depth, encoded one by one as the clip passes."""

import base64
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.report.encode import EncodedDepth, encode_log_depth
from mfh.report.payload import nearest_places
from mfh.report.pictures import fitting_jpeg

MOST_FRAMES = 60
"""Frames of a page, at most, however long the clip is."""
PAGE_BYTES = 3_750_000
"""Of all frames together, as base64."""
_FEW_FRAMES = 24
_LONG_SIDES_PX = (640, 480)
"""Of pictures and depth, where frames are few and where they are many."""
_STEPS = (0.008, 0.012, 0.018)
"""Of log depth: readings are off by half of it, 0.9 % at most."""
_STILL_STEP = 0.002
_DEPTH_SHARE = 0.6
"""Of a frame's bytes, up to which its depth may take the finest step."""
_LEAST_JPEG_BYTES = 4_000
_FAR_LOG = 20.0
"""In place of no depth, while medians are taken: beyond any depth."""


@dataclass(frozen=True)
class PageFrame:
    """One frame as a page has it.

    Attributes:
        index: its number in the clip.
        seconds: its time.
        jpeg: base64.
        depth: log depth at the picture's size; None where all frames have the same.
    """

    index: int
    seconds: float
    jpeg: str
    depth: EncodedDepth | None


def choose_frames(count: int, *, key_frames: Collection[int] = (), most: int = MOST_FRAMES) -> list[int]:
    """Return frames spread evenly over a clip, the first and the last among them.

    Args:
        count: frames of the clip.
        key_frames: those in which people and objects were looked for: one that is at hand is taken in place of its
            neighbour.
        most: frames of the page.
    """
    if count <= most:
        return list(range(count))
    even = np.linspace(0, count - 1, most)
    reach = (count - 1) / (most - 1) / 2
    keys = np.array(sorted(key_frames), float)
    chosen = []
    for place in even:
        near = keys[np.abs(keys - place) < reach] if 0 < place < count - 1 else keys[:0]
        chosen.append(round(float(near[np.abs(near - place).argmin()] if len(near) else place)))
    return sorted(set(chosen))


class ClipFrames:
    """Takes the frames of a clip in order, and keeps those of the page, encoded: memory does not grow with the clip.

    Args:
        chosen: numbers of the frames of the page.
        width: of the clip's frames.
        height: the same.
        same_depth: whether all frames have one depth, as of a camera that stands still.
    """

    def __init__(self, chosen: Collection[int], width: int, height: int, *, same_depth: bool) -> None:
        self._chosen, self._same = frozenset(chosen), same_depth
        few = same_depth or len(self._chosen) <= _FEW_FRAMES
        scale = min(1.0, _LONG_SIDES_PX[0 if few else 1] / max(width, height))
        self.size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._bytes = PAGE_BYTES // max(1, len(self._chosen))
        self._columns, self._rows = nearest_places(self.size[0], width), nearest_places(self.size[1], height)
        self.depth: EncodedDepth | None = None
        self.holes = False
        self.frames: list[PageFrame] = []
        self.seconds = array("d")

    def add(self, index: int, seconds: float, pixels: UInt8[ndarray, "h w 3"], depth_m: Float[ndarray, "h w"]) -> None:
        """Take the next frame.

        Args:
            index: its number.
            seconds: its time.
            pixels: the picture.
            depth_m: its depth, metres; NaN where there is none.
        """
        self.seconds.append(seconds)
        if index not in self._chosen:
            return
        own: EncodedDepth | None = None
        if not self._same:
            own = self._encoded(depth_m, _STEPS)
        elif self.depth is None:
            self.depth = self._encoded(depth_m, (_STILL_STEP,))
        small = np.asarray(cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA))
        left = self._bytes - (0 if own is None else len(own.data))
        jpeg = fitting_jpeg(small, max(left * 3 // 4, _LEAST_JPEG_BYTES))
        self.frames.append(PageFrame(index, round(seconds, 4), base64.b64encode(jpeg).decode(), own))

    def _encoded(self, depth_m: Float[ndarray, "h w"], steps: Sequence[float]) -> EncodedDepth:
        """Return log depth at the places of the page, with the finest step that leaves room for the picture."""
        log_depth = np.log(depth_m[np.ix_(self._rows, self._columns)].astype(np.float64))
        holes = np.isnan(log_depth)
        self.holes |= bool(holes.any())
        most = _DEPTH_SHARE * self._bytes
        for step in steps:
            encoded = encode_log_depth(log_depth, least_step=step)
            if len(encoded.data) <= most or self._same:
                return encoded
        # Noise from pixel to pixel: what is around each place takes less.
        medians = cv2.medianBlur(np.where(holes, _FAR_LOG, log_depth).astype(np.float32), 5).astype(np.float64)
        return encode_log_depth(np.where(holes | (medians >= _FAR_LOG), np.nan, medians), least_step=steps[-1])
