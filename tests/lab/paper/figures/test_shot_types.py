"""Fig. 9: means by hand, intervals by a naive twin, the same photos for every method."""

import csv

import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.score_files import PhotoScore, ScoreFile
from mfh_lab.paper.annotate.shots import Shot
from mfh_lab.paper.figures.shot_types import make_fig9, mean_interval


def scores(**abs_rel):
    return ScoreFile({name: PhotoScore(value, 0.5) for name, value in abs_rel.items()}, ())


SHOTS = {
    "a": Shot("level", "wide"),
    "b": Shot("level", "close-up"),
    "c": Shot("high", "wide"),
    "z": Shot("low", "wide"),
}


@pytest.mark.slow
def test_bars_by_hand_over_photos_that_all_methods_answered(tmp_path):
    ours = scores(a=0.1, b=0.3, c=0.5, unannotated=9.0)
    theirs = ScoreFile(scores(a=0.2, b=0.4).scores, ("c",))
    made = make_fig9({"ours": ours, "theirs": theirs}, SHOTS, tmp_path)
    means = {(one.attribute, one.value, one.method): one.abs_rel for one in made.bars}
    assert means == pytest.approx({
        ("angle", "level", "ours"): 0.2, ("angle", "level", "theirs"): 0.3,
        ("distance", "wide", "ours"): 0.1, ("distance", "wide", "theirs"): 0.2,
        ("distance", "close-up", "ours"): 0.3, ("distance", "close-up", "theirs"): 0.4,
    })  # fmt: skip
    assert (made.photos, made.left_out) == (2, 3), "c, z and the unannotated one are counted, not forgotten"
    with (tmp_path / "fig9.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and rows[0]["photos"] == "2" and float(rows[0]["low_95"]) == pytest.approx(0.1)
    assert (tmp_path / "fig9.png").stat().st_size > 5000 and (tmp_path / "fig9.pdf").is_file()


def test_intervals_match_a_naive_bootstrap():
    rng = np.random.default_rng(1)
    values = rng.gamma(2, 0.1, 40)
    low, high = mean_interval(values, seed=0, draws=4000)
    naive = [np.mean(rng.choice(values, 40)) for _ in range(4000)]
    assert (low, high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.006)
    assert low < values.mean() < high
    assert mean_interval(np.array([0.3]), seed=0) == (0.3, 0.3)


def test_photos_of_other_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="shots name 'a', scores 'x'"):
        make_fig9({"ours": scores(x=1.0)}, SHOTS, tmp_path)
    with pytest.raises(InputError, match="at least one method"):
        make_fig9({}, SHOTS, tmp_path)
