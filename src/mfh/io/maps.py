"""One map of numbers from a file: npy, npz, 16-bit png or exr, whatever program wrote it."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from mfh.errors import InputError, one_line

SUFFIXES = (".npy", ".npz", ".png", ".exr")
_READABLE = "npy, npz, 16-bit png or exr"


def read_map(path: Path, *, what: str, names: Sequence[str]) -> Float[ndarray, "h w"]:
    """Read a map from a file; what its numbers mean is the caller's to know.

    Args:
        path: npy; npz with one array, or one of ``names``; 16-bit grey png; or exr, where OpenCV was built with it.
        what: it is, for messages: "relative depth".
        names: of the array in an npz with several, in order of preference.

    Returns:
        (h, w) float32; values need not be finite.

    Raises:
        InputError: for a file that is not such a map, in one line.
    """
    readers: dict[str, Callable[[Path], ndarray]] = {
        ".npy": _read_npy,
        ".npz": lambda path: _read_npz(path, names),
        ".png": _read_png,
        ".exr": lambda path: _read_exr(path, what),
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise InputError(f"{what} {path} has the ending {path.suffix or 'of no format'}: expected {_READABLE}")
    try:
        values = readers[suffix](path)
    except OSError as error:
        raise InputError(f"cannot read {what} {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{what} {path} is damaged or no {suffix[1:]} ({one_line(error)}): expected {_READABLE}"
        ) from error
    return _as_map(values, path.name)


def _as_map(values: Shaped[ndarray, "..."], name: str) -> Float[ndarray, "h w"]:
    """Return (h, w) float32 from what a file held."""
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name} holds {values.dtype}: expected numbers")
    squeezed = values.squeeze() if values.ndim > 2 else values
    if squeezed.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}: expected (height, width)")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(squeezed, np.float32)


def _read_npy(path: Path) -> Shaped[ndarray, "..."]:
    with path.open("rb") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _read_npz(path: Path, wanted: Sequence[str]) -> Shaped[ndarray, "..."]:
    with path.open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it is no npz")
        names = stored.files
        found = names if len(names) == 1 else [name for name in wanted if name in names]
        if not found:
            listed = ", ".join(wanted[:-1]) + f" or {wanted[-1]}" if len(wanted) > 1 else wanted[0]
            raise InputError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: expected one array, or one named {listed}"
            )
        return stored[found[0]]


def _read_png(path: Path) -> Shaped[ndarray, "..."]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("I;16", "I;16B", "I"):
                raise InputError(
                    f"{path.name} has pixel format {image.mode}: expected 16-bit grey (256 levels are too coarse, and "
                    "colours are no depth)"
                )
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise ValueError("it does not begin like a png") from error


def _read_exr(path: Path, what: str) -> Shaped[ndarray, "..."]:
    import cv2

    path.open("rb").close()
    advice = "save the map as npy (numpy.save)"
    if not cv2.haveImageReader(str(path)):
        raise InputError(f"{what} {path} cannot be read: it is no exr, or this OpenCV has no exr; {advice}")
    try:
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{what} {path} cannot be read by OpenCV ({error.err}): {advice}") from error
    if values is None:
        raise InputError(f"{what} {path} cannot be read by this OpenCV: {advice}")
    if values.ndim == 3:
        if not (values == values[..., :1]).all():
            raise InputError(f"{path.name} has {values.shape[2]} different channels: expected one; {advice}")
        values = values[..., 0]
    return values
