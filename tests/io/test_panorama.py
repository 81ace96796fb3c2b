"""Panoramas: told by Apple's tag, Google's XMP, the program that stitched them, or their shape."""

import math

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mfh.io.focal import FocalRequest
from mfh.io.photo import load_photo

GPANO = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
    'GPano:ProjectionType="{projection}" GPano:FullPanoWidthPixels="{full}" '
    'GPano:CroppedAreaImageWidthPixels="{width}"/></x:xmpmeta>'
)
SAID = "a panorama has no single focal length"


def phone_exif(**details):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Apple", "iPhone 13"
    tags = {"rendered": 0xA401, "width": 0xA002, "height": 0xA003, "focal": 0x920A, "focal_35mm": 0xA405}
    exif.get_ifd(0x8769).update({tags[name]: value for name, value in details.items()})
    return exif


def test_apples_tag_makes_the_height_the_frames_long_side(tmp_path):
    exif = phone_exif(rendered=6, width=13518, height=3852, focal=5.1, focal_35mm=26)
    Image.new("RGB", (600, 171)).save(tmp_path / "pano.jpg", exif=exif)
    photo = load_photo(tmp_path / "pano.jpg")
    assert photo.camera.fx == pytest.approx(26 / 36 * 171, rel=0.01)
    assert photo.focal.relative_sigma >= 0.3 and SAID in photo.focal.notes[0]
    assert photo.focal.detail.startswith("a panorama")
    # Who knows better goes on.
    given = load_photo(tmp_path / "pano.jpg", focal=FocalRequest(focal_px=130.0))
    assert given.camera.fx == 130.0 and given.focal.notes == () and given.focal.relative_sigma == 0


def test_a_short_panorama_is_one_too(tmp_path):
    Image.new("RGB", (300, 200)).save(tmp_path / "short.jpg", exif=phone_exif(rendered=6, focal_35mm=26))
    assert SAID in load_photo(tmp_path / "short.jpg").focal.notes[0]


@pytest.mark.parametrize("projection", ["equirectangular", "cylindrical"])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_gpano_says_how_far_it_turns(tmp_path, projection, ending):
    xmp = GPANO.format(projection=projection, full=8000, width=2000)
    options: dict = {"xmp": xmp.encode()} if ending in ("jpg", "webp") else {}
    if ending == "png":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp)
    if ending == "tif":
        options["tiffinfo"] = {700: xmp.encode()}
    Image.new("RGB", (400, 200)).save(tmp_path / f"sphere.{ending}", **options)
    photo = load_photo(tmp_path / f"sphere.{ending}")
    # A quarter turn over 400 pixels.
    assert photo.camera.fx == pytest.approx(400 / (math.pi / 2))
    assert photo.focal.relative_sigma >= 0.2 and SAID in photo.focal.notes[0]


@pytest.mark.parametrize("full", ["0", "9" * 50, "many", "-3"])
def test_gpano_with_impossible_numbers_is_still_a_panorama(tmp_path, full):
    xmp = GPANO.format(projection="cylindrical", full=full, width=2000)
    Image.new("RGB", (400, 200)).save(tmp_path / "a.jpg", xmp=xmp.encode())
    photo = load_photo(tmp_path / "a.jpg")
    assert SAID in photo.focal.notes[0] and photo.focal.relative_sigma >= 0.4


def test_the_program_that_stitched_it_is_known(tmp_path):
    exif = Image.Exif()
    exif[0x0131] = "Hugin 2020.0.0"
    Image.new("RGB", (400, 200)).save(tmp_path / "a.jpg", exif=exif)
    assert SAID in load_photo(tmp_path / "a.jpg").focal.notes[0]


@pytest.mark.parametrize("size", [(500, 200), (200, 500), (1600, 100)])
@pytest.mark.parametrize("with_exif", [True, False])
def test_what_is_longer_than_any_single_picture_is_a_panorama_or_a_crop(tmp_path, size, with_exif):
    exif = phone_exif(focal_35mm=26) if with_exif else Image.Exif()
    Image.new("RGB", size).save(tmp_path / "long.jpg", exif=exif)
    photo = load_photo(tmp_path / "long.jpg")
    assert SAID in photo.focal.notes[0] and "or a crop" in photo.focal.notes[0]
    as_panorama, as_crop = 26 / 36 * min(size), 26 / 36 * max(size)
    assert as_panorama < photo.camera.fx < as_crop
    assert photo.focal.relative_sigma >= math.log(as_crop / photo.camera.fx) / math.sqrt(3) - 1e-9
    assert photo.focal.relative_sigma >= 0.5


@pytest.mark.parametrize("size", [(470, 200), (480, 320)])
def test_wide_pictures_are_none(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "wide.png")
    assert SAID not in " ".join(load_photo(tmp_path / "wide.png").focal.notes)


def test_a_strip_cut_from_a_photo_is_none(tmp_path):
    exif = phone_exif(width=600, height=450, focal_35mm=26)
    Image.new("RGB", (600, 150)).save(tmp_path / "strip.jpg", exif=exif)
    photo = load_photo(tmp_path / "strip.jpg")
    assert photo.camera.fx == pytest.approx(26 / 36 * 600) and photo.focal.notes == ()


@pytest.mark.parametrize(("focal", "expected_35mm"), [(5.1, 26), (0.001, 26), (1e6, 26)])
def test_without_a_35mm_value_the_phones_lens_says_it_or_is_assumed(tmp_path, focal, expected_35mm):
    Image.new("RGB", (600, 180)).save(tmp_path / "pano.jpg", exif=phone_exif(rendered=6, focal=focal))
    assert load_photo(tmp_path / "pano.jpg").camera.fx == pytest.approx(expected_35mm / 36 * 180)


def test_a_lens_no_camera_has_says_nothing_of_a_panorama(tmp_path):
    exif = phone_exif(rendered=6, focal=1e6)
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 40D"
    Image.new("RGB", (600, 180)).save(tmp_path / "pano.jpg", exif=exif)
    photo = load_photo(tmp_path / "pano.jpg")
    assert photo.camera.fx == pytest.approx(26 / 36 * 180) and photo.focal.source == "default-fov"
