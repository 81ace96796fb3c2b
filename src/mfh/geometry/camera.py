"""Pinhole cameras: making, resizing and cropping them; projecting and unprojecting points.

The pixel convention is defined here: integer coordinates are pixel *centres*, so the left edge of an image is at -0.5,
its centre at (width - 1) / 2, and a resize by r maps a coordinate c to (c + 0.5)·r - 0.5.

Models take photos of up to 25 megapixels as they are. Larger ones are averaged down, with their camera: networks resize
their input to a few hundred thousand pixels anyway, and the whole would cost gigabytes.
"""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Camera, Photo

FULL_FRAME_MM = 36.0
"""Long side of the 35 mm ("full") frame, to which 35 mm equivalent focal lengths refer."""
WHOLE_PIXELS = 25_000_000
"""Photos of up to so many pixels are used as they are."""
VIEW_PIXELS = 12_500_000
"""Larger ones are made smaller by a whole number, until they have no more than this."""


def check_camera(camera: Camera) -> Camera:
    """Return the camera, or refuse one that no image can have.

    Raises:
        InputError: for a size below 1, a focal length that is not finite and positive, or a principal point that is
            not finite.
    """
    _check_size(camera.width, camera.height)
    for name in ("fx", "fy"):
        _check_positive(name, getattr(camera, name), unit="pixels")
    for name in ("cx", "cy"):
        if not math.isfinite(getattr(camera, name)):
            raise InputError(f"{name} is {getattr(camera, name)}: expected a finite pixel coordinate")
    return camera


def camera_from_focal_px(focal_px: float, *, width: int, height: int) -> Camera:
    """Make a camera with square pixels and cx = (width - 1) / 2, cy = (height - 1) / 2.

    The focal length is in pixels of exactly this image size.

    Raises:
        InputError: for a focal length that is not finite and positive, or a size below 1.
    """
    _check_size(width, height)
    focal_px = _check_positive("focal_px", focal_px, unit="pixels")
    return Camera(fx=focal_px, fy=focal_px, cx=(width - 1) / 2, cy=(height - 1) / 2, width=width, height=height)


def camera_from_fov_x(fov_x_deg: float, *, width: int, height: int) -> Camera:
    """Make a camera from its horizontal field of view in degrees: f = (width / 2) / tan(fov / 2).

    The angle is measured between the image's outer edges.

    Raises:
        InputError: for a field of view outside (0, 180), or a size below 1.
    """
    if not (math.isfinite(fov_x_deg) and 0 < fov_x_deg < 180):
        raise InputError(f"fov_x_deg is {fov_x_deg}: expected degrees between 0 and 180")
    _check_size(width, height)
    return camera_from_focal_px(width / 2 / math.tan(math.radians(fov_x_deg) / 2), width=width, height=height)


def camera_from_focal_35mm(focal_35mm: float, *, width: int, height: int) -> Camera:
    """Make a camera from a 35 mm equivalent focal length in millimetres: f = focal · long side / 36.

    The full frame is 36 mm along its long side, so a portrait photo is measured along its height. The size is that of
    the whole (uncropped) frame.

    Raises:
        InputError: for a focal length that is not finite and positive, or a size below 1.
    """
    focal_35mm = _check_positive("focal_35mm", focal_35mm, unit="millimetres")
    _check_size(width, height)
    return camera_from_focal_px(focal_35mm * max(width, height) / FULL_FRAME_MM, width=width, height=height)


def camera_matrix(camera: Camera) -> Float[ndarray, "3 3"]:
    """Return K = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]."""
    return np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]])


def resize_camera(camera: Camera, *, width: int, height: int) -> Camera:
    """Return the camera of the image resized to another size: f -> f·r, c -> (c + 0.5)·r - 0.5 per axis.

    Raises:
        InputError: for a size below 1.
    """
    _check_size(width, height)
    ratio_x, ratio_y = width / camera.width, height / camera.height
    return Camera(
        fx=camera.fx * ratio_x,
        fy=camera.fy * ratio_y,
        cx=(camera.cx + 0.5) * ratio_x - 0.5,
        cy=(camera.cy + 0.5) * ratio_y - 0.5,
        width=width,
        height=height,
    )


def crop_camera(camera: Camera, *, left: int, top: int, width: int, height: int) -> Camera:
    """Return the camera of a crop whose first pixel is (left, top) of the image; negative ones pad.

    Raises:
        InputError: for a size below 1.
    """
    _check_size(width, height)
    return Camera(fx=camera.fx, fy=camera.fy, cx=camera.cx - left, cy=camera.cy - top, width=width, height=height)


def subsample_camera(camera: Camera, *, step: int) -> Camera:
    """Return the camera of ``image[::step, ::step]``: pixel i of it is exactly pixel i·step of the image.

    Raises:
        InputError: for a step below 1.
    """
    if step < 1:
        raise InputError(f"step is {step}: expected at least 1")
    return Camera(
        fx=camera.fx / step,
        fy=camera.fy / step,
        cx=camera.cx / step,
        cy=camera.cy / step,
        width=-(-camera.width // step),
        height=-(-camera.height // step),
    )


def project(camera: Camera, points_m: Shaped[ndarray, "*batch 3"]) -> Float[ndarray, "*batch 2"]:
    """Project points in the camera frame: (fx·x/z + cx, fy·y/z + cy).

    Returns:
        (..., 2) float64 pixel coordinates (column, row); NaN for points that are not in front of the camera.
    """
    points = np.asarray(points_m, np.float64)
    z = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    return np.stack([camera.fx * points[..., 0] / z + camera.cx, camera.fy * points[..., 1] / z + camera.cy], -1)


def unproject(
    camera: Camera, pixels: Shaped[ndarray, "*batch 2"], depth_m: Shaped[ndarray, "*batch"]
) -> Float[ndarray, "*batch 3"]:
    """Return the points (metres, float64) at pixels (column, row) and z-depths; the inverse of :func:`project`."""
    pixels = np.asarray(pixels, np.float64)
    z = np.asarray(depth_m, np.float64)
    x = (pixels[..., 0] - camera.cx) / camera.fx * z
    y = (pixels[..., 1] - camera.cy) / camera.fy * z
    return np.stack([x, y, z], -1)


def _check_positive(name: str, value: float, *, unit: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {value}: expected a finite, positive number of {unit}")
    return float(value)


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InputError(f"image size is {width}x{height}: expected at least 1x1 pixels")


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
