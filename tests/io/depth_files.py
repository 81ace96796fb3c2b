"""Results in every format, and readers of them that know nothing of the writers."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from mfh.io.depth_rows import DepthRows, rows_of_result
from mfh.io.formats import FORMATS
from mfh.types import Camera, CommonErrors, LogSigmaCurve, MetricDepth, Photo, ScaleInterval
from tests.made_up import made_up_result, with_depth

COMMANDS = ("mfh predict photo.jpg --seed 7",)


def sure_result() -> MetricDepth:
    """The made-up result with an interval, a standard deviation at every pixel and an odd camera."""
    result = made_up_result()
    height, width = result.shape
    camera = Camera(fx=81.3, fy=79.9, cx=30.25, cy=26.5, width=width, height=height)
    interval = ScaleInterval((0.8, 1.3), (0.65, 1.6), 0.25, 0.1, CommonErrors(), 0.1, 2.0, "few people")
    curve = LogSigmaCurve(np.array([0.0, 1.0]), np.array([0.3, 0.1]))
    photo = replace(result.photo, camera=camera)
    return replace(result, photo=photo, interval=interval, log_sigma_curve=curve)


def rows_with(depth_m: np.ndarray, *, focal_px: float = 80.0, rgb: np.ndarray | None = None) -> DepthRows:
    """A depth of any size as writers take it; noise for a photo."""
    height, width = depth_m.shape
    if rgb is None:
        rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    result = sure_result()
    camera = Camera(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)
    photo = Photo(rgb, camera, result.photo.focal, "photo.jpg")
    return rows_of_result(with_depth(result, depth_m, photo=photo), commands=COMMANDS)


def write(name: str, folder: Path, rows: DepthRows, *, max_points: int | None = None) -> Path:
    """Write one format."""
    FORMATS[name].write(folder / FORMATS[name].file, rows, max_points)
    return folder / FORMATS[name].file


def read_plain_exr(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """A second reader of EXR, by the format's description: single-part scanlines, ZIP or none, float channels."""
    content = path.read_bytes()
    assert struct.unpack_from("<II", content) == (20000630, 2)
    at = 8

    def text() -> str:
        nonlocal at
        end = content.index(b"\0", at)
        found, at = content[at:end].decode("latin-1"), end + 1
        return found

    header: dict[str, tuple[str, bytes]] = {}
    while name := text():
        kind = text()
        (size,) = struct.unpack_from("<I", content, at)
        header[name], at = (kind, content[at + 4 : at + 4 + size]), at + 4 + size
    at += 1 if content[at] == 0 and name else 0
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"][1])
    width, height = right - left + 1, bottom - top + 1
    names, rest = [], header["channels"][1]
    while rest[0]:
        end = rest.index(b"\0")
        names.append(rest[:end].decode())
        assert struct.unpack_from("<I", rest, end + 1) == (2,), "32-bit floats"
        rest = rest[end + 1 + 16 :]
    lines = {0: 1, 2: 1, 3: 16}[header["compression"][1][0]]
    offsets = struct.unpack_from(f"<{-(-height // lines)}Q", content, at)
    planes = {name: np.empty((height, width), "<f4") for name in names}
    for offset in offsets:
        row, size = struct.unpack_from("<ii", content, offset)
        data = content[offset + 8 : offset + 8 + size]
        count = min(lines, height - (row - top))
        if size != 4 * width * count * len(names):
            plain = np.frombuffer(zlib.decompress(data), np.uint8).astype(np.int64)
            plain[1:] -= 128
            plain = (np.cumsum(plain) % 256).astype(np.uint8)
            half = (len(plain) + 1) // 2
            data = np.empty_like(plain)
            data[0::2], data[1::2] = plain[:half], plain[half:]
        values = np.frombuffer(bytes(data), "<f4").reshape(count, len(names), width)
        for number, name in enumerate(names):
            planes[name][row - top : row - top + count] = values[:, number]
    texts = {name: value.decode() for name, (kind, value) in header.items() if kind == "string"}
    return texts, planes
