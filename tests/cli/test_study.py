"""``mfh study``: from predictions to a page, and from answers to a table."""

import json

import pytest

from tests.evaluation.study.conftest import material  # noqa: F401


def test_make_then_tally(run_mfh, tmp_path, material):  # noqa: F811
    made = run_mfh("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "study.html")
    assert made.code == 0 and made.err == "" and "3 photos (1 short, 1 medium, 1 long range), 3 methods" in made.out
    key = json.loads((tmp_path / "study-key.json").read_text())
    answers = tmp_path / "a.json"
    chosen = {q: {"choice": next(a for a, b in one["methods"].items() if b == "Rival-K"), "seconds": 2}
              for q, one in key["questions"].items()}  # fmt: skip
    answers.write_text(json.dumps({"format": "mfh-study-answers", "version": 1, "study": key["study"],
                                   "participant": "p", "answers": chosen}))  # fmt: skip
    counted = run_mfh("study", "tally", answers, "--key", tmp_path / "study-key.json", "--out", tmp_path / "out")
    assert counted.code == 0 and "100.0%" in counted.out
    assert (tmp_path / "out" / "tally.csv").is_file() and "Rival-K" in (tmp_path / "out" / "tally.md").read_text()


def test_bars_for_all_photos(run_mfh, tmp_path, material):  # noqa: F811
    run = run_mfh("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "s", "--max-m", 20)
    assert run.code == 0 and "3 medium range" in run.out and (tmp_path / "s" / "index.html").is_file()
    assert (tmp_path / "s-key.json").is_file(), "beside the folder, not in it"


def test_a_key_is_never_replaced(run_mfh, tmp_path, material):  # noqa: F811
    (tmp_path / "s-key.json").write_text("precious")
    run = run_mfh("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "s.html")
    assert run.code == 2 and "is there already" in run.error_line
    assert (tmp_path / "s-key.json").read_text() == "precious" and not (tmp_path / "s.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--max-m", 10, "--bars", "x.csv"), "both given"),
        (("--max-m", -3), "expected 0 < min < max"),
        (("--seed", -1), "--seed is -1"),
        (("--bars", "nowhere.csv"), "no such file: nowhere.csv"),
        (("--predictions", "Rival-K=."), "twice"),
    ],
)
def test_what_cannot_be_made_is_one_line(run_mfh, tmp_path, material, words, message):  # noqa: F811
    run = run_mfh("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "s.html", *words)
    assert run.code == 2 and message in run.error_line and not (tmp_path / "s.html").exists()
