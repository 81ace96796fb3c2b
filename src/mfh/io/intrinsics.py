"""Camera intrinsics from files, in the layouts that other programs write.

Pixel conventions are converted here. An integer coordinate is the *centre* of a pixel, as in the datasets' own K.
COLMAP and nerfstudio, which took over COLMAP's files, count from the outer corner of the first pixel, so that its
centre is at 0.5: half a pixel is subtracted from their principal points. Bare camera matrices, ARKit's among them, are
taken as they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from mfh.errors import InputError
from mfh.io.reading import parse_json, read_text, reading

CORNER_ORIGIN_PX = 0.5
"""The centre of the first pixel in COLMAP's and nerfstudio's coordinates."""

SHORTEST_PX, LONGEST_PX = 1e-3, 1e7
"""Focal lengths outside are no camera's, whatever the photo's size."""

_EXPECTED = (
    "JSON with numbers fx, fy, cx, cy in pixels, a 3x3 camera matrix, nerfstudio's transforms.json or COLMAP's "
    "cameras.txt"
)
_NAMES, _REALSENSE_NAMES = ("fx", "fy", "cx", "cy"), ("fx", "fy", "ppx", "ppy")
_INSIDE = ("K", "k", "camera_matrix", "intrinsic_matrix", "intrinsics", "intrinsic", "camera", "matrix")
_SIZE_KEYS = (("width", "height"), ("w", "h"), ("image_width", "image_height"))
_DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")
_LARGEST_SKEW = 0.01

# COLMAP's models that are pinholes, but for a distortion behind cx and cy: how many focal lengths they have.
_COLMAP_FOCALS = {"SIMPLE_PINHOLE": 1, "PINHOLE": 2, "SIMPLE_RADIAL": 1, "RADIAL": 1, "OPENCV": 2, "FULL_OPENCV": 2}
_BENT = ("FISHEYE", "EQUIRECT", "SPHERICAL", "OMNI", "FOV", "ORTHO")


@dataclass(frozen=True)
class Intrinsics:
    """fx, fy, cx, cy in pixels, and where they were read.

    Attributes:
        fx: focal length in pixels, horizontal.
        fy: focal length in pixels, vertical.
        cx: principal point column; 0 is the centre of the first pixel.
        cy: principal point row.
        size: (width, height) they belong to, where stated.
        origin: file name, for messages.
        distorted: whether the file states a lens distortion, which is not undone.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[int, int] | None = None
    origin: str = "intrinsics"
    distorted: bool = False


def read_intrinsics(path: str | Path) -> Intrinsics:
    """Read intrinsics from the first of these layouts that a file has.

    - JSON with fx, fy, cx, cy in pixels (RealSense: ppx, ppy); width and height say which size they belong to.
    - JSON as nerfstudio's transforms.json: fl_x, fl_y, cx, cy, w, h; camera_angle_x where fl_x is missing.
    - A 3x3 camera matrix: in JSON alone or under K, camera_matrix or intrinsics, nested or flat, by rows or columns (as
      ARKit's and Open3D's); as plain text.
    - COLMAP's cameras.txt with one camera; ARKitScenes' pincam (width height fx fy cx cy).

    Every other key is ignored; fisheye models are refused.

    Raises:
        InputError: for a file that cannot be read, has no such layout, or holds numbers no camera has.
    """
    path = Path(path)
    text = read_text(path, what="intrinsics", expected=_EXPECTED)
    named = f"intrinsics {path}"
    with reading(path, what="intrinsics", expected=_EXPECTED):
        if text.lstrip()[:1] in ("{", "["):
            found = _from_json(parse_json(text), named)
        else:
            found = _from_text(text, named)
        fx, fy, cx, cy, size, distorted = found
        for name, value in (("fx", fx), ("fy", fy)):
            if not SHORTEST_PX <= value <= LONGEST_PX:
                raise InputError(
                    f"{named} has {name} = {value:g}: expected a focal length of {SHORTEST_PX:g} to "
                    f"{LONGEST_PX:g} pixels"
                )
        for name, value in (("cx", cx), ("cy", cy)):
            if not abs(value) <= LONGEST_PX:
                raise InputError(
                    f"{named} has {name} = {value:g}: expected a principal point inside the photo, in pixels"
                )
        return Intrinsics(fx, fy, cx, cy, size, path.name, distorted)


