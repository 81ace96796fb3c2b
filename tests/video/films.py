"""Video files for tests: lossless, of any size, rate, turn and length."""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""Clockwise degrees -> the four numbers of the display matrix that are not translations."""


def film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    fps: float = 10.0,
    ticks: Sequence[int] | None = None,
    metadata: Mapping[str, str] | None = None,
    turned: int = 0,
) -> Path:
    """Write a video without loss.

    Args:
        path: its suffix chooses the container.
        frames: (h, w, 3) uint8.
        fps: frames a second.
        ticks: time of each frame, in 1/fps; None for one after the other.
        metadata: of the file.
        turned: degrees, clockwise, by which a player turns it; of an mp4 or mov.
    """
    rate = Fraction(fps).limit_denominator(1001)
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(metadata or {})
        codec, pixels = ("ffv1", "bgr0") if path.suffix == ".mkv" else ("png", "rgb24")
        stream = container.add_stream(codec, rate=rate)
        height, width = frames[0].shape[:2] if len(frames) else (48, 64)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for k, one in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(one), format="rgb24")
            frame.pts, frame.time_base = k if ticks is None else ticks[k], 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if turned:
        content = bytearray(path.read_bytes())
        # Version 0: the matrix is 40 bytes into the box.
        at = content.index(b"tkhd") + 4 + 40
        a, b, c, d = (number * 0x10000 for number in TURNS[turned])
        content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
        path.write_bytes(content)
    return path


def sound(path: Path) -> Path:
    """Write a file with sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ramp(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Return frames whose red grows to the right, green downwards, and blue with time."""
    width, height = size
    frames = []
    for k in range(count):
        one = np.zeros((height, width, 3), np.uint8)
        one[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
        one[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
        one[..., 2] = 10 * k % 256
        frames.append(one)
    return frames
