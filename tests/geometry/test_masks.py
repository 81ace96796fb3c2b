import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfh.geometry.masks import box_iou, erode_3x3, mask_iou, relative_with_holes, resize_with_holes

regions = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4).map(bool))
RAMP = np.tile(np.linspace(1, 2, 12, dtype=np.float32), (8, 1))


def erode_by_looking(region: np.ndarray) -> np.ndarray:
    """Naive twin: look at the nine pixels, one by one."""
    height, width = region.shape
    eroded = np.zeros_like(region)
    for row in range(height):
        for column in range(width):
            eroded[row, column] = all(
                0 <= r < height and 0 <= c < width and region[r, c]
                for r in (row - 1, row, row + 1)
                for c in (column - 1, column, column + 1)
            )
    return eroded


@given(regions)
def test_erosion_equals_its_naive_twin(region: np.ndarray):
    np.testing.assert_array_equal(erode_3x3(region), erode_by_looking(region))


def test_the_border_counts_as_outside():
    eroded = erode_3x3(np.ones((4, 5), bool))
    assert eroded.sum() == 2 * 3
    assert eroded[1:3, 1:4].all()


def test_a_map_without_holes_needs_no_mask():
    relative = relative_with_holes(RAMP, "depth")
    assert relative.values is RAMP and relative.valid_mask is None and relative.space == "depth"
    assert relative.values_or_nan is RAMP and relative.valid_values.size == RAMP.size


def test_holes_are_filled_with_the_median_and_remembered():
    values = RAMP.copy()
    values[2:4, 3:9], values[7, 0] = np.nan, np.inf
    relative = relative_with_holes(values, "disparity")
    assert relative.valid_mask is not None
    np.testing.assert_array_equal(relative.valid_mask, np.isfinite(values))
    assert relative.values.dtype == np.float32
    np.testing.assert_array_equal(relative.values[~relative.valid_mask], np.median(values[np.isfinite(values)]))
    np.testing.assert_array_equal(relative.values_or_nan, np.where(np.isfinite(values), values, np.nan))
    np.testing.assert_array_equal(relative.valid_values, values[np.isfinite(values)])


@pytest.mark.parametrize("size", [(24, 16), (6, 4), (7, 5), (12, 8)])
@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_AREA])
def test_without_holes_it_is_opencv_s(size, interpolation):
    np.testing.assert_array_equal(
        resize_with_holes(RAMP, size, interpolation), cv2.resize(RAMP, size, interpolation=interpolation)
    )


def test_a_mean_is_of_what_is_there():
    values = np.array([[1, np.nan, 5, np.nan], [3, 2, np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(resize_with_holes(values, (2, 1), cv2.INTER_AREA), [[2.0, np.nan]], rtol=1e-6)


def test_a_speckled_map_is_not_lost():
    values = np.full((8, 8), np.nan, np.float32)
    values[::4, ::4] = 3.0
    small = resize_with_holes(values, (2, 2), cv2.INTER_AREA)
    np.testing.assert_allclose(small, 3.0, rtol=1e-6)
    assert np.isnan(resize_with_holes(np.full((8, 8), np.nan, np.float32), (2, 2), cv2.INTER_AREA)).all()


def test_iou_of_known_boxes():
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0], [2, 0, 0, 2]], float)
    np.testing.assert_allclose(box_iou(np.array([0, 0, 2, 2.0]), others), [1, 1 / 3, 0, 0, 0])
    assert box_iou(others[0], np.empty((0, 4))).shape == (0,)


def test_iou_of_known_masks():
    one = np.zeros((4, 6), bool)
    other = one.copy()
    assert mask_iou(one, other) == 0
    one[:2, :3] = other[:2, 1:4] = True
    assert mask_iou(one, other) == 4 / 8
    assert mask_iou(one, one) == 1
