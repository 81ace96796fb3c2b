"""Focal length from EXIF: in 35 mm terms, with the sensor's size, or bounded by the lens alone; and that of panoramas.

Tags are cross-checked: the 35 mm equivalent, the real focal length, the focal plane resolution, the camera's known
sensor, and the photo's size and shape. The sigma covers their disagreement.
"""

import math
from dataclasses import dataclass

from mfh.geometry.camera import FULL_FRAME_MM
from mfh.io.exif import ExifFacts
from mfh.io.pixel_history import ADVICE, Frame, PixelHistory, pixel_history, whole_frame
from mfh.io.sensors import Sensor, find_sensor, is_phone, is_sensor_width
from mfh.types import FocalProvenance, FocalSource

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
SHORTEST_35MM, LONGEST_35MM = 8.0, 4000.0
"""35 mm equivalents outside are no lens's: circular fisheyes have 8 mm, the longest zoom of a compact 3000 mm."""
_LOWEST_CROP_FACTOR, _HIGHEST_CROP_FACTOR, _ABSURD_CROP_FACTOR = 0.6, 12.0, 20.0
"""Medium format; phones and compacts; above that a few camcorders, and above 20 no camera."""
_LOWEST_OF_PHONES = 2.4
_CROP_MODE = (1.4, 1.7)
"""Crop of a full-frame camera to APS-C, by makers."""
_LONGEST_ZOOM = 3.0
"""A 35 mm equivalent up to this much longer than the lens's may be a digital zoom that EXIF omits."""
_LARGEST_CROP = 4.0
"""Of a photo's side, as people crop."""
_SURE_SIGMA = 0.06
_ROUNDED_MM = 0.5
_SMALL_SENSOR_MM = 12.0
_LARGEST_PIXEL_UM = (4.5, 14.0)
"""Of small sensors, and of others: a larger one is several pixels binned."""
WIDEST_SHAPE = 2.4
"""Pictures longer than this for their height are panoramas or crops: cinema ends at 2.39:1."""
_ASSUMED_35MM = 26.0
"""Of panoramas whose lens is not known: most are made by phones, with their main lens."""
_SIGMA_TURNED, _SIGMA_STITCHED, _SIGMA_UNCERTAIN = 0.2, 0.4, 0.5


@dataclass(frozen=True)
class Check:
    """The result of comparing one number with the others.

    Attributes:
        used: whether the number is used.
        phrase: the finding, for the provenance line.
        sigma: relative one-sigma uncertainty that this adds to the focal length.
        notes: sentences for the user.
        of_whole_sensor: whether it matches the camera's known sensor, neither zoomed nor cropped.
    """

    used: bool
    phrase: str
    sigma: float = 0.0
    notes: tuple[str, ...] = ()
    of_whole_sensor: bool = False


