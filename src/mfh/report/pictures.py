"""The pictures of a report: the photo small enough to be sent, and a thumbnail of each landmark."""

import base64
import io
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from mfh.types import Landmark, MeasuredPainting, MetricDepth, Photo
from mfh.viz.drawing import small_photo

LONGEST_PX = 1280
PHOTO_BYTES = 330_000
_QUALITIES = (88, 82, 74, 64, 52, 40, 28)
_THUMB_PX = (150, 190)
"""Largest width and height of a thumbnail."""
_MARGIN = 0.15
MOST_THUMBS = 48


def photo_jpeg(photo: Photo) -> tuple[str, int, int]:
    """Return the photo as base64 of a JPEG that fits, with its width and height."""
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3:
        pixels = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    else:
        pixels = small_photo(photo, size)
    data = b""
    for quality in _QUALITIES:
        data = jpeg_of(pixels, quality)
        if len(data) <= PHOTO_BYTES:
            break
    return base64.b64encode(data).decode(), *size


@dataclass(frozen=True)
class Thumbnail:
    """A small picture around a landmark.

    Attributes:
        jpeg: base64.
        box: left, top, right and bottom of the landmark in it, as shares of its width and height.
    """

    jpeg: str
    box: tuple[float, float, float, float]


def thumbnails(result: MetricDepth) -> list[Thumbnail | None]:
    """Return a picture around each landmark; None beyond the first few dozen, or where there is nothing to see.

    Of a painted person it shows the painting where that was kept, else the place in the photo.
    """
    paintings = {f"painting {one.number}": one for one in result.kept_paintings}
    used_first = sorted(range(len(result.landmarks)), key=lambda number: result.landmarks[number].verdict != "used")
    wanted = set(used_first[:MOST_THUMBS])
    return [
        _thumbnail(result.photo, one, paintings.get(one.source)) if number in wanted else None
        for number, one in enumerate(result.landmarks)
    ]


def crop_box(photo: Photo, landmark: Landmark) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of the thumbnail in the photo, past-the-end; None for an empty one."""
    left, top, right, bottom = landmark.box_xyxy
    margin = _MARGIN * max(right - left, bottom - top) + 2
    height, width = photo.pixels.shape[:2]
    x1, y1 = max(0, round(left - margin)), max(0, round(top - margin))
    x2, y2 = min(width, round(right + margin)), min(height, round(bottom + margin))
    return (x1, y1, x2, y2) if x2 - x1 >= 2 and y2 - y1 >= 2 else None


def _thumbnail(photo: Photo, landmark: Landmark, painting: MeasuredPainting | None) -> Thumbnail | None:
    box = crop_box(photo, landmark)
    if box is None:
        return None
    left, top, right, bottom = box
    scale = min(1.0, _THUMB_PX[0] / (right - left), _THUMB_PX[1] / (bottom - top))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    if painting is None:
        crop = Photo(photo.pixels[top:bottom, left:right], photo.camera, photo.focal).rgb
    else:
        tall, wide = painting.rgb.shape[:2]
        height, width = photo.pixels.shape[:2]
        rows = slice(top * tall // height, max(bottom * tall // height, top * tall // height + 1))
        columns = slice(left * wide // width, max(right * wide // width, left * wide // width + 1))
        crop = painting.rgb[rows, columns]
    pixels = np.rint(np.clip(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), 0, 1) * 255).astype(np.uint8)
    x1, y1, x2, y2 = landmark.box_xyxy
    across, down = 1 / (right - left), 1 / (bottom - top)
    # A pixel reaches half to either side of its coordinate, and a box of the whole photo begins at -0.5.
    inside = ((x1 + 0.5 - left) * across, (y1 + 0.5 - top) * down, (x2 + 0.5 - left) * across, (y2 + 0.5 - top) * down)
    shares = tuple(round(min(max(one, 0.0), 1.0), 4) for one in inside)
    return Thumbnail(base64.b64encode(jpeg_of(pixels, 82)).decode(), (shares[0], shares[1], shares[2], shares[3]))


def jpeg_of(pixels: UInt8[ndarray, "h w 3"], quality: int) -> bytes:
    """Return a picture as a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
