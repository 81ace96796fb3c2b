"""The size at which people are painted: no model runs on a photo of twelve megapixels whole.

The inputs of depth networks, painters and person segmenters are a few hundred thousand pixels. Painting at a photo's
own size would give them the same picture, for twenty times the time and memory. What is found on the canvas is metres
and relative depths, which have no size; only places in the picture are brought back.
"""

import math
from dataclasses import replace

import numpy as np

from mfh.geometry.camera import resize_camera
from mfh.geometry.masks import relative_with_holes, resize_with_holes
from mfh.types import Evidence, Photo, RelativeDepth


def canvas_of(photo: Photo, relative: RelativeDepth, *, max_pixels: int) -> tuple[Photo, RelativeDepth]:
    """Return a photo and its relative depth at the size they are painted at: their own, or about ``max_pixels``.

    Args:
        photo: the view of it that models take as input.
        relative: its relative depth, of the same size.
        max_pixels: a larger photo is made smaller, by the mean over what a pixel covers.

    Returns:
        Both, with the camera of their size; the photo's pixels are float32, so that every painting is made from the
        same array.
    """
    camera = photo.camera
    ratio = math.sqrt(max_pixels / (camera.width * camera.height))
    if ratio >= 1:
        rgb = photo.rgb
        return (photo if rgb is photo.pixels else replace(photo, pixels=rgb)), relative
    import cv2

    size = (max(1, round(camera.width * ratio)), max(1, round(camera.height * ratio)))
    rgb = cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA)
    values = resize_with_holes(relative.values_or_nan, size, cv2.INTER_AREA)
    # Means of numbers in [0, 1] may leave it by a rounding error.
    smaller = replace(photo, pixels=np.clip(rgb, 0, 1), camera=resize_camera(camera, width=size[0], height=size[1]))
    return smaller, replace(relative_with_holes(values, relative.space), log_range=relative.log_range)


def on_photo(evidence: Evidence, canvas: Photo, photo: Photo) -> Evidence:
    """Return evidence with its places in pixels of the photo.

    Args:
        evidence: with places in pixels of the canvas.
        canvas: what was painted on.
        photo: the photo it was made from.
    """
    if canvas.camera == photo.camera:
        return evidence
    x, y = photo.camera.width / canvas.camera.width, photo.camera.height / canvas.camera.height
    landmarks = []
    for one in evidence.landmarks:
        left, top, right, bottom = one.box_xyxy
        landmarks.append(
            replace(
                one,
                box_xyxy=(left * x, top * y, right * x, bottom * y),
                reprojection_px=None if one.reprojection_px is None else one.reprojection_px * y,
            )
        )
    return replace(evidence, landmarks=tuple(landmarks))
