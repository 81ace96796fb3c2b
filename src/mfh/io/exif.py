"""What a photo's EXIF says about its lens and its history, read without trusting any of it."""

import math
from dataclasses import dataclass
from numbers import Real

from PIL import Image

_EXIF_IFD = 0x8769
_MODEL = 0x0110
_ORIENTATION = 0x0112
_FOCAL_LENGTH = 0x920A
_PIXEL_X_DIMENSION = 0xA002
_PIXEL_Y_DIMENSION = 0xA003
_FOCAL_PLANE_X_RESOLUTION = 0xA20E
_FOCAL_PLANE_RESOLUTION_UNIT = 0xA210
_FOCAL_LENGTH_IN_35MM = 0xA405

# FocalPlaneResolutionUnit -> millimetres (EXIF 2.32, 4.6.6; 4 and 5 are used by some makers).
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}


@dataclass(frozen=True)
class ExifFacts:
    """The EXIF entries that decide the focal length and the way up; None where absent or impossible.

    Attributes:
        focal_35mm: FocalLengthIn35mmFilm, millimetres.
        focal_mm: FocalLength, millimetres on the real sensor.
        exposed_size: (width, height) in pixels of the picture the camera wrote, before anybody resized or cropped it.
        sensor_px_per_mm: pixels of that picture per millimetre of sensor (FocalPlaneXResolution and its unit).
        camera_model: Model.
        orientation: Orientation, 1 to 8; 1 where absent.
    """

    focal_35mm: float | None = None
    focal_mm: float | None = None
    exposed_size: tuple[int, int] | None = None
    sensor_px_per_mm: float | None = None
    camera_model: str | None = None
    orientation: int = 1


def read_exif(image: Image.Image) -> ExifFacts:
    """Read the EXIF facts of an opened image.

    Args:
        image: a Pillow image; its pixels are not decoded.

    Returns:
        The facts; all empty for an image without EXIF, or with EXIF that cannot be parsed.
    """
    try:
        exif = image.getexif()
        details = exif.get_ifd(_EXIF_IFD)
    except Exception:
        # Damaged EXIF makes the parser raise whatever it stumbles on; the pixels are still good.
        return ExifFacts()
    width, height = _number(details.get(_PIXEL_X_DIMENSION)), _number(details.get(_PIXEL_Y_DIMENSION))
    resolution = _number(details.get(_FOCAL_PLANE_X_RESOLUTION))
    # The unit's default is inches, by the standard.
    unit_mm = _UNIT_MM.get(int(_number(details.get(_FOCAL_PLANE_RESOLUTION_UNIT)) or 2))
    orientation = int(_number(exif.get(_ORIENTATION)) or 1)
    model = exif.get(_MODEL)
    return ExifFacts(
        focal_35mm=_number(details.get(_FOCAL_LENGTH_IN_35MM)),
        focal_mm=_number(details.get(_FOCAL_LENGTH)),
        exposed_size=(int(width), int(height)) if width and height and min(width, height) >= 1 else None,
        sensor_px_per_mm=resolution / unit_mm if resolution and unit_mm else None,
        camera_model=model.strip(" \0") if isinstance(model, str) else None,
        orientation=orientation if 1 <= orientation <= 8 else 1,
    )


def _number(value: object) -> float | None:
    """Return a finite positive float, or None: EXIF writes unknown as 0, and rationals can be 1/0."""
    if isinstance(value, tuple) and value:
        value = value[0]
    if not isinstance(value, Real):
        return None
    number = float(value)
    return number if math.isfinite(number) and number > 0 else None
