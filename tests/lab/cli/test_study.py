"""``mfh study``: from predictions to a page, and from answers to a table."""

import json
import os
import shutil

import pytest

from tests.lab.paper.study.conftest import material  # noqa: F401

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("out", ["s.html", "s"])
def test_a_run_that_was_killed_goes_through_when_it_is_made_again(run_mfh, tmp_path, material, out):  # noqa: F811
    place = tmp_path / "made"
    place.mkdir()
    words = ("study", "make", "--photos", material.photos, *material.words, "--out", place / out)
    assert run_mfh(*words).code == 0
    whole = listing(place)

    def kill():
        """Leave what a run leaves that is killed after its key and before its page."""
        shutil.rmtree(place)
        place.mkdir()
        (place / "s-key.json").write_bytes(whole["s-key.json"])
        (place / ".s-key.4242.tmp.json").write_bytes(whole["s-key.json"][:99])
        if out == "s":
            (place / ".s.4242.tmp").mkdir()
            (place / ".s.4242.tmp" / "index.html").write_text("<html>")
        else:
            (place / ".s.4242.tmp.html").write_text("<html>")
        (place / ".t.4242.tmp.html").write_text("of another page")

    kill()
    again = run_mfh(*words)
    assert again.code == 0, again.err
    assert listing(place) == whole | {".t.4242.tmp.html": b"of another page"}

    kill()
    other = run_mfh(*words, "--seed", 5)
    assert other.code == 2 and "s-key.json is there already" in other.error_line
    assert (place / "s-key.json").read_bytes() == whole["s-key.json"] and not (place / out).exists()


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


def listing(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_page_and_the_key_are_two_files(run_mfh, tmp_path, material, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(".")
    words = ("study", "make", "--photos", material.photos, *material.words)
    before = listing(tmp_path)
    for out, key in (("x.html", "x.html"), ("x.html", "./sub/../x.html"), ("x.html", tmp_path / "x.html"), ("s", "s"),
                     ("x.html", "link/x.html"), ("s", "s/key.json"), ("s", "link/s/key.json")):  # fmt: skip
        run = run_mfh(*words, "--out", out, "--key", key)
        assert run.code == 2 and "--key" in run.error_line
    assert listing(tmp_path) == before


@pytest.mark.parametrize("out", ["s.html", "s", "photos", ".", ".."])
def test_nothing_that_is_there_is_replaced(run_mfh, tmp_path, material, monkeypatch, out):  # noqa: F811
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    (tmp_path / "cwd" / "photos").symlink_to(material.photos)
    (tmp_path / "cwd" / "s.html").write_text("mine")
    (tmp_path / "cwd" / "s").mkdir()
    (tmp_path / "cwd" / "s" / "index.html").write_text("mine")
    before = listing(tmp_path)
    words = ("study", "make", "--photos", material.photos, *material.words)
    run = run_mfh(*words, "--out", out, "--key", tmp_path / "k.json")
    assert run.code == 2 and "--out" in run.error_line
    assert listing(tmp_path) == before


def test_a_folder_is_there_whole_or_not_at_all(run_mfh, tmp_path, material):  # noqa: F811
    words = ("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "s")
    (material.photos / "secrethall.png").write_bytes(b"no picture")
    assert run_mfh(*words, "--max-m", 10).code == 2
    assert not (tmp_path / "s").exists() and not (tmp_path / "s-key.json").exists()
    assert not list(tmp_path.glob(".s.*"))


def test_answers_and_key_are_never_written_to(run_mfh, tmp_path, material, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    run_mfh("study", "make", "--photos", material.photos, *material.words, "--out", "study.html")
    key = json.loads((tmp_path / "study-key.json").read_text())
    answers = {"format": "mfh-study-answers", "version": 1, "study": key["study"], "participant": "p",
               "answers": {"q001": {"choice": "none"}}}  # fmt: skip
    (tmp_path / "a").mkdir()
    for name in ("tally.md", "tally.csv"):
        (tmp_path / "a" / name).write_text(json.dumps(answers))
        os.link(tmp_path / "a" / name, tmp_path / "hard.json")
        before = listing(tmp_path)
        for given in (f"a/{name}", "hard.json"):
            run = run_mfh("study", "tally", given, "--key", "study-key.json", "--out", "a")
            assert run.code == 2 and f"would write a/{name}, which is read too" in run.error_line
        assert listing(tmp_path) == before
        (tmp_path / "hard.json").unlink()
    # Nor anything else that somebody put there; its own files are replaced as answers come in.
    (tmp_path / "x.json").write_text(json.dumps(answers))
    run = run_mfh("study", "tally", "x.json", "--key", "study-key.json", "--out", "a")
    assert run.code == 2 and "this program did not write it" in run.error_line
    for _ in range(2):
        assert run_mfh("study", "tally", "x.json", "--key", "study-key.json").code == 0


HOSTILE = ("", "[]", "null", "{", "[" * 100_000, '{"format": "mfh-study-answers"}', "\0", "9" * 5000, '{"a": NaN}')


@pytest.mark.parametrize("text", HOSTILE)
def test_answers_and_keys_of_anything_are_one_line(run_mfh, tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    run = run_mfh("study", "tally", tmp_path / "a.json", "--key", tmp_path / "a.json")
    assert run.code == 2 and "a.json" in run.error_line


def test_a_key_of_other_things_is_one_line(run_mfh, tmp_path, material):  # noqa: F811
    words = ("study", "make", "--photos", material.photos, *material.words, "--out", tmp_path / "s.html")
    assert run_mfh(*words).code == 0
    whole = json.loads((tmp_path / "s-key.json").read_text())
    for change in ({"labels": 3}, {"labels": None}, {"questions": []}, {"questions": {"q001": 3}}, {"version": []},
                   {"questions": {"q001": {"photo": 1, "range": ["short"], "methods": {}}}},
                   {"questions": {"q001": {"photo": 1, "range": "short", "methods": []}}}):  # fmt: skip
        (tmp_path / "k.json").write_text(json.dumps(whole | change))
        run = run_mfh("study", "tally", tmp_path / "s-key.json", "--key", tmp_path / "k.json")
        assert run.code == 2 and ".json" in run.error_line


def test_labels_and_notes_of_any_bytes(run_mfh, tmp_path, material):  # noqa: F811
    folder = material.words[1].partition("=")[2]
    odd = [os.fsdecode(b"\xff\x1b[2J") + f"={folder}", os.fsdecode(b"new\nline") + f"={folder}"]
    words = [word for label in odd for word in ("--predictions", label)]
    run = run_mfh("study", "make", "--photos", material.photos, *words, "--note", os.fsdecode(b"\xffhello"),
                  "--out", tmp_path / "s.html")  # fmt: skip
    assert run.code == 0, run.err
    key = json.loads((tmp_path / "s-key.json").read_text())
    assert key["labels"] == [r"\xff\x1b[2J", r"new\nline"]
