"""Counting: Wilson by hand, the bootstrap by a naive twin, rates that sum to one, and what is refused."""

import csv
import json
import math

import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.paper.study.answers import Answers, read_answers
from mfh_lab.paper.study.meter_bar import bar_to
from mfh_lab.paper.study.plan import draw_plan, key_text, read_key
from mfh_lab.paper.study.tally import cluster_bootstrap, markdown, table, tally, wilson, write_csv

LABELS = ("ours", "theirs", "third")


@pytest.fixture
def key(tmp_path):
    bars = {"a": bar_to(10.0), "b": bar_to(15.0), "c": bar_to(40.0), "d": bar_to(80.0)}
    text = key_text(draw_plan(bars, LABELS, seed=5), LABELS, study="s1", seed=5)
    (tmp_path / "key.json").write_text(text, encoding="utf-8")
    return read_key(tmp_path / "key.json")


def letter_of(key, photo, label):
    question, one = next((q, one) for q, one in key.questions.items() if one.photo == photo)
    return question, next((a for a, method in one.methods.items() if method == label), "none")


def save(path, key, participant, choices, **changes):
    answers = {}
    for photo, label in choices.items():
        question, letter = letter_of(key, photo, label)
        answers[question] = {"choice": letter, "seconds": 1.5}
    tree = {"format": "mfh-study-answers", "version": 1, "study": key.study, "participant": participant}
    path.write_text(json.dumps({**tree, "answers": answers, **changes}))
    return path


# By hand with z = 1.959964, z² = 3.841459.
# 3 of 10: middle 0.3 + 3.841459/20 = 0.492073; spread 1.959964·sqrt(0.021 + 3.841459/400) = 0.342874; over 1.384146.
# 0 of 4: high end z²/(n + z²) = 3.841459/7.841459. 5 of 5: low end n/(n + z²) = 5/8.841459.
@pytest.mark.parametrize(
    ("chosen", "answers", "low", "high"),
    [(3, 10, 0.107791, 0.603222), (0, 4, 0.0, 0.489891), (5, 5, 0.565518, 1.0), (1, 2, 0.094531, 0.905469)],
)
def test_wilson_by_hand(chosen, answers, low, high):
    assert wilson(chosen, answers) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("chosen", "answers"), [(1, 7), (6, 7), (50, 400), (0, 3), (3, 3)])
def test_wilson_ends_are_where_the_score_test_just_does_not_reject(chosen, answers):
    share = chosen / answers
    for end in wilson(chosen, answers):
        if 0 < end < 1:
            assert abs(share - end) / math.sqrt(end * (1 - end) / answers) == pytest.approx(1.959964, abs=1e-5)


