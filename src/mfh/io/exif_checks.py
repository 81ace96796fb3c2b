"""Whether one number of EXIF can be true beside the others: its 35 mm equivalent, and its focal plane resolution."""

import math
from dataclasses import dataclass

from mfh.io.exif import ExifFacts
from mfh.io.pixel_history import ADVICE, Frame
from mfh.io.sensors import Sensor, is_phone, is_sensor_width

SHORTEST_35MM, LONGEST_35MM = 8.0, 4000.0
"""35 mm equivalents outside are no lens's: circular fisheyes have 8 mm, the longest zoom of a compact 3000 mm."""

_LOWEST_CROP_FACTOR, _HIGHEST_CROP_FACTOR, _ABSURD_CROP_FACTOR = 0.6, 12.0, 20.0
"""Medium format; phones and compacts; above that a few camcorders, and above 20 nothing."""

_LOWEST_OF_PHONES = 2.4

_CROP_MODE = (1.4, 1.7)
"""Crop of a full-frame camera to APS-C, by makers."""

_LONGEST_ZOOM = 3.0
"""A 35 mm equivalent so much longer than the lens's may be a digital zoom that EXIF keeps silent about."""

_LARGEST_CROP = 4.0
"""Of a photo's side, as people crop."""

_SURE_SIGMA = 0.06
_ROUNDED_MM = 0.5
_SMALL_SENSOR_MM = 12.0
_LARGEST_PIXEL_UM = (4.5, 14.0)
"""Of small sensors, and of others: a larger one is many pixels made one."""


@dataclass(frozen=True)
class Check:
    """What became of a number that was held against others.

    Attributes:
        believed: whether it is used.
        phrase: what was found, to follow it in one line.
        sigma: relative one-sigma uncertainty that this adds to the focal length.
        notes: sentences for the user.
        of_whole_sensor: whether it is what the camera's known sensor says, neither zoomed nor cropped.
    """

    believed: bool
    phrase: str
    sigma: float = 0.0
    notes: tuple[str, ...] = ()
    of_whole_sensor: bool = False


def is_sure(sensor: Sensor | None) -> bool:
    """Return whether a sensor is known well enough to contradict EXIF; what a class of cameras has is not."""
    return sensor is not None and sensor.relative_sigma <= _SURE_SIGMA


def check_35mm(exif: ExifFacts, sensor: Sensor | None) -> Check:
    """Hold FocalLengthIn35mmFilm against FocalLength: their ratio is the crop factor, times any digital zoom."""
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
        note = f"EXIF's {found}, which few such cameras have, and all metres scale with it: {ADVICE} if known"
        return Check(True, f"crop factor {of_camera:.2g}", 0.25, (note,))
    return _refused(equivalent_mm, f"{found}, which no such camera has")


def _against_sensor(equivalent_mm: float, factor: float, zoom: float, sensor: Sensor) -> Check:
    """Hold the crop factor against that of the camera's sensor."""
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
            f"{sensor.camera} without it: the focal length and all metres may be too short; {ADVICE}"
        )
        return Check(True, f"{fits}, without its digital zoom of {zoom:g}", math.log(zoom) / math.sqrt(3), (note,))
    found = f"the crop factor of the {sensor.camera} is {sensor.crop_factor:.2g}, and not {factor:.2g}"
    if sensor.is_full_frame and 0 < longer <= math.log(_CROP_MODE[1]):
        return Check(True, f"{fits} cropped by {math.exp(longer):.2g}")
    if 0 < longer <= math.log(_LONGEST_ZOOM):
        note = (
            f"EXIF's 35 mm equivalent of {equivalent_mm:g} mm is taken for a digital zoom ({found}): without one the "
            f"focal length and all metres are {math.exp(longer):.1f} times too long; {ADVICE}"
        )
        return Check(True, f"with a digital zoom of {math.exp(longer):.1f}?", longer / math.sqrt(3), (note,))
    return _refused(equivalent_mm, found)


def _refused(equivalent_mm: float, why: str) -> Check:
    phrase = f"not EXIF's 35 mm equivalent of {equivalent_mm:g} mm"
    return Check(False, phrase, 0.08, (f"EXIF's 35 mm equivalent of {equivalent_mm:g} mm is not used: {why}",))


def check_resolution(exif: ExifFacts, sensor: Sensor | None, exposed_px: int, frame: Frame) -> Check:
    """Hold the focal plane resolution against the sensors that there are, or the one that the camera has.

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
        # Narrower by resizing, or else by a crop that kept the shape: seldom, and the more seldom the more is gone. Of
        # a picture that was cropped for certain either is as likely.
        sigma = -wider / math.sqrt(3) if frame.is_cropped else min(0.12, -0.25 * wider)
    return Check(False, f"not its focal plane resolution, of a {width_mm:.3g} mm wide one", sigma)
