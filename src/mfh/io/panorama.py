"""Panoramas: pictures with no single focal length, for which one is named that is right to a factor."""

import math

from mfh.geometry.camera import FULL_FRAME_MM
from mfh.io.exif import ExifFacts
from mfh.io.exif_checks import LONGEST_35MM, SHORTEST_35MM, check_35mm
from mfh.io.pixel_history import ADVICE, pixel_history
from mfh.io.sensors import find_sensor
from mfh.types import FocalProvenance, FocalSource

WIDEST_SHAPE = 2.4
"""Pictures longer than this for their height are panoramas or crops: cinema ends at 2.39:1."""

_ASSUMED_35MM = 26.0
"""Of panoramas whose lens is not known: phones make most of them, with their main lens."""

_SIGMA_TURNED, _SIGMA_STITCHED, _SIGMA_UNCERTAIN = 0.2, 0.4, 0.5


def panorama_focal(exif: ExifFacts, width: int, height: int) -> tuple[float, FocalProvenance] | None:
    """Return the focal length of the frames a panorama was stitched from, with a sigma that says how rough that is.

    At every column a panorama shows what a camera that looked there saw, so a person's height in pixels still tells
    the distance, by the focal length of those frames; only what is far from the horizon is bent.

    - Where GPano says how many turns the width spans, f = width / (2π · turns).
    - Else the short side is the frames' long one, as phones are held upright for it: f = focal · short side / 36.
    - Where only the shape speaks, it may be a crop as well, whose long side is the frame's: the middle of both.

    Returns:
        The focal length in pixels and where it came from; None for a photo that is no panorama.
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
        f"the picture is {kind}: a panorama has no single focal length, so all metres are right to a factor of about "
        f"{math.exp(sigma):.1f} only; measure a single photo, or {ADVICE}"
    )
    detail = f"{kind}: no single focal length; {origin} ({focal_px:.0f} px{history.remark})"
    return focal_px, FocalProvenance(source, detail, math.hypot(sigma, history.sigma), (note, *history.notes))


def _equivalent(exif: ExifFacts) -> tuple[float, FocalSource, str]:
    """Return the 35 mm equivalent of the frames, and where it is from."""
    sensor = find_sensor(exif.camera_make, exif.camera_model, exif.focal_mm)
    if exif.focal_35mm is not None and check_35mm(exif, sensor).believed:
        return exif.focal_35mm, "exif-35mm", f"EXIF {exif.focal_35mm:g} mm, 35 mm equivalent, for its height"
    equivalent_mm = exif.focal_mm * sensor.crop_factor if exif.focal_mm is not None and sensor is not None else 0.0
    if sensor is not None and SHORTEST_35MM <= equivalent_mm <= LONGEST_35MM:
        origin = f"{equivalent_mm:.0f} mm, 35 mm equivalent, of the {sensor.camera}, for its height"
        return equivalent_mm, "exif-sensor", origin
    return _ASSUMED_35MM, "default-fov", f"{_ASSUMED_35MM:g} mm, 35 mm equivalent, assumed for its height"
