"""Maps of numbers that users bring: relative depth, and intrinsics of cameras."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.case import Step
from tests.fuzz.corpus.photos import SIZE, image
from tests.fuzz.corpus.reader import Plan, Reader, Run, maybe_json
from tests.fuzz.damage_arrays import npy_bytes

WIDTH, HEIGHT = SIZE


def depth(dtype: str = "<f4") -> np.ndarray:
    """Return depth that falls from the top to the bottom, as in the world of the made-up models."""
    disparity = np.repeat(np.linspace(0.2, 1.8, HEIGHT)[:, None], WIDTH, axis=1)
    return (1000 / disparity if np.dtype(dtype).kind in "iu" else 1 / disparity).astype(dtype)


def npz_bytes(compressed: bool = False, **arrays: np.ndarray) -> bytes:
    """Return an npz of arrays."""
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def grey16(values: np.ndarray) -> bytes:
    """Return a 16-bit grey png."""
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def exr(values: np.ndarray) -> bytes:
    """Return an OpenEXR file of one channel of 32-bit floats, not compressed."""
    height, width = values.shape

    def attribute(name: str, kind: str, content: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(content)) + content

    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"Y\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"
    header = struct.pack("<II", 20000630, 2) + attribute("channels", "chlist", channels)
    header += attribute("compression", "compression", b"\0") + attribute("dataWindow", "box2i", window)
    header += attribute("displayWindow", "box2i", window) + attribute("lineOrder", "lineOrder", b"\0")
    header += attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0))
    header += attribute("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)) + b"\0"
    line = 8 + 4 * width
    start = len(header) + 8 * height
    offsets = struct.pack(f"<{height}Q", *(start + row * line for row in range(height)))
    rows = [struct.pack("<ii", row, 4 * width) + values[row].astype("<f4").tobytes() for row in range(height)]
    return header + offsets + b"".join(rows)


def pfm(values: np.ndarray) -> bytes:
    """Return a portable float map, whose rows go upwards."""
    height, width = values.shape
    return f"Pf\n{width} {height}\n-1.0\n".encode() + values[::-1].astype("<f4").tobytes()


def float_tiff(values: np.ndarray) -> bytes:
    """Return a TIFF of floats."""
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.float32)).save(stream, "TIFF")
    return stream.getvalue()


def _sky() -> np.ndarray:
    values = depth()
    values[:5] = np.inf
    values[5, :3] = np.nan
    return values


MAPS: dict[str, Callable[[], bytes]] = {
    "f4.npy": lambda: npy_bytes(depth()),
    "f8.npy": lambda: npy_bytes(depth(">f8")),
    "f2.npy": lambda: npy_bytes(depth("<f2")),
    "u2.npy": lambda: npy_bytes(depth("<u2")),
    "i4.npy": lambda: npy_bytes(depth("<i4")),
    "column.npy": lambda: npy_bytes(np.asfortranarray(depth())),
    "channel.npy": lambda: npy_bytes(depth()[None, :, :, None]),
    "larger.npy": lambda: npy_bytes(np.kron(depth(), np.ones((3, 3), np.float32))),
    "one.npz": lambda: npz_bytes(anything=depth()),
    "several.npz": lambda: npz_bytes(True, depth=depth(), confidence=depth(), about=np.array("x")),
    "grey.png": lambda: grey16(depth("<u2")),
    "plain.exr": lambda: exr(depth()),
    "plain.pfm": lambda: pfm(depth()),
    "plain.tif": lambda: float_tiff(depth()),
    "sky.npy": lambda: npy_bytes(_sky()),
}
"""File -> its content."""
# They may be refused whole, as long as that is said.
_MAY_REFUSE = ("plain.exr", "plain.pfm", "plain.tif", "sky.npy")

_K = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5}
INTRINSICS: dict[str, bytes] = {
    "plain.json": json.dumps(_K).encode(),
    "sized.json": json.dumps({**_K, "width": 64, "height": 48, "extra": {"deep": [1, 2]}}).encode(),
    "halved.json": json.dumps({**_K, "width": 128, "height": 96}).encode(),
    "mark.json": b"\xef\xbb\xbf" + json.dumps(_K).encode(),
    "nerfstudio.json": json.dumps(
        {"camera_model": "OPENCV", "fl_x": 60.0, "fl_y": 60.0, "cx": 31.5, "cy": 23.5, "w": 64, "h": 48, "frames": []}
    ).encode(),
    "matrix.json": json.dumps({"intrinsics": [60, 0, 0, 0, 60, 0, 31.5, 23.5, 1]}).encode(),
    "rows.json": json.dumps({"K": [[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]]}).encode(),
    "cameras.txt": b"# Camera list\n1 PINHOLE 64 48 60.0 60.0 31.5 23.5\n",
}
_INTRINSICS_MAY_REFUSE = ("halved.json", "mark.json", "nerfstudio.json", "matrix.json", "rows.json", "cameras.txt")


def build_maps(root: Path, run: Run) -> None:
    """Write a photo and all maps of it."""
    image().save(root / "work" / "photo.png")
    for name, make in MAPS.items():
        (root / "work" / name).write_bytes(make())


def plan_map(name: str, rng: Random) -> Plan:
    """Give a photo one of them."""
    words = ["predict", "photo.png", "--relative-depth", name, "--space", "depth", "--out", "out", *maybe_json(rng)]
    if rng.random() < 0.3:
        words += ["--known-distance", "30,40=2m", "--people", "only"]
    whole = frozenset({0, 2}) if name in _MAY_REFUSE else frozenset({0})
    return Plan((Step(tuple(words)),), [f"work/{name}"], whole=whole)


def build_intrinsics(root: Path, run: Run) -> None:
    """Write a photo and cameras of it."""
    image().save(root / "work" / "photo.png")
    for name, content in INTRINSICS.items():
        (root / "work" / name).write_bytes(content)


def plan_intrinsics(name: str, rng: Random) -> Plan:
    """Give a photo one of them."""
    words = ("predict", "photo.png", "--intrinsics", name, "--out", "out", *maybe_json(rng))
    whole = frozenset({0, 2}) if name in _INTRINSICS_MAY_REFUSE else frozenset({0})
    return Plan((Step(words),), [f"work/{name}"], whole=whole)


READERS = (
    Reader("relative depth", build_maps, tuple(MAPS), plan_map, weight=7.0),
    Reader("intrinsics", build_intrinsics, tuple(INTRINSICS), plan_intrinsics, weight=4.0),
)
