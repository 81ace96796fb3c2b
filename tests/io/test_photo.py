"""Reading photos: odd but good files just work, bad ones are one clear line, and nothing else ever escapes."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mfh.errors import InputError
from mfh.io.photo import load_photo, photo_from_array


def gradient(width: int = 64, height: int = 48) -> np.ndarray:
    """Red grows to the right, green grows downwards: every turn and flip shows."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    rgb[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    return rgb


def save(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def error_line(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        load_photo(path, **options)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 300
    return line


# Odd but good


def test_plain_photo_keeps_every_value(tmp_path):
    photo = load_photo(save(Image.fromarray(gradient()), tmp_path / "a.png"))
    assert photo.rgb.dtype == np.float32
    np.testing.assert_array_equal(np.rint(photo.rgb * 255), gradient())
    assert (photo.camera.width, photo.camera.height) == (64, 48)
    assert photo.name == "a.png"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    # The naive twin: Pillow's own transposition of the file.
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(gradient()), tmp_path / "turned.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    photo = load_photo(path)
    np.testing.assert_array_equal(np.rint(photo.rgb * 255), expected)
    assert (photo.camera.width, photo.camera.height) == expected.shape[1::-1]


def test_transparency_is_shown_on_white_and_said(tmp_path):
    rgba = np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])
    rgba[:24, :, 3] = 0
    photo = load_photo(save(Image.fromarray(rgba), tmp_path / "alpha.png"))
    assert (photo.rgb[:24] == 1).all()
    np.testing.assert_array_equal(np.rint(photo.rgb[24:] * 255), gradient()[24:])
    assert "transparent pixels are shown on white" in photo.notes


def test_opaque_alpha_is_not_worth_a_word(tmp_path):
    rgba = np.dstack([gradient(), np.full((48, 64), 255, np.uint8)])
    photo = load_photo(save(Image.fromarray(rgba), tmp_path / "opaque.png"))
    np.testing.assert_array_equal(np.rint(photo.rgb * 255), gradient())
    assert not any("transparent" in note for note in photo.notes)


def test_palette(tmp_path):
    image = Image.fromarray(gradient()).convert("P", palette=Image.Palette.ADAPTIVE)
    photo = load_photo(save(image, tmp_path / "palette.png"))
    np.testing.assert_array_equal(np.rint(photo.rgb * 255), np.asarray(image.convert("RGB")))


def test_palette_with_a_transparent_entry(tmp_path):
    image = Image.new("P", (64, 48), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.paste(1, (0, 0, 32, 48))
    photo = load_photo(save(image, tmp_path / "clear.png", transparency=1))
    assert (photo.rgb[:, :32] == 1).all()
    np.testing.assert_allclose(
        photo.rgb[:, 32:], np.broadcast_to(np.float32([200 / 255, 0, 0]), (48, 32, 3)), atol=1e-6
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "CMYK", "YCbCr"])
def test_other_modes(tmp_path, mode):
    image = Image.fromarray(gradient()).convert(mode)
    suffix = "jpg" if mode in ("CMYK", "YCbCr") else "png"
    path = save(image, tmp_path / f"mode.{suffix}")
    photo = load_photo(path)
    np.testing.assert_array_equal(np.rint(photo.rgb * 255), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    grey = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    photo = load_photo(save(Image.fromarray(grey), tmp_path / f"deep.{suffix}"))
    np.testing.assert_allclose(photo.rgb[..., 1], grey / 65535, atol=1e-6)
    assert (photo.rgb[..., 0] == photo.rgb[..., 2]).all()


def test_sixteen_bit_colour(tmp_path):
    import cv2

    deep = gradient().astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    np.testing.assert_allclose(load_photo(tmp_path / "deep.png").rgb, deep / 65535, atol=1 / 255)


def test_animated_gif_gives_its_first_frame_and_says_so(tmp_path):
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue", "lime")]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    photo = load_photo(path)
    np.testing.assert_allclose(photo.rgb[20, 20], [1, 0, 0], atol=0.02)
    assert "animated: the first frame is used" in photo.notes


@pytest.mark.slow
def test_large_photo(tmp_path):
    path = save(Image.new("RGB", (4000, 6000), (10, 200, 30)), tmp_path / "large.jpg")
    photo = load_photo(path)
    assert photo.rgb.shape == (6000, 4000, 3)


@pytest.mark.parametrize("name", ["with spaces.png", "ünïcödé 照片.png", "dots.in.name.png", "noending"])
def test_any_file_name(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(gradient()).save(path, format="PNG")
    assert load_photo(str(path)).name == name


def test_exif_focal_length_reaches_the_camera(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0xA405: 28, 0xA002: 128, 0xA003: 96})
    photo = load_photo(save(Image.fromarray(gradient()), tmp_path / "phone.jpg", exif=exif))
    assert (photo.camera.width, photo.camera.height) == (48, 64)
    assert photo.camera.fx == pytest.approx(28 / 36 * 64)
    assert photo.focal.source == "exif-35mm"


def test_exif_rationals_of_one_over_zero_are_no_focal_length(tmp_path):
    from PIL.TiffImagePlugin import IFDRational

    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x920A: IFDRational(1, 0), 0xA20E: IFDRational(0, 1), 0xA405: 0})
    photo = load_photo(save(Image.fromarray(gradient()), tmp_path / "odd.jpg", exif=exif))
    assert photo.focal.source == "default-fov"


