import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.scale import range_prior
from mfh.scale.range_prior import quantiles, shape_features
from mfh.types import RelativeDepth


def street(height: int = 60, width: int = 80) -> np.ndarray:
    """Disparity of level ground below a horizon at a third of the picture, and sky."""
    rows = np.arange(height)[:, None] - height / 3
    return np.tile(np.maximum(rows, 0) / 50, (1, width)).astype(np.float32)


@pytest.mark.slow
@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
@settings(max_examples=30, deadline=None)
def test_any_affine_map_of_a_picture_has_the_same_numbers(scale: float, shift: float):
    values = street().astype(np.float64) + np.random.default_rng(0).uniform(0, 0.02, (60, 80))
    first = shape_features(RelativeDepth(values, "disparity"))
    other = shape_features(RelativeDepth(scale * values + shift, "disparity"))
    assert first is not None and other is not None
    np.testing.assert_allclose(other, first, atol=2e-5)


@pytest.mark.parametrize("shape", [(12, 12), (60, 80), (49, 31), (600, 800)])
def test_cells_are_means_of_equal_parts(shape: tuple[int, int]):
    values = np.random.default_rng(1).random(shape)
    told = shape_features(RelativeDepth(values, "disparity"))
    assert told is not None and told.shape == (2, 168)
    low, high = np.percentile(values[values > np.percentile(values, 1) + 0.02 * np.ptp(values)], (5, 95))
    rows, columns = (np.arange(13) * side // 12 for side in shape)
    for i, j in ((0, 0), (5, 7), (11, 11)):
        cell = np.clip((values[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] - low) / (high - low), -1, 4)
        assert told[0, 12 * i + j] == pytest.approx(cell.mean(), abs=0.02)
    assert told[0, -2] == pytest.approx(shape[1] / shape[0] - 1)


def test_the_second_view_is_the_mirror_image():
    values = np.random.default_rng(3).random((48, 72))
    told = shape_features(RelativeDepth(values, "disparity"))
    mirrored = shape_features(RelativeDepth(values[:, ::-1], "disparity"))
    assert told is not None and mirrored is not None
    np.testing.assert_allclose(mirrored[0], told[1], atol=1e-6)


def test_it_tells_the_share_of_sky_and_how_far_it_reaches_below_it():
    values = street()
    for scale, shift in ((1.0, 0.0), (7.0, -3.0)):
        told = shape_features(RelativeDepth(scale * values + shift, "disparity"))
        assert told is not None
        assert told[:, -3] == pytest.approx(1 / 3, abs=0.02)
        near, far = np.percentile(1 / values[values > 0.02 * values.max()], (5, 95))
        assert told[:, -1] == pytest.approx(np.log(far / near), abs=0.05)


def test_a_map_in_depth_space_is_refused():
    with pytest.raises(ValueError, match="expected disparity"):
        shape_features(RelativeDepth(street(), "depth"))


def test_a_constant_map_tells_nothing_and_a_tiny_one_is_no_error():
    assert shape_features(RelativeDepth(np.full((20, 30), 0.7, np.float32), "disparity")) is None
    tiny = shape_features(RelativeDepth(np.random.default_rng(2).random((3, 5)), "disparity"))
    assert tiny is not None and np.isfinite(tiny).all()


def test_holes_do_not_count_whatever_fills_them():
    values = np.random.default_rng(3).random((48, 72))
    holes = np.zeros(values.shape, bool)
    holes[:9, :13] = holes[20:30, 40:45] = True
    told = [
        shape_features(RelativeDepth(np.where(holes, fill, values), "disparity", valid_mask=~holes))
        for fill in (0.5, -30.0, 900.0)
    ]
    for other in told[1:]:
        np.testing.assert_array_equal(other, told[0])
    whole = shape_features(RelativeDepth(values, "disparity"))
    assert whole is not None and told[0] is not None
    cells = [one[0, :144].reshape(12, 12) for one in (whole, told[0])]
    np.testing.assert_allclose(cells[1][8:], cells[0][8:], atol=0.02)
    # A cell without any pixel gets the mean of the others.
    assert cells[1][0, 0] == pytest.approx(cells[0].mean(), abs=0.02)


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.booleans(),
)
def test_quantiles_are_those_of_numpy_in_double_precision(values: list[float], shares: list[float], in_cells: bool):
    some, places = np.array(values, np.float32), np.array(shares)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(range_prior, "_MANY", 1 if in_cells else 10**9)
        found = quantiles(some, places)
    np.testing.assert_array_equal(found, np.quantile(some.astype(np.float64), places))


def test_quantiles_of_many_values_that_crowd_in_one_cell():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1e-5, range_prior._MANY), [-50.0, 90.0]]).astype(np.float32)
    shares = np.linspace(0, 1, 24)
    np.testing.assert_array_equal(quantiles(values, shares), np.quantile(values.astype(np.float64), shares))
