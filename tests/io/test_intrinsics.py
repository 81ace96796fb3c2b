"""Intrinsics in every layout that is read, and bad files in one line."""

import json
import math
import time

import pytest

from mfh.errors import InputError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.io.intrinsics import Intrinsics, read_intrinsics

TRUE = (525.0, 524.5, 319.5, 239.5)
"""fx, fy, cx, cy of a 640x480 photo, in our pixels."""


def write(folder, content, name="k.json"):
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(folder, content, name="k.json") -> Intrinsics:
    return read_intrinsics(write(folder, content, name))


def numbers(one: Intrinsics) -> tuple[float, float, float, float]:
    return one.fx, one.fy, one.cx, one.cy


def error_line(folder, content, name="k.json") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, name)
    line = str(caught.value)
    assert "\n" not in line and name in line and "expected" in line and len(line) < 600
    return line


def test_other_keys_are_ignored(tmp_path):
    path = write(tmp_path, {"fx": 525, "fy": 524.5, "cx": 319.5, "cy": 239.5, "source": "sensor", "k1": []})
    intrinsics = read_intrinsics(path)
    camera, provenance = choose_camera(FocalRequest(intrinsics=intrinsics), ExifFacts(), width=640, height=480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == TRUE
    assert provenance.source == "intrinsics-file" and "k.json" in provenance.detail and provenance.notes == ()


PLAIN = {"fx": 525.0, "fy": 524.5, "cx": 319.5, "cy": 239.5}
NERFSTUDIO = {"fl_x": 525.0, "fl_y": 524.5, "cx": 320.0, "cy": 240.0}
ROWS = [[525.0, 0, 319.5], [0, 524.5, 239.5], [0, 0, 1]]
COLUMNS = [[525.0, 0, 0], [0, 524.5, 0], [319.5, 239.5, 1]]

LAYOUTS = {
    "with a byte order mark": (b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(), None),
    "with its size": ({**PLAIN, "width": 640, "height": 480}, (640, 480)),
    "short names of the size": ({**PLAIN, "w": 640, "h": 480}, (640, 480)),
    "realsense": ({"fx": 525.0, "fy": 524.5, "ppx": 319.5, "ppy": 239.5, "coeffs": [0, 0, 0, 0, 0]}, None),
    "inside camera": ({"camera": PLAIN, "w": 640, "h": 480}, (640, 480)),
    "nerfstudio": ({**NERFSTUDIO, "w": 640, "h": 480, "camera_model": "OPENCV", "frames": []}, (640, 480)),
    "nerfstudio, sizes as floats": ({**NERFSTUDIO, "w": 640.0, "h": 480.0}, (640, 480)),
    "nerfstudio without its size": (NERFSTUDIO, None),
    "matrix by rows": (ROWS, None),
    "matrix by columns": (COLUMNS, None),
    "flat matrix": ({"K": [one for row in ROWS for one in row]}, None),
    "record3d": ({"K": [one for row in COLUMNS for one in row], "w": 640, "h": 480}, (640, 480)),
    "arkit by columns": ({"intrinsics": COLUMNS, "transform": []}, None),
    "open3d": ({"width": 640, "height": 480, "intrinsic_matrix": [n for row in COLUMNS for n in row]}, (640, 480)),
    "opencv": ({"camera_matrix": {"rows": 3, "cols": 3, "data": [n for row in ROWS for n in row]}}, None),
    "four by four": ([*[[*row, 0] for row in ROWS], [0, 0, 0, 1]], None),
    "text by rows": ("525 0 319.5\n0 524.5 239.5\n0 0 1\n", None),
    "text of four by four": ("525 0 319.5 0\n0 524.5 239.5 0\n0 0 1 0\n0 0 0 1\n", None),
    "text of four": ("525, 524.5, 319.5, 239.5\n", None),
    "pincam": ("640 480 525 524.5 319.5 239.5\n", (640, 480)),
    "colmap pinhole": ("# Camera list\n1 PINHOLE 640 480 525 524.5 320 240\n", (640, 480)),
    "colmap opencv, undistorted": ("1 OPENCV 640 480 525 524.5 320 240 0 0 0 0\n", (640, 480)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_other_programs_are_read(tmp_path, layout):
    content, size = LAYOUTS[layout]
    found = read(tmp_path, content)
    assert numbers(found) == pytest.approx(TRUE) and found.size == size
    assert not found.distorted and found.origin == "k.json"


@pytest.mark.parametrize("line", ["7 SIMPLE_PINHOLE 640 480 525 320 240", "7 SIMPLE_RADIAL 640 480 525 320 240 0"])
def test_colmap_models_of_one_focal_length(tmp_path, line):
    assert numbers(read(tmp_path, line, "cameras.txt")) == pytest.approx((525, 525, 319.5, 239.5))


@pytest.mark.parametrize(
    "content",
    [
        "1 SIMPLE_RADIAL 640 480 525 320 240 0.02",
        "1 OPENCV 640 480 525 525 320 240 0 0 0.001 0",
        {**NERFSTUDIO, "k1": 0.03},
        {**PLAIN, "coeffs": [0, 0, 0.1]},
    ],
)
def test_a_distortion_is_taken_note_of(tmp_path, content):
    found = read(tmp_path, content)
    assert found.distorted
    _, provenance = choose_camera(FocalRequest(intrinsics=found), ExifFacts(), width=640, height=480)
    assert "distortion" in provenance.notes[0]


def test_an_angle_of_view_needs_the_size(tmp_path):
    found = read(tmp_path, {"camera_angle_x": math.pi / 2, "w": 640, "h": 480})
    assert numbers(found) == pytest.approx((320, 320, 319.5, 239.5)) and found.size == (640, 480)
    assert "give --fov-x-deg 90" in error_line(tmp_path, {"camera_angle_x": math.pi / 2, "frames": []})


BAD = {
    "no json": ("not json", "no JSON and no numbers"),
    "nothing": ("  \n", "hold no numbers"),
    "a number": ("[[[1]]]", "no 3x3 camera matrix"),
    "two numbers": ("[1, 2]", "hold 2 numbers"),
    "a word": ('["a"]', "no 3x3 camera matrix"),
    "no cy": ({"fx": 525, "fy": 525, "cx": 319.5}, "has no cy"),
    "a string": ({**PLAIN, "fx": "525"}, "has fx = '525'"),
    "a long string": ({**PLAIN, "fx": "5" * 9999}, "has fx = '555"),
    "a truth": ({**PLAIN, "fx": True}, "has fx = True"),
    "negative": ({**PLAIN, "fx": -525}, "has fx = -525"),
    "zero": ({**PLAIN, "fy": 0}, "has fy = 0"),
    "tiny": ({**PLAIN, "fx": 1e-300, "fy": 1e-300}, "has fx = 1e-300"),
    "huge": ({**PLAIN, "fx": 1e30}, "has fx = 1e+30"),
    "far away": ({**PLAIN, "cx": 1e30}, "has cx = 1e+30"),
    "NaN": ('{"fx": NaN, "fy": 525, "cx": 319.5, "cy": 239.5}', "NaN"),
    "overflow": ('{"fx": 1e999, "fy": 525, "cx": 319.5, "cy": 239.5}', "too large"),
    "many digits": (f'{{"fx": 1{"0" * 420}, "fy": 525, "cx": 319.5, "cy": 239.5}}', "421 digits"),
    "deep": ("[" * 5000 + "]" * 5000, "deep"),
    "deep objects": ('{"camera":' * 60 + "{}" + "}" * 60, "has no fx"),
    "part of a pixel": ({**PLAIN, "width": 640.5, "height": 480}, "640.5x480"),
    "size of nothing": ({**PLAIN, "width": 0, "height": 480}, "0x480"),
    "fisheye nerfstudio": ({**NERFSTUDIO, "camera_model": "OPENCV_FISHEYE"}, "camera model OPENCV_FISHEYE"),
    "odd model": ({**NERFSTUDIO, "camera_model": 3}, "camera model 3"),
    "angle in degrees": ({"camera_angle_x": 60, "w": 640, "h": 480}, "expected radians"),
    "neither centre nor size": ({"fl_x": 525}, "neither cx, cy nor w, h"),
    "in its frames": ({"frames": [{"fl_x": 525}]}, "in frames"),
    "not in its frames": ({"frames": [{"file_path": "a.png"}]}, "has no fx"),
    "no camera matrix": ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "no camera matrix"),
    "skewed": ([[525, 90, 319.5], [0, 525, 239.5], [0, 0, 1]], "no camera matrix"),
    "flat, of other length": ({"K": [1, 2, 3]}, "hold 3 numbers"),
    "colmap fisheye": ("1 OPENCV_FISHEYE 640 480 525 525 320 240 0 0 0 0", "OPENCV_FISHEYE"),
    "colmap, unknown": ("1 HYPERBOLIC 640 480 525 320 240", "HYPERBOLIC"),
    "colmap, short": ("1 PINHOLE 640 480 525", "expected 4 or more"),
    "colmap, words": ("1 PINHOLE 640 480 a b c d", "could not convert"),
    "colmap, several": ("1 PINHOLE 640 480 5 5 3 2\n2 PINHOLE 640 480 5 5 3 2", "hold 2 cameras"),
    "colmap, binary": (b"\x01\0\0\0\0\0\0\0\x80\xff", "expected JSON"),
    "text with NaN": ("nan 525 319.5 239.5", "has fx = nan"),
    "a page": ("1 " * 999, "999 words"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line(tmp_path, case):
    content, expected = BAD[case]
    began = time.monotonic()
    assert expected in error_line(tmp_path, content)
    assert time.monotonic() - began < 2


def test_a_missing_file_a_folder_and_an_empty_file(tmp_path):
    with pytest.raises(InputError, match=r"no such file: intrinsics .*absent\.json"):
        read_intrinsics(tmp_path / "absent.json")
    with pytest.raises(InputError, match="is a folder"):
        read_intrinsics(tmp_path)
    assert "empty" in error_line(tmp_path, "")


def test_the_matrix_of_columns_with_a_zero_principal_point_is_not_turned(tmp_path):
    assert numbers(read(tmp_path, [[5, 0, 0], [0, 5, 0], [0, 0, 1]])) == (5, 5, 0, 0)
