"""What a file of evidence holds: its description, and the types and ranges of all fields and arrays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from mfh.geometry.camera import view_shape
from mfh.io.figures import FIGURE_KINDS
from mfh.types import Camera, FocalProvenance, Landmark, Region, Segment, Space

MAX_PEOPLE = 4_000
"""People considered in all images; memory and time of the fit grow with them."""
_MAX_FEW = 1_000
"""Of notes, lengths, models and stages."""
_MAX_SIGMA = 10.0
"""One-sigma of a logarithm: a factor of twenty thousand."""
_MIN_M, _MAX_M = 1e-3, 1e6
MAX_SIDE_PX = 65_500
"""Of a JPEG."""
_MAX_VALUE = float(np.finfo(np.float32).max)
_FOCAL_OVER_SIDE = (1e-4, 1e6)
_SIDES_AWAY = 100
"""A principal point, or an edge of a box, lies at most this many sides of the photo outside of it."""
_KINDS = {
    "relative": (np.float32, 2),
    "valid_mask": (np.bool_, 2),
    "photo_jpeg": (np.uint8, 1),
    "pixel_relative": (np.float64, 1),
    "pixel_depth_m": (np.float64, 1),
    "pixel_person": (np.int32, 1),
    "pixel_counts": (np.int64, 1),
    **FIGURE_KINDS,
}


@dataclass(frozen=True)
class PhotoDescription:
    """A photo without its pixels, camera and focal length."""

    name: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """The JSON part: fields of :class:`~mfh.types.observations.Gathered`, in the order of the file."""

    format: str
    version: int
    mfh: str
    photo: PhotoDescription
    camera: Camera
    focal: FocalProvenance
    space: Space
    log_range: tuple[tuple[float, float, float], ...] | None
    # Not in files from before there were regions and lengths.
    region: Region | None = None
    lengths: tuple[Segment, ...] = ()
    landmarks: tuple[tuple[Landmark, ...], ...]
    seconds: dict[str, float]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    ended_by: str
    shared_log_sigma: float
    shape_log_sigma: float
    provenance: str
    max_depth_m: float
    holes_are_sky: bool = False


def check_description(one: Description) -> None:
    """Refuse a description with a number out of range; its types are already checked.

    Raises:
        ValueError: for a number out of range.
    """
    camera, region, landmarks = one.camera, one.region, one.landmarks
    _check_camera(camera)
    _check("focal.relative_sigma", one.focal.relative_sigma, 0, _MAX_SIGMA)
    _check("shared_log_sigma", one.shared_log_sigma, 0, _MAX_SIGMA)
    _check("shape_log_sigma", one.shape_log_sigma, 0, _MAX_SIGMA)
    _check("max_depth_m", one.max_depth_m, _MIN_M, _MAX_M)
    _check("seed", one.seed, 0, math.inf)
    _check("attempts", one.attempts, 0, len(landmarks))
    if one.log_range is not None:
        _check_log_range(one.log_range)
    if region is not None and not (
        0 <= region.left < region.right <= camera.width and 0 <= region.top < region.bottom <= camera.height
    ):
        raise ValueError(f"region {region.left},{region.top} to {region.right},{region.bottom} is none of the photo")
    for x, y in [end for length in one.lengths for end in (length.start_xy, length.end_xy)]:
        if not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
            raise ValueError(f"a length ends at {x:g},{y:g}, outside the photo")
    lists = {"notes": one.photo.notes, "lengths": one.lengths, "seconds": one.seconds, "models": one.models}
    for name, several in lists.items():
        _check(f"the number of {name}", len(several), 0, _MAX_FEW)
    _check("the number of people", sum(len(image) for image in landmarks), 0, MAX_PEOPLE)
    far_px = _SIDES_AWAY * max(camera.width, camera.height)
    for landmark in (person for image in landmarks for person in image):
        _check_landmark(landmark, far_px)


def check_arrays(arrays: Mapping[str, ndarray], camera: Camera, landmarks: Sequence[Sequence[Landmark]]) -> None:
    """Refuse arrays of a wrong type, shape or range, or that do not belong together.

    Raises:
        ValueError: for such arrays.
    """
    for name, array in arrays.items():
        kind, axes = _KINDS[name]
        if array.dtype != kind or array.ndim != axes:
            raise ValueError(f"{name} is {array.dtype} {array.shape}: expected {np.dtype(kind)} of {axes} axes")
    # Of a large photo, the map has the size of the models' input.
    sizes = ((camera.height, camera.width), view_shape(camera.height, camera.width))
    for name in ("relative", "valid_mask"):
        if name in arrays and arrays[name].shape not in sizes:
            rows, columns = arrays[name].shape
            raise ValueError(f"{name} is {columns}x{rows}, its camera {camera.width}x{camera.height}")
    if "valid_mask" in arrays and arrays["valid_mask"].shape != arrays["relative"].shape:
        raise ValueError("valid_mask has another size than the relative depth")
    for name in ("relative", "pixel_relative", "pixel_depth_m"):
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has values that are not finite")
    if "valid_mask" in arrays and not arrays["valid_mask"].any():
        raise ValueError("its relative depth is valid nowhere")
    pixels = len(arrays["pixel_relative"])
    if pixels and np.abs(arrays["pixel_relative"]).max() > _MAX_VALUE:
        raise ValueError("pixel_relative has values that are out of range")
    if pixels and not _MIN_M <= arrays["pixel_depth_m"].min() <= arrays["pixel_depth_m"].max() <= _MAX_M:
        raise ValueError(f"pixel_depth_m is not between {_MIN_M:g} and {_MAX_M:g} m")
    _check_people(arrays, pixels, landmarks)


def _check_people(arrays: Mapping[str, ndarray], pixels: int, landmarks: Sequence[Sequence[Landmark]]) -> None:
    """Refuse pixels that are not those of the people used."""
    counts, person = arrays["pixel_counts"], arrays["pixel_person"]
    lengths = {len(arrays[name]) for name in ("pixel_relative", "pixel_depth_m", "pixel_person")}
    # No sum of numbers that are each at most the whole can overflow.
    if len(lengths) != 1 or (counts < 0).any() or (counts > pixels).any() or counts.sum() != pixels:
        raise ValueError(f"its columns of pixels have {sorted(lengths)} rows, and {counts[:9].tolist()} are counted")
    if len(counts) != len(landmarks):
        raise ValueError(f"{len(landmarks)} images, pixels for {len(counts)} of them")
    for number, (image, own) in enumerate(zip(landmarks, np.split(person, np.cumsum(counts)[:-1]), strict=False)):
        if len(own) and not 0 <= own.min() <= own.max() < len(image):
            raise ValueError(f"image {number} has pixels of a person who is not in the list")
        seen = np.bincount(own, minlength=len(image)) > 0
        used = np.array([one.verdict == "used" for one in image], bool)
        if (seen != used).any():
            raise ValueError(f"image {number} has pixels of people who are not used, or none of some who are")


def _check_camera(camera: Camera) -> None:
    for name in ("width", "height"):
        _check(f"camera.{name}", getattr(camera, name), 1, MAX_SIDE_PX)
    side = max(camera.width, camera.height)
    for name in ("fx", "fy"):
        _check(f"camera.{name}", getattr(camera, name) / side, *_FOCAL_OVER_SIDE, of="its longer side")
    for name in ("cx", "cy"):
        _check(f"camera.{name}", getattr(camera, name) / side, -_SIDES_AWAY, _SIDES_AWAY, of="its longer side")


def _check_log_range(parts: Sequence[tuple[float, float, float]]) -> None:
    if not (1 <= len(parts) <= 1000 and math.isclose(sum(weight for weight, _, _ in parts), 1, abs_tol=1e-6)):
        raise ValueError(f"the weights of the {len(parts)} parts of log_range do not sum to 1")
    for weight, mean, sigma in parts:
        _check("a weight of log_range", weight, 0, 1 + 1e-6)
        _check("a mean of log_range", mean, -_MAX_SIGMA, _MAX_SIGMA)
        _check("a standard deviation of log_range", sigma, 1e-6, _MAX_SIGMA)


def _check_landmark(landmark: Landmark, far_px: int) -> None:
    left, top, right, bottom = landmark.box_xyxy
    if not (-far_px <= left <= right <= far_px and -far_px <= top <= bottom <= far_px):
        raise ValueError(f"a person's box is {left:g},{top:g} to {right:g},{bottom:g}")
    used = landmark.verdict == "used"
    if not used and landmark.verdict != "rejected":
        raise ValueError(f"a person's verdict is {landmark.verdict!r:.40}: expected 'used' or 'rejected'")
    least_m = _MIN_M if used else -_MAX_M
    for name, least, most in (
        ("score", -_MAX_SIGMA, _MAX_SIGMA),
        ("distance_m", least_m, _MAX_M),
        ("origin_m", least_m, _MAX_M),
        *((name, _MIN_M, _MAX_M) for name in ("stature_m", "size_m")),
        ("pixels", 0, math.inf),
        *((name, 0, _MAX_SIGMA) for name in ("log_distance_sigma", "shared_log_sigma", "far_log")),
        *((name, 0, 1 + 1e-6) for name in ("weight", "far_share")),
        *((name, 0, _MAX_VALUE) for name in ("reprojection_px", "implied_scale", "relative_sigma")),
    ):
        value = getattr(landmark, name)
        if value is not None:
            _check(f"a person's {name}", value, least, most)


def _check(name: str, value: int | float, least: int | float, most: int | float, *, of: str = "") -> None:
    if not least <= value <= most:
        over = f" of {of}" if of else ""
        raise ValueError(f"{name} is {value:g}{over}: expected {least:g} to {most:g}")
