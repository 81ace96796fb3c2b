"""The frames of a clip: a video file, or pictures in order; one at a time, upright, at most of a given size."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from mfh.errors import BackendError, InputError, shown
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.one_camera import shared_focal
from mfh.io.photo import MIN_SIDE_PX, load_photo
from mfh.io.reading import check_file, reading
from mfh.types import Camera, FocalProvenance, Photo
from mfh.types.rows import to_unit_range

if TYPE_CHECKING:
    import av
    import av.container

LONG_SIDE_PX = 1280
"""Of a frame as it is measured and written, unless another is asked for."""
FRAMES_A_SECOND = 30.0
"""Of pictures that are played one after the other."""
_FOCAL_35MM = "focal_length.35mm_equivalent"
"""End of the name of a phone's entry about its lens, among a video's metadata."""
_WHAT, _EXPECTED = "clip", "a video, or a folder of its frames"
_LARGEST_FOCAL_35MM = 2000.0
_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".avif", ".heic", ".heif", ".jp2")
)


@dataclass(frozen=True)
class FrameRange:
    """Which frames of a clip are measured.

    Attributes:
        start_s: seconds from the beginning.
        end_s: seconds from the beginning, not included; None for all.
        every: each how-manieth.
        long_side_px: larger frames are made smaller.
    """

    start_s: float = 0.0
    end_s: float | None = None
    every: int = 1
    long_side_px: int = LONG_SIDE_PX


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        index: its number among those that are measured, from 0.
        seconds: its time from the beginning of the clip.
        pixels: (h, w, 3) upright.
    """

    index: int
    seconds: float
    pixels: UInt8[ndarray, "h w 3"]


@dataclass(frozen=True)
class Clip:
    """A clip of one camera with one focal length.

    Attributes:
        name: without suffix, for files.
        paths: the video, or its pictures in order.
        is_video: whether it is a video file.
        range: which of its frames are measured.
        camera: for the size at which they are.
        focal: where the focal length came from.
        frames_a_second: at which it is played, of the measured frames.
        frames: about how many there are; None where the file does not say.
        notes: sentences about odd input.
    """

    name: str
    paths: tuple[Path, ...]
    is_video: bool
    range: FrameRange
    camera: Camera
    focal: FocalProvenance
    frames_a_second: float
    frames: int | None
    notes: tuple[str, ...] = ()

    def photo(self, frame: Frame) -> Photo:
        """Return a frame as a photo with the camera of the clip."""
        return Photo(frame.pixels, self.camera, self.focal, name=f"{self.name}, frame {frame.index}")

    def read(self) -> Iterator[Frame]:
        """Yield the frames in order.

        Raises:
            InputError: for a file that cannot be decoded, or pictures of another size.
        """
        size = (self.camera.width, self.camera.height)
        frames = _video_frames(self.paths[0], self.range) if self.is_video else _pictures(self.paths, self.range)
        for index, (seconds, pixels) in enumerate(frames):
            if not _same_shape(pixels, size):
                height, width = pixels.shape[:2]
                what = f"frame {index} of {self.name}" if self.is_video else self.paths[index * self.range.every].name
                raise InputError(
                    f"{what} is {width}x{height}, and the first one has another shape: expected frames of one camera"
                )
            yield Frame(index, seconds, _resized(pixels, size))


def open_clip(paths: Sequence[Path], *, focal: FocalRequest | None = None, which: FrameRange = FrameRange()) -> Clip:
    """Open a clip without decoding more than its first frame.

    Args:
        paths: one video, one folder of pictures, or pictures in order.
        focal: the focal length, where the user knows it.
        which: frames that are measured.

    Raises:
        InputError: for what is no clip, in one line.
        BackendError: where PyAV is not installed.
    """
    if len(paths) == 1 and paths[0].is_dir():
        pictures = [one for one in paths[0].iterdir() if one.suffix.lower() in _SUFFIXES]
        if not pictures:
            raise InputError(f"{shown(paths[0])} holds no pictures: expected the frames of a clip")
        return _open_pictures(tuple(sorted(pictures, key=natural)), paths[0].name, focal, which)
    if len(paths) > 1 and any(one.is_dir() or one.suffix.lower() not in _SUFFIXES for one in paths):
        raise InputError(f"{len(paths)} clips are given: expected one video, one folder, or pictures")
    if len(paths) == 1 and paths[0].suffix.lower() not in _SUFFIXES:
        return _open_video(paths[0], focal, which)
    return _open_pictures(tuple(paths), paths[0].stem, focal, which)


def _open_video(path: Path, focal: FocalRequest | None, which: FrameRange) -> Clip:
    with _container(path) as container, reading(path, what=_WHAT, expected=_EXPECTED):
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or FRAMES_A_SECOND)
        length_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
        if length_s is None and container.duration:
            length_s = container.duration / 1e6
        focal_35mm = _focal_35mm({**container.metadata, **stream.metadata})
    _, pixels = _first(_video_frames(path, which), path, which)
    count = None
    if length_s is not None:
        end_s = length_s if which.end_s is None else min(which.end_s, length_s)
        count = max(1, math.ceil((end_s - which.start_s) * rate / which.every - 1e-6))
    camera, provenance, notes = _camera(pixels, ExifFacts(focal_35mm=focal_35mm), focal, which)
    return Clip(path.stem, (path,), True, which, camera, provenance, rate / which.every, count, notes)


