"""The focal length cascade: order, EXIF arithmetic, history of the pixels, and refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.intrinsics import Intrinsics
from mfh.io.photo import photo_from_array

PHONE = ExifFacts(focal_35mm=26.0, focal_mm=5.7, exposed_size=(4000, 3000))


def chosen_focal(exif: ExifFacts, width: int, height: int, request: FocalRequest | None = None) -> tuple[float, str]:
    camera, provenance = choose_camera(request, exif, width=width, height=height)
    return camera.fx, provenance.source


def test_given_focal_wins_over_exif():
    camera, provenance = choose_camera(FocalRequest(focal_px=1777.0), PHONE, width=4000, height=3000)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (1777.0, 1777.0, 1999.5, 1499.5)
    assert provenance.source == "explicit" and provenance.relative_sigma == 0 and provenance.notes == ()


def test_given_field_of_view_is_horizontal_between_the_outer_edges():
    camera, _ = choose_camera(FocalRequest(fov_x_deg=90.0), ExifFacts(), width=480, height=640)
    assert camera.fx == pytest.approx(240.0)


def test_given_35mm_is_along_the_long_side():
    for width, height in ((4000, 3000), (3000, 4000)):
        assert chosen_focal(ExifFacts(), width, height, FocalRequest(focal_35mm=36.0))[0] == pytest.approx(4000.0)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000)])
def test_exif_35mm_equivalent_refers_to_a_36_mm_long_side(size):
    focal_px, source = chosen_focal(PHONE, *size)
    assert source == "exif-35mm"
    assert focal_px == pytest.approx(26 / 36 * 4000)


@pytest.mark.slow
@given(scale=st.floats(0.05, 1.0), portrait=st.booleans())
def test_resizing_scales_the_exif_focal(scale, portrait):
    width, height = round(4000 * scale), round(3000 * scale)
    focal_px, _ = chosen_focal(PHONE, *((height, width) if portrait else (width, height)))
    assert focal_px == pytest.approx(26 / 36 * 4000 * width / 4000, rel=1e-9)


@pytest.mark.parametrize("size", [(4000, 2250), (3000, 3000), (2250, 4000)])
def test_cropping_one_side_keeps_the_exif_focal(size):
    camera, provenance = choose_camera(None, PHONE, width=size[0], height=size[1])
    assert camera.fx == pytest.approx(26 / 36 * 4000)
    assert "cropped from 4000x3000" in provenance.detail
    assert provenance.relative_sigma == pytest.approx(0.04) and provenance.notes == ()


def test_cropping_both_sides_keeps_the_exif_focal_and_says_what_else_it_could_be():
    camera, provenance = choose_camera(None, PHONE, width=2000, height=2000)
    assert camera.fx == pytest.approx(26 / 36 * 4000)
    assert provenance.relative_sigma > 0.2
    assert len(provenance.notes) == 1 and "1.5 times too large" in provenance.notes[0]


def test_exif_size_of_another_picture_is_not_used():
    exif = ExifFacts(focal_35mm=36.0, exposed_size=(160, 120))
    camera, provenance = choose_camera(None, exif, width=3000, height=1500)
    assert camera.fx == pytest.approx(3000.0)
    assert "another picture" in provenance.detail and provenance.relative_sigma > 0.1


def test_sensor_from_the_focal_plane_resolution():
    exif = ExifFacts(focal_mm=50.0, exposed_size=(5616, 3744), sensor_px_per_mm=5616 / 36.0)
    focal_px, source = chosen_focal(exif, 2808, 1872)
    assert source == "exif-sensor"
    assert focal_px == pytest.approx(50 / 36 * 2808)


def test_sensor_from_the_camera_model():
    exif = ExifFacts(focal_mm=36.0, camera_model="NIKON D700")
    assert chosen_focal(exif, 4256, 2832) == (pytest.approx(4256.0), "exif-sensor")


def test_impossible_sensor_leaves_an_assumption():
    # 3000 pixels at 3 per mm would be a sensor one metre wide.
    exif = ExifFacts(focal_mm=50.0, sensor_px_per_mm=3.0)
    assert chosen_focal(exif, 3000, 2000)[1] == "default-fov"


@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_default_is_sixty_degrees_along_the_long_side_with_a_warning(size):
    camera, provenance = choose_camera(None, ExifFacts(), width=size[0], height=size[1])
    assert camera.fx == pytest.approx(320 / math.tan(math.radians(30)))
    assert provenance.source == "default-fov" and provenance.relative_sigma > 0.15
    assert len(provenance.notes) == 1 and "distances scale with it" in provenance.notes[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -5.0, 5e-324, 1e308])
@pytest.mark.parametrize("name", ["focal_px", "focal_35mm", "fov_x_deg"])
def test_focal_that_is_no_number_is_refused(name, value):
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is"):
        FocalRequest(**{name: value})


def test_two_answers_are_refused():
    with pytest.raises(InputError, match="--focal-px and --fov-x-deg"):
        FocalRequest(focal_px=500.0, fov_x_deg=60.0)


@pytest.mark.parametrize(
    "factor", [0.5, 2.0, 3.0], ids=["K of the half-size photo", "of the double size", "of the triple size"]
)
def test_intrinsics_of_another_size_are_refused(factor):
    other = Intrinsics(fx=525.0 * factor, fy=525.0 * factor, cx=320 * factor - 0.5, cy=240 * factor - 0.5)
    with pytest.raises(InputError, match="640x480"):
        choose_camera(FocalRequest(intrinsics=other), ExifFacts(), width=640, height=480)


def test_intrinsics_of_the_unrotated_photo_are_refused():
    with pytest.raises(InputError, match="480x640"):
        choose_camera(
            FocalRequest(intrinsics=Intrinsics(fx=525.0, fy=525.0, cx=319.5, cy=239.5)),
            ExifFacts(),
            width=480,
            height=640,
        )


def test_stated_size_must_match_and_allows_an_off_centre_principal_point():
    off_centre = Intrinsics(fx=525.0, fy=525.0, cx=50.0, cy=239.5, size=(640, 480))
    camera, _ = choose_camera(FocalRequest(intrinsics=off_centre), ExifFacts(), width=640, height=480)
    assert camera.cx == 50.0
    with pytest.raises(InputError, match="are for 640x480 pixels and the photo has 320x240"):
        choose_camera(FocalRequest(intrinsics=off_centre), ExifFacts(), width=320, height=240)


# Given values that hardly any camera has are questioned, and those that none has are errors; each in one line that
# names what was given and that it is the focal length.


def questions(request: FocalRequest, width: int = 1600, height: int = 1064) -> tuple[str, ...]:
    camera, provenance = choose_camera(request, ExifFacts(), width=width, height=height)
    assert provenance.relative_sigma == 0 and camera.width == width
    return provenance.notes


@pytest.mark.parametrize(
    ("given", "words", "guess"),
    [
        (
            {"focal_35mm": 4.25},
            "--focal-35mm 4.25 is a focal length wider than any lens",
            "give the real focal length?",
        ),
        ({"focal_35mm": 7.9}, "wider than any lens", "35 mm equivalent is wanted"),
        ({"focal_35mm": 2600.0}, "--focal-35mm 2600 is a focal length longer than nearly any lens", "35 mm"),
        ({"focal_px": 18.0}, "--focal-px 18 is a focal length wider than any lens", "millimetres?"),
        ({"focal_px": 2e5}, "longer than nearly any lens", "pixels of this photo are wanted"),
        ({"fov_x_deg": 0.9}, "--fov-x-deg 0.9 is a focal length longer than nearly any lens", "radians?"),
        ({"fov_x_deg": 170.0}, "--fov-x-deg 170 is a focal length wider than any lens", "from edge to edge"),
        ({"intrinsics": Intrinsics(26.0, 26.0, 799.5, 531.5, origin="k.json")}, "--intrinsics k.json", "millimetres?"),
        (
            {"intrinsics": Intrinsics(1600.0, 800.0, 799.5, 531.5, origin="k.json")},
            "factor of 2 apart",
            "square pixels",
        ),
        ({"intrinsics": Intrinsics(1600.0, 1600.0, 799.5, 531.5, distorted=True)}, "distortion", "undistort"),
    ],
)
def test_odd_given_focal_lengths_are_questioned_in_one_line(given, words, guess):
    (question,) = questions(FocalRequest(**given))
    assert words in question and guess in question and "focal length" in question
    assert "\n" not in question


@pytest.mark.parametrize(
    "given",
    [
        {"focal_35mm": 8.0},
        {"focal_35mm": 24.0},
        {"focal_35mm": 1200.0},
        {"focal_px": 400.0},
        {"fov_x_deg": 2.0},
        {"fov_x_deg": 120.0},
        {"intrinsics": Intrinsics(1600.0, 1500.0, 799.5, 531.5)},
    ],
)
def test_given_focal_lengths_that_lenses_have_are_not_questioned(given):
    assert questions(FocalRequest(**given)) == ()


def test_a_field_of_view_is_questioned_by_the_long_side():
    # 1.3 degrees across are 1500 mm of a wide photo, and 950 mm of the same camera held upright.
    assert questions(FocalRequest(fov_x_deg=1.3), 1600, 1000) != ()
    assert questions(FocalRequest(fov_x_deg=1.3), 1000, 1600) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fov_x_deg": 0.0001}, "--fov-x-deg 0.0001 is a focal length of"),
        ({"fov_x_deg": 179.99}, "--fov-x-deg 179.99 is a focal length of"),
        ({"focal_px": 0.01}, "--focal-px 0.01 is a focal length of"),
        ({"focal_px": 1e8}, "--focal-px 1e+08 is a focal length of"),
        ({"focal_35mm": 0.001}, "--focal-35mm 0.001 is a focal length of"),
        ({"intrinsics": Intrinsics(0.8, 0.8, 799.5, 531.5)}, "divided by the photo's size"),
        ({"intrinsics": Intrinsics(8000.0, 80.0, 799.5, 531.5)}, "focal lengths fx = 8000 and fy = 80"),
        ({"intrinsics": Intrinsics(800.0, 800.0, 1e6, 531.5, size=(1600, 1064))}, "principal point"),
    ],
)
def test_given_focal_lengths_no_camera_has_are_errors(given, words):
    with pytest.raises(InputError) as caught:
        questions(FocalRequest(**given))
    line = str(caught.value)
    assert words in line and "expected" in line and "\n" not in line and len(line) < 300


def test_a_photo_says_what_is_questioned():
    photo = photo_from_array(np.zeros((60, 80, 3), np.uint8), focal=FocalRequest(focal_35mm=4.25))
    assert "wider than any lens" in photo.focal.notes[0]
