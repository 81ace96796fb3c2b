"""What HMR 2.0 looks at, and where in the camera frame its answer lies.

A person's box is grown to the aspect 192:256 and its longer side warped to 256 pixels; the network predicts a
weak-perspective camera (s, tx, ty) of that crop. All coordinates are pixel centres: the crop's middle, 128, shows the
box's centre exactly, as in the published code.

Reference: Goel et al., Humans in 4D, ICCV 2023, and its published inference code.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Camera

CROP_PX = 256
ASPECT = (192, 256)
"""Width and height of what the network sees of a crop."""
MEAN_RGB = (0.485, 0.456, 0.406)
DEVIATION_RGB = (0.229, 0.224, 0.225)
_BLUR_ABOVE = 1.1
_MIN_BOX_PX = 1.0
_TRUNCATE = 4.0  # the published blur ends at so many deviations


@dataclass(frozen=True)
class PersonCrop:
    """A square of the photo around one person.

    Attributes:
        centre_px: (2,) its centre, column and row.
        size_px: its side.
    """

    centre_px: Float[ndarray, "2"]
    size_px: float

    def crop_from_photo(self) -> Float[ndarray, "2 3"]:
        """Return the affine map from photo pixels to crop pixels."""
        ratio = CROP_PX / self.size_px
        return np.column_stack([np.eye(2) * ratio, CROP_PX / 2 - ratio * self.centre_px])


def crop_of_box(box_xyxy: Float[ndarray, "4"]) -> PersonCrop | None:
    """Return the crop of a person's box: grown to 192:256, its longer side.

    Args:
        box_xyxy: left, top, right, bottom in pixels.

    Returns:
        The crop; None for a box without extent, which shows nobody.
    """
    left, top, right, bottom = np.asarray(box_xyxy, np.float64)
    width, height = float(right - left), float(bottom - top)
    if not (math.isfinite(width + height) and max(width, height) >= _MIN_BOX_PX):
        return None
    # The taller of the box and of the 192:256 box as wide as it.
    size_px = max(height, width * ASPECT[1] / ASPECT[0])
    return PersonCrop(np.array([(left + right) / 2, (top + bottom) / 2]), size_px)


def crop_tensor(rgb: Float[ndarray, "h w 3"], crop: PersonCrop) -> Float[ndarray, "3 256 256"]:
    """Return the network's input: blurred where it is made smaller, warped, black outside the photo, normalised RGB.

    Args:
        rgb: the photo in [0, 1].
        crop: where the person is.

    Returns:
        (3, 256, 256) float32, (RGB - mean) / deviation of ImageNet.
    """
    smaller = crop.size_px / CROP_PX / 2
    sigma = (smaller - 1) / 2 if smaller > _BLUR_ABOVE else 0.0
    reach = int(_TRUNCATE * sigma + 0.5)
    corner, view = _view(rgb, crop, margin=reach + 2)
    if sigma > 0:
        # Only the view is blurred: its margin keeps what is beyond it out of the crop.
        # In double precision, as published: OpenCV then warps with its coordinates rounded to 1/32 pixel.
        view = cv2.GaussianBlur(
            view.astype(np.float64), (2 * reach + 1, 2 * reach + 1), sigma, borderType=cv2.BORDER_REPLICATE
        )
    crop_from_view = crop.crop_from_photo()
    crop_from_view[:, 2] += crop_from_view[:, :2] @ corner
    square = cv2.warpAffine(
        view, crop_from_view, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    normalised = (square - MEAN_RGB) / DEVIATION_RGB
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), np.float32)


def camera_translation(cam: Float[ndarray, "3"], crop: PersonCrop, camera: Camera) -> Float[ndarray, "3"] | None:
    """Return where the body's origin lies in the camera frame.

    With b the crop's side and bs = b·s + 1e-9: tz = 2f/bs, tx += 2(cx - px)/bs, ty likewise, where (cx, cy) is the
    crop's centre and (px, py) the camera's principal point. Where a pixel is not square, f is the geometric mean of
    fx and fy, and each offset is measured in its own.

    Args:
        cam: the network's s, tx, ty.
        crop: the crop it was predicted in.
        camera: of the photo.

    Returns:
        (3,) metres; None where s is not positive, which puts nobody in front of the camera.
    """
    scale, tx, ty = (float(value) for value in cam)
    if not (math.isfinite(scale + tx + ty) and scale > 0):
        return None
    focal_px = math.sqrt(camera.fx * camera.fy)
    bs = crop.size_px * scale + 1e-9
    tz = 2 * focal_px / bs
    offset = crop.centre_px - [camera.cx, camera.cy]
    return np.array([offset[0] * tz / camera.fx + tx, offset[1] * tz / camera.fy + ty, tz])


def _view(
    rgb: Float[ndarray, "h w 3"], crop: PersonCrop, *, margin: int
) -> tuple[Float[ndarray, "2"], Float[ndarray, "a b 3"]]:
    """Return the part of the photo a crop reaches, with a margin, and where its first pixel is."""
    height, width = rgb.shape[:2]
    low = np.floor(crop.centre_px - crop.size_px / 2).astype(int) - margin
    high = np.ceil(crop.centre_px + crop.size_px / 2).astype(int) + margin + 1
    # At least one pixel, for a box outside the photo.
    left, top = np.clip(low, 0, [width - 1, height - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height])
    return np.array([left, top], np.float64), np.ascontiguousarray(rgb[top:bottom, left:right], np.float32)
