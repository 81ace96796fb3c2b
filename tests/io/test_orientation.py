"""Orientation is applied exactly once, whatever the format and whoever applies it: the decoder or the reader."""

import numpy as np
import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from mfh.io.photo import load_photo

ORIENTATION = 0x0112


def corners() -> np.ndarray:
    """Four corners of four colours, wider than high: every turn and flip shows, through any compression."""
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:32, :48], rgb[:32, 48:], rgb[32:, :48], rgb[32:, 48:] = (220, 30, 30), (30, 220, 30), (30, 30, 220), 200
    return rgb


def turned(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """The naive twin, from the words of the standard: where row 0 and column 0 of the stored pixels belong."""
    row_0, column_0 = {
        **{1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left")},
        **{5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom")},
    }[orientation]
    if row_0 in ("left", "right"):
        upright = np.swapaxes(rgb, 0, 1)
        upright = upright[:, ::-1] if row_0 == "right" else upright
        return upright[::-1] if column_0 == "bottom" else upright
    upright = rgb[::-1] if row_0 == "bottom" else rgb
    return upright[:, ::-1] if column_0 == "right" else upright


FORMATS = {
    "png": {},
    "jpg": {"quality": 95},
    "webp": {"lossless": True},
    "avif": {"quality": 90},
    "mpo": {"quality": 95},
    "heic": {"quality": 90},
    "tif": {},
    "tif, lzw": {"compression": "tiff_lzw"},
    "tif, deflate": {"compression": "tiff_adobe_deflate"},
    "tif, jpeg": {"compression": "jpeg"},
}


def needs(ending: str) -> None:
    """Skip what this Pillow cannot write."""
    if ending == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if ending in ("webp", "avif") and not features.check(ending):
        pytest.skip(f"this Pillow has no {ending}")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_turned_once(tmp_path, kind, orientation):
    ending = kind.split(",")[0]
    needs(ending)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned.{ending}"
    # As bytes: only of them does the writer of HEIC make the rotation that its readers apply.
    Image.fromarray(corners()).save(path, exif=exif.tobytes(), **FORMATS[kind])
    photo = load_photo(path)
    expected = turned(corners(), orientation)
    assert photo.rgb.shape == expected.shape
    assert (photo.camera.width, photo.camera.height) == expected.shape[1::-1]
    # The middle of each corner, away from what compression smears.
    for row in (photo.camera.height // 4, 3 * photo.camera.height // 4):
        for column in (photo.camera.width // 4, 3 * photo.camera.width // 4):
            np.testing.assert_allclose(photo.rgb[row, column] * 255, expected[row, column], atol=40)


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_grey_tiff_is_turned_once(tmp_path, depth, compression, orientation):
    # Pillow maps uncompressed ones into memory, and turned them before it split them into rows.
    most = np.iinfo(depth).max
    grey = np.linspace(0, most, 64 * 96).reshape(64, 96).astype(depth)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(grey).save(tmp_path / "grey.tif", exif=exif, compression=compression)
    photo = load_photo(tmp_path / "grey.tif")
    np.testing.assert_allclose(photo.rgb[..., 0] * most, turned(grey, orientation), atol=1)


def test_a_tiff_of_several_pages_is_turned_once(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    page = Image.fromarray(corners())
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page], exif=exif)
    np.testing.assert_array_equal(np.rint(load_photo(tmp_path / "pages.tif").rgb * 255), turned(corners(), 6))


def test_an_orientation_in_xmp_alone_is_applied(tmp_path):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="6"/>')
    Image.fromarray(corners()).save(tmp_path / "xmp.png", pnginfo=info)
    np.testing.assert_array_equal(np.rint(load_photo(tmp_path / "xmp.png").rgb * 255), turned(corners(), 6))


@pytest.mark.parametrize("ending", ["bmp", "ppm", "gif", "jp2"])
def test_formats_without_exif_stay_as_they_are(tmp_path, ending):
    if ending == "jp2" and not features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    Image.fromarray(corners()).save(tmp_path / f"plain.{ending}")
    photo = load_photo(tmp_path / f"plain.{ending}")
    np.testing.assert_allclose(photo.rgb[16, 24] * 255, corners()[16, 24], atol=40)
    assert photo.rgb.shape == (64, 96, 3)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_there_is_none_of_turns_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for ending in ("png", "tif"):
        Image.fromarray(corners()).save(tmp_path / f"odd.{ending}", exif=exif)
        np.testing.assert_array_equal(np.rint(load_photo(tmp_path / f"odd.{ending}").rgb * 255), corners())
