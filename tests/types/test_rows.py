"""Maps by rows: what is made in strips is what would be made as a whole."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.types import Camera, FocalProvenance, Photo, Region, RelativeDepth
from mfh.types.rows import enlarged_rows, strips, to_unit_range

SIDES = st.integers(1, 40)


def photo_of(pixels: np.ndarray) -> Photo:
    height, width = pixels.shape[:2]
    camera = Camera(50.0, 50.0, (width - 1) / 2, (height - 1) / 2, width, height)
    return Photo(pixels, camera, FocalProvenance("explicit", "given", 0.0))


@pytest.mark.parametrize("shape", [(1, 1), (3000, 4000), (7, 2_000_000), (2_000_000, 7), (0, 5)])
def test_strips_cover_all_rows_once(shape):
    rows = [row for part in strips(shape) for row in range(part.start, part.stop)]
    assert rows == list(range(shape[0]))


@given(small=st.tuples(SIDES, SIDES), more=st.tuples(st.floats(1, 5), st.floats(1, 5)), cut=st.floats(0, 1))
def test_rows_are_those_of_the_whole_and_it_is_the_usual_bilinear(small, more, cut):
    shape = (round(small[0] * more[0]), round(small[1] * more[1]))
    values = np.random.default_rng(0).normal(size=small).astype(np.float32)
    whole = enlarged_rows(values, shape, slice(0, shape[0]))
    # The naive twin, to rounding: OpenCV's, which makes the whole or nothing.
    usual = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(whole, usual, atol=2e-5)
    at = round(cut * shape[0])
    parts = [enlarged_rows(values, shape, rows) for rows in (slice(0, at), slice(at, shape[0]))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
def test_any_pixels_are_shown_as_floats(kind):
    unit = np.random.default_rng(0).random((20, 30, 3))
    pixels = (unit * (1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max)).astype(kind)
    photo = photo_of(pixels)
    assert photo.rgb.dtype == np.float32
    np.testing.assert_allclose(photo.rgb, unit, atol=1 / 255)
    np.testing.assert_array_equal(photo.rgb_of(slice(3, 7)), photo.rgb[3:7])


def test_floats_are_not_copied():
    photo = photo_of(np.zeros((20, 30, 3), np.float32))
    assert photo.rgb is photo.pixels and to_unit_range(photo.pixels) is photo.pixels


def test_grey_is_shown_in_three_channels():
    grey = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30, 1)
    rgb = photo_of(grey).rgb
    assert rgb.shape == (20, 30, 3)
    np.testing.assert_array_equal(rgb, np.repeat(grey.astype(np.float32) / np.float32(65535), 3, axis=2))


def test_a_smaller_map_knows_where_the_photos_pixels_are():
    relative = RelativeDepth(np.zeros((20, 30), np.float32), "depth", photo_shape=(60, 90))
    assert relative.shape == (60, 90)
    assert relative.place((44.0, 29.5)) == pytest.approx((14.333, 9.5), abs=1e-3), "the centre stays the centre"
    assert relative.window(Region(3, 6, 9, 12)) == (slice(2, 4), slice(1, 3))
    assert relative.window(Region(4, 7, 5, 8)) == (slice(2, 3), slice(1, 2)), "never nothing"
    assert relative.window(Region(0, 0, 90, 60)) == (slice(0, 20), slice(0, 30))
    whole = RelativeDepth(relative.values, "depth")
    assert whole.place((3.25, 4.5)) == (3.25, 4.5)
    assert whole.window(Region(3, 6, 9, 12)) == (slice(6, 12), slice(3, 9))


def test_metres_of_a_smaller_map_are_those_of_the_enlarged_one(metric_depth):
    shape = (144, 192)
    large = replace(
        metric_depth,
        photo=replace(metric_depth.photo, pixels=np.zeros((*shape, 3), np.uint8)),
        relative=replace(metric_depth.relative, photo_shape=shape),
    )
    enlarged = enlarged_rows(metric_depth.relative.values, shape, slice(0, shape[0]))
    same = replace(large, relative=RelativeDepth(enlarged, "disparity"))
    assert large.shape == large.depth_m.shape == shape
    np.testing.assert_array_equal(large.depth_m, same.depth_m)
    np.testing.assert_array_equal(large.valid_mask, same.valid_mask)
    np.testing.assert_array_equal(large.depth_rows(slice(50, 60)), large.depth_m[50:60])
    assert large.log_sigma is None
    with pytest.raises(ValueError, match="not known"):
        large.log_sigma_rows(slice(0, 1))
    np.testing.assert_allclose(np.median(large.points_m(), 0), np.median(same.points_m(), 0))
