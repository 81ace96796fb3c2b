"""EXIF's numbers held against each other, in small JPEGs as cameras, phones, resizers and croppers leave them."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mfh.io.exif import ExifFacts
from mfh.io.exif_focal import exif_focal
from mfh.io.photo import load_photo
from mfh.types import Photo

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
PIXEL_X, PIXEL_Y, FOCAL_PLANE_X, FOCAL_PLANE_UNIT = 0xA002, 0xA003, 0xA20E, 0xA210
FOCAL, FOCAL_35MM, ZOOM, RENDERED = 0x920A, 0xA405, 0xA404, 0xA401
INCH, CENTIMETRE = 2, 3


def shot(folder: Path, size: tuple[int, int], maker: str, model: str, details: dict) -> Photo:
    """A grey JPEG with that EXIF, as it is read."""
    exif = Image.Exif()
    exif[MAKE], exif[MODEL] = maker, model
    exif.get_ifd(0x8769).update(details)
    Image.new("RGB", size, "grey").save(folder / "shot.jpg", exif=exif)
    return load_photo(folder / "shot.jpg")


def equivalent_mm(photo: Photo) -> float:
    return photo.camera.fx / max(photo.camera.width, photo.camera.height) * 36


def notes(photo: Photo) -> str:
    return " | ".join(photo.focal.notes)


CANON_40D = ("Canon", "Canon EOS 40D")
FULL_40D = {FOCAL: 24.0, PIXEL_X: 3888, PIXEL_Y: 2592, FOCAL_PLANE_X: 4438.356, FOCAL_PLANE_UNIT: INCH}


# Clean files: the focal length that EXIF says, and what it was checked with.


def test_a_clean_35mm_value_is_used_and_the_line_says_with_what_it_was_checked(tmp_path):
    photo = shot(tmp_path, (400, 300), "Apple", "iPhone 8", {FOCAL: 3.99, FOCAL_35MM: 28, PIXEL_X: 4032, PIXEL_Y: 3024})
    assert photo.camera.fx == pytest.approx(28 / 36 * 400)
    assert photo.focal.source == "exif-35mm" and photo.focal.relative_sigma == pytest.approx(0.04)
    assert photo.focal.detail.endswith("as on the sensor of the iPhone 8") and photo.focal.notes == ()


@pytest.mark.parametrize(
    ("details", "checked"),
    [
        ({FOCAL: 4.7, FOCAL_35MM: 26}, "crop factor 5.5"),
        ({FOCAL: 50.0, FOCAL_35MM: 50}, "crop factor 1"),
        ({FOCAL_35MM: 26}, "not cross-checked"),
    ],
)
def test_of_an_unknown_model_the_crop_factor_must_be_one_cameras_have(tmp_path, details, checked):
    photo = shot(tmp_path, (400, 300), "Maker", "Model", details)
    assert photo.camera.fx == pytest.approx(details[FOCAL_35MM] / 36 * 400)
    assert photo.focal.relative_sigma == pytest.approx(0.04)
    assert photo.focal.detail.endswith(checked) and photo.focal.notes == ()


def test_a_clean_focal_plane_resolution_is_used(tmp_path):
    photo = shot(tmp_path, (972, 648), *CANON_40D, FULL_40D)
    assert photo.camera.fx == pytest.approx(24 * 4438.356 / 25.4 * 972 / 3888)
    assert photo.focal.source == "exif-sensor" and photo.focal.relative_sigma == pytest.approx(0.02)
    assert "as the Canon EOS 40D has" in photo.focal.detail and photo.focal.notes == ()


@pytest.mark.parametrize("zoomed", [1.0, 1.5, 3.0])
def test_a_35mm_value_includes_the_digital_zoom(tmp_path, zoomed):
    equivalent = round(28 * zoomed)
    photo = shot(tmp_path, (400, 300), "Apple", "iPhone 8", {FOCAL: 3.99, FOCAL_35MM: equivalent, ZOOM: zoomed})
    assert equivalent_mm(photo) == pytest.approx(equivalent)
    assert photo.focal.relative_sigma == pytest.approx(0.04) and photo.focal.notes == ()


def test_a_full_frame_camera_cropped_to_aps_c_is_nothing_odd(tmp_path):
    photo = shot(tmp_path, (480, 320), "NIKON CORPORATION", "NIKON D810", {FOCAL: 50.0, FOCAL_35MM: 75})
    assert equivalent_mm(photo) == pytest.approx(75) and photo.focal.relative_sigma == pytest.approx(0.04)
    assert "cropped by 1.5" in photo.focal.detail and photo.focal.notes == ()


# A 35 mm value that is none.


@pytest.mark.parametrize("value", [177, 4, 3, 5000])
def test_a_35mm_value_that_contradicts_the_phone_gives_way_to_the_phones_lens(tmp_path, value):
    photo = shot(tmp_path, (400, 300), "Apple", "iPhone 8", {FOCAL: 3.99, FOCAL_35MM: value})
    assert equivalent_mm(photo) == pytest.approx(28, rel=0.01)
    assert 0.05 < photo.focal.relative_sigma < 0.15
    assert f"35 mm equivalent of {value} mm is not used" in notes(photo)


@pytest.mark.parametrize("maker", ["Apple", "Nobody"])
def test_a_crop_factor_no_camera_has_leaves_what_the_lens_says(tmp_path, maker):
    photo = shot(tmp_path, (400, 300), maker, "Unheard of", {FOCAL: 4.2, FOCAL_35MM: 177})
    assert photo.focal.source == "default-fov" and equivalent_mm(photo) == pytest.approx(27)
    assert photo.focal.relative_sigma >= 0.15
    assert "a crop factor of 42, which no such camera has" in notes(photo) and "give --focal-px" in notes(photo)


def test_a_compact_with_the_crop_factor_of_a_large_camera_is_questioned(tmp_path):
    photo = shot(tmp_path, (400, 300), "Canon", "Canon PowerShot A520", {FOCAL: 5.8, FOCAL_35MM: 9})
    assert equivalent_mm(photo) == pytest.approx(9) and photo.focal.relative_sigma > 0.2
    assert "crop factor of 1.6, which few such cameras have" in notes(photo)


def test_a_crop_factor_that_few_cameras_have_is_used_and_questioned(tmp_path):
    photo = shot(tmp_path, (400, 300), "Maker", "Camcorder", {FOCAL: 3.0, FOCAL_35MM: 48})
    assert equivalent_mm(photo) == pytest.approx(48) and photo.focal.relative_sigma > 0.2
    assert "crop factor of 16" in notes(photo)


def test_a_copied_focal_length_is_no_35mm_value_on_a_small_sensor(tmp_path):
    photo = shot(tmp_path, (480, 320), "NIKON CORPORATION", "NIKON D90", {FOCAL: 50.0, FOCAL_35MM: 50})
    assert equivalent_mm(photo) == pytest.approx(50 * 36 / 23.6) and photo.focal.source == "exif-sensor"
    assert "is not used: the crop factor of the NIKON D90 is 1.5, and not 1" in notes(photo)


def test_twice_the_lens_without_a_zoom_ratio_may_be_a_zoom_and_is_wide(tmp_path):
    photo = shot(tmp_path, (400, 300), "Apple", "iPhone 8", {FOCAL: 3.99, FOCAL_35MM: 56})
    assert equivalent_mm(photo) == pytest.approx(56) and photo.focal.relative_sigma == pytest.approx(0.4, abs=0.02)
    assert "2.0 times too long" in notes(photo)


def test_a_zoom_that_the_35mm_value_lacks_is_said_and_wide(tmp_path):
    photo = shot(tmp_path, (400, 300), "Apple", "iPhone 8", {FOCAL: 3.99, FOCAL_35MM: 28, ZOOM: 2.0})
    assert equivalent_mm(photo) == pytest.approx(28) and photo.focal.relative_sigma > 0.3
    assert "digital zoom of 2" in notes(photo)


# The sensor.


@pytest.mark.parametrize("size", [(1600, 1064), (600, 400), (1944, 1296)])
def test_a_rewritten_size_beside_the_old_resolution_is_noticed(tmp_path, size):
    details = {**FULL_40D, PIXEL_X: size[0], PIXEL_Y: size[1]}
    photo = shot(tmp_path, size, *CANON_40D, details)
    assert equivalent_mm(photo) == pytest.approx(38.8, rel=0.01)
    assert 0.02 < photo.focal.relative_sigma < 0.15 and "not its focal plane resolution" in photo.focal.detail


def test_a_resolution_without_any_size_is_stale_after_resizing(tmp_path):
    details = {key: value for key, value in FULL_40D.items() if key not in (PIXEL_X, PIXEL_Y)}
    assert equivalent_mm(shot(tmp_path, (900, 600), *CANON_40D, details)) == pytest.approx(38.8, rel=0.01)


def test_the_known_sensor_beats_a_resolution_that_doubles_it(tmp_path):
    details = {FOCAL: 23.0, PIXEL_X: 4288, PIXEL_Y: 2848, FOCAL_PLANE_X: 922.0, FOCAL_PLANE_UNIT: CENTIMETRE}
    photo = shot(tmp_path, (1072, 712), "FUJIFILM", "FinePix X100", details)
    assert equivalent_mm(photo) == pytest.approx(35, rel=0.01)
    assert "of a 46.5 mm wide one" in photo.focal.detail and photo.focal.relative_sigma > 0.04


@pytest.mark.parametrize("wide_mm", [46.6, 30.0, 9.2])
def test_of_an_unknown_model_a_width_no_sensor_has_is_not_used(tmp_path, wide_mm):
    # 9.2 mm is one, but not with pixels of 5.7 micrometres.
    details = {FOCAL: 35.0, PIXEL_X: 1600, PIXEL_Y: 1064, FOCAL_PLANE_X: 1600 / wide_mm * 10, FOCAL_PLANE_UNIT: 3}
    photo = shot(tmp_path, (1600, 1064), "Maker", "Model", details)
    assert photo.focal.source == "default-fov" and photo.focal.relative_sigma >= 0.25
    assert 35 <= equivalent_mm(photo) <= 80


@pytest.mark.parametrize("wide_mm", [36.0, 23.5, 17.3, 13.2])
def test_of_an_unknown_model_a_width_sensors_have_is_used(tmp_path, wide_mm):
    details = {FOCAL: 35.0, PIXEL_X: 5400, PIXEL_Y: 3600, FOCAL_PLANE_X: 5400 / wide_mm * 25.4, FOCAL_PLANE_UNIT: INCH}
    photo = shot(tmp_path, (540, 360), "Maker", "Model", details)
    assert photo.focal.source == "exif-sensor" and photo.focal.relative_sigma < 0.06
    assert equivalent_mm(photo) == pytest.approx(35 * 36 / wide_mm, rel=1e-4)


def test_the_digital_zoom_counts_where_the_focal_length_is_the_lens(tmp_path):
    details = {FOCAL: 7.4, PIXEL_X: 2272, PIXEL_Y: 1704, FOCAL_PLANE_X: 8114.286, FOCAL_PLANE_UNIT: INCH}
    plain, zoomed = (
        shot(tmp_path, (568, 426), "Canon", "Canon DIGITAL IXUS 400", {**details, ZOOM: zoom}) for zoom in (1.0, 2.0)
    )
    assert zoomed.camera.fx == pytest.approx(2 * plain.camera.fx)
    assert "a digital zoom of 2" in zoomed.focal.detail
    table = shot(tmp_path, (480, 320), *CANON_40D, {FOCAL: 50.0, ZOOM: 2.0})
    assert equivalent_mm(table) == pytest.approx(2 * 50 * 36 / 22.3)


@pytest.mark.parametrize("zoom", [0.0, 0.5, 100.0, 1e9])
def test_a_zoom_that_is_none_does_not_count(tmp_path, zoom):
    photo = shot(tmp_path, (480, 320), *CANON_40D, {FOCAL: 50.0, ZOOM: zoom})
    assert equivalent_mm(photo) == pytest.approx(50 * 36 / 22.3)


# The lens alone.


def test_a_known_model_bounds_its_lens_without_any_35mm_value(tmp_path):
    photo = shot(tmp_path, (100, 68), *CANON_40D, {FOCAL: 135.0, FOCAL_PLANE_X: 4438.356, FOCAL_PLANE_UNIT: INCH})
    assert equivalent_mm(photo) == pytest.approx(216, rel=0.02) and photo.focal.relative_sigma < 0.1


@pytest.mark.parametrize(
    ("maker", "focal_mm", "low_mm", "high_mm"),
    [("Apple", 4.2, 24, 30), ("Maker", 4.2, 24, 30), ("Xiaomi", 1.7, 12, 17), ("Maker", 50.0, 50, 100)],
)
def test_an_unknown_model_is_bounded_by_its_lens_and_told_apart_from_knowing(
    tmp_path, maker, focal_mm, low_mm, high_mm
):
    photo = shot(tmp_path, (400, 300), maker, "Unheard of", {FOCAL: focal_mm})
    assert low_mm <= equivalent_mm(photo) <= high_mm
    assert photo.focal.source == "default-fov" and photo.focal.relative_sigma >= 0.15
    assert "all distances scale with it" in notes(photo) and f"{focal_mm:g} mm" in notes(photo)


@pytest.mark.parametrize("focal_mm", [0.0, 1.0, 1e6])
def test_a_focal_length_no_lens_has_says_nothing(tmp_path, focal_mm):
    for maker, model in (CANON_40D, ("Maker", "Model")):
        photo = shot(tmp_path, (400, 300), maker, model, {FOCAL: focal_mm})
        assert equivalent_mm(photo) == pytest.approx(18 / math.tan(math.radians(30)))


# Shapes.


@pytest.mark.parametrize("model", ["SM-G973F", "Unheard of"])
def test_a_square_is_a_crop_and_said_to_be(tmp_path, model):
    details = {FOCAL: 4.32, FOCAL_35MM: 26, PIXEL_X: 3024, PIXEL_Y: 3024}
    photo = shot(tmp_path, (300, 300), "samsung", model, details)
    # The short side is the sensor's, in the camera's own square mode.
    assert photo.camera.fx == pytest.approx(26 / 36 * 300 * 4 / 3, rel=0.01)
    assert photo.focal.relative_sigma > 0.14
    assert "1:1, which is no sensor's shape" in notes(photo)


def test_a_crop_whose_pixels_are_the_sensors_is_no_guess(tmp_path):
    # The camera's own square mode: 2592 of its 3888 columns, as many to the millimetre as all of them.
    square = {**FULL_40D, PIXEL_X: 2592, PIXEL_Y: 2592}
    photo = shot(tmp_path, (648, 648), *CANON_40D, square)
    assert photo.camera.fx == pytest.approx(24 * 4438.356 / 25.4 / 4, rel=1e-4)
    assert photo.focal.relative_sigma == pytest.approx(0.02) and photo.focal.notes == ()
    # Fewer columns are a free crop, or one that was made smaller besides.
    free = shot(tmp_path, (1296, 1296), *CANON_40D, {**FULL_40D, PIXEL_X: 1296, PIXEL_Y: 1296})
    assert free.focal.relative_sigma > 0.3 and "no sensor's shape" in notes(free)


@pytest.mark.parametrize("size", [(420, 300), (330, 300), (360, 180), (360, 155)])
def test_other_shapes_no_sensor_has_are_crops_too(tmp_path, size):
    photo = shot(tmp_path, size, "Maker", "Model", {FOCAL: 35.0, FOCAL_35MM: 52})
    assert photo.focal.relative_sigma > 0.14 and "no sensor's shape" in notes(photo)
    assert equivalent_mm(photo) >= 52 * (1 - 1e-9)


@pytest.mark.parametrize("size", [(480, 320), (400, 300), (480, 270), (300, 400), (403, 302), (500, 400)])
def test_shapes_that_sensors_have_are_no_crops(tmp_path, size):
    photo = shot(tmp_path, size, "Maker", "Model", {FOCAL: 35.0, FOCAL_35MM: 52})
    assert photo.focal.relative_sigma == pytest.approx(0.04) and photo.focal.notes == ()


def test_a_screen_wide_phone_photo_is_no_crop(tmp_path):
    photo = shot(tmp_path, (650, 300), "samsung", "SM-A515F", {FOCAL: 4.6, FOCAL_35MM: 25})
    assert photo.focal.relative_sigma == pytest.approx(0.04) and photo.focal.notes == ()


def test_a_known_sensor_cut_narrower_is_measured_by_its_height(tmp_path):
    # A one-inch sensor of 3:2 in its 4:3 mode, once with an equivalent adapted to it and once without.
    for equivalent in (24, 26):
        photo = shot(tmp_path, (400, 300), "SONY", "DSC-RX100M3", {FOCAL: 8.8, FOCAL_35MM: equivalent})
        assert photo.camera.fx == pytest.approx(8.8 / 8.8 * 300, rel=0.01)
        assert photo.focal.relative_sigma < 0.1


def test_a_crop_that_exif_remembers_is_no_odd_shape(tmp_path):
    photo = shot(tmp_path, (400, 130), "Maker", "Model", {FOCAL_35MM: 26, PIXEL_X: 400, PIXEL_Y: 300})
    assert photo.camera.fx == pytest.approx(26 / 36 * 400) and photo.focal.notes == ()


# Whatever EXIF says, the answer is a focal length of this world.

_tag = st.one_of(st.none(), st.floats(1e-9, 1e9), st.integers(1, 2**32 - 1).map(float))


@given(
    focal_35mm=_tag,
    focal_mm=_tag,
    px_per_mm=_tag,
    zoom=st.floats(1, 30),
    exposed=st.one_of(st.none(), st.tuples(st.integers(1, 200_000), st.integers(1, 200_000))),
    model=st.sampled_from([None, "iPhone 8", "Canon EOS 40D", "NIKON D850", "Canon PowerShot A520", "?"]),
    size=st.tuples(st.integers(32, 9000), st.integers(32, 9000)),
)
def test_no_tags_give_a_focal_length_that_is_absurd(focal_35mm, focal_mm, px_per_mm, zoom, exposed, model, size):
    exif = ExifFacts(
        focal_35mm=focal_35mm,
        focal_mm=focal_mm,
        sensor_px_per_mm=px_per_mm,
        digital_zoom=zoom,
        exposed_size=exposed,
        camera_make="Canon" if model and "Canon" in model else None,
        camera_model=model,
    )
    found = exif_focal(exif, *size)
    if found is not None:
        focal_px, provenance = found
        assert math.isfinite(focal_px) and focal_px > 0
        assert 0.02 <= provenance.relative_sigma < 10
        assert all("\n" not in note for note in (provenance.detail, *provenance.notes))