def exif_focal(exif: ExifFacts, width: int, height: int) -> tuple[float, FocalProvenance] | None:
    """Return the focal length in pixels from EXIF, by the first of these that passes its checks; else None.

    1. FocalLengthIn35mmFilm: f = focal · long side of the exposed frame / 36. It includes any digital zoom.
    2. FocalLength and the sensor's size: f = focal · digital zoom · pixels per mm.
    3. FocalLength alone, which bounds the assumption.
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
    if verdict is not None and verdict.used:
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
    """Return focal length in pixels from FocalLength and the size of the sensor; None for an unknown sensor."""
    assert exif.focal_mm is not None
    resolution = None
    if exif.sensor_px_per_mm is not None:
        resolution = check_resolution(exif, sensor, history.exposed_size[0], frame)
    if resolution is not None and resolution.used:
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
    """Return the focal length assumed for a lens whose sensor is not known; None where no lens has its FocalLength."""
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
        f"the photo states a lens of {exif.focal_mm:g} mm and not how large the sensor is, and all distances scale "
        f"with it: {ADVICE}, --fov-x-deg, --focal-35mm or --intrinsics if you know it"
    )
    notes = (*(refused.notes if refused else ()), note, *history.notes, *frame.notes)
    return focal_px, FocalProvenance("default-fov", detail, math.hypot(sigma, history.sigma, frame.sigma), notes)


def is_sure(sensor: Sensor | None) -> bool:
    """Return whether a sensor is known well enough to contradict EXIF; the usual one of a class of cameras is not."""
    return sensor is not None and sensor.relative_sigma <= _SURE_SIGMA


def check_35mm(exif: ExifFacts, sensor: Sensor | None) -> Check:
    """Compare FocalLengthIn35mmFilm with FocalLength: their ratio is the crop factor, times any digital zoom."""
    equivalent_mm, focal_mm, zoom = exif.focal_35mm, exif.focal_mm, exif.digital_zoom
    assert equivalent_mm is not None
    if not SHORTEST_35MM <= equivalent_mm <= LONGEST_35MM:
        return _refused(equivalent_mm, "no lens has that")
    if focal_mm is None:
        return Check(True, "not cross-checked")
    factor = equivalent_mm / focal_mm
    if sensor is not None and is_sure(sensor):
        return _against_sensor(equivalent_mm, factor, zoom, sensor)
    of_camera = factor / zoom if factor / zoom >= _LOWEST_CROP_FACTOR else factor
    lowest = _LOWEST_OF_PHONES if is_phone(exif.camera_make, exif.camera_model) else _LOWEST_CROP_FACTOR
    # Nearly all of a maker's compacts have about the same sensor.
    odd_for_class = sensor is not None and not 0.5 <= of_camera / sensor.crop_factor <= 2
    if lowest <= of_camera <= _HIGHEST_CROP_FACTOR and not odd_for_class:
        return Check(True, f"crop factor {of_camera:.2g}")
    found = f"{equivalent_mm:g} mm ÷ {focal_mm:g} mm is a crop factor of {of_camera:.2g}"
    if lowest <= of_camera <= _ABSURD_CROP_FACTOR:
        note = f"EXIF's {found}, which few such cameras have, and all distances scale with it: {ADVICE} if known"
        return Check(True, f"crop factor {of_camera:.2g}", 0.25, (note,))
    return _refused(equivalent_mm, f"{found}, which no such camera has")


def _against_sensor(equivalent_mm: float, factor: float, zoom: float, sensor: Sensor) -> Check:
    """Compare the crop factor with that of the camera's sensor."""
    # Equivalents are measured along the diagonal or the long side, and rounded to whole millimetres.
    slack = 0.12 + 2 * sensor.relative_sigma + _ROUNDED_MM / equivalent_mm
    longer = math.log(factor / sensor.crop_factor)
    fits = f"as on the sensor of the {sensor.camera}"
    if zoom > 1 and abs(longer - math.log(zoom)) <= slack:
        return Check(True, f"{fits} with a digital zoom of {zoom:g}" if math.log(zoom) > slack else fits)
    if abs(longer) <= slack:
        if zoom == 1:
            return Check(True, fits, of_whole_sensor=True)
        note = (
            f"EXIF has a digital zoom of {zoom:g}, and its 35 mm equivalent of {equivalent_mm:g} mm is that of the "
            f"{sensor.camera} without it: the focal length and all distances may be too short; {ADVICE}"
        )
        return Check(True, f"{fits}, without its digital zoom of {zoom:g}", math.log(zoom) / math.sqrt(3), (note,))
    found = f"the crop factor of the {sensor.camera} is {sensor.crop_factor:.2g}, and not {factor:.2g}"
    if sensor.is_full_frame and 0 < longer <= math.log(_CROP_MODE[1]):
        return Check(True, f"{fits} cropped by {math.exp(longer):.2g}")
    if 0 < longer <= math.log(_LONGEST_ZOOM):
        note = (
            f"EXIF's 35 mm equivalent of {equivalent_mm:g} mm is taken for a digital zoom ({found}): without one the "
            f"focal length and all distances are {math.exp(longer):.1f} times too long; {ADVICE}"
        )
        return Check(True, f"with a digital zoom of {math.exp(longer):.1f}?", longer / math.sqrt(3), (note,))
    return _refused(equivalent_mm, found)


def _refused(equivalent_mm: float, why: str) -> Check:
    phrase = f"not EXIF's 35 mm equivalent of {equivalent_mm:g} mm"
    return Check(False, phrase, 0.08, (f"EXIF's 35 mm equivalent of {equivalent_mm:g} mm is not used: {why}",))


