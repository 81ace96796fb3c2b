"""What happened to a photo's pixels since the exposure: resized, cropped, or exposed in a shape that no sensor has."""

import math
from dataclasses import dataclass, replace

from mfh.io.exif import ExifFacts

ADVICE = "give --focal-px"
"""In every note about a focal length that was not given."""

_SAME_SHAPE = 0.01
"""Aspect ratios closer than this are the same picture resized: rounding to whole pixels moves them less."""

_SAME_SENSOR_SHAPE = 0.015
"""The same for a sensor's shape: 2848 rows to 4288 columns are called 3:2."""

_SHAPES = (5 / 4, 4 / 3, 3 / 2, 5 / 3, 16 / 9)
_PHONE_SHAPES = (2.0, 18.5 / 9, 19 / 9, 19.5 / 9, 20 / 9)
_USUAL_SHAPE = 4 / 3

_CROP_SIGMA = 0.15
"""Of the focal length of a photo that its shape alone shows to be cropped."""

_MODE_SIGMA = 0.05
"""Of one whose shape is a mode that cameras have; it may be a crop all the same."""


@dataclass(frozen=True)
class PixelHistory:
    """What happened to the pixels between the exposure and this file.

    Attributes:
        exposed_size: (long, short) side in pixels of the picture as exposed.
        scale: pixels of this photo per pixel as exposed.
        sigma: relative one-sigma uncertainty of that scale.
        remark: what to add to the provenance line.
        notes: sentences for the user.
    """

    exposed_size: tuple[int, int]
    scale: float = 1.0
    sigma: float = 0.0
    remark: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """The whole frame that an exposed picture was cut from.

    Attributes:
        long_px: its long side, in pixels of the exposed picture.
        sigma: relative one-sigma uncertainty of that.
        remark: what to add to the provenance line.
        notes: sentences for the user.
    """

    long_px: float
    sigma: float = 0.0
    remark: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_cropped(self) -> bool:
        """Whether the picture has a shape that no camera makes."""
        return bool(self.notes)


def pixel_history(exif: ExifFacts, width: int, height: int) -> PixelHistory:
    """Compare the exposed size in EXIF with the real one: untouched, resized, or cropped.

    Long side is compared with long side, since programs that turn a photo upright often leave the EXIF size as it was.

    - No EXIF size: the photo is taken as it is.
    - Same shape: resized as a whole; the focal length in pixels shrinks with it.
    - Another shape, and one side untouched: certainly cropped; focal length in pixels unchanged.
    - Another shape, both sides smaller: cropped, and perhaps resized. The scale lies between the largest crop that fits
      (max of the side ratios) and 1. It is taken as 1, a crop alone, with an uncertainty as wide as that range.
    - Another shape and larger: the EXIF size is of another picture, and is not used.
    """
    long_side, short_side = max(width, height), min(width, height)
    whole = PixelHistory(exposed_size=(long_side, short_side))
    if exif.exposed_size is None:
        return whole
    exposed_long, exposed_short = max(exif.exposed_size), min(exif.exposed_size)
    ratios = (long_side / exposed_long, short_side / exposed_short)
    was = f"{exif.exposed_size[0]}x{exif.exposed_size[1]}"
    exposed = PixelHistory(exposed_size=(exposed_long, exposed_short))
    # Half a pixel of rounding per side matters for thumbnails.
    if abs(ratios[0] / ratios[1] - 1) <= max(_SAME_SHAPE, 1 / short_side):
        if long_side == exposed_long:
            return whole
        return replace(exposed, scale=ratios[0], remark=f", resized from {was}")
    if max(ratios) > 1:
        return replace(whole, sigma=0.15, remark=", the EXIF size is of another picture")
    smallest_scale = max(ratios)
    cropped = replace(exposed, remark=f", cropped from {was}")
    if smallest_scale == 1:
        return cropped
    note = (
        f"the photo was cropped from {was}; if it was also made smaller, its focal length and all distances are up to "
        f"{1 / smallest_scale:.1f} times too large: {ADVICE} if known"
    )
    return replace(cropped, sigma=-math.log(smallest_scale) / math.sqrt(3), notes=(note,))


def whole_frame(exposed_size: tuple[int, int], *, aspect: float | None = None, phone: bool = False) -> Frame:
    """Return the frame an exposed picture was cut from.

    A picture that is narrower than its sensor lacks at least the ends of the long side, by which focal lengths are
    measured; a wider one lacks rows. How much more was cut off is unknown where the shape is none that cameras have.

    Args:
        exposed_size: (long, short) side in pixels of the picture as exposed.
        aspect: long over short side of the camera's sensor, where that is known.
        phone: whether a phone took it: many have a mode as wide as their screen.
    """
    long_px, short_px = float(exposed_size[0]), float(exposed_size[1])
    shapes = (*_SHAPES, *_PHONE_SHAPES) if phone else _SHAPES
    if aspect is not None and _is_shape(exposed_size, (aspect,)):
        return Frame(long_px)
    if _is_shape(exposed_size, shapes):
        frame_px = short_px * aspect if aspect is not None else long_px
        return Frame(frame_px, sigma=_MODE_SIGMA) if frame_px > long_px else Frame(long_px)
    name = f"{round(long_px / short_px, 2):g}:1"
    note = (
        f"the photo was exposed or saved as {name}, which is no sensor's shape: it was cropped, by an unknown amount, "
        f"and its focal length and all distances may be too short: {ADVICE} if known"
    )
    frame_px = max(long_px, short_px * (aspect or _USUAL_SHAPE))
    return Frame(frame_px, _CROP_SIGMA, f", cropped to {name}", (note,))


def _is_shape(size: tuple[int, int], shapes: tuple[float, ...]) -> bool:
    """Return whether a size has one of the shapes, but for rounding to whole pixels."""
    tolerance = _SAME_SENSOR_SHAPE + 1 / size[1]
    return any(abs(size[0] / size[1] / shape - 1) <= tolerance for shape in shapes)
