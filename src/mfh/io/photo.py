"""A picture file, or an array, into an upright RGB photo with a camera; every bad file is one clear line."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray
from PIL import Image

from mfh.errors import InputError
from mfh.io.exif import ExifFacts, read_exif
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.pictures import MAX_PIXELS, PHOTO_FORMATS, PHOTO_NAMES, check_unit_range, decode, open_picture
from mfh.types import Photo

MIN_SIDE_PX = 32
"""Smaller photos are refused: no person in them could be measured."""
_NO_LIMIT = 1 << 62
"""The size is checked here, where the message can name the flag that raises the limit."""


def load_photo(path: str | Path, *, focal: FocalRequest | None = None, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo: EXIF rotation applied, any pixel format turned into RGB, focal length given or found.

    Transparent pixels are put on white, and of an animation the first frame is read; ``notes`` report both.

    Raises:
        InputError: for anything that is not a readable photo of a usable size, in one line.
    """
    path = Path(path)
    return _photo(path, path.name, focal=focal, max_pixels=max_pixels, path=str(path))


def photo_from_bytes(
    data: bytes, *, name: str, focal: FocalRequest | None = None, max_pixels: int = MAX_PIXELS
) -> Photo:
    """Read a photo as :func:`load_photo` does, from the bytes of a picture file; it has no path.

    Raises:
        InputError: for anything that is not a readable photo of a usable size, in one line that begins with the name.
    """
    if not data:
        raise InputError(f"{name} is empty (0 bytes): expected a whole picture file ({PHOTO_NAMES})")
    return _photo(data, name, focal=focal, max_pixels=max_pixels, path="")


def _photo(source: Path | bytes, name: str, *, focal: FocalRequest | None, max_pixels: int, path: str) -> Photo:
    pixels, exif, notes = _decoded(source, name, max_pixels=max_pixels)
    pixels = _upright(pixels, exif.orientation)
    height, width = pixels.shape[:2]
    camera, provenance = choose_camera(focal, exif, width=width, height=height)
    return Photo(pixels, camera=camera, focal=provenance, name=name, notes=notes, path=path)


def photo_from_array(rgb: Shaped[ndarray, "h w 3"], *, focal: FocalRequest | None = None, name: str = "array") -> Photo:
    """Make a photo from pixels in memory: uint8 or uint16, or floats in [0, 1].

    Without a focal length the default field of view is assumed.

    Raises:
        InputError: for another shape, type or range.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise InputError(f"{name} has shape {rgb.shape}: expected (height, width, 3)")
    height, width = rgb.shape[:2]
    _check_size(name, width, height, max_pixels=MAX_PIXELS)
    camera, provenance = choose_camera(focal, ExifFacts(), width=width, height=height)
    return Photo(_checked(rgb, name=name), camera=camera, focal=provenance, name=name)


def _decoded(
    source: Path | bytes, name: str, *, max_pixels: int
) -> tuple[Shaped[ndarray, "h w c"], ExifFacts, tuple[str, ...]]:
    """Return the pixels of the file, its EXIF facts, and notes; Pillow's own copy is freed with this call."""
    expected = f"a whole picture file ({PHOTO_NAMES})"
    # Of a file, messages name the path themselves.
    what = name if isinstance(source, bytes) else ""
    with open_picture(source, formats=PHOTO_FORMATS, what=what, expected=expected, max_pixels=_NO_LIMIT) as image:
        _check_size(name, image.width, image.height, max_pixels=max_pixels)
        exif = read_exif(image)
        notes = _notes_on_frames(image)
        pixels, more_notes = decode(image, name=name)
    return pixels, exif, (*notes, *more_notes)


def _check_size(name: str, width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"{name} has {width}x{height} pixels ({width * height / 1e6:.0f} megapixels): expected at most "
            f"{max_pixels / 1e6:g} megapixels; make it smaller or raise the limit (--max-megapixels)"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise InputError(f"{name} has {width}x{height} pixels: expected at least {MIN_SIDE_PX} on the short side")


def _notes_on_frames(image: Image.Image) -> tuple[str, ...]:
    """Return a note on which of several pictures in one file is used."""
    if not getattr(image, "is_animated", False):
        return ()
    if image.format in ("GIF", "PNG", "WEBP", "AVIF"):
        return ("animated: the first frame is used",)
    return ("the file holds several pictures: the first is used",)


def _checked(pixels: Shaped[ndarray, "h w 3"], *, name: str) -> Shaped[ndarray, "h w 3"]:
    """Return a copy of uint8 or uint16 pixels, or of floats in [0, 1] as float32."""
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.copy()
    if pixels.dtype.kind != "f":
        raise InputError(f"{name} has {pixels.dtype} pixels: expected uint8, uint16 or floats in [0, 1]")
    check_unit_range(float(pixels.min()), float(pixels.max()), name=name)
    return pixels.astype(np.float32)


def _upright(pixels: Shaped[ndarray, "h w c"], orientation: int) -> Shaped[ndarray, "h2 w2 c"]:
    """Apply the EXIF orientation."""
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: a.transpose(1, 0, 2)[::-1],
    }[orientation](pixels)
    return np.ascontiguousarray(turned)
