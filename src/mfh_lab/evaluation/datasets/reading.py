"""Files of datasets into arrays; every file that is not what it should be is one line that names it."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import check_camera
from mfh.io.pictures import DATASET_FORMATS, open_picture
from mfh.io.reading import array_names, open_zip, read_member
from mfh.io.reading import read_npy as read_npy_of
from mfh.types import Camera
from mfh_lab.evaluation.datasets.sample import DatasetSample

MAX_MAP_BYTES = 1 << 30
"""Largest map: 100 megapixels in double precision have 0.8 GB."""
_PICTURE = "a PNG or JPEG picture"
_GREY16 = "a picture of 16-bit grey depth"
_MASK = "a mask of one channel"


def read_rgb(path: Path) -> Float[ndarray, "h w 3"]:
    """Read a picture as its pixels lie in the file: the truth is stored for those, so EXIF does not turn them.

    Args:
        path: an 8-bit picture.

    Returns:
        (h, w, 3) float32 in [0, 1].

    Raises:
        InputError: for a file that is missing, damaged or no 8-bit picture.
    """
    with open_picture(path, formats=DATASET_FORMATS, what="picture", expected=_PICTURE) as image:
        if image.mode not in ("RGB", "RGBA", "L", "P", "CMYK"):
            raise InputError(f"{path} has pixel format {image.mode}: expected an 8-bit colour picture")
        pixels = np.asarray(image.convert("RGB"))
    return pixels.astype(np.float32) / np.float32(255)


def read_grey16(path: Path) -> Float[ndarray, "h w"]:
    """Read a 16-bit grey picture.

    Args:
        path: the picture.

    Returns:
        (h, w) float32 whole numbers 0 to 65535, which float32 holds exactly.

    Raises:
        InputError: for a file that is missing, damaged or not 16-bit grey.
    """
    with open_picture(path, formats=DATASET_FORMATS, what="depth", expected=_GREY16) as image:
        if image.mode not in ("I;16", "I;16B", "I"):
            raise InputError(f"{path} has pixel format {image.mode}: expected 16-bit grey depth")
        pixels = np.asarray(image)
        if not 0 <= pixels.min() <= pixels.max() <= 0xFFFF:
            raise InputError(f"{path} has values {pixels.min()} to {pixels.max()}: expected 16-bit grey depth")
        return pixels.astype(np.float32)


def read_mask(path: Path) -> Bool[ndarray, "h w"]:
    """Read where a grey or one-bit picture is not 0; as :func:`read_flags`."""
    return read_flags(path) != 0


def read_flags(path: Path) -> Int[ndarray, "h w"]:
    """Read a grey or one-bit picture as its numbers.

    Args:
        path: the picture.

    Returns:
        (h, w) whole numbers; of a one-bit picture 0 or 1.

    Raises:
        InputError: for a file that is missing, damaged or has colours.
    """
    with open_picture(path, formats=DATASET_FORMATS, what="mask", expected=_MASK) as image:
        pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "bui":
        raise InputError(f"{path} has shape {pixels.shape} of {pixels.dtype}: expected {_MASK}")
    return pixels.astype(np.int64)


def read_npy(path: Path) -> Shaped[ndarray, "..."]:
    """Read an array from .npy.

    Args:
        path: the file.

    Returns:
        The array.

    Raises:
        InputError: for a file that is missing, damaged or holds objects.
    """
    return read_npy_of(path, what="", expected="an npy file of numbers", max_bytes=MAX_MAP_BYTES)


def read_npz(path: Path, *, key: str) -> Shaped[ndarray, "..."]:
    """Read one array of an .npz: the named one, or the only one.

    Args:
        path: the file.
        key: name of the array.

    Returns:
        The array.

    Raises:
        InputError: for a file that is missing or damaged, or several arrays of which none has the name.
    """
    expected = f"an npz file of numbers with an array {key}"
    with open_zip(path, what="", expected=expected, max_bytes=MAX_MAP_BYTES) as archive:
        names = array_names(archive)
        if key not in names and len(names) != 1:
            raise InputError(f"{path} holds {', '.join(names) or 'nothing'}: expected an array {key}")
        return read_member(archive, key if key in names else names[0], max_bytes=MAX_MAP_BYTES)


def as_truth(depth_m: Shaped[ndarray, "..."], path: Path) -> Float[ndarray, "h w"]:
    """Return depth as a sample holds it: (h, w) float32 metres, 0 where it is not finite and positive.

    Args:
        depth_m: (h, w) or (h, w, 1) metres.
        path: where it was read, for messages.

    Raises:
        InputError: for another shape or kind of numbers.
    """
    depth_m = _one_number_a_pixel(depth_m, path, kinds="fui")
    # What single precision cannot hold is infinite, and no truth.
    with np.errstate(over="ignore"):
        depth_m = depth_m.astype(np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0))


def as_mask(values: Shaped[ndarray, "..."], path: Path) -> Bool[ndarray, "h w"]:
    """Return where numbers are finite and positive.

    Args:
        values: (h, w) or (h, w, 1) numbers, or True and False.
        path: where they were read, for messages.

    Raises:
        InputError: for another shape or kind of numbers.
    """
    values = _one_number_a_pixel(values, path, kinds="fuib")
    return np.isfinite(values) & (values > 0)


def camera_of(path: Path, *, fx: float, fy: float, cx: float, cy: float, width: int, height: int) -> Camera:
    """Return a camera that was read from a file.

    Args:
        path: the file, for the message.
        fx: pixels.
        fy: pixels.
        cx: pixels.
        cy: pixels.
        width: pixels.
        height: pixels.

    Raises:
        InputError: for numbers that no camera has, naming the file.
    """
    try:
        return check_camera(Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _one_number_a_pixel(values: Shaped[ndarray, "..."], path: Path, *, kinds: str) -> Shaped[ndarray, "h w"]:
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in kinds:
        raise InputError(f"{path} holds {values.dtype} of shape {values.shape}: expected depth, one number a pixel")
    return values


def size_of(array: Shaped[ndarray, "..."]) -> str:
    """Return "width x height" of an image."""
    return f"{array.shape[1]}x{array.shape[0]}"


def make_sample(
    name: str,
    rgb: Float[ndarray, "h w 3"],
    camera: Camera,
    truth: tuple[Float[ndarray, "h2 w2"], Path],
    *,
    official_mask: tuple[Bool[ndarray, "h3 w3"], Path] | None = None,
) -> DatasetSample:
    """Put a sample together after seeing that its parts are of one size.

    Args:
        name: of the sample.
        rgb: (h, w, 3) photo.
        camera: of the photo.
        truth: (h, w) metres, and the file it is from.
        official_mask: (h, w) where the truth is valid, and its file; None for everywhere.

    Returns:
        The sample.

    Raises:
        InputError: for sizes that differ, naming the file.
    """
    for array, path in (truth, official_mask) if official_mask is not None else (truth,):
        if array.shape != rgb.shape[:2]:
            raise InputError(f"{path} is {size_of(array)}, but its photo {size_of(rgb)}: expected one size")
    mask = np.ones(rgb.shape[:2], bool) if official_mask is None else official_mask[0]
    return DatasetSample(name=name, rgb=rgb, camera=camera, truth_m=truth[0], official_mask=mask)
