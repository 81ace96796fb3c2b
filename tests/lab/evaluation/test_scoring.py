"""Metrics against the published function, naive twins and numbers worked out by hand; and resizing."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import EvaluationView
from mfh_lab.evaluation.scoring import covers, failure_errors, resize_aligned, score
from mfh_lab.pocket.metrics import METRICS, depth_errors, fit_least_squares
from tests.lab.evaluation.made_up import compare, view_of


def random_pair(seed=0, shape=(20, 30)):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 9, shape)
    return truth * np.exp(rng.normal(0, 0.3, shape)), truth


def test_the_published_function_gives_the_same_numbers(shared_data):
    published = np.load(shared_data / "published_fit" / "metrics.npz")
    errors = depth_errors(published["prediction"].ravel(), published["ground_truth"].ravel())
    names = {
        "a1": "delta1", "a2": "delta2", "a3": "delta3", "abs_rel": "abs_rel", "sq_rel": "sq_rel", "rmse": "rmse",
        "rmse_log": "rmse_log", "log_10": "log10", "silog": "silog",
    }  # fmt: skip
    assert set(names.values()) == set(METRICS)
    for theirs, ours in names.items():
        assert getattr(errors, ours) == pytest.approx(float(published[theirs]), abs=1e-9), ours
    # The same through the whole of it: nothing is clamped away or left out.
    view = view_of(published["ground_truth"], max_m=30.0)
    whole = compare(published["prediction"], view, space="depth").metric
    assert asdict(whole) == pytest.approx(asdict(errors), abs=1e-9)


def test_metrics_worked_out_by_hand():
    errors = depth_errors(np.array([2.0, 6.0]), np.array([2.0, 4.0]))
    e = math.log(1.5)
    assert asdict(errors) == pytest.approx(
        {
            "delta1": 0.5,
            "delta2": 1.0,  # 1.5 < 1.5625
            "delta3": 1.0,
            "abs_rel": 0.25,
            "sq_rel": 0.5,
            "rmse": math.sqrt(2),
            "rmse_log": e / math.sqrt(2),
            "log10": math.log10(1.5) / 2,
            "silog": 100 * e / 2,
        }
    )


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20))
def test_silog_is_blind_to_the_scale_and_deltas_to_who_is_who(seed, factor):
    found, truth = (one.ravel() for one in random_pair(seed))
    errors, scaled, swapped = (
        depth_errors(*pair) for pair in ((found, truth), (factor * found, truth), (truth, found))
    )
    assert scaled.silog == pytest.approx(errors.silog, rel=1e-6)
    assert (swapped.delta1, swapped.delta2, swapped.delta3) == (errors.delta1, errors.delta2, errors.delta3)
    assert errors.delta1 <= errors.delta2 <= errors.delta3


def test_only_scored_pixels_count_and_answers_are_clamped():
    truth = np.array([[2.0, 4.0, 8.0, 5.0]])
    view = replace(view_of(truth), scored_mask=np.array([[True, True, True, False]]))
    scores = compare(np.array([[50.0, -3.0, 8.0, 1e9]]), view, space="depth")
    assert scores.pixels == 3
    assert scores.metric.abs_rel == pytest.approx((8 / 2 + (4 - 1e-3) / 4 + 0) / 3)


def test_missing_answers_count_as_near_infinite_ones_as_far_and_both_are_counted():
    truth = np.full((1, 4), 5.0)
    scores = compare(np.array([[np.nan, np.inf, -np.inf, 5.0]]), view_of(truth), space="depth")
    assert (scores.nan_pixels, scores.inf_pixels, scores.pixels) == (1, 1, 4)
    near = (5 - 1e-3) / 5
    assert scores.metric.abs_rel == pytest.approx((near + 1 + near + 0) / 4)


def test_a_protocol_that_begins_at_nothing_still_gives_finite_logs():
    scores = compare(np.array([[0.0, 5.0]]), replace(view_of(np.full((1, 2), 5.0)), min_m=0.0), space="depth")
    assert scores.metric.rmse_log == pytest.approx(math.log(5000) / math.sqrt(2))
    assert all(math.isfinite(value) for value in asdict(scores.metric).values())


def test_small_answers_are_resized_with_aligned_corners():
    truth = np.linspace(1, 5, 9)[None, :] * np.ones((9, 1))
    prediction = Prediction(truth[::4, ::4].astype(np.float32), "depth")
    assert score(prediction, view_of(truth)).metric.abs_rel == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="the answer has 5x3 values and the truth 9x9"):
        score(Prediction(np.ones((3, 5), np.float32), "depth"), view_of(np.ones((9, 9))))
    with pytest.raises(InputError, match="the answer has 3x2 values and the truth 9x9"):
        compare(np.ones((2, 3)), view_of(np.ones((9, 9))), space="depth")


def test_infinity_takes_the_farthest_depth_before_it_is_blended():
    truth = np.array([[2.0, 4.0, 10.0 - 1e-9]] * 3)
    scores = score(Prediction(np.array([[2.0, np.inf]] * 2, np.float32), "depth"), view_of(truth))
    # In the middle column, 6 m: between 2 and 10.
    assert scores.metric.abs_rel == pytest.approx((0 + 0.5 + 0) / 3, abs=1e-6)
    assert (scores.inf_pixels, scores.nan_pixels) == (6, 0)


def test_scale_error_is_all_there_is_where_only_the_scale_is_wrong():
    _, truth = random_pair()
    for space in ("depth", "disparity"):
        scores = compare(truth / 1.4, view_of(truth), space=space)
        assert scores.scale_error == pytest.approx(math.log(1.4)) and scores.true_factor == pytest.approx(1.4)
        assert scores.metric.abs_rel == pytest.approx(1 - 1 / 1.4)
        for left in (scores.best_scale, scores.best_scale_shift):
            assert left.abs_rel == pytest.approx(0, abs=1e-9) and left.delta1 == 1


@pytest.mark.parametrize("space", ["depth", "disparity"])
def test_shift_is_undone_in_the_methods_own_space_alone(space):
    _, truth = random_pair()
    answer = 0.5 * truth + 0.3 if space == "depth" else 1 / (0.5 / truth + 0.05)
    scores = compare(answer, view_of(truth), space=space)
    assert scores.best_scale_shift.abs_rel == pytest.approx(0, abs=1e-9)
    assert scores.best_scale.abs_rel > 0.05
    other = compare(answer, view_of(truth), space="disparity" if space == "depth" else "depth")
    assert other.best_scale_shift.abs_rel > 0.01
    assert scores.metric == other.metric


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_least_squares_is_no_worse_than_its_neighbours_and_as_numpy_says(seed, with_shift):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.1, 3, 40), rng.uniform(0.1, 3, 40)
    scale, shift = fit_least_squares(x, y, with_shift=with_shift)
    design = np.stack([x, np.ones_like(x)], 1) if with_shift else x[:, None]
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    assert [scale, shift][: len(expected)] == pytest.approx(expected, abs=1e-9)
    assert with_shift or shift == 0


def test_an_answer_without_any_relief_gets_the_truths_middle():
    _, truth = random_pair()
    scores = compare(np.full(truth.shape, 3.3), view_of(truth), space="depth")
    assert scores.best_scale_shift.rmse == pytest.approx(truth.std())
    scores = compare(np.full(truth.shape, np.nan), view_of(truth), space="depth")
    assert scores.nan_pixels == truth.size and scores.best_scale_shift == scores.metric, "nothing can be fitted"


def test_pixels_beyond_infinity_are_zero_disparity_in_the_fit_and_far_in_metres():
    truth = np.array([[1.0, 2.0, 4.0, 9.0]])
    answer = np.array([[1.0, 2.0, 4.0, np.inf]])
    scores = compare(answer, view_of(truth), space="disparity")
    # By hand: x = 1, 1/2, 1/4, 0 against y = 1, 1/2, 1/4, 1/9, without a shift.
    power = 1 + 1 / 4 + 1 / 16
    assert power / power == 1 and scores.best_scale.abs_rel == pytest.approx((0 + 0 + 0 + 1 / 9) / 4)
    in_metres = compare(answer, view_of(truth), space="depth")
    assert in_metres.best_scale.abs_rel == pytest.approx(1 / 36), "it is left out of the fit and stays far"


def test_intervals_hold_the_true_scale_or_do_not():
    _, truth = random_pair()
    scores = compare(truth / 1.4, view_of(truth), space="depth")
    assert covers((0.8, 1.5), scores) is True
    assert covers((0.8, 1.2), scores) is False and covers((1.5, 2.0), scores) is False
    assert covers(None, scores) is None


def test_a_failure_counts_as_the_worse_end_of_the_range_metric_by_metric():
    truth = np.array([[2.0, 4.0]])
    worst = failure_errors(view_of(truth))
    assert worst.abs_rel == pytest.approx((4 + 1.5) / 2), "10 m everywhere"
    assert worst.rmse_log == pytest.approx(math.sqrt((math.log(2000) ** 2 + math.log(4000) ** 2) / 2)), (
        "1 mm everywhere"
    )
    assert worst.delta1 == 0 and worst.silog == pytest.approx(100 * math.log(2) / 2)
    # Aligned, a constant says the mean of the truth: 3 m, or 1 / 0.375 m in disparity.
    assert failure_errors(view_of(truth), space="depth").abs_rel == pytest.approx((0.5 + 0.25) / 2)
    assert failure_errors(view_of(truth), space="disparity").abs_rel == pytest.approx((1 / 3 + 1 / 3) / 2)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_no_constant_answer_is_worse_than_a_failure(seed):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 9, (4, 5))
    view = view_of(truth)
    worst = failure_errors(view)
    some = compare(np.full((4, 5), rng.uniform(1e-3, 10)), view, space="depth").metric
    assert some.abs_rel <= worst.abs_rel + 1e-12 and some.rmse <= worst.rmse + 1e-12
    assert some.rmse_log <= worst.rmse_log + 1e-12 and some.delta1 >= worst.delta1


def test_nothing_to_score_is_an_error_that_says_the_range():
    empty: EvaluationView = replace(view_of(np.ones((2, 3))), scored_mask=np.zeros((2, 3), bool))
    with pytest.raises(InputError, match=r"made up: no pixel has a true depth between 0\.001 and 10 m"):
        compare(np.ones((2, 3)), empty, space="depth")
    with pytest.raises(InputError, match="nothing can be scored"):
        failure_errors(empty)


def test_a_wrong_scale_is_nothing_but_scale_error():
    truth = np.linspace(0.5, 9, 600).reshape(20, 30)
    perfect = compare(truth, view_of(truth), space="depth")
    assert (perfect.metric.abs_rel, perfect.metric.delta1, perfect.scale_error) == (0.0, 1.0, 0.0)
    scores = compare(1.3 * truth, view_of(truth, max_m=20.0), space="depth")
    assert scores.metric.abs_rel == pytest.approx(0.3) and scores.metric.delta1 == 0.0
    assert scores.scale_error == pytest.approx(np.log(1.3))
    assert compare(truth / 1.2, view_of(truth), space="depth").metric.delta1 == 1.0
    assert compare(truth / 1.3, view_of(truth), space="depth").scale_error == pytest.approx(np.log(1.3))


def test_pixels_beyond_the_horizon_count_as_far_and_pixels_without_a_truth_do_not_count():
    truth = np.array([[2.0, 2.0, 0.0, np.inf, 100.0, 0.05]])
    depth = np.array([[2.0, np.inf, 5.0, 5.0, 5.0, 5.0]])
    metric = compare(depth, view_of(truth, min_m=0.1, max_m=80.0), space="disparity").metric
    assert metric.abs_rel == pytest.approx((0 + 39) / 2) and metric.delta1 == 0.5


def test_answers_are_clipped_to_the_range():
    view = view_of(np.full((1, 2), 40.0), min_m=0.1, max_m=80.0)
    assert compare(np.array([[1e9, 1e9]]), view, space="depth").metric.abs_rel == pytest.approx(1.0)
    assert compare(np.array([[-3.0, 0.0]]), view, space="depth").metric.abs_rel == pytest.approx(1 - 0.1 / 40)


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


@pytest.mark.slow
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