_Found = tuple[float, float, float, float, tuple[int, int] | None, bool]
"""fx, fy, cx, cy, size where stated, whether distorted."""


def _from_json(content: object, named: str) -> _Found:
    """Return what JSON of any known layout holds."""
    if isinstance(content, list):
        return (*_from_matrix(_flat(content, named), named), None, False)
    if not isinstance(content, Mapping):
        raise InputError(f"{named} hold a {type(content).__name__}: expected {_EXPECTED}")
    size = _size(content)
    if "fx" in content or "fy" in content:
        names = _REALSENSE_NAMES if "ppx" in content else _NAMES
        numbers = [_number(content, name, named) for name in names]
        return (*_four(numbers), size, _is_distorted(content))
    if any(name in content for name in ("fl_x", "fl_y", "camera_angle_x")):
        return _from_nerfstudio(content, size, named)
    for key in _INSIDE:
        inside = content.get(key)
        if isinstance(inside, Mapping) and "data" in inside:
            inside = inside["data"]
        if isinstance(inside, Mapping):
            stated = {"width": size[0], "height": size[1]} if size else {}
            return _from_json({**stated, **inside}, named)
        if isinstance(inside, list):
            return (*_from_matrix(_flat(inside, named), named), size, _is_distorted(content))
    frames = content.get("frames")
    if isinstance(frames, list) and any(isinstance(one, Mapping) and "fl_x" in one for one in frames):
        raise InputError(
            f"{named} have their focal lengths in frames: expected one; keep fl_x, fl_y, cx, cy, w, h of this photo's"
        )
    raise InputError(f"{named} has no fx: expected {_EXPECTED}")


def _from_nerfstudio(content: Mapping[str, Any], size: tuple[int, int] | None, named: str) -> _Found:
    """Return the intrinsics of all frames in nerfstudio's transforms.json; instant-ngp's and NeRF's are alike."""
    model = content.get("camera_model", "OPENCV")
    if not isinstance(model, str) or any(bent in model.upper() for bent in _BENT):
        raise InputError(f"{named} is for the camera model {str(model):.40}: expected a pinhole; undistort the photo")
    if "fl_x" in content or "fl_y" in content:
        fx = _number(content, "fl_x" if "fl_x" in content else "fl_y", named)
        fy = _number(content, "fl_y", named) if "fl_y" in content else fx
    else:
        angle = _number(content, "camera_angle_x", named)
        if not 0 < angle < math.pi:
            raise InputError(f"{named} has camera_angle_x = {angle:g}: expected radians between 0 and pi")
        if size is None:
            raise InputError(
                f"{named} has camera_angle_x and no w, h: expected both; or give --fov-x-deg {math.degrees(angle):.4g}"
            )
        fx = fy = size[0] / 2 / math.tan(angle / 2)
    if "cx" in content or "cy" in content:
        cx, cy = _number(content, "cx", named), _number(content, "cy", named)
    elif size is not None:
        cx, cy = size[0] / 2, size[1] / 2
    else:
        raise InputError(f"{named} has neither cx, cy nor w, h: expected one of them")
    return fx, fy, cx - CORNER_ORIGIN_PX, cy - CORNER_ORIGIN_PX, size, _is_distorted(content)


def _from_text(text: str, named: str) -> _Found:
    """Return what COLMAP's cameras.txt, pincam or a matrix in plain text holds."""
    lines = [line.replace(",", " ").split() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    if not lines:
        raise InputError(f"{named} hold no numbers: expected {_EXPECTED}")
    if len(lines[0]) > 4 and lines[0][1].isupper():
        if len(lines) > 1:
            raise InputError(f"{named} hold {len(lines)} cameras: expected one; keep the line of this photo's")
        return _from_colmap(lines[0], named)
    words = [word for line in lines for word in line]
    if len(words) > 16:
        raise InputError(f"{named} hold {len(words):,} words: expected {_EXPECTED}")
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"{named} hold no JSON and no numbers ({error!s:.60}): expected {_EXPECTED}") from error
    if len(numbers) == 6:
        width, height, fx, fy, cx, cy = numbers
        return fx, fy, cx, cy, _whole_size(width, height), False
    return (*_from_matrix(numbers, named), None, False)


