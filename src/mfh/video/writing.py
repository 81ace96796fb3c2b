"""The last pass over a clip: every frame's depth in metres, steadied, into files."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.io.contents import CLIP_FILE
from mfh.types import Camera, MetricHead, RelativeDepth, Space
from mfh.video.chain import FrameHead, poses_of
from mfh.video.frames import Clip, Frame
from mfh.video.fuse import Steady, steadied
from mfh.video.layout import depth_path, depth_zip, limits_of_clip_m, mp4, write_cameras
from mfh.video.motion import grey_for_flow
from mfh.video.side_by_side import SideBySide

_SAMPLED = 200
"""Frames, at most, by which the ends of the colour bar are chosen."""


@dataclass(frozen=True)
class Depths:
    """Depth of every frame of a clip, from what its networks left.

    Attributes:
        relative: returns the relative depth of a frame.
        heads: to inverse metres, or metres.
        space: of the relative depth.
        max_depth_m: farther answers are not valid.
        same_m: (h, w) depth of all frames, where the camera stands still; else None.
        steady: whether frames are averaged with those before, where the picture stands still.
    """

    relative: Callable[[int], RelativeDepth]
    heads: tuple[FrameHead, ...]
    space: Space
    max_depth_m: float
    same_m: Float[ndarray, "h w"] | None = None
    steady: bool = True

    def alone_m(self, index: int) -> Float[ndarray, "h w"]:
        """Return the depth of a frame by itself; NaN where there is none."""
        if self.same_m is not None:
            return self.same_m
        head = self.heads[index]
        metric = MetricHead(head.scale, head.shift, self.space, 0.0)
        return metric.depth_of(self.relative(index).values_or_nan, max_depth_m=self.max_depth_m)

    def along(self, frames: Iterator[Frame], camera: Camera) -> Iterator[tuple[Frame, Float[ndarray, "h w"]]]:
        """Yield frames, in order from the first, with their depth in metres; NaN where there is none."""
        before: Steady | None = None
        relative: RelativeDepth | None = None
        for frame in frames:
            if not self.steady or self.same_m is not None:
                yield frame, self.alone_m(frame.index)
                continue
            head = self.heads[frame.index]
            relative = self.relative(frame.index)
            values = (head.scale * relative.values_or_nan + head.shift).astype(np.float32)
            if head.still == 0:
                before = None
            before = steadied(before, values, grey_for_flow(frame.pixels), head.pose, camera, self.space)
            yield frame, MetricHead(1.0, 0.0, self.space, 0.0).depth_of(before.values, max_depth_m=self.max_depth_m)


def colour_limits_m(depths: Depths, count: int) -> tuple[float, float]:
    """Return the ends of one colour bar for a clip, by a sample of its frames."""
    step = -(-count // _SAMPLED)
    quantiles = []
    for index in range(0, count, step):
        some_m = depths.alone_m(index)[::4, ::4]
        some_m = some_m[~np.isnan(some_m)]
        if len(some_m):
            near_m, far_m = np.percentile(some_m, (1, 99))
            quantiles.append((float(near_m), float(far_m)))
    return limits_of_clip_m(quantiles)


def write_clip(
    folder: Path,
    clip: Clip,
    depths: Depths,
    *,
    caption: str,
    report: Callable[[int], None],
    also: Callable[[Frame, Float[ndarray, "h w"]], None] | None = None,
) -> tuple[float, float]:
    """Write depth, cameras, the picture, and the picture beside its depth.

    Args:
        folder: of the clip.
        clip: the clip.
        depths: of its frames.
        caption: below the picture beside its depth.
        report: called with the number of frames that are done.
        also: called with each frame and its depth, metres.

    Returns:
        Near and far end of the colour bar, metres.
    """
    name, camera = clip.name, clip.camera
    limits_m = colour_limits_m(depths, len(depths.heads))
    write_cameras(folder, name, camera, poses_of(depths.heads))
    drawing = SideBySide(camera.width, camera.height, limits_m, caption)
    with ExitStack() as stack:
        archive = stack.enter_context(depth_zip(depth_path(folder, name)))
        size = (camera.width, camera.height)
        picture = stack.enter_context(mp4(folder / "rgb" / f"{name}.mp4", size, clip.frames_a_second))
        beside = stack.enter_context(mp4(folder / CLIP_FILE, drawing.size, clip.frames_a_second))
        for frame, depth_m in depths.along(clip.read(), camera):
            archive.add(depth_m)
            picture.add(frame.pixels)
            beside.add(drawing.draw(frame.pixels, depth_m, frame.seconds))
            if also is not None:
                also(frame, depth_m)
            report(frame.index + 1)
    return limits_m
