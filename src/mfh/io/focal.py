"""Where a photo's focal length comes from: given, EXIF, or a default that says so. Metres scale with it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_35mm, camera_from_focal_px, camera_from_fov_x
from mfh.io.exif import ExifFacts
from mfh.io.exif_focal import ADVICE, exif_35mm_focal, exif_sensor_focal
from mfh.types import Camera, FocalProvenance

DEFAULT_FOV_DEG = 60.0
"""Field of view along the long side when nothing is known: 31 mm in 35 mm terms, between phones (24-28) and 50 mm."""

DEFAULT_FOV_SIGMA = 0.25
"""One-sigma relative uncertainty of that focal length: 24 to 50 mm lie within about two of it."""

FOCAL_UNKNOWN = (
    "the photo does not say its focal length, and all metres scale with it: "
    f"{ADVICE}, --fov-x-deg, --focal-35mm or --intrinsics if you know it"
)
"""What is said of a photo with the default field of view."""

_KNOWN_CX_RANGE = (0.35, 0.65)


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
    """

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[int, int] | None = None
    origin: str = "intrinsics"


@dataclass(frozen=True)
class FocalRequest:
    """A focal length the user gave, in exactly one of four ways, or none of them.

    Attributes:
        focal_px: focal length in pixels of the upright photo as stored.
        fov_x_deg: horizontal field of view of the upright photo, degrees.
        focal_35mm: 35 mm equivalent focal length, millimetres: 36 mm is the photo's long side.
        intrinsics: fx, fy, cx, cy in pixels.
    """

    focal_px: float | None = None
    fov_x_deg: float | None = None
    focal_35mm: float | None = None
    intrinsics: Intrinsics | None = None

    def __post_init__(self) -> None:
        """Refuse two answers to one question, and numbers no lens has."""
        given = [
            name for name in ("focal_px", "fov_x_deg", "focal_35mm", "intrinsics") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} are both given: expected at most one; drop all but one")
        for name, unit in (("focal_px", "pixels"), ("focal_35mm", "millimetres")):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}: expected a finite, positive number of {unit}")
        if self.fov_x_deg is not None and not 0 < self.fov_x_deg < 180:
            raise InputError(f"fov_x_deg is {self.fov_x_deg}: expected degrees between 0 and 180")


def read_intrinsics(path: str | Path) -> Intrinsics:
    """Read a JSON file with keys fx, fy, cx, cy in pixels; width and height say which size they belong to.

    Every other key is ignored.

    Args:
        path: the JSON file.

    Returns:
        The intrinsics.

    Raises:
        InputError: for a file that cannot be read, is not such JSON, or holds numbers no camera has.
    """
    path = Path(path)
    expected = "expected JSON with numbers fx, fy, cx, cy in pixels"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read intrinsics {path}: {error.strerror or error}; {expected}") from error
    except ValueError as error:
        raise InputError(f"intrinsics {path} are not JSON: {expected}") from error
    if not isinstance(content, dict):
        raise InputError(f"intrinsics {path} hold a {type(content).__name__}: {expected}")
    numbers: dict[str, float] = {}
    for key in ("fx", "fy", "cx", "cy"):
        value = content.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            found = f"has {key} = {value!r}" if key in content else f"has no {key}"
            raise InputError(f"intrinsics {path} {found}: {expected}")
        if key in ("fx", "fy") and value <= 0:
            raise InputError(f"intrinsics {path} has {key} = {value}: expected a positive number of pixels")
        numbers[key] = float(value)
    width, height = content.get("width"), content.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return Intrinsics(**numbers, size=size, origin=path.name)