def _open_pictures(paths: Sequence[Path], name: str, focal: FocalRequest | None, which: FrameRange) -> Clip:
    if len(paths) < 2:
        raise InputError(f"{shown(paths[0])} is one picture: expected a clip; mfh predict measures a picture")
    if which.start_s or which.end_s is not None:
        raise InputError("--from and --to are of a video: expected them with one; of pictures, name those you want")
    first = load_photo(paths[0])
    shared = shared_focal(paths, otherwise="give --focal-px if that is wrong") if focal is None else None
    first = first if shared is None else shared.given_to(first)
    pixels = _uint8(first)
    height, width = pixels.shape[:2]
    camera, provenance = first.camera, first.focal
    if focal is not None:
        camera, provenance = choose_camera(focal, ExifFacts(), width=width, height=height)
    camera, notes = _made_smaller(camera, which)
    used = len(range(0, len(paths), which.every))
    return Clip(name, tuple(paths), False, which, camera, provenance, FRAMES_A_SECOND / which.every, used, notes)


def _camera(
    pixels: UInt8[ndarray, "h w 3"], exif: ExifFacts, focal: FocalRequest | None, which: FrameRange
) -> tuple[Camera, FocalProvenance, tuple[str, ...]]:
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"the clip is {width}x{height}: expected {MIN_SIDE_PX} pixels or more on each side")
    camera, provenance = choose_camera(focal, exif, width=width, height=height)
    camera, notes = _made_smaller(camera, which)
    return camera, provenance, notes


def _made_smaller(camera: Camera, which: FrameRange) -> tuple[Camera, tuple[str, ...]]:
    """Return the camera at the size at which frames are measured: even sides, as videos have."""
    from mfh.geometry.camera import resize_camera

    factor = min(1.0, which.long_side_px / max(camera.width, camera.height))
    width, height = (max(2, 2 * round(side * factor / 2)) for side in (camera.width, camera.height))
    if (width, height) == (camera.width, camera.height):
        return camera, ()
    note = f"frames are measured and written at {width}x{height}, of {camera.width}x{camera.height}"
    notes = (f"{note}: --size gives another long side",) if factor < 1 else ()
    return resize_camera(camera, width=width, height=height), notes


def _first(frames: Iterator[tuple[float, UInt8[ndarray, "h w 3"]]], path: Path, which: FrameRange) -> Any:
    for one in frames:
        return one
    end = "" if which.end_s is None else f" to {which.end_s:g}"
    raise InputError(f"{shown(path)} has no frame from {which.start_s:g}{end} s: expected a clip with frames there")


def _video_frames(path: Path, which: FrameRange) -> Iterator[tuple[float, UInt8[ndarray, "h w 3"]]]:
    import av.error

    with _container(path) as container, reading(path, what=_WHAT, expected=_EXPECTED):
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or FRAMES_A_SECOND)
        count = 0
        try:
            for number, frame in enumerate(container.decode(stream)):
                seconds = number / rate if frame.time is None else float(frame.time)
                if which.end_s is not None and seconds >= which.end_s - 1e-9:
                    return
                if seconds < which.start_s - 1e-9:
                    continue
                if count % which.every == 0:
                    yield seconds, _upright(frame)
                count += 1
        except av.error.FFmpegError as error:
            raise InputError(
                f"{_WHAT} {shown(path)} cannot be decoded at frame {count} ({error.strerror}): expected a whole "
                "video; --to ends before what is damaged"
            ) from error


def _upright(frame: "av.VideoFrame") -> UInt8[ndarray, "h w 3"]:
    """Return a frame's pixels, turned as the file says."""
    pixels = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _container(path: Path) -> "av.container.InputContainer":
    """Open a video.

    Raises:
        InputError: for a file that is none.
        BackendError: where PyAV is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise BackendError("mfh video needs PyAV: pip install 'metric-from-human[video]'") from error
    check_file(path, what=_WHAT, expected=_EXPECTED)
    with reading(path, what=_WHAT, expected=_EXPECTED):
        try:
            # What is no text among a file's remarks is left out.
            container = av.open(str(path), metadata_errors="ignore")
        except av.error.FFmpegError as error:
            raise InputError(
                f"{_WHAT} {shown(path)} is no video that can be read ({error.strerror}): expected {_EXPECTED}"
            ) from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{_WHAT} {shown(path)} has no pictures, only sound: expected {_EXPECTED}")
    return container


def _pictures(paths: Sequence[Path], which: FrameRange) -> Iterator[tuple[float, UInt8[ndarray, "h w 3"]]]:
    for number, path in enumerate(paths):
        if number % which.every == 0:
            yield number / FRAMES_A_SECOND, _uint8(load_photo(path))


def _uint8(photo: Photo) -> UInt8[ndarray, "h w 3"]:
    if photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3:
        return photo.pixels
    grey = np.round(to_unit_range(photo.pixels) * 255).astype(np.uint8)
    return np.repeat(grey, 3, axis=2) if grey.shape[2] == 1 else grey


def _same_shape(pixels: UInt8[ndarray, "h w 3"], size: tuple[int, int]) -> bool:
    height, width = pixels.shape[:2]
    return abs(width / height * size[1] / size[0] - 1) <= 2 / min(size) + 1e-9


def _resized(pixels: UInt8[ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[ndarray, "a b 3"]:
    if pixels.shape[1::-1] == size:
        return pixels
    import cv2

    smaller = size[0] < pixels.shape[1]
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.uint8)


def _focal_35mm(metadata: dict[str, str]) -> float | None:
    for name, value in metadata.items():
        if name.lower().endswith(_FOCAL_35MM):
            try:
                millimetres = float(value)
            except ValueError:
                continue
            if 0 < millimetres <= _LARGEST_FOCAL_35MM:
                return millimetres
    return None


def natural(path: Path) -> tuple[tuple[int, int | str], ...]:
    """Return what sorts frame_2 before frame_10.

    Args:
        path: of a file.
    """
    parts = re.split(r"(\d+)", path.name)
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)
