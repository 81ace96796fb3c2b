"""One reader for depth of any format: ``mfh.read_depth``.

A file of this program says what it holds (:mod:`mfh.io.schema`). For any other the caller says it; nothing is guessed.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from mfh.errors import InputError, shown
from mfh.geometry.camera import camera_matrix, check_camera
from mfh.io.depth import read_depth_npz
from mfh.io.exr import read_exr_parts
from mfh.io.maps import READABLE, as_map, read_map
from mfh.io.pictures import MAX_PIXELS, open_picture
from mfh.io.reading import MAX_ARRAY_BYTES, array_names, open_zip, reading
from mfh.io.schema import KEY, OPENCV, DepthAbout, Kind, StoredDepth, parse_about
from mfh.io.units import parse_unit
from mfh.types import MetricHead

IN_FOLDER = ("depth.npz", "depth.exr", "depth-256.png", "depth.png")
"""Files of a folder of results that are read, the first that is there; the finest come first."""
EXR_CHANNELS = ("Z", "log_sigma")
_NAMES = ("depth_m", "depth", "pred", "prediction", "z")
_READ_PIXELS = 4 * MAX_PIXELS
"""Largest picture of depth that is read: users may raise the limit on photos."""
_WHAT = "depth"
_EXPECTED = f"depth of mfh in npz, exr or png, a folder of its results, or another program's {READABLE}"
_KINDS: dict[str, Kind] = {"z": "z", "ray": "ray"}
_NO_MAPS = (".glb", ".gltf", ".ply", ".obj")


def read_depth(path: str | Path, *, unit: str | None = None, kind: str | None = None) -> StoredDepth:
    """Read depth of any format: npz, exr, png of millimetres or 1/256 m, a folder of results, or another program's map.

    A file that ``mfh`` wrote says itself what it holds. For any other, and for npy, ``unit`` and ``kind`` must say it.

    Args:
        path: the file, or the folder of one photo's results.
        unit: of the numbers, where the file does not say it: "m", "cm", "mm", "ft", or metres per unit as "1/256".
        kind: "z" (along the optical axis) or "ray" (along the line of sight), where the file does not say it.

    Returns:
        Metres with all the file says; NaN where there is no depth, which is 0 in files of whole numbers.

    Raises:
        InputError: for a file that cannot be read, holds no depth map, or does not say what it holds where the caller
            does not either; in one line.
    """
    path = Path(path)
    if os.path.isdir(path):
        path = _in_folder(path)
    suffix = path.suffix.lower()
    if suffix in _NO_MAPS:
        raise InputError(
            f"{shown(path)} holds points or triangles, no depth map: read depth.npz of the same results, or open it "
            "with trimesh.load"
        )
    readers: dict[str, Callable[[Path], StoredDepth | None]] = {".npz": _read_npz, ".png": _read_png, ".exr": _read_exr}
    stored = readers[suffix](path) if suffix in readers else None
    if stored is None:
        return _read_foreign(path, unit, kind)
    if unit is not None or kind is not None:
        raise InputError(f"{shown(path)} says itself that it holds {stored.kind} in metres: leave out unit and kind")
    return stored


def _in_folder(folder: Path) -> Path:
    """Return the file of a folder of results that has its depth."""
    found = next((folder / name for name in IN_FOLDER if (folder / name).is_file()), None)
    if found is None:
        raise InputError(f"the folder {shown(folder)} holds no depth: expected one of {', '.join(IN_FOLDER)} in it")
    return found


def _read_npz(path: Path) -> StoredDepth | None:
    """Return a depth.npz; None for another program's, or one of before there was a schema."""
    with open_zip(path, what=_WHAT, expected=_EXPECTED, max_bytes=MAX_ARRAY_BYTES) as archive:
        if not {"about", "depth_m"} <= set(array_names(archive)):
            return None
    npz = read_depth_npz(path)
    with reading(path, what=_WHAT, expected=_EXPECTED):
        about = _in_metres(str(npz.about))
        camera = camera_matrix(about.camera)
        if not np.array_equal(npz.K, camera):
            raise ValueError("its K is not the one that it says of itself")
        if not np.array_equal(npz.valid_mask, ~np.isnan(npz.depth_m)):
            raise ValueError("valid_mask is not where depth_m is a number")
        head = MetricHead(npz.scale, npz.shift, npz.space, loss=float("nan"))
        return _checked(about, npz.depth_m, npz.log_sigma, head)


