"""Fig. 3: points are means of ten different samples, drawn from a seed; the correlation is scipy's."""

import csv

import numpy as np
import pytest
import scipy.stats

from mfh.errors import InputError
from mfh_lab.paper.figures.scene_dependency import TestSet, draw_points, make_fig3, rank_correlation


def test_points_are_means_of_ten_different_samples():
    rng = np.random.default_rng(0)
    similarity, delta1 = rng.random(25), rng.random(25)
    points = draw_points(similarity, delta1, seed=4)
    assert points.chosen.shape == (100, 10) and all(len(set(row)) == 10 for row in points.chosen)
    for row, x, y in zip(points.chosen, points.similarity, points.delta1, strict=True):
        assert (x, y) == pytest.approx((np.mean(similarity[row]), np.mean(delta1[row])))
    np.testing.assert_array_equal(points.chosen, draw_points(similarity, delta1, seed=4).chosen)
    assert (points.chosen != draw_points(similarity, delta1, seed=5).chosen).any()
    with pytest.raises(InputError, match="9 samples"):
        draw_points(similarity[:9], delta1[:9], seed=0)


def test_rank_correlation_is_scipys_with_ties():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 8, 60).astype(float), rng.random(60)
    y[::3] = x[::3] / 8
    assert rank_correlation(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert rank_correlation(y, np.exp(y)) == pytest.approx(1)
    assert np.isnan(rank_correlation(x, np.ones(60)))


@pytest.mark.slow
def test_the_figure_and_its_tables(tmp_path):
    rng = np.random.default_rng(0)
    tests = []
    for label, middle in (("near", 0.8), ("far", 0.4)):
        similarity = rng.normal(middle, 0.05, 30)
        tests.append(TestSet(label, tuple(f"{label}{k}" for k in range(30)), similarity, similarity * 0.9))
    made = make_fig3(tests, tmp_path, method="a model")
    assert made.rank_correlation == pytest.approx(1)
    assert {path.name for path in made.files} == {"fig3.png", "fig3.pdf", "fig3.csv", "fig3-samples.csv", "fig3.md"}
    with (tmp_path / "fig3.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["dataset"] for row in rows] == ["near"] * 100 + ["far"] * 100
    assert float(rows[0]["similarity"]) == pytest.approx(made.points[0].similarity[0], rel=1e-5)
    with (tmp_path / "fig3-samples.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 60
    with pytest.raises(InputError, match="no test dataset"):
        make_fig3([], tmp_path, method="x")
