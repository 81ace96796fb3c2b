"""Focal length from EXIF: in 35 mm terms, with the sensor's size, or bounded by the lens alone.

No tag is believed alone: the 35 mm equivalent, the real focal length, the focal plane resolution, the camera's known
sensor and the photo's size and shape are held against each other, and the sigma is as wide as what was found.
"""

import math

from mfh.geometry.camera import FULL_FRAME_MM
from mfh.io.exif import ExifFacts
from mfh.io.exif_checks import LONGEST_35MM, SHORTEST_35MM, Check, check_35mm, check_resolution, is_sure
from mfh.io.pixel_history import ADVICE, Frame, PixelHistory, pixel_history, whole_frame
from mfh.io.sensors import Sensor, find_sensor, is_phone
from mfh.types import FocalProvenance

_SIGMA_35MM = 0.04
"""Makers measure "35 mm equivalent" along the diagonal or the long side: 4 % apart at 4:3, and rounded."""

_SIGMA_SENSOR = 0.02
"""FocalLength is the marking of the lens at infinity; a known sensor size is good to about a percent."""

_SIGMA_ZOOM = 0.05

# (up to this FocalLength in mm, 35 mm equivalent in mm, or times FocalLength where negative, sigma), of a lens whose
# sensor is not known: first of phones, then of any camera. The widths of sensors are not spread evenly: phones have
# 24 to 28 mm lenses, compacts begin at 24 to 38 mm, and what is longer than 13 mm sits before a large sensor.
_PHONE_LENSES = ((2.0, 14.0, 0.2), (3.2, 22.0, 0.35), (5.5, 27.0, 0.15), (8.0, 30.0, 0.35), (math.inf, -8.0, 0.3))
_LENSES = (
    *((2.0, 15.0, 0.3), (3.2, 22.0, 0.35), (5.5, 27.0, 0.15), (8.0, 32.0, 0.3)),
    *((13.0, 28.0, 0.5), (math.inf, -1.5, 0.4)),
)
_SHORTEST_MM, _LONGEST_MM = 1.3, 1000.0
"""FocalLength of lenses; adapters and lenses without electronics write 1."""


def exif_focal(exif: ExifFacts, width: int, height: int) -> tuple[float, FocalProvenance] | None:
    """Return the focal length in pixels that EXIF says, by the first of these that stands its checks.

    1. FocalLengthIn35mmFilm: f = focal · long side of the exposed frame / 36. It includes any digital zoom.
    2. FocalLength and the sensor's size: f = focal · digital zoom · pixels per mm.
    3. FocalLength alone, which bounds what is otherwise assumed.

    Returns:
        The focal length and where it came from; None where EXIF says nothing of it.
    """
    if exif.focal_35mm is None and exif.focal_mm is None:
        return None
    history = pixel_history(exif, width, height)
    sensor = find_sensor(exif.camera_make, exif.camera_model, exif.focal_mm)
    sure = is_sure(sensor)
    frame = whole_frame(
        history.exposed_size,
        aspect=sensor.aspect if sensor is not None and sure else None,
        phone=is_phone(exif.camera_make, exif.camera_model),
    )
    verdict = check_35mm(exif, sensor) if exif.focal_35mm is not None else None
    if verdict is not None and verdict.believed:
        cut = frame.long_px > history.exposed_size[0]
        # Of a picture cut narrower than the sensor, some cameras adapt the equivalent and some do not.
        if not (cut and verdict.of_whole_sensor):
            return _from_35mm(exif, history, frame, verdict)
        verdict = None
    if exif.focal_mm is None:
        return None
    return _from_sensor(exif, history, frame, sensor, verdict) or _from_lens(exif, history, frame, verdict)


def _from_35mm(exif: ExifFacts, history: PixelHistory, frame: Frame, verdict: Check) -> tuple[float, FocalProvenance]:
    """Return focal length in pixels from FocalLengthIn35mmFilm."""
    assert exif.focal_35mm is not None
    focal_px = exif.focal_35mm / FULL_FRAME_MM * frame.long_px * history.scale
    adapted = math.log(frame.long_px / history.exposed_size[0]) / math.sqrt(3)
    detail = (
        f"EXIF {exif.focal_35mm:g} mm, 35 mm equivalent ({focal_px:.0f} px{history.remark}{frame.remark}), "
        f"{verdict.phrase}"
    )
    sigma = math.hypot(_SIGMA_35MM, history.sigma, frame.sigma, adapted, verdict.sigma)
    notes = (*verdict.notes, *history.notes, *frame.notes)
    return focal_px, FocalProvenance("exif-35mm", detail, sigma, notes)


