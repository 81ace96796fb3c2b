"""Relative depth from files: holes, sizes, and one line for everything that is no map of the photo."""

import math
import re

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.io.relative import (
    PATCHES_PX,
    SAME_ASPECT_OF_PATCHES,
    RelativeDepthMap,
    is_same_view,
    read_relative_depth,
    relative_depth_map,
)
from tests.io.map_files import write_map

MAP = np.linspace(100, 60_000, 6 * 8).reshape(6, 8).round()


@pytest.mark.parametrize("name", ["m.npy", "m.npz", "m.png", "m.tif"])
def test_every_format_gives_the_same_map(tmp_path, name):
    path = write_map(tmp_path / name, MAP)
    given = read_relative_depth(path, space="depth")
    np.testing.assert_array_equal(given.values, MAP.astype(np.float32))
    assert (given.space, given.name, given.values.dtype) == ("depth", name, np.float32)


def test_an_npz_of_several_arrays_is_read_by_name(tmp_path):
    np.savez(tmp_path / "m.npz", disparity=MAP, depth=MAP + 1, K=np.eye(3))
    for space, expected in (("disparity", MAP), ("depth", MAP + 1)):
        np.testing.assert_array_equal(read_relative_depth(tmp_path / "m.npz", space=space).values, expected)
    np.savez(tmp_path / "n.npz", first=MAP, second=MAP)
    with pytest.raises(InputError, match="holds first, second: expected one array"):
        read_relative_depth(tmp_path / "n.npz", space="depth")
    np.savez(tmp_path / "d.npz", depth=MAP, confidence=MAP)
    with pytest.raises(InputError, match="holds depth, confidence"):
        read_relative_depth(tmp_path / "d.npz", space="disparity")


@pytest.mark.parametrize("name", ["relative", "values", "pred", "prediction", "arr_0"])
def test_names_that_say_no_space_are_read_as_either(tmp_path, name):
    np.savez(tmp_path / "m.npz", **{name: MAP, "confidence": MAP})
    for space in ("disparity", "depth"):
        np.testing.assert_array_equal(read_relative_depth(tmp_path / "m.npz", space=space).values, MAP)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.npy"])
def test_0_among_whole_numbers_is_no_depth_and_is_the_farthest_disparity(tmp_path, name):
    values = MAP.astype(np.uint16)
    values[:2, :3] = 0
    path = write_map(tmp_path / name, values)
    given = read_relative_depth(path, space="depth")
    np.testing.assert_array_equal(np.isnan(given.values), values == 0)
    np.testing.assert_array_equal(given.values[values > 0], values[values > 0])
    np.testing.assert_array_equal(read_relative_depth(path, space="disparity").values, values)


def test_0_among_floats_is_a_value(tmp_path):
    values = np.linspace(0, 1, 48).reshape(6, 8)
    for space in ("disparity", "depth"):
        given = read_relative_depth(write_map(tmp_path / "m.npy", values), space=space)
        np.testing.assert_array_equal(given.values, values.astype(np.float32))


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_a_hole(tmp_path, space, hole):
    values = np.where(MAP > 50_000, hole, MAP)
    given = read_relative_depth(write_map(tmp_path / "m.npy", values), space=space)
    fitted, (note,) = given.fitted_to(8, 6)
    np.testing.assert_array_equal(np.isfinite(fitted.values), MAP <= 50_000)
    assert "m.npy has no depth at 16.7% of the pixels" in note


def test_a_map_of_hardly_anything_is_refused():
    values = np.full((10, 20), np.nan, np.float32)
    values.flat[:10] = np.arange(10)
    RelativeDepthMap(values, "depth")
    values.flat[9] = np.inf
    with pytest.raises(InputError, match=r"m.npy has no depth at 95.5% of its values"):
        RelativeDepthMap(values, "depth", "m.npy")
    values[:] = np.nan
    with pytest.raises(InputError, match=r"no depth at 100.0%"):
        RelativeDepthMap(values, "depth")


def unusable(kind, folder):
    """Return a file that is a map, and not of a photo; what is no map at all is for test_maps.py."""
    path = folder / "m.npy"
    if kind == "missing":
        return path
    if kind == "constant":
        return write_map(path, np.full((6, 8), 7.5))
    if kind == "constant but for holes":
        return write_map(path, np.where(MAP > 50_000, np.nan, 7.5))
    if kind == "no values":
        return write_map(path, np.zeros((0, 8)))
    if kind == "too large":
        return write_map(path, MAP * 1e300)
    assert kind == "no depth"
    return write_map(folder / "m.png", np.zeros((6, 8)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", "no such file"),
        ("constant", "constant (7.5 everywhere)"),
        ("constant but for holes", "constant (7.5 everywhere)"),
        ("no values", "has no values"),
        ("too large", "no depth at 100.0%"),
        ("no depth", "no depth at 100.0%"),
    ],
)
def test_anything_else_is_one_line(tmp_path, kind, expected):
    path = unusable(kind, tmp_path)
    with pytest.raises(InputError) as caught:
        read_relative_depth(path, space="depth")
    message = str(caught.value)
    assert expected in message and path.name in message and "\n" not in message


