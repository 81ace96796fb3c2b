"""Resizing with aligned corners, against a double loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh_lab.evaluation.scoring import resize_aligned


def naive(values, height, width):
    """Four neighbours by hand; neighbours without a weight are not looked at."""
    rows, columns = values.shape
    out = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            y = i * (rows - 1) / (height - 1) if height > 1 else 0.0
            x = j * (columns - 1) / (width - 1) if width > 1 else 0.0
            total = 0.0
            for k in (math.floor(y), math.ceil(y)):
                for m in (math.floor(x), math.ceil(x)):
                    weight = (1 - abs(y - k)) * (1 - abs(x - m))
                    repeats = (1 + (math.floor(y) == math.ceil(y))) * (1 + (math.floor(x) == math.ceil(x)))
                    if weight > 0:
                        total += weight * values[k, m] / repeats
            out[i, j] = total
    return out


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 13), st.integers(1, 13), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_as_the_double_loop_says(rows, columns, height, width, seed):
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    np.testing.assert_allclose(resize_aligned(values, height, width), naive(values, height, width), atol=1e-7)


def test_as_torch_does_it():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).random((9, 12))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (31, 45), mode="bilinear", align_corners=True
    )[0, 0]
    np.testing.assert_allclose(resize_aligned(values, 31, 45), expected.numpy(), atol=1e-12)


def test_corners_stay_and_a_plane_stays_a_plane():
    rows, columns = np.mgrid[0:4.0, 0:7.0]
    found = resize_aligned(2 * rows - columns, 10, 25)
    np.testing.assert_allclose(found, 2 * np.linspace(0, 3, 10)[:, None] - np.linspace(0, 6, 25), atol=1e-12)


def test_what_is_not_finite_reaches_only_where_it_has_a_weight():
    values = np.arange(9.0).reshape(3, 3)
    values[1, 1] = np.nan
    found = resize_aligned(values, 5, 5)
    assert np.isnan(found[1:4, 1:4]).all() and np.isfinite(found[[0, 4]]).all() and np.isfinite(found[:, [0, 4]]).all()
    np.testing.assert_array_equal(resize_aligned(values, 3, 3), values)
    values[1, 1] = np.inf
    assert np.isposinf(resize_aligned(values, 5, 5)[1:4, 1:4]).all()
