"""The focal length cascade: order, EXIF arithmetic, history of the pixels, and refusals."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, Intrinsics, choose_camera, read_intrinsics

PHONE = ExifFacts(focal_35mm=26.0, focal_mm=5.7, exposed_size=(4000, 3000))


def chosen_focal(exif: ExifFacts, width: int, height: int, request: FocalRequest | None = None) -> tuple[float, str]:
    camera, provenance, _ = choose_camera(request, exif, width=width, height=height)
    return camera.fx, provenance.source


def test_given_focal_wins_over_exif():
    camera, provenance, notes = choose_camera(FocalRequest(focal_px=777.0), PHONE, width=4000, height=3000)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (777.0, 777.0, 1999.5, 1499.5)
    assert provenance.source == "explicit" and provenance.relative_sigma == 0 and notes == ()


def test_given_field_of_view_is_horizontal_between_the_outer_edges():
    camera, _, _ = choose_camera(FocalRequest(fov_x_deg=90.0), ExifFacts(), width=480, height=640)
    assert camera.fx == pytest.approx(240.0)


def test_given_35mm_is_along_the_long_side():
    for width, height in ((4000, 3000), (3000, 4000)):
        assert chosen_focal(ExifFacts(), width, height, FocalRequest(focal_35mm=36.0))[0] == pytest.approx(4000.0)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000)])
def test_exif_35mm_equivalent_refers_to_a_36_mm_long_side(size):
    focal_px, source = chosen_focal(PHONE, *size)
    assert source == "exif-35mm"
    assert focal_px == pytest.approx(26 / 36 * 4000)


@given(scale=st.floats(0.05, 1.0), portrait=st.booleans())
def test_resizing_scales_the_exif_focal(scale, portrait):
    width, height = round(4000 * scale), round(3000 * scale)
    focal_px, _ = chosen_focal(PHONE, *((height, width) if portrait else (width, height)))
    assert focal_px == pytest.approx(26 / 36 * 4000 * width / 4000, rel=1e-9)


@pytest.mark.parametrize("size", [(4000, 2250), (3000, 3000), (2250, 4000)])
def test_cropping_one_side_keeps_the_exif_focal(size):
    camera, provenance, notes = choose_camera(None, PHONE, width=size[0], height=size[1])
    assert camera.fx == pytest.approx(26 / 36 * 4000)
    assert "cropped from 4000x3000" in provenance.detail
    assert provenance.relative_sigma == pytest.approx(0.04) and notes == ()


def test_cropping_both_sides_keeps_the_exif_focal_and_says_what_else_it_could_be():
    camera, provenance, notes = choose_camera(None, PHONE, width=2000, height=2000)
    assert camera.fx == pytest.approx(26 / 36 * 4000)
    assert provenance.relative_sigma > 0.2
    assert len(notes) == 1 and "1.5 times too large" in notes[0]


def test_exif_size_of_another_picture_is_not_used():
    exif = ExifFacts(focal_35mm=36.0, exposed_size=(160, 120))
    camera, provenance, _ = choose_camera(None, exif, width=3000, height=1500)
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


def test_impossible_sensor_falls_to_the_default():
    # 3000 pixels at 3 per mm would be a sensor one metre wide.
    exif = ExifFacts(focal_mm=50.0, sensor_px_per_mm=3.0)
    assert chosen_focal(exif, 3000, 2000)[1] == "default-fov"


@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_default_is_sixty_degrees_along_the_long_side_with_a_warning(size):
    camera, provenance, notes = choose_camera(None, ExifFacts(), width=size[0], height=size[1])
    assert camera.fx == pytest.approx(320 / math.tan(math.radians(30)))
    assert provenance.source == "default-fov" and provenance.relative_sigma > 0.15
    assert len(notes) == 1 and "metres scale with it" in notes[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -5.0])
@pytest.mark.parametrize("name", ["focal_px", "focal_35mm", "fov_x_deg"])
def test_focal_that_no_lens_has_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        FocalRequest(**{name: value})


def test_two_answers_are_refused():
    with pytest.raises(InputError, match="focal_px and fov_x_deg"):
        FocalRequest(focal_px=500.0, fov_x_deg=60.0)


def write_intrinsics(folder: Path, content: object) -> Path:
    path = folder / "k.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_intrinsics_file_ignores_other_keys(tmp_path):
    path = write_intrinsics(tmp_path, {"fx": 525, "fy": 524.5, "cx": 319.5, "cy": 239.5, "source": "sensor", "k1": []})
    intrinsics = read_intrinsics(path)
    camera, provenance, notes = choose_camera(FocalRequest(intrinsics=intrinsics), PHONE, width=640, height=480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (525.0, 524.5, 319.5, 239.5)
    assert provenance.source == "intrinsics-file" and "k.json" in provenance.detail and notes == ()


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[1, 2]",
        {"fx": 525, "fy": 525, "cx": 319.5},
        {"fx": "525", "fy": 525, "cx": 319.5, "cy": 239.5},
        {"fx": True, "fy": 525, "cx": 319.5, "cy": 239.5},
        {"fx": -525, "fy": 525, "cx": 319.5, "cy": 239.5},
        {"fx": 0, "fy": 525, "cx": 319.5, "cy": 239.5},
        '{"fx": NaN, "fy": 525, "cx": 319.5, "cy": 239.5}',
    ],
)
def test_bad_intrinsics_files_are_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"k\.json"):
        read_intrinsics(write_intrinsics(tmp_path, content))


def test_missing_intrinsics_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read intrinsics"):
        read_intrinsics(tmp_path / "absent.json")


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
    camera, _, _ = choose_camera(FocalRequest(intrinsics=off_centre), ExifFacts(), width=640, height=480)
    assert camera.cx == 50.0
    with pytest.raises(InputError, match="are for 640x480 pixels and the photo has 320x240"):
        choose_camera(FocalRequest(intrinsics=off_centre), ExifFacts(), width=320, height=240)
