"""The source of a photo's focal length: given, EXIF, or a default that is reported. Depth scales with it."""

import math
from dataclasses import dataclass

from mfh.errors import InputError
from mfh.geometry.camera import FULL_FRAME_MM, camera_from_focal_35mm, camera_from_focal_px, camera_from_fov_x
from mfh.io.exif import ExifFacts
from mfh.io.exif_focal import SHORTEST_35MM, WIDEST_SHAPE, exif_focal, panorama_focal
from mfh.io.intrinsics import Intrinsics
from mfh.io.pixel_history import ADVICE
from mfh.types import Camera, FocalProvenance

DEFAULT_FOV_DEG = 60.0
"""Field of view along the long side when nothing is known: 31 mm in 35 mm terms, between phones (24-28) and 50 mm."""

DEFAULT_FOV_SIGMA = 0.25
"""One-sigma relative uncertainty of that focal length: 24 to 50 mm lie within about two of it."""

FOCAL_UNKNOWN = (
    "the photo does not say its focal length, and all distances scale with it: "
    f"{ADVICE}, --fov-x-deg, --focal-35mm or --intrinsics if you know it"
)
"""The note on a photo with the default field of view."""

LONGEST_GIVEN_35MM = 1500.0
"""Longer given ones are questioned, as those shorter than any lens are: people are not photographed with them."""

NARROWEST_DEG, WIDEST_DEG = 0.02, 179.8
"""Given fields of view along the long side outside are no camera's, and errors."""

LARGEST_PIXEL_ASPECT, ABSURD_PIXEL_ASPECT = 1.1, 10.0
"""Ratios of fx and fy that are questioned, and that are errors."""

_LEAST, _MOST = 1e-6, 1e9
"""Numbers outside overflow before they can be questioned."""

_KNOWN_CX_RANGE = (0.35, 0.65)
_FLAGS = {
    "focal_px": "--focal-px",
    "fov_x_deg": "--fov-x-deg",
    "focal_35mm": "--focal-35mm",
    "intrinsics": "--intrinsics",
}


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
        """Refuse several focal lengths, and numbers no lens has."""
        given = [flag for name, flag in _FLAGS.items() if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} are both given: expected at most one; drop all but one")
        for name, unit in (("focal_px", "pixels"), ("focal_35mm", "millimetres")):
            value = getattr(self, name)
            if value is not None and not _LEAST <= value <= _MOST:
                raise InputError(
                    f"{_FLAGS[name]} is {value:g}: expected {unit}, {_LEAST:g} to {_MOST:g}; check the focal length"
                )
        if self.fov_x_deg is not None and not _LEAST <= self.fov_x_deg < 180:
            raise InputError(f"--fov-x-deg is {self.fov_x_deg}: expected degrees between 0 and 180")


def choose_camera(
    request: FocalRequest | None, exif: ExifFacts, *, width: int, height: int
) -> tuple[Camera, FocalProvenance]:
    """Return the camera of a photo, and the provenance of its focal length, by the first of these that is known.

    1. given by the user; 2. EXIF focal length in 35 mm terms; 3. EXIF focal length and the sensor's size; 4. EXIF focal
    length alone, which bounds the assumption; 5. a default field of view of 60 degrees along the long side. A panorama
    has only the first, or the focal length of its frames with a note.

    Raises:
        InputError: when given intrinsics belong to a photo of another size, or what is given is no camera's.
    """
    given = _given_camera(request, width=width, height=height) if request else None
    if given is not None:
        return given
    known = panorama_focal(exif, width, height) or exif_focal(exif, width, height)
    if known is not None:
        focal_px, provenance = known
        return camera_from_focal_px(focal_px, width=width, height=height), provenance
    focal_px = max(width, height) / 2 / math.tan(math.radians(DEFAULT_FOV_DEG) / 2)
    provenance = FocalProvenance(
        source="default-fov",
        detail=f"unknown: {DEFAULT_FOV_DEG:.0f}° field of view along the long side assumed ({focal_px:.0f} px)",
        relative_sigma=DEFAULT_FOV_SIGMA,
        notes=(FOCAL_UNKNOWN,),
    )
    return camera_from_focal_px(focal_px, width=width, height=height), provenance


def _given_camera(request: FocalRequest, *, width: int, height: int) -> tuple[Camera, FocalProvenance] | None:
    """Return the camera the user asked for, or None where the request is empty."""
    source = "explicit"
    if request.intrinsics is not None:
        camera, source = _camera_of_intrinsics(request.intrinsics, width=width, height=height), "intrinsics-file"
        given = f"--intrinsics {request.intrinsics.origin}"
        detail = f"{request.intrinsics.origin}: fx {camera.fx:.1f}, fy {camera.fy:.1f} px"
    elif request.focal_px is not None:
        camera = camera_from_focal_px(request.focal_px, width=width, height=height)
        given, detail = f"--focal-px {request.focal_px:g}", f"given: {request.focal_px:g} px"
    elif request.fov_x_deg is not None:
        camera = camera_from_fov_x(request.fov_x_deg, width=width, height=height)
        given = f"--fov-x-deg {request.fov_x_deg:g}"
        detail = f"given: {request.fov_x_deg:g}° horizontal field of view ({camera.fx:.0f} px)"
    elif request.focal_35mm is not None:
        camera = camera_from_focal_35mm(request.focal_35mm, width=width, height=height)
        given = f"--focal-35mm {request.focal_35mm:g}"
        detail = f"given: {request.focal_35mm:g} mm, 35 mm equivalent ({camera.fx:.0f} px)"
    else:
        return None
    notes = _questions(request, camera, given)
    return camera, FocalProvenance(source=source, detail=detail, relative_sigma=0.0, notes=notes)


