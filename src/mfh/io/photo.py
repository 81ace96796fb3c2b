"""A picture file, or an array, into an upright float RGB photo with a camera; every bad file is one clear line."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from mfh.errors import InputError, one_line
from mfh.io.exif import ExifFacts, read_exif
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.pictures import unmapped
from mfh.types import Photo

MAX_PIXELS = 100_000_000
"""Larger photos are refused before they are decoded: 100 megapixels are 1.2 GB as float RGB."""

MIN_SIDE_PX = 32
"""Smaller photos are refused: no person in them could be measured."""

# Only formats that hold photos: Pillow also opens ones that start other programs (EPS) or are drawings.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "PPM", "JPEG2000", "AVIF", "HEIF")
_READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, PPM, JPEG 2000, AVIF or HEIC"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_pillow_lock = threading.RLock()


def load_photo(path: str | Path, *, focal: FocalRequest | None = None, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo: EXIF rotation applied, any pixel format turned into RGB, focal length found.

    Transparent pixels are shown on white; an animation gives its first frame; both are said in ``notes``.

    Args:
        path: picture file.
        focal: focal length given by the user; None to use EXIF or a default.
        max_pixels: refuse larger photos before decoding them.

    Returns:
        The photo.

    Raises:
        InputError: for anything that is not a readable photo of a usable size, in one line.
    """
    path = Path(path)
    _check_file(path)
    with _quiet_unlimited_pillow(), _open(path) as image:
        _check_size(path.name, image.width, image.height, max_pixels=max_pixels)
        exif = read_exif(image)
        notes = _notes_on_frames(image)
        try:
            image.load()
            rgb, more_notes = _to_rgb(image, name=path.name)
        except InputError:
            raise
        except MemoryError as error:
            size = f"{image.width}x{image.height}"
            raise InputError(f"{path} ({size} pixels) does not fit in memory: make it smaller") from error
        except Exception as error:
            # Decoders raise whatever they stumble on in a damaged file.
            raise InputError(
                f"{path} is damaged or truncated ({one_line(error)}): expected a whole picture file"
            ) from error
    rgb = _upright(rgb, exif.orientation)
    height, width = rgb.shape[:2]
    camera, provenance = choose_camera(focal, exif, width=width, height=height)
    return Photo(rgb=rgb, camera=camera, focal=provenance, name=path.name, notes=(*notes, *more_notes))


def photo_from_array(rgb: Shaped[ndarray, "h w 3"], *, focal: FocalRequest | None = None, name: str = "array") -> Photo:
    """Make a photo from pixels in memory.

    Args:
        rgb: (h, w, 3) uint8 or uint16, or floats in [0, 1].
        focal: focal length; None for the default field of view.
        name: what to call it in messages.

    Returns:
        The photo.

    Raises:
        InputError: for another shape, type or range.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise InputError(f"{name} has shape {rgb.shape}: expected (height, width, 3)")
    height, width = rgb.shape[:2]
    _check_size(name, width, height, max_pixels=MAX_PIXELS)
    camera, provenance = choose_camera(focal, ExifFacts(), width=width, height=height)
    return Photo(rgb=_to_unit_range(rgb, name=name), camera=camera, focal=provenance, name=name)


def _check_file(path: Path) -> None:
    """Refuse what cannot be a picture file before any decoder sees it."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: expected a picture file")
        if not path.exists():
            raise InputError(f"no such file: {path}; expected a picture file")
        if not path.is_file():
            raise InputError(f"{path} is not a regular file: expected a picture file")
        with path.open("rb") as stream:
            if not stream.read(1):
                raise InputError(f"{path} is empty (0 bytes): expected a picture file")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check its name and permissions") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!r} is no file name ({error}): expected a picture file") from error


def _open(path: Path) -> Image.Image:
    """Open a picture without decoding it."""
    Image.init()
    has_heif = _register_heif()
    try:
        return unmapped(Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]))
    except UnidentifiedImageError as error:
        with path.open("rb") as stream:
            start = stream.read(16)
        if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS and not has_heif:
            raise InputError(
                f"{path} is HEIC, which needs one more package: pip install 'metric-from-human[heif]'"
            ) from error
        raise InputError(
            f"{path} is not a picture this can read (it begins with {start[:8]!r}): expected {_READABLE}"
        ) from error
    except Exception as error:
        raise InputError(f"{path} is damaged ({one_line(error)}): expected a whole picture file") from error


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


def _check_size(name: str, width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"{name} has {width}x{height} pixels ({width * height / 1e6:.0f} megapixels): expected at most "
            f"{max_pixels / 1e6:g} megapixels; make it smaller or raise the limit (--max-megapixels)"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise InputError(f"{name} has {width}x{height} pixels: expected at least {MIN_SIDE_PX} on the short side")


def _notes_on_frames(image: Image.Image) -> tuple[str, ...]:
    """Say which of several pictures in one file is used."""
    if not getattr(image, "is_animated", False):
        return ()
    if image.format in ("GIF", "PNG", "WEBP", "AVIF"):
        return ("animated: the first frame is used",)
    return ("the file holds several pictures: the first is used",)


def _to_rgb(image: Image.Image, *, name: str) -> tuple[Float[ndarray, "h w 3"], tuple[str, ...]]:
    """Turn any Pillow mode into float RGB in [0, 1]."""
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        grey = _grey_to_unit_range(np.asarray(image), name=name)
        return np.repeat(grey[..., None], 3, axis=2), ()
    notes: tuple[str, ...] = ()
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            # White is what a page shows behind a picture.
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            notes = ("transparent pixels are shown on white",)
    return _to_unit_range(np.asarray(image.convert("RGB")), name=name), notes


def _grey_to_unit_range(grey: Shaped[ndarray, "h w"], *, name: str) -> Float[ndarray, "h w"]:
    """Scale deep grey: 16 bits by 65535, floats already in [0, 1]."""
    if grey.dtype.kind == "f":
        return _to_unit_range(grey, name=name)
    low, high = int(grey.min()), int(grey.max())
    if low < 0 or high > 65535:
        raise InputError(f"{name} has grey values {low} to {high}: expected 8 or 16 bits (0 to 65535)")
    return (grey.astype(np.float32) / np.float32(65535)).astype(np.float32)


def _to_unit_range(pixels: Shaped[ndarray, "*shape"], *, name: str) -> Float[ndarray, "*shape"]:
    """Return float32 in [0, 1] from uint8, uint16 or floats that already are."""
    if pixels.dtype in (np.uint8, np.uint16):
        scaled = pixels.astype(np.float32)
        scaled /= np.float32(np.iinfo(pixels.dtype).max)
        return scaled
    if pixels.dtype.kind != "f":
        raise InputError(f"{name} has {pixels.dtype} pixels: expected uint8, uint16 or floats in [0, 1]")
    low, high = float(pixels.min()), float(pixels.max())
    # NaN fails this comparison too.
    if not (low >= 0 and high <= 1):
        raise InputError(f"{name} has pixel values {low:g} to {high:g}: expected floats in [0, 1]")
    return pixels.astype(np.float32)


def _upright(rgb: Float[ndarray, "h w 3"], orientation: int) -> Float[ndarray, "h2 w2 3"]:
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
    }[orientation](rgb)
    return np.ascontiguousarray(turned)