def test_bootstrap_matches_a_naive_twin_and_sees_that_answers_hang_together():
    rng = np.random.default_rng(0)
    # Each of 40 participants always gives the same answer: 400 answers are only 40 opinions.
    stubborn = np.array([[10, 0] if k < 20 else [0, 10] for k in range(40)])
    (low, high), _ = cluster_bootstrap(stubborn, seed=1, draws=4000)
    naive = [stubborn[rng.integers(0, 40, 40)].sum(0) for _ in range(4000)]
    expected = np.quantile([one[0] / one.sum() for one in naive], [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.03)
    independent = wilson(200, 400)
    assert high - low > 2.5 * (independent[1] - independent[0])
    assert cluster_bootstrap(stubborn, seed=1, draws=100) == cluster_bootstrap(stubborn, seed=1, draws=100)
    assert cluster_bootstrap(stubborn[:4], seed=1, draws=100) is None


def test_rates_by_range(tmp_path, key):
    paths = [
        save(tmp_path / "1.json", key, "p1", {"a": "ours", "b": "theirs", "c": "ours", "d": "none"}),
        save(tmp_path / "2.json", key, "p2", {"a": "ours", "b": "ours", "c": "third"}),
    ]
    result = tally(read_answers(paths, key), key)
    rates = {(one.range_name, one.label): (one.chosen, one.answers) for one in result.rates}
    assert rates["short", "ours"] == (3, 4) and rates["short", "theirs"] == (1, 4) and rates["short", "none"] == (0, 4)
    assert rates["medium", "ours"] == (1, 2) and rates["medium", "third"] == (1, 2)
    assert rates["long", "none"] == (1, 1)
    assert rates["overall", "ours"] == (4, 7)
    assert (result.participants, result.complete, result.questions) == (2, 1, 4)
    for name in ("short", "medium", "long", "overall"):
        assert sum(one.share for one in result.rates if one.range_name == name) == pytest.approx(1)


def test_a_range_without_an_answer_is_left_out(tmp_path, key):
    result = tally(read_answers([save(tmp_path / "1.json", key, "p", {"a": "ours"})], key), key)
    assert {one.range_name for one in result.rates} == {"short", "overall"}
    assert all(one.bootstrap is None for one in result.rates)


def test_text_markdown_and_csv_say_the_same(tmp_path, key):
    answers = [Answers(f"p{k}", {"q001": "ours" if k < 3 else "none"}) for k in range(6)]
    result = tally(answers, key)
    assert "50.0% [19–81]" in table(result) and "n = 6" in table(result)
    assert "| overall | 6 | 50.0% [19–81]" in markdown(
        result
    ) and "6 participants, 0 of them answered all 4" in markdown(result)
    write_csv(tmp_path / "t.csv", result)
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours = next(row for row in rows if row["range"] == "overall" and row["method"] == "ours")
    assert (
        ours["chosen"] == "3"
        and ours["rate"] == "0.500000"
        and float(ours["wilson_low"]) == pytest.approx(0.187616, abs=1e-6)
    )
    assert 0 < float(ours["bootstrap_low"]) < 0.5 < float(ours["bootstrap_high"]) < 1


def test_what_is_no_answer_of_the_study_is_one_line(tmp_path, key):
    good = save(tmp_path / "good.json", key, "p1", {"a": "ours"})

    def refuse(message, *paths):
        with pytest.raises(InputError, match=message) as error:
            read_answers(list(paths), key)
        assert "\n" not in str(error.value)

    refuse("answers study 's2', the key is of 's1'", save(tmp_path / "x.json", key, "p", {"a": "ours"}, study="s2"))
    refuse("are of one participant", good, save(tmp_path / "x.json", key, "p1", {"b": "ours"}))
    refuse("question 'q099'", save(tmp_path / "x.json", key, "p", {}, answers={"q099": {"choice": "A"}}))
    refuse("choice 'D', expected A, B, C or none", save(tmp_path / "x.json", key, "p", {},
                                                        answers={"q001": {"choice": "D"}}))  # fmt: skip
    refuse("choice None", save(tmp_path / "x.json", key, "p", {}, answers={"q001": "A"}))
    refuse("choice \\['A'\\]", save(tmp_path / "x.json", key, "p", {}, answers={"q001": {"choice": ["A"]}}))
    refuse("holds no answer", save(tmp_path / "x.json", key, "p", {}))
    refuse("names no participant", save(tmp_path / "x.json", key, "", {"a": "ours"}))
    refuse("version 7", save(tmp_path / "x.json", key, "p", {"a": "ours"}, version=7))
    (tmp_path / "y.json").write_text("[]")
    refuse("is no mfh-study-answers file", tmp_path / "y.json")
    (tmp_path / "y.json").write_text("{")
    refuse("y.json is damaged", tmp_path / "y.json")
    refuse("no such file", tmp_path / "nowhere.json")
    refuse("no answers")


def test_a_damaged_key_is_refused(tmp_path, key):
    tree = json.loads((tmp_path / "key.json").read_text())
    tree["questions"]["q001"]["methods"]["A"] = tree["questions"]["q001"]["methods"]["B"]
    (tmp_path / "bad.json").write_text(json.dumps(tree))
    with pytest.raises(InputError, match="every method once"):
        read_key(tmp_path / "bad.json")
    del tree["labels"]
    (tmp_path / "bad.json").write_text(json.dumps(tree))
    with pytest.raises(InputError, match=r"key .*bad\.json is damaged"):
        read_key(tmp_path / "bad.json")