def check_resolution(exif: ExifFacts, sensor: Sensor | None, exposed_px: int, frame: Frame) -> Check:
    """Compare the focal plane resolution with existing sensors, or with the camera's.

    Programs that make a photo smaller often write its new size into EXIF and keep the resolution of the old one; a few
    cameras write a wrong one.

    Args:
        exif: facts with a focal plane resolution.
        sensor: of the camera, if known.
        exposed_px: long side of the exposed picture, in the pixels the resolution should be about.
        frame: the whole frame, in the same pixels.
    """
    assert exif.sensor_px_per_mm is not None
    width_mm = exposed_px / exif.sensor_px_per_mm
    if sensor is None:
        small = width_mm < _SMALL_SENSOR_MM
        pixel_um = 1000 / exif.sensor_px_per_mm
        if is_sensor_width(width_mm) and pixel_um <= _LARGEST_PIXEL_UM[0 if small else 1]:
            return Check(True, f"a {width_mm:.3g} mm wide sensor", 0.1 if small else 0.04)
        return Check(False, f"not its focal plane resolution, of a {width_mm:.3g} mm wide sensor")
    wider = math.log(width_mm / (sensor.width_mm * exposed_px / frame.long_px))
    if abs(wider) <= 0.06 + 2 * sensor.relative_sigma:
        return Check(True, f"as the {sensor.camera} has", of_whole_sensor=is_sure(sensor))
    low, high = _CROP_MODE
    if sensor.is_full_frame and low <= math.exp(-wider) <= high:
        return Check(True, f"the {sensor.camera} cropped to APS-C", 0.15)
    sigma = 0.05
    if -math.log(_LARGEST_CROP) < wider < 0:
        # Narrower by resizing, or else by a crop that kept the shape, which is rarer the larger the crop. Of a picture
        # that was certainly cropped both are as likely.
        sigma = -wider / math.sqrt(3) if frame.is_cropped else min(0.12, -0.25 * wider)
    return Check(False, f"not its focal plane resolution, of a {width_mm:.3g} mm wide one", sigma)


def panorama_focal(exif: ExifFacts, width: int, height: int) -> tuple[float, FocalProvenance] | None:
    """Return the focal length of a panorama's frames, with a sigma that covers its error; None for other photos.

    Each column of a panorama is as a camera turned to it would show it, so a person's height in pixels still determines
    the distance, with the focal length of the frames; only what is far from the horizon is bent.

    - Where GPano states how many turns the width spans, f = width / (2π · turns).
    - Else the short side is the frames' long one, as phones are held upright for it: f = focal · short side / 36.
    - Where only the shape indicates a panorama, it may be a crop as well, whose long side is the frame's: the geometric
      mean of both.
    """
    history = pixel_history(exif, width, height)
    long_px, short_px = history.exposed_size
    stated = exif.panorama is not None
    if not stated and long_px / short_px <= WIDEST_SHAPE:
        return None
    equivalent_mm, source, origin = _equivalent(exif)
    stitched_px = equivalent_mm / FULL_FRAME_MM * short_px
    if exif.panorama is not None and exif.panorama.turns is not None:
        focal_px, sigma = long_px / (2 * math.pi * exif.panorama.turns), _SIGMA_TURNED
        source, origin = "exif-sensor", f"its width is {360 * exif.panorama.turns:.0f}°"
    elif stated:
        focal_px, sigma = stitched_px, _SIGMA_STITCHED
    else:
        # Between a panorama and a crop of a single picture.
        focal_px = stitched_px * math.sqrt(long_px / short_px)
        sigma = max(_SIGMA_UNCERTAIN, math.log(long_px / short_px) / math.sqrt(12))
    focal_px *= history.scale
    kind = "a panorama" if stated else f"a panorama or a crop, {long_px / short_px:.1f}:1"
    note = (
        f"the picture is {kind}: a panorama has no single focal length, so all distances are right to a factor of "
        f"about {math.exp(sigma):.1f} only; measure a single photo, or {ADVICE}"
    )
    detail = f"{kind}: no single focal length; {origin} ({focal_px:.0f} px{history.remark})"
    return focal_px, FocalProvenance(source, detail, math.hypot(sigma, history.sigma), (note, *history.notes))


def _equivalent(exif: ExifFacts) -> tuple[float, FocalSource, str]:
    """Return the 35 mm equivalent of the frames, its source and its origin in words."""
    sensor = find_sensor(exif.camera_make, exif.camera_model, exif.focal_mm)
    if exif.focal_35mm is not None and check_35mm(exif, sensor).used:
        return exif.focal_35mm, "exif-35mm", f"EXIF {exif.focal_35mm:g} mm, 35 mm equivalent, for its height"
    equivalent_mm = exif.focal_mm * sensor.crop_factor if exif.focal_mm is not None and sensor is not None else 0.0
    if sensor is not None and SHORTEST_35MM <= equivalent_mm <= LONGEST_35MM:
        origin = f"{equivalent_mm:.0f} mm, 35 mm equivalent, of the {sensor.camera}, for its height"
        return equivalent_mm, "exif-sensor", origin
    return _ASSUMED_35MM, "default-fov", f"{_ASSUMED_35MM:g} mm, 35 mm equivalent, assumed for its height"
