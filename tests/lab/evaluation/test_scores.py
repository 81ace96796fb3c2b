"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.scores import metric_score


def test_perfect_depth_has_no_error():
    truth = np.linspace(0.5, 20, 600).reshape(20, 30)
    score = metric_score(truth, truth)
    assert (score.abs_rel, score.delta1, score.scale_error) == (0.0, 1.0, 0.0)


def test_a_wrong_scale_is_nothing_but_scale_error():
    truth = np.linspace(0.5, 20, 600).reshape(20, 30)
    score = metric_score(1.3 * truth, truth)
    assert score.abs_rel == pytest.approx(0.3) and score.delta1 == 0.0
    assert score.scale_error == pytest.approx(np.log(1.3))
    assert metric_score(truth / 1.2, truth).delta1 == 1.0
    assert metric_score(truth / 1.3, truth).scale_error == pytest.approx(np.log(1.3))


def test_pixels_without_an_answer_count_as_far_and_pixels_without_a_truth_do_not_count():
    truth = np.array([[2.0, 2.0, 0.0, np.inf, 100.0, 0.05]])
    depth = np.array([[2.0, np.nan, 5.0, 5.0, 5.0, 5.0]])
    score = metric_score(depth, truth)
    assert score.abs_rel == pytest.approx((0 + 39) / 2) and score.delta1 == 0.5


def test_answers_are_clipped_to_the_range():
    truth = np.full((1, 2), 40.0)
    assert metric_score(np.array([[1e9, 1e9]]), truth).abs_rel == pytest.approx(1.0)
    assert metric_score(np.array([[-3.0, 0.0]]), truth).abs_rel == pytest.approx(1 - 0.1 / 40)


def test_nothing_to_score_is_an_error():
    with pytest.raises(InputError, match="no pixel has a true depth"):
        metric_score(np.ones((2, 2)), np.zeros((2, 2)))