def _from_colmap(words: Sequence[str], named: str) -> _Found:
    """Return what a line CAMERA_ID MODEL WIDTH HEIGHT PARAMS... holds."""
    model = words[1]
    if model not in _COLMAP_FOCALS:
        raise InputError(
            f"{named} is for COLMAP's camera model {model:.40}: expected {', '.join(_COLMAP_FOCALS)}; undistort the "
            "photo, with colmap image_undistorter, and give that one's"
        )
    width, height, *numbers = (float(word) for word in words[2:])
    count = _COLMAP_FOCALS[model]
    if len(numbers) < count + 2:
        raise InputError(f"{named} has {len(numbers)} parameters of {model}: expected {count + 2} or more")
    fx, fy = numbers[0], numbers[count - 1]
    cx, cy = numbers[count : count + 2]
    distorted = any(number != 0 for number in numbers[count + 2 :])
    return fx, fy, cx - CORNER_ORIGIN_PX, cy - CORNER_ORIGIN_PX, _whole_size(width, height), distorted


def _from_matrix(numbers: Sequence[float], named: str) -> tuple[float, float, float, float]:
    """Return fx, fy, cx, cy of a 3x3 or 4x4 camera matrix, by rows or by columns."""
    if len(numbers) == 4:
        return _four(numbers)
    side = {9: 3, 16: 4}.get(len(numbers))
    if side is None:
        raise InputError(f"{named} hold {len(numbers)} numbers: expected {_EXPECTED}")
    rows = [numbers[side * row : side * row + 3] for row in range(3)]
    if rows[0][2] == rows[1][2] == 0 and (rows[2][0] or rows[2][1]):
        rows = [list(column) for column in zip(*rows, strict=True)]
    (fx, skew, cx), (zero, fy, cy), last = rows
    if zero != 0 or list(last) != [0, 0, 1] or abs(skew) > _LARGEST_SKEW * abs(fx):
        raise InputError(f"{named} hold no camera matrix: expected rows fx 0 cx, 0 fy cy, 0 0 1")
    return fx, fy, cx, cy


def _flat(values: Sequence[object], named: str) -> list[float]:
    """Return the numbers of a list, or of a list of lists."""
    flat = [one for row in values for one in (row if isinstance(row, list) else [row])]
    numbers = [float(one) for one in flat if _is_number(one)]
    if len(numbers) != len(flat):
        raise InputError(f"{named} hold a list that is no 3x3 camera matrix: expected {_EXPECTED}")
    return numbers


def _number(content: Mapping[str, Any], key: str, named: str) -> float:
    value = content.get(key)
    if not _is_number(value):
        found = f"has {key} = {value!r:.40}" if key in content else f"has no {key}"
        raise InputError(f"{named} {found}: expected {_EXPECTED}")
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _four(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    fx, fy, cx, cy = numbers
    return fx, fy, cx, cy


def _size(content: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the photo's size where a layout states it."""
    for names in _SIZE_KEYS:
        width, height = (content.get(name) for name in names)
        if _is_number(width) and _is_number(height):
            return _whole_size(float(width), float(height))
    return None


def _whole_size(width: float, height: float) -> tuple[int, int]:
    """Return a size in whole pixels; nerfstudio's programs write them as floats."""
    if width != int(width) or height != int(height) or min(width, height) < 1:
        raise ValueError(f"its size is {width:g}x{height:g}")
    return int(width), int(height)


def _is_distorted(content: Mapping[str, Any]) -> bool:
    """Return whether a lens distortion is stated that is not zero."""
    stated = [content.get(key) for key in _DISTORTION_KEYS]
    for key in ("coeffs", "distortion", "D", "dist_coeffs"):
        value = content.get(key)
        stated += value if isinstance(value, list) else []
    return any(_is_number(one) and one != 0 for one in stated)
