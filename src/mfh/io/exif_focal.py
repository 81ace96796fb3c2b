"""Focal length from EXIF: in 35 mm terms or with the sensor's size, corrected for resizing and cropping."""

import math
from dataclasses import dataclass, replace

from mfh.geometry.camera import FULL_FRAME_MM
from mfh.io.exif import ExifFacts
from mfh.types import FocalProvenance

ADVICE = "give --focal-px"
"""In every note about a focal length that was not given."""

_SIGMA_35MM = 0.04
"""Makers measure "35 mm equivalent" along the diagonal or the long side: 4 % apart at 4:3, and rounded."""

_SIGMA_SENSOR = 0.02
"""FocalLength is the marking of the lens at infinity; a known sensor size is good to about a percent."""

_SAME_SHAPE = 0.01
"""Aspect ratios closer than this are the same picture resized: rounding to whole pixels moves them less."""

# Sensor widths in mm (long side) of cameras that write FocalLength without a 35 mm equivalent or a focal plane
# resolution. Only widths known to a percent are listed: a wrong width is worse than the default's honest warning.
_SENSOR_WIDTH_MM = {
    "Canon EOS 5D": 35.8,
    "Canon EOS 5D Mark II": 36.0,
    "Canon EOS 5D Mark III": 36.0,
    "Canon EOS 5D Mark IV": 36.0,
    "Canon EOS 6D": 35.8,
    "Canon EOS R5": 36.0,
    "Canon EOS R6": 35.9,
    "NIKON D700": 36.0,
    "NIKON D750": 35.9,
    "NIKON D810": 35.9,
    "NIKON D850": 35.9,
    "ILCE-7M3": 35.6,
}


def exif_35mm_focal(exif: ExifFacts, width: int, height: int) -> tuple[float, FocalProvenance, tuple[str, ...]] | None:
    """Return focal length in pixels from FocalLengthIn35mmFilm: f = focal · exposed long side / 36.

    Args:
        exif: facts from the photo's EXIF.
        width: width in pixels of the upright photo.
        height: height in pixels of the upright photo.

    Returns:
        The focal length, where it came from and notes for the user; None where EXIF does not say it.
    """
    if exif.focal_35mm is None or not 4 <= exif.focal_35mm <= 2000:
        return None
    history = _pixel_history(exif, width, height)
    focal_px = exif.focal_35mm / FULL_FRAME_MM * history.exposed_long_side * history.scale
    detail = f"EXIF {exif.focal_35mm:g} mm, 35 mm equivalent ({focal_px:.0f} px{history.remark})"
    sigma = math.hypot(_SIGMA_35MM, history.sigma)
    return focal_px, FocalProvenance(source="exif-35mm", detail=detail, relative_sigma=sigma), history.notes


def exif_sensor_focal(
    exif: ExifFacts, width: int, height: int
) -> tuple[float, FocalProvenance, tuple[str, ...]] | None:
    """Return focal length in pixels from FocalLength and the size of the sensor: f = focal · pixels per mm.

    Args:
        exif: facts from the photo's EXIF.
        width: width in pixels of the upright photo.
        height: height in pixels of the upright photo.

    Returns:
        The focal length, where it came from and notes for the user; None where EXIF or the sensor's size is not known.
    """
    if exif.focal_mm is None:
        return None
    history = _pixel_history(exif, width, height)
    px_per_mm, origin = exif.sensor_px_per_mm, "its focal plane resolution"
    # Some cameras write a resolution in the wrong unit; no photo sensor is outside 3 to 60 mm.
    if px_per_mm is None or not 3 <= history.exposed_long_side / px_per_mm <= 60:
        sensor_mm = _SENSOR_WIDTH_MM.get(exif.camera_model or "")
        if sensor_mm is None:
            return None
        px_per_mm, origin = (
            history.exposed_long_side / sensor_mm,
            f"the {sensor_mm:g} mm sensor of a {exif.camera_model}",
        )
    focal_px = exif.focal_mm * px_per_mm * history.scale
    detail = f"EXIF {exif.focal_mm:g} mm and {origin} ({focal_px:.0f} px{history.remark})"
    sigma = math.hypot(_SIGMA_SENSOR, history.sigma)
    return focal_px, FocalProvenance(source="exif-sensor", detail=detail, relative_sigma=sigma), history.notes


@dataclass(frozen=True)
class _PixelHistory:
    """What happened to the pixels between the exposure and this file.

    Attributes:
        exposed_long_side: long side in pixels of the picture as exposed.
        scale: pixels of this photo per pixel as exposed.
        sigma: relative one-sigma uncertainty of that scale.
        remark: what to add to the provenance line.
        notes: sentences for the user.
    """

    exposed_long_side: int
    scale: float = 1.0
    sigma: float = 0.0
    remark: str = ""
    notes: tuple[str, ...] = ()


def _pixel_history(exif: ExifFacts, width: int, height: int) -> _PixelHistory:
    """Compare the size EXIF remembers with the real one: untouched, resized, or cropped.

    Long side is compared with long side, since programs that turn a photo upright often leave the EXIF size as it was.

    - No EXIF size: the photo is taken as it is. A crop would go unnoticed.
    - Same shape: resized as a whole; the focal length in pixels shrinks with it.
    - Another shape, and one side untouched: cropped, for certain; focal length in pixels unchanged.
    - Another shape, both sides smaller: cropped, and perhaps resized. The scale lies between the largest crop that fits
      (max of the side ratios) and 1. It is taken as 1, a crop alone, with an uncertainty as wide as that range.
    - Another shape and larger: EXIF speaks of some other picture, and its size is not used.
    """
    long_side, short_side = max(width, height), min(width, height)
    whole = _PixelHistory(exposed_long_side=long_side)
    if exif.exposed_size is None:
        return whole
    exposed_long, exposed_short = max(exif.exposed_size), min(exif.exposed_size)
    ratios = (long_side / exposed_long, short_side / exposed_short)
    # Half a pixel of rounding per side matters for thumbnails.
    if abs(ratios[0] / ratios[1] - 1) <= max(_SAME_SHAPE, 1 / short_side):
        if long_side == exposed_long:
            return whole
        resized = _PixelHistory(exposed_long_side=exposed_long, scale=ratios[0])
        return replace(resized, remark=f", resized from {exif.exposed_size[0]}x{exif.exposed_size[1]}")
    if max(ratios) > 1:
        return replace(whole, sigma=0.15, remark=", the EXIF size is of another picture")
    smallest_scale = max(ratios)
    cropped = _PixelHistory(
        exposed_long_side=exposed_long, remark=f", cropped from {exif.exposed_size[0]}x{exif.exposed_size[1]}"
    )
    if smallest_scale == 1:
        return cropped
    note = (
        f"the photo was cropped from {exif.exposed_size[0]}x{exif.exposed_size[1]}; if it was also made smaller, its "
        f"focal length and all metres are up to {1 / smallest_scale:.1f} times too large: {ADVICE} if known"
    )
    return replace(cropped, sigma=-math.log(smallest_scale) / math.sqrt(3), notes=(note,))
