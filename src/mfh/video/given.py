"""Relative depth of a whole clip that the user brings, of any model for clips: one scale and shift for all frames."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.errors import InputError, shown
from mfh.geometry.masks import relative_with_holes
from mfh.io.reading import read_npy, read_npz
from mfh.io.relative import RelativeDepthMap, read_relative_depth, relative_depth_map
from mfh.models.relative_depth.range_head import with_likely_range
from mfh.pipeline.own_depth import ASSUMED_SHAPE_LOG_SIGMA, of_other_space, space_is_swapped
from mfh.scale.measurements import ScaleMeasurement
from mfh.types import RelativeDepth, Space
from mfh.video.frames import natural
from mfh.video.records import Sighting

_WHAT, _EXPECTED = "relative depth of a clip", "maps of all frames, (frames, height, width)"
_NAMES = ("depths", "depth", "disparity", "data", "arr_0")
_MOST_COMPARED = 500
_MAPS = frozenset((".npy", ".npz", ".png", ".tif", ".tiff", ".pfm", ".exr"))


@dataclass(frozen=True)
class ClipDepth:
    """Relative depth of a clip, frame by frame.

    Attributes:
        count: number of maps.
        name: for messages.
        space: what the values are.
        read: returns the map of a frame.
        changed_ns: when its files were last written.
    """

    count: int
    name: str
    space: Space
    read: Callable[[int], RelativeDepthMap]
    changed_ns: int

    def check_count(self, frames: int) -> None:
        """Refuse maps that are not one for each frame.

        Args:
            frames: of the clip, of those that are measured.

        Raises:
            InputError: saying how many there are of both.
        """
        if self.count != frames:
            raise InputError(
                f"{self.name} has {self.count} maps, and {frames} frames of the clip are measured: expected one map "
                "for each of them"
            )

    def check_space(self, sightings: Iterable[Sighting]) -> None:
        """Refuse maps whose order is opposite to that of the distances of people and objects.

        Args:
            sightings: of all frames, whose maps have one scale and shift.

        Raises:
            InputError: saying which space they are of.
        """
        measured = [
            ScaleMeasurement(one.depth_m, np.array([one.relative]))
            for one in sightings
            if one.used and one.depth_m is not None and not one.landmark.is_prior
        ]
        if space_is_swapped(measured[:: 1 + len(measured) // _MOST_COMPARED], [], self.space):
            raise of_other_space(self.name, self.space)

    def __call__(self, index: int, width: int, height: int) -> RelativeDepth:
        """Return the map of a frame at a size, with how far its depth likely reaches.

        Raises:
            InputError: for a frame without a map, or a map of another shape.
        """
        if index >= self.count:
            raise InputError(f"{self.name} has {self.count} maps, and the clip has more frames: expected one for each")
        fitted, _ = self.read(index).fitted_to(width, height)
        return with_likely_range(
            relative_with_holes(fitted.values, fitted.space), shape_log_sigma=ASSUMED_SHAPE_LOG_SIGMA
        )


def read_clip_depth(path: Path, *, space: Space) -> ClipDepth:
    """Open relative depth of a clip: a folder with a map for each frame, or one npz or npy with all of them.

    Args:
        path: of the folder or file. Maps in a folder are taken in the order of their names, 2 before 10.
        space: "disparity", larger is nearer, or "depth", larger is farther.

    Raises:
        InputError: for what is no such depth, in one line.
    """
    if path.is_dir():
        files = sorted((one for one in path.iterdir() if one.suffix.lower() in _MAPS), key=natural)
        if not files:
            raise InputError(f"{shown(path)} holds no maps ({', '.join(sorted(_MAPS))}): expected one for each frame")
        changed_ns = max(one.stat().st_mtime_ns for one in files)
        return ClipDepth(
            len(files), path.name, space, lambda index: read_relative_depth(files[index], space=space), changed_ns
        )
    if path.suffix.lower() == ".zip":
        raise InputError(f"{shown(path)} is packed: unzip it, and give the folder with a map for each frame")
    if path.suffix.lower() == ".npy":
        maps = read_npy(path, what=_WHAT, expected=_EXPECTED)
    else:
        arrays = read_npz(path, what=_WHAT, expected=_EXPECTED)
        named = [name for name in _NAMES if name in arrays]
        if not named:
            raise InputError(f"{shown(path)} has {', '.join(arrays)}: expected one of {', '.join(_NAMES)}")
        maps = arrays[named[0]]
    maps = np.squeeze(maps, tuple(axis for axis in range(1, maps.ndim) if maps.shape[axis] == 1))
    if maps.ndim != 3:
        raise InputError(f"{shown(path)} has an array of shape {maps.shape}: expected (frames, height, width)")

    def read(index: int) -> RelativeDepthMap:
        return relative_depth_map(maps[index], space=space, name=f"{path.name}[{index}]")

    return ClipDepth(len(maps), path.name, space, read, path.stat().st_mtime_ns)