def test_damaged_exif_does_not_cost_the_photo(tmp_path):
    path = tmp_path / "odd.jpg"
    Image.fromarray(gradient()).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert load_photo(path).focal.source == "default-fov"


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the heif extra is not installed")
    pillow_heif.register_heif_opener()
    photo = load_photo(save(Image.fromarray(gradient(128, 96)), tmp_path / "a.heic"))
    np.testing.assert_allclose(photo.rgb, gradient(128, 96) / 255, atol=0.1)


def test_heic_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert "pip install 'metric-from-human[heif]'" in error_line(path)


# Bad


def test_missing_file(tmp_path):
    assert "no such file" in error_line(tmp_path / "absent.jpg")


def test_directory(tmp_path):
    assert "is a folder" in error_line(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "zero.jpg").touch()
    assert "is empty" in error_line(tmp_path / "zero.jpg")


def test_text_named_jpg(tmp_path):
    (tmp_path / "text.jpg").write_text("hello, this is not a picture")
    assert "not a picture" in error_line(tmp_path / "text.jpg")


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_truncated_picture(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    path = save(Image.fromarray(noise), tmp_path / f"cut.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert "truncated" in error_line(path)


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (400, 31)])
def test_too_small(tmp_path, size):
    line = error_line(save(Image.new("RGB", size), tmp_path / "small.png"))
    assert f"{size[0]}x{size[1]}" in line and "at least 32" in line


@pytest.mark.slow
def test_huge_picture_is_refused_before_decoding(tmp_path, monkeypatch):
    path = save(Image.new("1", (20_000, 20_000)), tmp_path / "huge.png")
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded before the size was checked"))
    line = error_line(path)
    assert "20000x20000" in line and "at most 100 megapixels" in line and "--max-megapixels" in line


def test_pixel_limit_is_configurable_and_leaves_pillow_as_it_was(tmp_path):
    path = save(Image.fromarray(gradient()), tmp_path / "a.png")
    before = Image.MAX_IMAGE_PIXELS
    assert "at most 0.001 megapixels" in error_line(path, max_pixels=1000)
    assert load_photo(path, max_pixels=64 * 48).rgb.shape == (48, 64, 3)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(tmp_path):
    path = save(Image.fromarray(gradient()), tmp_path / "secret.png")
    path.chmod(0)
    assert "cannot read" in error_line(path)


def test_name_that_no_file_can_have():
    assert "no file name" in error_line(Path("a\0b.jpg")) or "no such file" in error_line(Path("a\0b.jpg"))


def make_bytes(format_name: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(gradient()).save(buffer, format=format_name)
    return buffer.getvalue()


WHOLE_FILES = {name: make_bytes(name) for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM")}


@pytest.mark.slow
@settings(max_examples=150)
@given(
    format_name=st.sampled_from(sorted(WHOLE_FILES)),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.floats(0.1, 1.0),
)
def test_damaged_files_give_a_photo_or_one_line(tmp_path_factory, format_name, damage, kept):
    data = bytearray(WHOLE_FILES[format_name])
    for position, value in damage:
        data[min(int(position * len(data)), len(data) - 1)] = value
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(bytes(data[: max(1, int(kept * len(data)))]))
    try:
        photo = load_photo(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(photo.rgb).all() and 0 <= photo.rgb.min() and photo.rgb.max() <= 1


# Arrays


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays_of_every_kind_agree(kind):
    unit = np.random.default_rng(0).random((40, 50, 3))
    top = 1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
    photo = photo_from_array((unit * top).astype(kind))
    np.testing.assert_allclose(photo.rgb, unit, atol=1 / 255)
    assert photo.name == "array" and photo.focal.source == "default-fov"


@pytest.mark.parametrize(
    "array",
    [
        np.full((40, 50, 3), 2.0),
        np.full((40, 50, 3), np.nan),
        np.full((40, 50, 3), -0.1),
        np.zeros((40, 50, 3), np.int64),
        np.zeros((1, 1, 3), np.uint8),
    ],
)
def test_bad_arrays_are_refused(array):
    with pytest.raises(InputError, match="array has"):
        photo_from_array(array)
