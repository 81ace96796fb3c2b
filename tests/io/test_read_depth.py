"""One reader for depth of any format: what was written comes back, and what does not say what it is must be told."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mfh
from mfh.errors import InputError
from mfh.io.depth_rows import rows_of_result, rows_of_stored
from mfh.io.formats import FORMATS
from mfh.io.png import write_png
from mfh.io.schema import KEY, SCHEMA, parse_about
from tests.io.depth_files import COMMANDS, rows_with, sure_result, write
from tests.io.map_files import write_map

DEPTH_FORMATS = ("npz", "exr", "png", "png256")


@pytest.fixture(autouse=True)
def _needs_exr(request):
    if "exr" in request.node.name:
        pytest.importorskip("OpenEXR", reason="the exr extra is not installed")


@pytest.fixture(scope="module")
def result():
    return sure_result()


@pytest.fixture(scope="module")
def rows(result):
    return rows_of_result(result, commands=COMMANDS)


def one_line(*words, **options) -> str:
    with pytest.raises(InputError) as caught:
        mfh.read_depth(*words, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", DEPTH_FORMATS)
def test_what_was_written_comes_back(tmp_path, rows, result, name):
    stored = mfh.read_depth(write(name, tmp_path, rows))
    steps = {"png": 1000, "png256": 256}.get(name)
    tolerance = 0 if steps is None else 0.5 / steps + 1e-6
    assert stored.depth_m.dtype == np.float32 and stored.kind == "z"
    np.testing.assert_allclose(stored.depth_m, result.depth_m, rtol=0, atol=tolerance)
    assert stored.camera == result.photo.camera and stored.about.commands == COMMANDS
    if steps is None:
        np.testing.assert_array_equal(stored.log_sigma, result.log_sigma.astype(np.float16).astype(np.float32))
    else:
        assert stored.log_sigma is None
    assert (stored.head is not None) == (name == "npz")


@given(
    depth_m=arrays.arrays(
        np.float32, (48, 64), elements=st.one_of(st.floats(1 / 256, 250, width=32), st.just(np.float32(np.nan)))
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_depth_comes_back(tmp_path_factory, depth_m):
    folder = tmp_path_factory.mktemp("any")
    rows = rows_with(depth_m)
    np.testing.assert_array_equal(mfh.read_depth(write("npz", folder, rows)).depth_m, depth_m)
    read_m = mfh.read_depth(write("png256", folder, rows)).depth_m
    np.testing.assert_array_equal(np.isnan(read_m), np.isnan(depth_m))
    np.testing.assert_allclose(read_m, depth_m, rtol=0, atol=1 / 512 + 1e-5)
    # Written again from what was read: the same bytes, but for what a picture does not keep.
    again = folder / "again"
    again.mkdir()
    stored = mfh.read_depth(folder / "depth.npz")
    for name in ("npz", "png256", "npy"):
        path = write(name, again, rows_of_stored(stored, None))
        assert path.read_bytes() == write(name, folder, rows).read_bytes()


def test_a_folder_of_results_is_read_by_its_finest_file(tmp_path, rows, result):
    for name in ("png", "png256", "npz"):
        write(name, tmp_path, rows)
        assert mfh.read_depth(tmp_path).about == mfh.read_depth(tmp_path / FORMATS[name].file).about
    result.save(tmp_path / "saved")
    np.testing.assert_array_equal(mfh.read_depth(tmp_path / "saved").depth_m, result.depth_m)
    (tmp_path / "empty").mkdir()
    assert "holds no depth: expected one of depth.npz, depth.exr" in one_line(tmp_path / "empty")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.png", "a.tif"])
def test_files_of_other_programs_need_unit_and_kind(tmp_path, name):
    values = np.arange(12).reshape(3, 4)
    path = write_map(tmp_path / name, values.astype(float))
    for options in ({}, {"unit": "m"}, {"kind": "z"}):
        assert "does not say what its numbers are: give unit" in one_line(path, **options)
    stored = mfh.read_depth(path, unit="1/256", kind="ray")
    assert (stored.kind, stored.about, stored.camera, stored.log_sigma) == ("ray", None, None, None)
    expected = np.where(values == 0, np.nan, values / 256)
    np.testing.assert_allclose(stored.depth_m, expected, rtol=1e-6)
    assert "unit is 'parsec': expected m, dm" in one_line(path, unit="parsec", kind="z")
    assert "kind is 'x'" in one_line(path, unit="m", kind="x")


def test_the_plain_array_of_this_program_says_nothing(tmp_path, rows, result):
    path = write("npy", tmp_path, rows)
    assert "depth.npy does not say what its numbers are" in one_line(path)
    np.testing.assert_array_equal(mfh.read_depth(path, unit="m", kind="z").depth_m, result.depth_m)


def test_nothing_is_said_twice(tmp_path, rows):
    assert "leave out unit and kind" in one_line(write("npz", tmp_path, rows), unit="mm", kind="z")


@pytest.mark.parametrize("name", ["ply", "glb", "mesh-ply", "mesh-glb"])
def test_points_and_meshes_are_no_maps(tmp_path, rows, name):
    assert "holds points or triangles, no depth map: read depth.npz" in one_line(write(name, tmp_path, rows))


def test_normals_and_colours_are_no_depth(tmp_path, rows):
    assert "it holds normals: expected depth" in one_line(write("normals", tmp_path, rows))
    write_png(tmp_path / "rgb.png", (4, 5), [np.zeros((4, 5, 3), np.uint8)], text={KEY: rows.about.text()})
    assert "pixel format RGB" in one_line(tmp_path / "rgb.png")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"schema": "mfh/depth/2"}, "its schema is 'mfh/depth/2', and mfh/depth/1 is known"),
        ({"depth": "parallax"}, "depth is 'parallax': expected 'z' or 'ray'"),
        ({"unit": "feet"}, "unit is 'feet'"),
        ({"more": 1}, "there is a field more"),
        ({"metric": False}, "metric False"),
        ({"metres_per_unit": 0.5}, "0.5 metres per unit: expected 1"),
        ({"axes": "z up"}, "its axes are 'z up'"),
        ({"camera": {"fx": 1, "fy": 1, "cx": 0, "cy": 0, "width": 9, "height": 48}}, "shape (48, 64): it says (48, 9)"),
        ({"camera": {"fx": 0, "fy": 1, "cx": 0, "cy": 0, "width": 64, "height": 48}}, "K is not"),
        ({"log_sigma": False}, "of having log_sigma"),
    ],
)
def test_files_that_contradict_themselves_are_refused(tmp_path, rows, change, expected):
    path = write("npz", tmp_path, rows)
    with np.load(path) as stored:
        content = dict(stored)
    about = {**json.loads(str(content["about"])), **change}
    if "camera" in change and change["camera"]["fx"]:
        content["K"] = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    np.savez(path, **{**content, "about": np.array(json.dumps(about))})
    message = one_line(path)
    assert expected in message and "depth.npz" in message


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("depth_m", np.full((48, 64), -1, np.float32), "valid_mask"),
        ("valid_mask", np.zeros((2, 2), bool), "valid_mask"),
        ("K", np.eye(4), "K has (4, 4)"),
        ("head_space", np.array("mist"), "neither disparity nor depth"),
        ("log_sigma", np.zeros((3, 3), np.float16), "log_sigma has shape (3, 3)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, rows, name, value, expected):
    path = write("npz", tmp_path, rows)
    with np.load(path) as stored:
        content = dict(stored)
    np.savez(path, **{**content, name: value})
    assert expected in one_line(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEPTH_FORMATS)
def test_cut_and_damaged_files_are_one_line(tmp_path, rows, name):
    whole = write(name, tmp_path, rows).read_bytes()
    path = tmp_path / f"cut{(tmp_path / FORMATS[name].file).suffix}"
    rng = np.random.default_rng(0)
    lengths = [0, 1, 8, 40, *rng.integers(50, len(whole) - 1, 4 if name == "exr" else 30).tolist()]
    for length in lengths:
        path.write_bytes(whole[:length])
        message = one_line(path)
        assert path.name in message
    for _ in range(4 if name == "exr" else 40):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 5):
            broken[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        try:
            mfh.read_depth(path)
        except InputError as error:
            assert "\n" not in str(error) and path.name in str(error)


def test_missing_files_and_odd_names_are_one_line(tmp_path):
    assert "no such file: depth" in one_line(tmp_path / "none.npz")
    assert "has the ending .jpg" in one_line(tmp_path / "a.jpg")
    assert "has the ending of no format" in one_line(tmp_path / "a")


def test_an_earlier_depth_npz_needs_unit_and_kind(tmp_path, rows, result):
    path = write("npz", tmp_path, rows)
    with np.load(path) as stored:
        content = {name: value for name, value in stored.items() if name != "about"}
    np.savez(path, **content)
    assert "does not say what its numbers are" in one_line(path)
    np.testing.assert_array_equal(mfh.read_depth(path, unit="m", kind="z").depth_m, result.depth_m)


def test_what_a_result_says_comes_back_from_its_text(rows):
    assert parse_about(rows.about.text()) == rows.about and rows.about.schema == SCHEMA
    infinite = replace(sure_result(), max_depth_m=np.inf, reach_m=np.inf, interval=None)
    about = rows_of_result(infinite).about
    assert (about.max_depth_m, about.reach_m, about.level_80, about.commands) == (None, None, None, ())
    assert parse_about(about.text()) == about
    with pytest.raises(ValueError, match="letters"):
        parse_about("[" + "1," * 50_000 + "1]")
