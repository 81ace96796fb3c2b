"""The door for pictures, where decoders do not keep to it themselves."""

import os
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import mfh.types.rows
from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.io.pictures import decode, open_picture


def opened(source):
    with open_picture(source, formats=["TIFF", "JPEG"], what="the picture", expected="a tiff or jpeg") as image:
        return np.asarray(image)


@pytest.fixture
def damaged(tmp_path):
    """A deflated tiff with some of its pixels destroyed."""
    path = tmp_path / "p.tif"
    Image.fromarray(np.random.default_rng(0).random((40, 50), np.float32)).save(path, compression="tiff_adobe_deflate")
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(100) + whole[140:])
    return path


def test_a_damaged_tiff_is_one_line_and_the_decoder_s_remarks_are_not_shown(damaged, capfd):
    with pytest.raises(InputError, match="p.tif is damaged"):
        opened(damaged)
    assert capfd.readouterr() == ("", "")
    os.write(2, b"afterwards")
    print("as ever", file=sys.stderr)
    assert capfd.readouterr().err == "afterwardsas ever\n"


def test_a_tiff_is_read_where_there_is_no_standard_error(tmp_path):
    values = np.random.default_rng(0).random((40, 50), np.float32)
    Image.fromarray(values).save(tmp_path / "p.tif", compression="tiff_lzw")
    kept = os.dup(2)
    os.close(2)
    try:
        read = opened(tmp_path / "p.tif")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    np.testing.assert_array_equal(read, values)


def test_bytes_are_called_what_they_are():
    with pytest.raises(InputError, match=r"^the picture is not a picture this can read"):
        opened(b"no picture at all")


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


@pytest.mark.slow
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
