"""A made-up clip for its report: the room of the photo's report, each frame of another depth, its camera moving."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mfh import refit
from mfh.io.focal import FocalRequest
from mfh.io.results import Place, Written
from mfh.types import MetricDepth, RelativeDepth
from mfh.video.chain import FrameHead
from mfh.video.frames import open_clip
from mfh.video.pooling import PooledTrack, TrackSighting
from mfh.video.run import ClipRequest, write_solved
from mfh.video.solving import SolvedClip
from mfh.video.writing import Depths
from tests.report.scene import room

FRAMES, WIDTH, HEIGHT = 9, 320, 240
STEP_M, FARTHER = 0.25, 0.05
"""From frame to frame: metres by which the camera moves on, and share by which all is farther."""


@dataclass(frozen=True)
class Filmed:
    """The clip's files, and what they were made from."""

    written: Written
    result: MetricDepth
    heads: tuple[FrameHead, ...]

    @property
    def page(self) -> str:
        return (self.written.folder / "report.html").read_text(encoding="utf-8")

    def depth_m(self, index: int) -> np.ndarray:
        """Depth of a frame, from the zip beside the page."""
        import OpenEXR

        depth = self.written.folder / "depth"
        if not (depth / f"{index:05d}.exr").exists():
            import zipfile

            (archive,) = depth.glob("*.zip")
            with zipfile.ZipFile(archive) as opened:
                opened.extract(f"{index:05d}.exr", depth)
        channels = OpenEXR.File(str(depth / f"{index:05d}.exr")).channels()
        return np.asarray(channels["Z"].pixels, float)


def filmed_room(folder: Path, *, still: bool = False, name: str = "walk", report: bool = True) -> Filmed:
    """Write the clip and its page.

    Args:
        folder: for its frames, and its results.
        still: whether the camera stands still.
        name: of the clip.
        report: whether the page is made.
    """
    gathered = room(WIDTH, HEIGHT)
    result = refit(gathered)
    frames = folder / name
    frames.mkdir(parents=True)
    for index in range(FRAMES):
        pixels = np.roll(gathered.photo.pixels, 4 * index, 1)
        pixels[:, :, 0] = 20 + 20 * index
        Image.fromarray(pixels).save(frames / f"{index}.png")
    clip = open_clip([frames], focal=FocalRequest(focal_px=gathered.photo.camera.fx))
    head = result.head
    heads = [FrameHead(head.scale / (1 + FARTHER * k), head.shift / (1 + FARTHER * k), _pose(k)) for k in range(FRAMES)]
    if still:
        heads = heads[:1] * FRAMES
    solved = SolvedClip(result, gathered, None if still else 0, tuple(heads), tuple(_tracks(result)))
    relative: RelativeDepth = gathered.relative
    depths = Depths(
        lambda index: relative,
        solved.heads,
        head.space,
        result.max_depth_m,
        same_m=result.depth_m if still else None,
        steady=False,
    )
    place = Place(folder / "out", frames, name=clip.name, inputs=(frames,))
    asked = ClipRequest(static_camera=still, report=report)
    written = write_solved(clip, place, solved, depths, asked, ("mfh video walk",))
    return Filmed(written, result, solved.heads)


def _pose(index: int) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = STEP_M * index
    return pose


def _tracks(result: MetricDepth) -> list[PooledTrack]:
    """The room's landmarks, each seen in the first, the fifth and the last frame, 8 pixels on each time."""
    rows = []
    for landmark in result.landmarks:
        left, top, right, bottom = landmark.box_xyxy
        used = landmark.verdict == "used"
        sightings = tuple(
            TrackSighting(
                frame,
                (left + 2 * frame, top, right + 2 * frame, bottom),
                float(landmark.distance_m or 1) * (1 + FARTHER * frame) if used else None,
                landmark.distance_m if used else None,
            )
            for frame in (0, 4, FRAMES - 1)
        )
        if landmark.painted:
            continue
        rows.append(PooledTrack(replace(landmark), 0, (0, 4, 8), (0, 4, 8) if used else (), None, sightings))
    return rows
