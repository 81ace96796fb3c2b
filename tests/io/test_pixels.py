"""Pictures become arrays by rows: as if converted whole, and without a second copy of it."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

import mfh.types.rows
from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.io.pixels import decode


@pytest.fixture(autouse=True)
def _narrow_strips(monkeypatch):
    monkeypatch.setattr(mfh.types.rows, "STRIP_PIXELS", 1000)


def picture(mode: str) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 4), np.uint8)
    noise[:50, :, 3] = 255
    return Image.fromarray(noise, "RGBA").convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "1", "CMYK", "YCbCr", "HSV", "RGBA", "LA"])
def test_strips_are_what_the_whole_is(mode):
    image = picture(mode)
    whole = image
    if image.has_transparency_data:
        whole = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    expected = np.asarray(whole.convert("RGB"))
    pixels, notes = decode(image, name="a")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(np.broadcast_to(pixels, expected.shape), expected)
    assert bool(notes) == image.has_transparency_data == (mode in ("RGBA", "LA", "P"))


def test_eight_bit_grey_keeps_one_channel():
    assert decode(picture("L"), name="a")[0].shape == (120, 160, 1)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_deep_grey_keeps_its_depth(kind):
    grey = np.random.default_rng(0).random((120, 160))
    grey = (grey if kind is np.float32 else grey * 65535).astype(kind)
    pixels, _ = decode(Image.fromarray(grey), name="a")
    assert pixels.dtype == (np.float32 if kind is np.float32 else np.uint16)
    np.testing.assert_array_equal(pixels[..., 0], grey)


@pytest.mark.parametrize("value", [-1, 65536])
def test_grey_out_of_range_is_refused(value):
    grey = np.full((120, 160), 5, np.int32)
    grey[100, 3] = value
    with pytest.raises(InputError, match=f"grey values {min(value, 5)} to {max(value, 5)}"):
        decode(Image.fromarray(grey), name="a")


@pytest.mark.parametrize("value", [np.nan, 1.5])
def test_float_grey_out_of_range_is_refused(value):
    grey = np.full((120, 160), 0.5, np.float32)
    grey[100, 3] = value
    with pytest.raises(InputError, match="expected floats"):
        decode(Image.fromarray(grey), name="a")


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_photo_is_held_once(tmp_path, monkeypatch, orientation):
    monkeypatch.setattr(mfh.types.rows, "STRIP_PIXELS", 1 << 17)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (2000, 3000), (10, 200, 30)).save(tmp_path / "a.jpg", exif=exif)
    load_photo(tmp_path / "a.jpg")  # Once untraced: Pillow's own modules.
    tracemalloc.start()
    try:
        photo = load_photo(tmp_path / "a.jpg")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert photo.pixels.dtype == np.uint8 and photo.pixels.flags.c_contiguous
    times = 1 if orientation == 1 else 2
    assert kept < 1.1 * photo.pixels.nbytes, "three bytes a pixel, where floats would take twelve"
    assert peak < (times + 0.5) * photo.pixels.nbytes