def _questions(request: FocalRequest, camera: Camera, given: str) -> tuple[str, ...]:
    """Question a given focal length that hardly any camera has; refuse one that none can have."""
    # Of a panorama, as much as a single picture has.
    long_px = min(max(camera.width, camera.height), WIDEST_SHAPE * min(camera.width, camera.height))
    focal_px = camera.fx if camera.width >= camera.height else camera.fy
    equivalent_mm = focal_px / long_px * FULL_FRAME_MM
    fov_deg = 2 * math.degrees(math.atan(long_px / 2 / focal_px))
    seen = f"{fov_deg:.3g}° along the long side of {camera.width}x{camera.height} pixels"
    if not NARROWEST_DEG <= fov_deg <= WIDEST_DEG:
        raise InputError(
            f"{given} is a focal length of {focal_px:.3g} px, {seen}: no camera has that; expected "
            f"{NARROWEST_DEG:g} to {WIDEST_DEG:g} degrees{_guess(request, equivalent_mm)}"
        )
    questions = []
    if equivalent_mm < SHORTEST_35MM:
        questions.append(
            f"{given} is a focal length wider than any lens ({seen}, {equivalent_mm:.2g} mm in 35 mm terms, and "
            f"{SHORTEST_35MM:g} mm is the least), and all distances scale with it{_guess(request, equivalent_mm)}"
        )
    if equivalent_mm > LONGEST_GIVEN_35MM:
        questions.append(
            f"{given} is a focal length longer than nearly any lens ({seen}, {equivalent_mm:.0f} mm in 35 mm terms), "
            f"and all distances scale with it{_guess(request, equivalent_mm)}"
        )
    aspect = max(camera.fx / camera.fy, camera.fy / camera.fx)
    if aspect > ABSURD_PIXEL_ASPECT:
        raise InputError(
            f"{given} has focal lengths fx = {camera.fx:g} and fy = {camera.fy:g}, a factor of {aspect:.3g} apart: no "
            "camera has such pixels; expected about the same"
        )
    if aspect > LARGEST_PIXEL_ASPECT:
        questions.append(
            f"{given} has focal lengths fx = {camera.fx:.1f} and fy = {camera.fy:.1f}, a factor of {aspect:.2g} apart, "
            "and cameras have square pixels: are both of this photo, and was it squeezed?"
        )
    if request.intrinsics is not None and request.intrinsics.distorted:
        questions.append(
            f"{given} has a lens distortion besides its focal length, which is not undone: distances near the corners "
            "are less true; undistort the photo where that matters"
        )
    return tuple(questions)


def _guess(request: FocalRequest, equivalent_mm: float) -> str:
    """Return what a user may have meant by a number that no lens has."""
    short = equivalent_mm < SHORTEST_35MM
    if request.focal_35mm is not None:
        if short:
            return ": did you give the real focal length? the 35 mm equivalent is wanted"
        return ": the 35 mm equivalent in millimetres is wanted"
    if request.fov_x_deg is not None:
        radians = request.fov_x_deg < math.pi and not short
        return (
            ": did you give radians? degrees are wanted" if radians else ": the full angle from edge to edge is wanted"
        )
    if request.focal_px is not None:
        if short:
            return ": did you give millimetres? pixels of this photo are wanted; --focal-35mm takes millimetres"
        return ": pixels of this photo are wanted"
    if short:
        return ": are they divided by the photo's size, or in millimetres? pixels of this photo are wanted"
    return ": pixels of this photo are wanted"


def _camera_of_intrinsics(given: Intrinsics, *, width: int, height: int) -> Camera:
    """Return the camera of given intrinsics, refusing those of another photo size.

    A K implies its image size only through its principal point, which lies near the middle. One well outside the middle
    belongs to a resized, cropped or rotated version of the photo, and depth would be silently wrong; the owner of a
    truly off-centre photo states the size in the file.
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
    if not (-1 <= ratio_x <= 2 and -1 <= ratio_y <= 2):
        raise InputError(
            f"intrinsics {given.origin} have their principal point at ({given.cx:g}, {given.cy:g}), far "
            f"outside the photo of {width}x{height} pixels: no camera has that; expected it near the middle"
        )
    return Camera(fx=given.fx, fy=given.fy, cx=given.cx, cy=given.cy, width=width, height=height)
