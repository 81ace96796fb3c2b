"""The files of a clip, in the layout of ViPE: depth as float16 EXR in a zip, intrinsics, poses and the picture.

Other programs read ``depth/<name>.zip``, ``intrinsics/<name>.npz``, ``pose/<name>.npz`` and ``rgb/<name>.mp4``.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.errors import InputError, kind_and_message
from mfh.io.atomic import make_folder
from mfh.io.exr import write_exr
from mfh.types import Camera
from mfh.viz.drawing import never_flat

_LARGEST_M = float(np.finfo(np.float16).max)
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every entry of the zip: the same clip gives the same bytes."""
_QUALITY = "20"


def depth_path(folder: Path, name: str) -> Path:
    """Return where the depth of a clip is."""
    return folder / "depth" / f"{name}.zip"


def write_cameras(folder: Path, name: str, camera: Camera, poses: Float[ndarray, "n 4 4"]) -> None:
    """Write intrinsics and poses.

    Args:
        folder: of the clip.
        name: of the clip.
        camera: of all frames.
        poses: from each frame's camera to that of the first one, metres.
    """
    count = len(poses)
    make_folder(folder / "intrinsics")
    make_folder(folder / "pose")
    intrinsics = np.array([[camera.fx, camera.fy, camera.cx, camera.cy]] * count, np.float32)
    frames = np.arange(count)
    np.savez(folder / "intrinsics" / f"{name}.npz", data=intrinsics, inds=frames)
    lines = "".join(f"{frame}: PINHOLE\n" for frame in frames)
    (folder / "intrinsics" / f"{name}_camera.txt").write_text(lines, encoding="utf-8")
    np.savez(folder / "pose" / f"{name}.npz", data=poses.astype(np.float32), inds=frames)


class DepthZip:
    """Depth of a clip, frame by frame, into a zip of EXR files."""

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive, self._folder = archive, folder
        self._count = 0
        self._last: tuple[Float[ndarray, "h w"], bytes] | None = None

    def add(self, depth_m: Float[ndarray, "h w"]) -> None:
        """Add a frame.

        Args:
            depth_m: (h, w) metres; NaN where there is none.
        """
        if self._last is None or self._last[0] is not depth_m:
            path = self._folder / "frame.exr"
            half = np.where(depth_m <= _LARGEST_M, depth_m, np.nan).astype(np.float16)
            write_exr(path, {"Z": half}, attributes={})
            self._last = (depth_m, path.read_bytes())
        entry = zipfile.ZipInfo(f"{self._count:05d}.exr", _EPOCH)
        self._archive.writestr(entry, self._last[1])
        self._count += 1


@contextmanager
def depth_zip(path: Path) -> Iterator[DepthZip]:
    """Yield what takes the depth of a clip.

    Args:
        path: of the zip.
    """
    make_folder(path.parent)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        yield DepthZip(archive, Path(folder))


class Mp4:
    """A video file that takes frame after frame."""

    def __init__(self, container: object, stream: object) -> None:
        self._container, self._stream = container, stream

    def add(self, pixels: UInt8[ndarray, "h w 3"]) -> None:
        """Add a frame; its sides are even."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        self._write(frame)

    def _write(self, frame: object) -> None:
        for packet in self._stream.encode(frame):  # pyright: ignore[reportAttributeAccessIssue]
            self._container.mux(packet)  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def mp4(path: Path, size: tuple[int, int], frames_a_second: float) -> Iterator[Mp4]:
    """Yield what takes the frames of a video that any player shows: H.264, in colours of half the resolution.

    Args:
        path: of the file.
        size: width and height, even.
        frames_a_second: at which it is played.

    Raises:
        InputError: where it cannot be encoded.
    """
    import av
    import av.error

    make_folder(path.parent)
    rate = Fraction(frames_a_second).limit_denominator(1001)
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            # The same bytes from the same frames: on any number of cores, and without the macroblock tree, which reads
            # memory that was never written.
            stream.options = {"crf": _QUALITY, "preset": "veryfast", "x264-params": "mbtree=0"}
            stream.codec_context.thread_count = 1
            video = Mp4(container, stream)
            yield video
            video._write(None)
    except av.error.FFmpegError as error:
        raise InputError(f"{path.name} cannot be encoded: {kind_and_message(error)}") from error


def even(side: int | float) -> int:
    """Return the nearest even whole number of pixels, 2 at least."""
    return max(2, 2 * round(side / 2))


def limits_of_clip_m(quantiles_m: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the ends of one colour bar for all frames.

    Args:
        quantiles_m: 1st and 99th percentile of each frame's depth, metres; NaN where a frame has none.
    """
    seen = np.array(quantiles_m, float).reshape(-1, 2)
    seen = seen[np.isfinite(seen).all(1)]
    if not len(seen):
        return 1.0, 10.0
    return never_flat(float(np.percentile(seen[:, 0], 5)), float(np.percentile(seen[:, 1], 95)))
