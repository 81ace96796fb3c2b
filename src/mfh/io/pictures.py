"""The one place where pictures are opened and decoded: a fixed list of formats, and a limit on pixels before decoding.

Pillow also opens formats that start other programs (EPS starts Ghostscript) or draw, whatever a file is called; none of
them is on any list here. A test over the source tree checks that nothing else opens pictures. Pillow keeps four bytes a
pixel and converts whole pictures; here arrays are filled a few rows at a time.
"""

import io
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from PIL import Image, ImageFile, UnidentifiedImageError

from mfh.errors import InputError, MfhError, shown
from mfh.io.reading import check_file, reading
from mfh.types.rows import strips

PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "JPEG2000", "AVIF", "HEIF")
"""Pillow's names of the formats that hold photos."""
PHOTO_NAMES = "JPEG, PNG, WebP, TIFF, BMP, GIF, PPM, JPEG 2000, AVIF or HEIC"
"""The same for messages."""
DATASET_FORMATS = ("PNG", "JPEG", "PPM", "TIFF", "BMP")
"""Formats of the pictures in datasets."""
MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded."""
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_pillow_lock = threading.RLock()


@contextmanager
def open_picture(
    source: Path | str | bytes,
    *,
    formats: Sequence[str],
    what: str,
    expected: str,
    max_pixels: int = MAX_PIXELS,
    error: type[MfhError] = InputError,
) -> Iterator[Image.Image]:
    """Open a picture for the time of a block; any failure in it, decoding included, is one line.

    Pixels are not decoded yet. No decoder but those of ``formats`` (Pillow's names) runs, and no picture of more than
    ``max_pixels`` is decoded. ``what`` and ``expected`` are as of :func:`mfh.io.reading.reading`.

    Raises:
        MfhError: of the class given.
    """
    named = "" if isinstance(source, bytes) else source
    if not isinstance(source, bytes):
        check_file(source, what=what, expected=expected, error=error)
    with reading(named, what=what, expected=expected, error=error), _quiet_unlimited_pillow():
        start = source[:16] if isinstance(source, bytes) else _start(Path(source))
        # Before the file is opened: where standard error is closed, the next file gets its number.
        quiet = _silent_stderr() if start[:4] in _TIFF_STARTS else nullcontext()
        with quiet, _opened(source, start, formats, what, expected, error) as image:
            if image.width * image.height > max_pixels:
                raise error(
                    f"{what} {shown(named)}".strip() + f" has {image.width}x{image.height} pixels "
                    f"({image.width * image.height / 1e6:.0f} megapixels): expected at most {max_pixels / 1e6:g} "
                    "megapixels"
                )
            yield image


def _opened(
    source: Path | str | bytes, start: bytes, formats: Sequence[str], what: str, expected: str, error: type[MfhError]
) -> Image.Image:
    """Return the opened picture; else one line with the start of the file."""
    Image.init()
    has_heif = "HEIF" not in formats or _register_heif()
    stream = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
    try:
        return unmapped(Image.open(stream, formats=[name for name in formats if name in Image.OPEN]))
    except UnidentifiedImageError as cause:
        named = f"{what} {'' if isinstance(source, bytes) else shown(source)}".strip()
        if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS and not has_heif:
            raise error(
                f"{named} is HEIC, which needs one more package: pip install 'metric-from-human[heif]'"
            ) from cause
        raise error(
            f"{named} is not a picture this can read (it begins with {start[:8]!r}): expected {expected}"
        ) from cause


def unmapped(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """Return an opened picture that will not be mapped into memory when it is decoded.

    Of an uncompressed grey TIFF with an orientation, Pillow maps rows as long as the upright picture's, and then turns
    that. It maps files that have a name.
    """
    if image.format == "TIFF":
        image.filename = ""
    return image


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(16)


def _register_heif() -> bool:
    """Teach Pillow HEIC where the extra is installed."""
    if "HEIF" in Image.OPEN:
        return True
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep libtiff from writing its own remarks on damaged files to the process's standard error, past Python."""
    kept = None
    # Where there is no standard error there are no remarks either.
    if sys.__stderr__ is not None:
        with suppress(OSError):
            kept = os.dup(2)
    try:
        if kept is not None:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _quiet_unlimited_pillow() -> Iterator[None]:
    """Lift Pillow's own pixel limit, a module global: the size is checked here. Remarks on odd EXIF are silenced."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def decode(image: Image.Image, *, name: str) -> tuple[Shaped[ndarray, "h w c"], tuple[str, ...]]:
    """Return the pixels of a picture of any Pillow mode, at its own bit depth, and notes about them.

    Args:
        image: opened; decoded here where it is not yet.
        name: for messages.

    Returns:
        (h, w, 3) uint8, or (h, w, 1) where it is grey: uint8, uint16, or float32 in [0, 1]. Transparent pixels are put
        on white, as on a page.

    Raises:
        InputError: for grey values out of range.
        Exception: any error of the decoder on a damaged file.
    """
    image.load()
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _deep_grey(image, name=name), ()
    if image.has_transparency_data:
        return _on_white(image)
    if mode in ("1", "L"):
        return _by_rows(image, "L", np.empty((image.height, image.width, 1), np.uint8)), ()
    return decode_rgb(image), ()


def decode_rgb(image: Image.Image) -> UInt8[ndarray, "h w 3"]:
    """Return the pixels of a picture without transparency as 8-bit colours, decoding it where it is not yet."""
    image.load()
    return _by_rows(image, "RGB", np.empty((image.height, image.width, 3), np.uint8))


def _by_rows(image: Image.Image, mode: str, pixels: Shaped[ndarray, "h w c"]) -> Shaped[ndarray, "h w c"]:
    """Fill an array with a picture in a mode."""
    for rows in strips(pixels.shape[:2]):
        band = _band(image, rows)
        band = band if band.mode == mode else band.convert(mode)
        pixels[rows] = np.asarray(band).reshape(pixels[rows].shape)
    return pixels


def _on_white(image: Image.Image) -> tuple[UInt8[ndarray, "h w 3"], tuple[str, ...]]:
    """Return a picture on a white page, and a note where the page is visible."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    seen = False
    for rows in strips(pixels.shape[:2]):
        band = _band(image, rows).convert("RGBA")
        if np.asarray(band.getchannel("A")).min() < 255:
            seen = True
            band = Image.alpha_composite(Image.new("RGBA", band.size, "white"), band)
        pixels[rows] = np.asarray(band.convert("RGB"))
    return pixels, ("transparent pixels are shown on white",) if seen else ()


def _deep_grey(image: Image.Image, *, name: str) -> Shaped[ndarray, "h w 1"]:
    """Return grey of 16 bits, or floats in [0, 1]."""
    is_float = image.mode == "F"
    pixels = np.empty((image.height, image.width, 1), np.float32 if is_float else np.uint16)
    lows, highs = [], []
    for rows in strips(pixels.shape[:2]):
        grey = np.asarray(_band(image, rows))
        lows.append(grey.min())
        highs.append(grey.max())
        # What does not fit is refused below.
        pixels[rows, :, 0] = grey
    low, high = np.min(lows), np.max(highs)
    if is_float:
        check_unit_range(float(low), float(high), name=name)
    elif low < 0 or high > 65535:
        raise InputError(f"{name} has grey values {low} to {high}: expected 8 or 16 bits (0 to 65535)")
    return pixels


def check_unit_range(low: float, high: float, *, name: str) -> None:
    """Refuse float pixels that are not in [0, 1].

    Raises:
        InputError: for values outside, or NaN.
    """
    # NaN fails this comparison too.
    if not (low >= 0 and high <= 1):
        raise InputError(f"{name} has pixel values {low:g} to {high:g}: expected floats in [0, 1]")


def _band(image: Image.Image, rows: slice) -> Image.Image:
    return image.crop((0, rows.start, image.width, rows.stop))
