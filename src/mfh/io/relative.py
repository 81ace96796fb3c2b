"""Relative depth that the user brings as a file: npy, npz, 16-bit png or exr, of any model."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from mfh.errors import InputError
from mfh.types import Space

SAME_ASPECT = 0.01
"""Aspect ratios closer than this are the same view at another size: rounding to whole pixels moves them less."""
_READABLE = "npy, npz, 16-bit png or exr"


@dataclass(frozen=True)
class RelativeDepthMap:
    """A map of one photo, whose metres are asked for.

    Attributes:
        values: (h, w) finite, not all alike.
        space: "disparity", larger is nearer, or "depth", larger is farther; either up to an affine map.
        name: what to call it: the file's name.
    """

    values: Float[ndarray, "h w"]
    space: Space
    name: str = "array"

    def __post_init__(self) -> None:
        """Refuse what no photo's relative depth can be."""
        values = self.values
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        if bad:
            raise InputError(
                f"{self.name} has {bad} of {values.size} values that are not finite: expected relative depth at every "
                "pixel; fill them first"
            )
        if values.size == 0 or float(np.ptp(values)) <= 1e-6 * float(np.abs(values).max()):
            at = f" ({float(values.flat[0]):g} everywhere)" if values.size else ""
            raise InputError(f"{self.name} is constant{at}: expected relative depth that varies over the photo")

    def fitted_to(self, width: int, height: int) -> tuple["RelativeDepthMap", tuple[str, ...]]:
        """Return the map at the size of a photo, resized bilinearly where it is the same view at another size.

        Args:
            width: of the photo, pixels.
            height: of the photo, pixels.

        Returns:
            The map, and sentences to show with it.

        Raises:
            InputError: for a map of another shape than the photo's.
        """
        rows, columns = self.values.shape
        if (columns, rows) == (width, height):
            return self, ()
        if abs(columns * height / (rows * width) - 1) > SAME_ASPECT:
            turned = "; it seems to be turned by 90 degrees" if (columns, rows) == (height, width) else ""
            raise InputError(
                f"{self.name} has {columns}x{rows} values and the photo has {width}x{height} pixels{turned}: expected "
                "a map of the upright photo, of the same size or shape"
            )
        import cv2

        values = cv2.resize(self.values, (width, height), interpolation=cv2.INTER_LINEAR)
        note = f"relative depth {self.name} was resized from {columns}x{rows} to the photo's {width}x{height}"
        return replace(self, values=values), (note,)


def read_relative_depth(path: str | Path, *, space: Space) -> RelativeDepthMap:
    """Read relative depth from a file.

    Args:
        path: npy; npz with one array, or one named like the space, "relative" or "values"; 16-bit grey png; or exr,
            where OpenCV was built with it.
        space: what the values are.

    Returns:
        The map.

    Raises:
        InputError: for a file that is not such a map, in one line.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path, Space], ndarray]] = {
        ".npy": _read_npy,
        ".npz": _read_npz,
        ".png": _read_png,
        ".exr": _read_exr,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"relative depth {path} has the ending {path.suffix or 'of no format'}: expected {_READABLE}")
    try:
        values = readers[path.suffix.lower()](path, space)
    except OSError as error:
        raise InputError(f"cannot read relative depth {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"relative depth {path} is damaged or no {path.suffix[1:].lower()} ({' '.join(str(error).split())}): "
            f"expected {_READABLE}"
        ) from error
    return RelativeDepthMap(_as_map(values, path.name), space, path.name)


def _as_map(values: Shaped[ndarray, "..."], name: str) -> Float[ndarray, "h w"]:
    """Return (h, w) float32 from what a file held."""
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name} holds {values.dtype}: expected numbers")
    squeezed = values.squeeze() if values.ndim > 2 else values
    if squeezed.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}: expected (height, width)")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(squeezed, np.float32)


def _read_npy(path: Path, space: Space) -> Shaped[ndarray, "..."]:
    with path.open("rb") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _read_npz(path: Path, space: Space) -> Shaped[ndarray, "..."]:
    with path.open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it is no npz")
        names = stored.files
        wanted = names if len(names) == 1 else [name for name in (space, "relative", "values") if name in names]
        if not wanted:
            raise InputError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: expected one array, or one named {space}, "
                "relative or values"
            )
        return stored[wanted[0]]


def _read_png(path: Path, space: Space) -> Shaped[ndarray, "..."]:
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


def _read_exr(path: Path, space: Space) -> Shaped[ndarray, "..."]:
    import cv2

    path.open("rb").close()
    advice = "save the map as npy (numpy.save)"
    if not cv2.haveImageReader(str(path)):
        raise InputError(f"relative depth {path} cannot be read: it is no exr, or this OpenCV has no exr; {advice}")
    try:
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"relative depth {path} cannot be read by OpenCV ({error.err}): {advice}") from error
    if values is None:
        raise InputError(f"relative depth {path} cannot be read by this OpenCV: {advice}")
    if values.ndim == 3:
        if not (values == values[..., :1]).all():
            raise InputError(f"{path.name} has {values.shape[2]} different channels: expected one; {advice}")
        values = values[..., 0]
    return values