def choose_camera(
    request: FocalRequest | None, exif: ExifFacts, *, width: int, height: int
) -> tuple[Camera, FocalProvenance, tuple[str, ...]]:
    """Return the camera of a photo, by the first of these that is known.

    1. given by the user; 2. EXIF focal length in 35 mm terms; 3. EXIF focal length and the sensor's size;
    4. a default field of view of 60 degrees along the long side.

    Args:
        request: what the user gave; None for nothing.
        exif: facts from the photo's EXIF.
        width: width in pixels of the upright photo.
        height: height in pixels of the upright photo.

    Returns:
        The camera, where its focal length came from, and sentences to show with it.

    Raises:
        InputError: when given intrinsics belong to a photo of another size.
    """
    given = _given_camera(request, width=width, height=height) if request else None
    if given is not None:
        return given
    for known in (exif_35mm_focal(exif, width, height), exif_sensor_focal(exif, width, height)):
        if known is not None:
            focal_px, provenance, notes = known
            return camera_from_focal_px(focal_px, width=width, height=height), provenance, notes
    focal_px = max(width, height) / 2 / math.tan(math.radians(DEFAULT_FOV_DEG) / 2)
    provenance = FocalProvenance(
        source="default-fov",
        detail=f"unknown: {DEFAULT_FOV_DEG:.0f}° field of view along the long side assumed ({focal_px:.0f} px)",
        relative_sigma=DEFAULT_FOV_SIGMA,
    )
    return camera_from_focal_px(focal_px, width=width, height=height), provenance, (FOCAL_UNKNOWN,)


def is_about_focal(note: str) -> bool:
    """Return whether a note of a photo is about a focal length that was not given: idle once one is.

    Args:
        note: one of :attr:`mfh.types.Photo.notes`.
    """
    return ADVICE in note


def _given_camera(
    request: FocalRequest, *, width: int, height: int
) -> tuple[Camera, FocalProvenance, tuple[str, ...]] | None:
    """Return the camera the user asked for, or None where the request is empty."""
    if request.intrinsics is not None:
        return _camera_of_intrinsics(request.intrinsics, width=width, height=height)
    if request.focal_px is not None:
        camera = camera_from_focal_px(request.focal_px, width=width, height=height)
        detail = f"given: {request.focal_px:g} px"
    elif request.fov_x_deg is not None:
        camera = camera_from_fov_x(request.fov_x_deg, width=width, height=height)
        detail = f"given: {request.fov_x_deg:g}° horizontal field of view ({camera.fx:.0f} px)"
    elif request.focal_35mm is not None:
        camera = camera_from_focal_35mm(request.focal_35mm, width=width, height=height)
        detail = f"given: {request.focal_35mm:g} mm, 35 mm equivalent ({camera.fx:.0f} px)"
    else:
        return None
    return camera, FocalProvenance(source="explicit", detail=detail, relative_sigma=0.0), ()


def _camera_of_intrinsics(
    given: Intrinsics, *, width: int, height: int
) -> tuple[Camera, FocalProvenance, tuple[str, ...]]:
    """Return the camera of given intrinsics, refusing those of another photo size.

    A K says its image size only through its principal point, which lies near the middle. One well outside the middle
    belongs to a resized, cropped or rotated version of the photo, and would make every metre wrong without a sound; the
    owner of a truly off-centre photo states the size in the file.
    """
    if given.size is not None and given.size != (width, height):
        raise InputError(
            f"intrinsics {given.origin} are for {given.size[0]}x{given.size[1]} pixels and the photo has "
            f"{width}x{height}: give the intrinsics of exactly this size"
        )
    low, high = _KNOWN_CX_RANGE
    ratio_x, ratio_y = (given.cx + 0.5) / width, (given.cy + 0.5) / height
    if given.size is None and not (low <= ratio_x <= high and low <= ratio_y <= high):
        raise InputError(
            f"intrinsics {given.origin} have their principal point at ({given.cx:g}, {given.cy:g}), which suits about "
            f"{2 * given.cx + 1:.0f}x{2 * given.cy + 1:.0f} pixels, and the photo has {width}x{height}: give the "
            "intrinsics of this size (or add its width and height to the file if the photo is cropped off-centre)"
        )
    camera = Camera(fx=given.fx, fy=given.fy, cx=given.cx, cy=given.cy, width=width, height=height)
    detail = f"{given.origin}: fx {given.fx:.1f}, fy {given.fy:.1f} px"
    return camera, FocalProvenance(source="intrinsics-file", detail=detail, relative_sigma=0.0), ()
