"""A photo's EXIF and XMP entries about its lens and its history; every value is checked."""

import math
import re
from dataclasses import dataclass
from numbers import Real

from PIL import Image

_EXIF_IFD = 0x8769
_MAKE = 0x010F
_MODEL = 0x0110
_ORIENTATION = 0x0112
_SOFTWARE = 0x0131
_FOCAL_LENGTH = 0x920A
_PIXEL_X_DIMENSION = 0xA002
_PIXEL_Y_DIMENSION = 0xA003
_FOCAL_PLANE_X_RESOLUTION = 0xA20E
_FOCAL_PLANE_RESOLUTION_UNIT = 0xA210
_CUSTOM_RENDERED = 0xA401
_DIGITAL_ZOOM_RATIO = 0xA404
_FOCAL_LENGTH_IN_35MM = 0xA405

# FocalPlaneResolutionUnit -> millimetres (EXIF 2.32, 4.6.6; 4 and 5 are used by some makers).
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

_LONGEST_NAME = 64
# Longer ones are written by programs that count in percent.
_LARGEST_ZOOM = 30.0
_LONGEST_SIDE = 200_000

# Apple's value of CustomRendered for panoramas; the standard knows 0 and 1 alone.
_RENDERED_PANORAMA = 6
_STITCHERS = re.compile(r"hugin|ptgui|autostitch|autopano|panorama|photosynth|image composite editor", re.IGNORECASE)
# Google's photo sphere schema, as an attribute or an element; six digits are more than any picture has.
_GPANO = re.compile(rb"GPano:ProjectionType\W{1,3}(?:equirectangular|cylindrical)", re.IGNORECASE)
_GPANO_FULL_WIDTH = re.compile(rb"GPano:FullPanoWidthPixels\W{1,3}(\d{1,6})\b")
_GPANO_WIDTH = re.compile(rb"GPano:CroppedAreaImageWidthPixels\W{1,3}(\d{1,6})\b")
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
_LARGEST_XMP = 1 << 20


@dataclass(frozen=True)
class Panorama:
    """A picture stitched while the camera turned.

    Attributes:
        turns: full turns that its width spans, where stated: GPano's cropped over its full width.
    """

    turns: float | None = None


@dataclass(frozen=True)
class ExifFacts:
    """The entries that decide the focal length and the orientation; None where absent or impossible.

    Attributes:
        focal_35mm: FocalLengthIn35mmFilm, millimetres.
        focal_mm: FocalLength, millimetres on the real sensor.
        digital_zoom: DigitalZoomRatio; 1 where absent.
        exposed_size: (width, height) in pixels of the picture the camera wrote, before it was resized or cropped.
        sensor_px_per_mm: pixels of that picture per millimetre of sensor (FocalPlaneXResolution and its unit).
        camera_make: Make.
        camera_model: Model.
        panorama: its facts where the photo is declared a panorama, else None.
        orientation: how the decoded pixels are still to be turned: 1 to 8, as Orientation.
    """

    focal_35mm: float | None = None
    focal_mm: float | None = None
    digital_zoom: float = 1.0
    exposed_size: tuple[int, int] | None = None
    sensor_px_per_mm: float | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    panorama: Panorama | None = None
    orientation: int = 1


def read_exif(image: Image.Image) -> ExifFacts:
    """Read the facts of an opened image; all are empty without EXIF, or where it cannot be parsed.

    The pixels are not decoded, unless the format has its EXIF behind them.
    """
    try:
        return _facts(image)
    except Exception:
        # The parser may raise any exception on damaged EXIF; the pixels are still good.
        return ExifFacts()


def _facts(image: Image.Image) -> ExifFacts:
    exif = image.getexif()
    details = exif.get_ifd(_EXIF_IFD)
    width, height = _number(details.get(_PIXEL_X_DIMENSION)), _number(details.get(_PIXEL_Y_DIMENSION))
    resolution = _number(details.get(_FOCAL_PLANE_X_RESOLUTION))
    # The unit's default is inches, by the standard.
    unit_mm = _UNIT_MM.get(int(_number(details.get(_FOCAL_PLANE_RESOLUTION_UNIT)) or 2))
    zoom = _number(details.get(_DIGITAL_ZOOM_RATIO)) or 1.0
    return ExifFacts(
        focal_35mm=_number(details.get(_FOCAL_LENGTH_IN_35MM)),
        focal_mm=_number(details.get(_FOCAL_LENGTH)),
        digital_zoom=zoom if 1 <= zoom <= _LARGEST_ZOOM else 1.0,
        exposed_size=(int(width), int(height)) if width and height and _is_size(width, height) else None,
        sensor_px_per_mm=resolution / unit_mm if resolution and unit_mm else None,
        camera_make=_name(exif.get(_MAKE)),
        camera_model=_name(exif.get(_MODEL)),
        panorama=_panorama(image, details.get(_CUSTOM_RENDERED), exif.get(_SOFTWARE)),
        orientation=_orientation(image, exif.get(_ORIENTATION)),
    )


def _orientation(image: Image.Image, value: object) -> int:
    """Return the turn that is left: the decoder of TIFF turns the pixels itself, and that of HEIF reports it."""
    orientation = int(_number(value) or 1)
    return orientation if 1 <= orientation <= 8 and image.format != "TIFF" else 1


def _panorama(image: Image.Image, rendered: object, software: object) -> Panorama | None:
    """Return a panorama's facts from EXIF, XMP or the name of the writing program; None for other photos."""
    xmp = _xmp(image)
    if _GPANO.search(xmp):
        full, width = _GPANO_FULL_WIDTH.search(xmp), _GPANO_WIDTH.search(xmp)
        turns = int(width[1]) / int(full[1]) if full and width and int(full[1]) > 0 else None
        return Panorama(turns if turns is not None and 0 < turns <= 1 else None)
    if _number(rendered) == _RENDERED_PANORAMA or (isinstance(software, str) and _STITCHERS.search(software[:200])):
        return Panorama()
    return None


def _xmp(image: Image.Image) -> bytes:
    """Return the start of the XMP packet, empty where there is none."""
    for key in _XMP_KEYS:
        packet = image.info.get(key)
        if isinstance(packet, str):
            packet = packet[:_LARGEST_XMP].encode("utf-8", "replace")
        if isinstance(packet, bytes):
            return packet[:_LARGEST_XMP]
    return b""


def _is_size(width: float, height: float) -> bool:
    return min(width, height) >= 1 and max(width, height) <= _LONGEST_SIDE


def _name(value: object) -> str | None:
    """Return the name of a maker or model; they are padded with blanks and zeros."""
    if not isinstance(value, str):
        return None
    printable = "".join(one for one in value.split("\0")[0] if one.isprintable())
    return printable.strip()[:_LONGEST_NAME] or None


def _number(value: object) -> float | None:
    """Return a finite positive float, or None: EXIF writes unknown as 0, and rationals can be 1/0."""
    if isinstance(value, tuple) and value:
        value = value[0]
    if not isinstance(value, Real):
        return None
    number = float(value)
    return number if math.isfinite(number) and number > 0 else None
