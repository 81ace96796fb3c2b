"""The square of a photo around one person, as networks that regress SMPL take it, and the body's translation from it.

A network of this kind predicts a weak-perspective camera (s, tx, ty) of the square. All coordinates are pixel centres:
the crop's middle, 128, is the box's centre exactly, as in the published codes.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from mfh.types import Camera

CROP_PX = 256
MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
_MIN_BOX_PX = 1.0


@dataclass(frozen=True)
class PersonCrop:
    """A square of the photo around one person: centre (column, row) and side."""

    centre_px: Float[ndarray, "2"]
    size_px: float

    def crop_from_photo(self) -> Float[ndarray, "2 3"]:
        """Return the affine map from photo pixels to crop pixels."""
        ratio = CROP_PX / self.size_px
        return np.column_stack([np.eye(2) * ratio, CROP_PX / 2 - ratio * self.centre_px])


def crop_of_box(box_xyxy: Float[ndarray, "4"], *, aspect: tuple[int, int]) -> PersonCrop | None:
    """Return the crop of a person's box, extended to width : height ``aspect``; None for a box without extent."""
    left, top, right, bottom = np.asarray(box_xyxy, np.float64)
    width, height = float(right - left), float(bottom - top)
    if not (math.isfinite(width + height) and max(width, height) >= _MIN_BOX_PX):
        return None
    # The height of the smallest box of that aspect around it, which is not wider than high.
    size_px = max(height, width * aspect[1] / aspect[0])
    return PersonCrop(np.array([(left + right) / 2, (top + bottom) / 2]), size_px)


def view_of_crop(
    pixels: Shaped[ndarray, "h w *c"], crop: PersonCrop, *, margin: int
) -> tuple[Float[ndarray, "2"], Shaped[ndarray, "a b *c"]]:
    """Return the position of the first pixel of a crop's view of the photo, with a margin, and the view."""
    height, width = pixels.shape[:2]
    low = np.floor(crop.centre_px - crop.size_px / 2).astype(int) - margin
    high = np.ceil(crop.centre_px + crop.size_px / 2).astype(int) + margin + 1
    # At least one pixel, for a box outside the photo.
    left, top = np.clip(low, 0, [width - 1, height - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height])
    return np.array([left, top], np.float64), pixels[top:bottom, left:right]


def warped(
    view: Shaped[ndarray, "a b *c"], corner_px: Float[ndarray, "2"], crop: PersonCrop
) -> Shaped[ndarray, "256 256 *c"]:
    """Return a crop of its view, whose first pixel is at ``corner_px``: bilinear, black outside the photo."""
    crop_from_view = crop.crop_from_photo()
    crop_from_view[:, 2] += crop_from_view[:, :2] @ corner_px
    return cv2.warpAffine(
        view, crop_from_view, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )


def normalised(square: Shaped[ndarray, "256 256 3"]) -> Float[ndarray, "3 256 256"]:
    """Return a network's input of a crop in [0, 1]: (RGB - mean) / standard deviation of ImageNet."""
    return np.ascontiguousarray(((square - MEAN_RGB) / STD_RGB).transpose(2, 0, 1), np.float32)


def camera_translation(cam: Float[ndarray, "3"], crop: PersonCrop, camera: Camera) -> Float[ndarray, "3"] | None:
    """Return the body's translation in the camera frame, in metres, from the predicted s, tx, ty of its crop.

    With b the crop's side and bs = b·s + 1e-9: tz = 2f/bs, tx += 2(cx - px)/bs, ty likewise, where (cx, cy) is the
    crop's centre and (px, py) the principal point. Where pixels are not square, f is the geometric mean of fx and fy,
    and each offset uses its own focal length. None where s is not positive: the body is not in front of the camera.
    """
    scale, tx, ty = (float(value) for value in cam)
    if not (math.isfinite(scale + tx + ty) and scale > 0):
        return None
    focal_px = math.sqrt(camera.fx * camera.fy)
    bs = crop.size_px * scale + 1e-9
    tz = 2 * focal_px / bs
    offset = crop.centre_px - [camera.cx, camera.cy]
    return np.array([offset[0] * tz / camera.fx + tx, offset[1] * tz / camera.fy + ty, tz])