def _read_png(path: Path) -> StoredDepth | None:
    """Return a 16-bit picture with the schema in it; None for any other."""
    with open_picture(path, formats=("PNG",), what=_WHAT, expected=_EXPECTED, max_pixels=_READ_PIXELS) as image:
        text = image.info.get(KEY)
        if not isinstance(text, str):
            return None
        about = _about_depth(text)
        if not image.mode.startswith("I"):
            raise ValueError(f"it has pixel format {image.mode}: expected 16-bit grey")
        steps = np.asarray(image)
    with reading(path, what=_WHAT, expected=_EXPECTED):
        # In double precision: a step of 1/256 or 1/1000 m is then rounded once.
        depth_m = steps.astype(np.float64) * about.metres_per_unit
        return _checked(about, np.where(steps > 0, depth_m, np.nan).astype(np.float32), None, None)


def _read_exr(path: Path) -> StoredDepth | None:
    """Return an EXR with the schema in its header; None for any other."""
    text, channels = read_exr_parts(path, what=_WHAT, expected=_EXPECTED, attribute=KEY, names=EXR_CHANNELS)
    if text is None:
        return None
    with reading(path, what=_WHAT, expected=_EXPECTED):
        depth_m = channels.get(EXR_CHANNELS[0])
        if depth_m is None:
            raise ValueError(f"it has no channel {EXR_CHANNELS[0]}")
        return _checked(_in_metres(text), depth_m, channels.get(EXR_CHANNELS[1]), None)


def _about_depth(text: str) -> DepthAbout:
    """Return what a file of depth says about itself."""
    about = parse_about(text)
    if about.holds != "depth":
        raise ValueError(f"it holds {about.holds}: expected depth")
    return about


def _in_metres(text: str) -> DepthAbout:
    """Return what a file of metres says about itself."""
    about = _about_depth(text)
    if about.metres_per_unit != 1:
        raise ValueError(f"it says {about.metres_per_unit} metres per unit: expected 1")
    return about


def _checked(
    about: DepthAbout,
    depth_m: Shaped[ndarray, "..."],
    log_sigma: Shaped[ndarray, "..."] | None,
    head: MetricHead | None,
) -> StoredDepth:
    """Return what was read where it is what the file says of it.

    Raises:
        ValueError, InputError: where it is not.
    """
    camera = check_camera(about.camera)
    expected = camera.height, camera.width
    sigma = None if log_sigma is None else as_map(log_sigma, "log_sigma")
    depth_m = as_map(depth_m, "depth")
    for name, values in (("depth", depth_m), ("log_sigma", sigma)):
        if values is not None and values.shape != expected:
            raise ValueError(f"{name} has shape {values.shape}: it says {expected} of itself")
    if about.axes != OPENCV:
        raise ValueError(f"its axes are {about.axes!r}: expected {OPENCV}")
    if about.log_sigma != (sigma is not None):
        raise ValueError(f"it says {about.log_sigma} of having log_sigma, and that is wrong")
    if not (np.isnan(depth_m) | ((depth_m > 0) & np.isfinite(depth_m))).all():
        raise ValueError("it has depths that are neither positive numbers nor NaN")
    return StoredDepth(depth_m, about.depth, about, sigma, camera, head)


def _read_foreign(path: Path, unit: str | None, kind: str | None) -> StoredDepth:
    """Return another program's map, of which the caller says what it is."""
    values = read_map(path, what=_WHAT, names=_NAMES, zero_is_none=True)
    if unit is None or kind is None:
        raise InputError(
            f"{shown(path)} does not say what its numbers are: give unit (as 'm', 'mm' or '1/256') and kind ('z' "
            "along the optical axis, 'ray' along the line of sight)"
        )
    if kind not in _KINDS:
        raise InputError(f"kind is {kind!r}: expected 'z' (along the optical axis) or 'ray' (along the line of sight)")
    return StoredDepth(_metres(values, parse_unit(unit, name="unit")), _KINDS[kind])


def _metres(values: Float[ndarray, "h w"], metres_per_unit: float) -> Float[ndarray, "h w"]:
    """Return (h, w) float32 metres; what is no positive, finite number is no depth."""
    with np.errstate(over="ignore", invalid="ignore"):
        depth_m = (values * metres_per_unit).astype(np.float32)
        return np.where((depth_m > 0) & np.isfinite(depth_m), depth_m, np.float32(np.nan))
