"""The input size of models: photos up to 25 megapixels are used as they are, larger ones are averaged down.

Networks resize their input to a few hundred thousand pixels anyway. A larger photo would cost gigabytes for the same
picture.
"""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from mfh.geometry.camera import resize_camera
from mfh.types import Photo

WHOLE_PIXELS = 25_000_000
"""Photos of up to so many pixels are used as they are."""
VIEW_PIXELS = 12_500_000
"""Larger ones are made smaller by a whole number, until they have no more than this."""


def view_shape(height: int, width: int) -> tuple[int, int]:
    """Return height and width of models' input, for a photo of this height and width in pixels."""
    if height * width <= WHOLE_PIXELS:
        return height, width
    times = math.ceil(math.sqrt(height * width / VIEW_PIXELS))
    return max(1, round(height / times)), max(1, round(width / times))


def view_of(photo: Photo) -> Photo:
    """Return the models' input: the same photo, or a smaller one with the camera of its size."""
    height, width = photo.pixels.shape[:2]
    tall, wide = view_shape(height, width)
    if (tall, wide) == (height, width):
        return photo
    return replace(
        photo, pixels=_mean(photo.pixels, wide, tall), camera=resize_camera(photo.camera, width=wide, height=tall)
    )


def _mean(pixels: Shaped[ndarray, "h w c"], width: int, height: int) -> Shaped[ndarray, "a b c"]:
    """Return pixels of the same type at a smaller size: the mean over what each covers."""
    import cv2

    smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    if smaller.dtype.kind == "f":
        # Means of numbers in [0, 1] may leave it by a rounding error.
        smaller = np.clip(smaller, 0, 1)
    return smaller.reshape(height, width, pixels.shape[2])
