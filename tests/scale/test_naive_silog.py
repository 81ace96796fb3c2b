import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scale.naive_silog import log_difference, silog, silog_per_image_sum, silog_zoedepth


def test_equation_5_by_hand():
    difference = np.array([0.1, -0.3, 0.4])
    expected = (0.01 + 0.09 + 0.16) / 3 - 0.85 / 9 * (0.1 - 0.3 + 0.4) ** 2
    assert silog(difference) == pytest.approx(expected, rel=1e-12)


def test_zoedepths_form_by_hand():
    difference = np.array([0.1, -0.3, 0.4])
    mean = 0.2 / 3
    variance = sum((d - mean) ** 2 for d in (0.1, -0.3, 0.4)) / 2
    assert silog_zoedepth(difference) == pytest.approx(10 * math.sqrt(variance + 0.15 * mean**2), rel=1e-12)
    assert silog_zoedepth(np.array([0.2])) == pytest.approx(10 * math.sqrt(0.15) * 0.2)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_two_meanings_of_lambda_agree(seed: int, variance_focus: float):
    difference = np.random.default_rng(seed).normal(0.2, 0.3, 50)
    zoedepth = silog_zoedepth(difference, mean_weight=1 - variance_focus) / 10
    # Apart from the unbiased variance, ZoeDepth's form is the square root of Eq. 5's.
    bias = difference.var() / 49
    assert zoedepth**2 == pytest.approx(silog(difference, variance_focus=variance_focus) + bias, rel=1e-9)


def test_the_sum_has_one_term_per_image():
    difference, image = np.array([0.1, 0.5, -0.2, 0.3, 0.3]), np.array([7, 2, 7, 2, 2])
    expected = silog(difference[[0, 2]]) + silog(difference[[1, 3, 4]])
    assert silog_per_image_sum(difference, image) == pytest.approx(expected)


def test_log_difference_in_both_spaces():
    relative = np.array([1.0, 2.0])
    in_disparity = log_difference(relative, np.array([2.0, 4.0]), scale=0.5, shift=0.25, space="disparity")
    np.testing.assert_allclose(in_disparity, np.log([1 / 0.75 / 2, 1 / 1.25 / 4]))
    in_depth = log_difference(relative, np.array([2.0, 4.0]), scale=0.5, shift=0.25, space="depth")
    np.testing.assert_allclose(in_depth, np.log([0.75 / 2, 1.25 / 4]))


def test_no_positive_depth_has_no_logarithm():
    difference = log_difference(np.array([1.0, -1.0]), np.ones(2), scale=1.0, shift=0.0, space="depth")
    assert difference[0] == 0
    assert np.isnan(difference[1])
