"""Error maps: the numbers are those of the evaluation, the pictures show every method, and sparse truth is visible."""

import csv

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.paper.figures.error_maps import (
    colour_error,
    compare_answer,
    grown,
    make_error_maps,
    pick_samples,
)
from tests.lab.evaluation.made_up import view_of


@pytest.fixture
def view():
    truth = np.linspace(1, 9, 30 * 40, dtype=np.float32).reshape(30, 40)
    truth[:3] = 0
    return view_of(truth, name="street/one")


def test_an_answer_is_compared_pixel_by_pixel(view):
    answer = compare_answer(np.where(view.truth_m > 0, view.truth_m * 1.2, 5).astype(np.float32), view)
    clamped = np.minimum(view.truth_m * 1.2, 10)
    expected = np.where(
        view.truth_m > 0, np.abs(clamped - view.truth_m) / np.where(view.truth_m > 0, view.truth_m, 1), np.nan
    )
    np.testing.assert_allclose(answer.relative_error, expected, atol=1e-6)
    assert answer.abs_rel == pytest.approx(np.nanmean(expected)) and answer.delta1 == 1


def test_a_missing_answer_is_an_error_and_no_colour(view):
    depth_m = view.truth_m.copy()
    depth_m[10, 10] = np.nan
    answer = compare_answer(depth_m, view)
    assert np.isnan(answer.depth_m[10, 10]) and answer.relative_error[10, 10] == pytest.approx(1, abs=0.01)
    assert np.nanmean(answer.relative_error) == pytest.approx(answer.abs_rel)


def test_errors_go_from_white_to_the_cap_and_unscored_is_grey():
    errors = np.array([[0.0, 0.25, 0.5, 3.0, np.nan]])
    colors = colour_error(errors, np.isfinite(errors), 0.5)[0].astype(int)
    assert colors[0].min() > 245 and (colors[2] == colors[3]).all() and (colors[4] == 205).all()
    assert colors[0].sum() > colors[1].sum() > colors[2].sum()


def test_sparse_points_are_seen_after_shrinking_and_keep_their_values():
    values, mask = np.zeros((200, 300)), np.zeros((200, 300), bool)
    mask[100, 151], values[100, 151] = True, 7.0
    shown, there = grown(values, mask, (50, 75))
    assert there.any() and (shown[there] == 7).all() and there.sum() < 20
    dense = np.ones((200, 300), bool)
    _, there = grown(values, dense, (50, 75))
    assert there.all()


def test_samples_are_spread_over_the_dataset():
    names = [str(k) for k in range(100)]
    assert pick_samples(names, 4) == ["12", "37", "62", "87"]
    assert pick_samples(names[:2], 4) == ["0", "1"]
    with pytest.raises(InputError, match="--count is 0"):
        pick_samples(names, 0)


@pytest.mark.slow
def test_the_figure_shows_every_method_and_the_table_agrees(tmp_path, view):
    folders = {}
    for label, factor in (("ours", 1.02), ("theirs", 1.6)):
        folders[label] = tmp_path / label
        (tmp_path / label / "street").mkdir(parents=True)
        # At half the size, as many networks answer.
        np.save(tmp_path / label / "street" / "one.npy", (np.maximum(view.truth_m, 1) * factor)[::2, ::2])
    made = make_error_maps([view, view], folders, tmp_path, name="fig7")
    assert {path.name for path in made.files} == {"fig7.png", "fig7.pdf", "fig7.csv", "fig7.md"}
    with (tmp_path / "fig7.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert float(rows["theirs"]["abs_rel"]) == pytest.approx(made.answers["street/one"]["theirs"].abs_rel, rel=1e-5)
    with Image.open(tmp_path / "fig7.png") as image:
        colors = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # The worse method is past the cap nearly everywhere, the better one nearly white: both must be in the picture.
    assert (colors == colour_error(np.ones((1, 1)), np.ones((1, 1), bool), 0.5)[0, 0]).all(axis=1).mean() > 0.02
    first = (tmp_path / "fig7.png").read_bytes(), (tmp_path / "fig7.pdf").read_bytes()
    make_error_maps([view, view], folders, tmp_path, name="fig7")
    assert first == ((tmp_path / "fig7.png").read_bytes(), (tmp_path / "fig7.pdf").read_bytes())


def test_what_cannot_be_drawn_is_refused(tmp_path, view):
    with pytest.raises(InputError, match="no prediction for 'street/one'"):
        make_error_maps([view], {"ours": tmp_path}, tmp_path)
    with pytest.raises(InputError, match="1 samples and 0 methods"):
        make_error_maps([view], {}, tmp_path)
    with pytest.raises(InputError, match="--error-cap is 0"):
        make_error_maps([view], {"ours": tmp_path}, tmp_path, error_cap=0.0)
