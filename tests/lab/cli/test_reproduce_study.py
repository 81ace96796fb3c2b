"""``mfh reproduce fig2 | fig8 | fig11 | table10``: files, captions, and what is refused."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mfh_lab.cli.reproduce import app
from tests.lab.paper.study.conftest import material  # noqa: F401

pytestmark = pytest.mark.slow


def read(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_table_and_figure_of_the_paper_is_a_command():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert names == {f"table{k}" for k in range(1, 11)} | {f"fig{k}" for k in (2, 3, *range(5, 17))}


def test_fig2_needs_nothing_and_takes_scores(run_mfh, tmp_path):
    run = run_mfh("reproduce", "fig2", "--out", tmp_path / "a")
    assert run.code == 0 and run.err == "" and "Nothing is measured here" in run.out
    rows = {row["method"]: row for row in read(tmp_path / "a" / "fig2.csv")}
    assert rows["UniDepth-V"]["abs_rel_percent"] == "5.78" and rows["Marigold"]["setting"] == "MRDE"
    lines = ("name,answered,abs_rel,delta1,best_scale_shift_abs_rel,best_scale_shift_delta1", "a,1,0.2,0.5,0.1,0.9",
             "b,1,0.4,0.5,0.1,0.9", "c,0,,,,")  # fmt: skip
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    given = ("--scores", f"mine={tmp_path / 'scores.csv'}", "--training", "mine=1e5")
    run = run_mfh("reproduce", "fig2", *given, "--out", tmp_path / "b")
    assert run.code == 0 and "| mine | MMDE | 1e+05 | 30 | measured |" in run.out
    assert "mine 2 photos, 1 without an answer" in run.out
    run = run_mfh("reproduce", "fig2", *given, "--relative", "mine", "--out", tmp_path / "b")
    assert "| mine | MRDE | 1e+05 | 10 | measured |" in run.out


def test_fig8_draws_groups_and_fig11_the_meter_bars(run_mfh, tmp_path, material):  # noqa: F811
    photos = ("--photos", f"DSLR={material.photos / 'secretkitchen.png'}",
              "--photos", f"smartphone={material.photos / 'secrethall.png'}")  # fmt: skip
    run = run_mfh("reproduce", "fig8", *photos, *material.words, "--out", tmp_path / "out")
    assert run.code == 0 and run.err == ""
    assert "(a) secretkitchen, DSLR; (b) secrethall, smartphone." in run.out and "There is no truth here" in run.out
    rows = read(tmp_path / "out" / "fig8.csv")
    assert len(rows) == 6 and rows[0]["group"] == "DSLR" and float(rows[0]["far_m"]) == pytest.approx(6.0, rel=0.05)
    assert np.asarray(Image.open(tmp_path / "out" / "fig8.png")).std() > 10
    run = run_mfh("reproduce", "fig11", *photos, *material.words, "--out", tmp_path / "out")
    assert run.code == 0 and "meter bar of the user study" in run.out
    first = (tmp_path / "out" / "fig11.png").read_bytes()
    assert run_mfh("reproduce", "fig11", *photos, *material.words, "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "fig11.png").read_bytes() == first


def answers_of(key, choose):
    chosen = {
        question: {
            "choice": choose(question, {label: letter for letter, label in one["methods"].items()}),
            "seconds": 2,
        }
        for question, one in key["questions"].items()
    }
    return {"format": "mfh-study-answers", "version": 1, "study": key["study"], "answers": chosen}


def test_table10_from_a_studys_answers(run_mfh, tmp_path, material):  # noqa: F811
    renamed = dict(zip(("MfH", "ZeroDepth", "Rival"), material.folders.values(), strict=True))
    words = [word for label, folder in renamed.items() for word in ("--predictions", f"{label}={folder}")]
    made = run_mfh("study", "make", "--photos", material.photos, *words, "--out", tmp_path / "study.html")
    assert made.code == 0
    key = json.loads((tmp_path / "study-key.json").read_text())
    (tmp_path / "answers").mkdir()
    for person in range(6):
        content = answers_of(
            key, lambda question, letters, p=person: "none" if p == 5 else letters["MfH" if p else "Rival"]
        )
        (tmp_path / "answers" / f"{person}.json").write_text(json.dumps({**content, "participant": f"p{person}"}))
    words = ("reproduce", "table10", "--answers", tmp_path / "answers", "--key", tmp_path / "study-key.json")
    run = run_mfh(*words, "--out", tmp_path / "out")
    assert run.code == 0 and run.err == "" and "6 participants" in run.out
    (line,) = [line for line in run.out.splitlines() if line.startswith("| MfH |")]
    assert "66.7%" in line and "[38.8%]" in line and "[42.6%]" in line and line.endswith("| 18 |")
    assert "| ZeroDepth | 0.0%" in run.out and "[1.6%]" in run.out, "the paper's name for it is 0D"
    assert "| none is reasonable | 16.7%" in run.out and "| Rival | 16.7%" in run.out
    assert "| DA-K | – [4.0%] | – [17.7%] | – [13.5%] | – [12.4%] | waits for 1 |" in run.out
    rows = {(row["method"], row["range"]): row for row in read(tmp_path / "out" / "table10.csv")}
    assert rows["MfH", "overall"]["rate_percent"] == "66.6667" and rows["MfH", "long"]["paper_percent"] == "40"
    assert rows["DA-K", "short"]["waits_for"] and rows["DA-K", "short"]["rate_percent"] == ""
    files = ("table10.md", "table10.csv", "table10.json", "table10.png", "table10.pdf")
    before = [(tmp_path / "out" / name).read_bytes() for name in files]
    assert run_mfh(*words, "--out", tmp_path / "out").code == 0
    assert [(tmp_path / "out" / name).read_bytes() for name in files] == before


def test_table10_without_answers_says_what_it_waits_for(run_mfh, tmp_path):
    run = run_mfh("reproduce", "table10", "--out", tmp_path / "out")
    assert run.code == 2 and run.err.count("\n") == 1 and "give --answers FILE and --key KEY" in run.error_line
    text = (tmp_path / "out" / "table10.md").read_text()
    assert text.count("waits for 1 |") == 9 and "`mfh study make" in text and "mfh reproduce table10 --answers" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fig8",), "fig8 draws photos of your own, without a truth: give them with --photos"),
        (("fig11", "--photos", "nowhere", "--predictions", "a=."), "no photo or folder nowhere"),
        (("fig2", "--scores", "mine=x"), "say how many pictures it was trained on with --training 'mine=N'"),
        (("fig2", "--training", "mine=many"), "expected a number of pictures"),
        (("fig2", "--relative", "mine"), "expected the label of one of --scores"),
        (("table10", "--answers", "a.json", "--key", "nowhere.json"), "nowhere.json"),
        (("fig10",), "fig10 is measured on nyu: give its folder with --root nyu=DIR"),
        (("fig10", "--method", "a=hf:b/c"), "which judges paintings"),
    ],
)
def test_what_cannot_be_done_is_one_line(run_mfh, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    run = run_mfh("reproduce", *words, "--out", tmp_path / "out")
    assert run.code == 2 and message in run.error_line and run.err.count("\n") == 1
