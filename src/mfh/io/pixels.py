"""From a picture that Pillow has decoded to an array of its pixels, a few rows at a time.

Pillow keeps four bytes a pixel and converts whole pictures. By rows, nothing but the array itself is added to that.
"""

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from PIL import Image

from mfh.errors import InputError
from mfh.types.rows import strips


def decode(image: Image.Image, *, name: str) -> tuple[Shaped[ndarray, "h w c"], tuple[str, ...]]:
    """Return the pixels of a picture of any Pillow mode, as deep as they are, and sentences about them.

    Args:
        image: opened; decoded here where it is not yet.
        name: what to call it in messages.

    Returns:
        (h, w, 3) uint8, or (h, w, 1) where it is grey: uint8, uint16, or float32 in [0, 1]. Transparent pixels are
        shown on white, which is what a page shows behind a picture.

    Raises:
        InputError: for grey values out of range.
        Exception: whatever the decoder stumbles on in a damaged file.
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
    """Return the pixels of a picture without transparency as 8-bit colours.

    Args:
        image: opened; decoded here where it is not yet.
    """
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
    """Return a picture on a white page, and a sentence where the page is seen."""
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
