"""The pictures of a report: the photo small enough to be sent, and a thumbnail of each landmark."""

import base64
import io
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
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
_DARKER, _FILLED = 0.6, 0.45


def photo_jpeg(photo: Photo) -> tuple[str, int, int]:
    """Return the photo as base64 of a JPEG that fits, with its width and height."""
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3:
        pixels = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    else:
        pixels = small_photo(photo, size)
    return base64.b64encode(fitting_jpeg(pixels, PHOTO_BYTES)).decode(), *size


def fitting_jpeg(pixels: UInt8[ndarray, "h w 3"], most_bytes: int) -> bytes:
    """Return a picture as a JPEG file of the best quality that takes no more bytes; the worst where none does."""
    data = b""
    for quality in _QUALITIES:
        data = jpeg_of(pixels, quality)
        if len(data) <= most_bytes:
            break
    return data


@dataclass(frozen=True)
class Thumbnail:
    """A small picture around a landmark.

    Attributes:
        jpeg: base64. Where the landmark's pixels are known, what is around them is darker.
        box: left, top, right and bottom of the landmark in it, as shares of its width and height.
        masked: whether they are.
    """

    jpeg: str
    box: tuple[float, float, float, float]
    masked: bool


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
    small = np.clip(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), 0, 1)
    x1, y1, x2, y2 = landmark.box_xyxy
    across, down = 1 / (right - left), 1 / (bottom - top)
    # A pixel reaches half to either side of its coordinate, and a box of the whole photo begins at -0.5.
    inside = ((x1 + 0.5 - left) * across, (y1 + 0.5 - top) * down, (x2 + 0.5 - left) * across, (y2 + 0.5 - top) * down)
    shares = tuple(round(min(max(one, 0.0), 1.0), 4) for one in inside)
    place = (shares[0], shares[1], shares[2], shares[3])
    if landmark.figure is not None:
        # Of a painted person who is not in the picture there is the outline.
        small = _masked(small, landmark.figure.mask, inside, painted=landmark.painted and painting is None)
    pixels = np.rint(small * 255).astype(np.uint8)
    return Thumbnail(base64.b64encode(jpeg_of(pixels, 82)).decode(), place, landmark.figure is not None)


def _masked(
    rgb: Float[ndarray, "h w 3"],
    mask: Bool[ndarray, "a b"],
    box: tuple[float, float, float, float],
    *,
    painted: bool,
) -> Float[ndarray, "h w 3"]:
    """Return a picture darkened around a mask, whose outline is drawn; of who is not in it, the mask is filled.

    Args:
        rgb: the picture.
        mask: on a grid over the box.
        box: left, top, right and bottom, as shares of the picture; it may reach outside.
        painted: whether the person is not in the picture.
    """
    height, width = rgb.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    # From pixel centres of the grid to those of the picture.
    across, down = (right - left) / mask.shape[1], (bottom - top) / mask.shape[0]
    to_picture = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]])
    share = cv2.warpAffine(mask.astype(np.float32), to_picture, (width, height), flags=cv2.INTER_LINEAR)
    inside = share >= 0.5
    rim = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~inside
    shade = (1 - _DARKER * (1 - share))[..., None].astype(np.float32)
    shown = rgb * shade if not painted else rgb * (1 - _FILLED * share[..., None]) + _FILLED * share[..., None]
    shown[rim] = 1.0
    return shown


def jpeg_of(pixels: UInt8[ndarray, "h w 3"], quality: int) -> bytes:
    """Return a picture as a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