def _from_sensor(
    exif: ExifFacts, history: PixelHistory, frame: Frame, sensor: Sensor | None, refused: Check | None
) -> tuple[float, FocalProvenance] | None:
    """Return focal length in pixels from FocalLength and the size of the sensor; None where that is not known."""
    assert exif.focal_mm is not None
    resolution = None
    if exif.sensor_px_per_mm is not None:
        resolution = check_resolution(exif, sensor, history.exposed_size[0], frame)
    if resolution is not None and resolution.believed:
        if resolution.of_whole_sensor:
            # As many pixels to the millimetre as the whole sensor has: cropped or not, never resized.
            frame = Frame(frame.long_px, remark=frame.remark)
        px_per_mm, origin = exif.sensor_px_per_mm, f"its focal plane resolution, {resolution.phrase}"
        sigma = math.hypot(_SIGMA_SENSOR, resolution.sigma)
    elif sensor is not None:
        px_per_mm = frame.long_px / sensor.width_mm
        origin = f"the {sensor.width_mm:.3g} mm sensor of the {sensor.camera}"
        sigma = sensor.relative_sigma
        if resolution is not None:
            origin, sigma = f"{origin}, {resolution.phrase}", math.hypot(sigma, resolution.sigma)
    else:
        return None
    assert px_per_mm is not None
    zoom = exif.digital_zoom
    focal_px = exif.focal_mm * zoom * px_per_mm * history.scale
    if not SHORTEST_35MM / 2 <= FULL_FRAME_MM * exif.focal_mm * px_per_mm / frame.long_px <= LONGEST_35MM:
        return None
    lens = f"EXIF {exif.focal_mm:g} mm" + (f", a digital zoom of {zoom:g}" if zoom > 1 else "")
    detail = f"{lens} and {origin} ({focal_px:.0f} px{history.remark}{frame.remark})"
    notes = (*(refused.notes if refused else ()), *history.notes, *frame.notes)
    sigma = math.hypot(
        sigma, history.sigma, frame.sigma, refused.sigma if refused else 0.0, _SIGMA_ZOOM if zoom > 1 else 0.0
    )
    return focal_px, FocalProvenance("exif-sensor", detail, sigma, notes)


def _from_lens(
    exif: ExifFacts, history: PixelHistory, frame: Frame, refused: Check | None
) -> tuple[float, FocalProvenance] | None:
    """Return what is assumed of a lens whose sensor is not known; None where there is no such lens."""
    assert exif.focal_mm is not None
    if not _SHORTEST_MM <= exif.focal_mm <= _LONGEST_MM:
        return None
    phone = is_phone(exif.camera_make, exif.camera_model)
    lenses = _PHONE_LENSES if phone else _LENSES
    _, equivalent_mm, sigma = next(lens for lens in lenses if exif.focal_mm <= lens[0])
    if equivalent_mm < 0:
        equivalent_mm = -equivalent_mm * exif.focal_mm
    focal_px = equivalent_mm * exif.digital_zoom / FULL_FRAME_MM * frame.long_px * history.scale
    detail = (
        f"assumed: {equivalent_mm * exif.digital_zoom:.0f} mm, 35 mm equivalent, of EXIF's {exif.focal_mm:g} mm before "
        f"a sensor that is not known ({focal_px:.0f} px{history.remark}{frame.remark})"
    )
    note = (
        f"the photo says that its lens has {exif.focal_mm:g} mm and not how large the sensor is, and all metres scale "
        f"with it: {ADVICE}, --fov-x-deg, --focal-35mm or --intrinsics if you know it"
    )
    notes = (*(refused.notes if refused else ()), note, *history.notes, *frame.notes)
    return focal_px, FocalProvenance("default-fov", detail, math.hypot(sigma, history.sigma, frame.sigma), notes)