def test_the_photo_s_own_size_needs_nothing():
    given = RelativeDepthMap(MAP.astype(np.float32), "depth")
    assert given.fitted_to(8, 6) == (given, ())


@pytest.mark.parametrize(("width", "height"), [(80, 60), (4, 3), (401, 300)])
def test_the_same_view_at_another_size_is_resized_aloud(width, height):
    across = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (6, 1))
    fitted, (note,) = RelativeDepthMap(across, "depth", "m.npy").fitted_to(width, height)
    assert fitted.values.shape == (height, width) and (fitted.space, fitted.name) == ("depth", "m.npy")
    middle = fitted.values[:, width // 4 : 3 * width // 4]
    steps = np.diff(middle, axis=1)
    np.testing.assert_allclose(steps, 8 / 7 / width, rtol=1e-3, err_msg="bilinear: a ramp stays one")
    assert "from 8x6" in note and f"{width}x{height}" in note and "m.npy" in note


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(8, 7, "8x7"), (6, 8, "turned by 90 degrees"), (60, 80, "turned by 90 degrees"), (800, 450, "")],
)
def test_another_shape_is_refused(width, height, said):
    given = RelativeDepthMap(MAP.astype(np.float32), "depth", "m.npy")
    with pytest.raises(InputError, match="m.npy has 8x6 values") as caught:
        given.fitted_to(width, height)
    assert said in str(caught.value)


def test_holes_stay_holes_at_another_size():
    values = np.tile(np.linspace(1, 2, 80, dtype=np.float32), (60, 1))
    values[20:40, 30:50] = np.nan
    fitted, notes = RelativeDepthMap(values, "depth", "m.npy").fitted_to(160, 120)
    np.testing.assert_array_equal(np.isnan(fitted.values), np.repeat(np.repeat(np.isnan(values), 2, 0), 2, 1))
    seen = np.isfinite(fitted.values)
    expected = np.broadcast_to(np.interp((np.arange(160) + 0.5) / 2 - 0.5, np.arange(80), values[0]), (120, 160))
    # Beside a hole half of what is interpolated is missing: a quarter of a step.
    np.testing.assert_allclose(fitted.values[seen], expected[seen], atol=0.5 / 79)
    assert [("resized" in note, "no depth at 8.3% of the pixels" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("rounded", [math.floor, math.ceil, round])
@pytest.mark.parametrize("patch_px", PATCHES_PX)
@settings(max_examples=25)
@examples(width=st.integers(300, 5000), height=st.integers(300, 5000), long_side=st.integers(252, 1022))
def test_sides_rounded_to_patches_are_the_same_view(rounded, patch_px, width, height, long_side):
    scale = long_side / max(width, height)
    columns, rows = (rounded(side * scale / patch_px) * patch_px for side in (width, height))
    off = abs(columns * height / max(rows, 1) / width - 1)
    if off <= SAME_ASPECT_OF_PATCHES:
        assert is_same_view(columns, rows, width, height)


@pytest.mark.parametrize(
    ("columns", "rows", "width", "height"),
    [
        (504, 280, 1600, 900),
        (518, 294, 1920, 1080),
        (686, 518, 640, 480),
        (384, 224, 1280, 720),
        (672, 384, 1280, 720),
        (512, 336, 1000, 667),
    ],
)
def test_maps_that_networks_make_of_photos(columns, rows, width, height):
    assert is_same_view(columns, rows, width, height)
    assert is_same_view(rows, columns, height, width)
    assert not is_same_view(rows, columns, width, height)


@pytest.mark.parametrize(
    ("columns", "rows"), [(504, 504), (504, 336), (518, 518), (512, 320), (501, 280), (504, 270), (64, 64), (32, 32)]
)
def test_other_shapes_are_other_views_though_sides_are_whole_patches(columns, rows):
    assert not is_same_view(columns, rows, 640, 480)


def test_arrays_of_any_numbers(tmp_path):
    whole = np.arange(48).reshape(1, 6, 8)
    given_map = relative_depth_map(whole, space="depth")
    assert np.isnan(given_map.values[0, 0]) and given_map.values.dtype == np.float32 and given_map.name == "array"
    np.testing.assert_array_equal(relative_depth_map(whole, space="disparity").values, whole[0])
    for wrong, said in ((whole > 3, "holds bool"), (whole + 1j, "holds complex128"), (whole[0, 0], "shape (8,)")):
        with pytest.raises(InputError, match=re.escape(said)):
            relative_depth_map(wrong, space="depth")
