"""Files of datasets into arrays; every file that is not what it should be is one line that names it."""

import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from mfh.errors import InputError
from mfh.evaluation.datasets.sample import Sample
from mfh.types import Camera


def read_rgb(path: Path) -> Float[ndarray, "h w 3"]:
    """Read a picture as its pixels lie in the file: the truth is stored for those, so EXIF does not turn them.

    Args:
        path: an 8-bit picture.

    Returns:
        (h, w, 3) float32 in [0, 1].

    Raises:
        InputError: for a file that is missing, damaged or no 8-bit picture.
    """
    with _open(path) as image:
        if image.mode not in ("RGB", "RGBA", "L", "P", "CMYK"):
            raise InputError(f"{path} has pixel format {image.mode}: expected an 8-bit colour picture")
        try:
            pixels = np.asarray(image.convert("RGB"))
        except OSError as error:
            raise InputError(f"{path} is damaged ({error}): expected a whole picture") from error
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
    with _open(path) as image:
        if image.mode not in ("I;16", "I;16B", "I"):
            raise InputError(f"{path} has pixel format {image.mode}: expected 16-bit grey depth")
        return _pixels(image, path).astype(np.float32)


def read_mask(path: Path) -> Bool[ndarray, "h w"]:
    """Read where a grey or one-bit picture is not 0.

    Args:
        path: the picture.

    Returns:
        (h, w) True where it is not 0.

    Raises:
        InputError: for a file that is missing, damaged or has colours.
    """
    with _open(path) as image:
        pixels = _pixels(image, path)
    if pixels.ndim != 2:
        raise InputError(f"{path} has shape {pixels.shape}: expected a mask of one channel")
    return pixels != 0


def read_npy(path: Path) -> Shaped[ndarray, "..."]:
    """Read an array from .npy.

    Args:
        path: the file.

    Returns:
        The array.

    Raises:
        InputError: for a file that is missing, damaged or holds objects.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; expected an npy file") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an npy file of numbers: {error}") from error
    if not isinstance(array, ndarray):
        raise InputError(f"{path} holds several arrays: expected an npy file with one")
    return array


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
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays.files)
            if key not in names and len(names) != 1:
                raise InputError(f"{path} holds {', '.join(names) or 'nothing'}: expected an array {key}")
            return arrays[key if key in names else names[0]]
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; expected an npz file") from error
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not an npz file of numbers: {error}") from error


def as_truth(depth_m: Shaped[ndarray, "..."], path: Path) -> Float[ndarray, "h w"]:
    """Return depth as a sample holds it: (h, w) float32 metres, 0 where it is not finite and positive.

    Args:
        depth_m: (h, w) or (h, w, 1) metres.
        path: where it was read, for messages.

    Raises:
        InputError: for another shape or kind of numbers.
    """
    if depth_m.ndim == 3 and depth_m.shape[2] == 1:
        depth_m = depth_m[..., 0]
    if depth_m.ndim != 2 or depth_m.dtype.kind not in "fui":
        raise InputError(f"{path} holds {depth_m.dtype} of shape {depth_m.shape}: expected depth, one number a pixel")
    depth_m = depth_m.astype(np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0))


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
) -> Sample:
    """Put a sample together after seeing that its parts are of one size.

    Args:
        name: of the sample.
        rgb: (h, w, 3) photo.
        camera: of the photo.
        truth: (h, w) metres, and the file it is from.
        official_mask: (h, w) where the truth can be trusted, and its file; None for everywhere.

    Returns:
        The sample.

    Raises:
        InputError: for sizes that differ, naming the file.
    """
    for array, path in (truth, official_mask) if official_mask is not None else (truth,):
        if array.shape != rgb.shape[:2]:
            raise InputError(f"{path} is {size_of(array)}, but its photo {size_of(rgb)}: expected one size")
    mask = np.ones(rgb.shape[:2], bool) if official_mask is None else official_mask[0]
    return Sample(name=name, rgb=rgb, camera=camera, truth_m=truth[0], official_mask=mask)


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no picture: expected PNG or JPEG") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; expected a picture") from error


def _pixels(image: Image.Image, path: Path) -> Shaped[ndarray, "..."]:
    try:
        return np.asarray(image)
    except OSError as error:
        raise InputError(f"{path} is damaged ({error}): expected a whole picture") from error
