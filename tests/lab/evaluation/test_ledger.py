"""The ledger: its words for what differs, what a new beginning removes, and what it never touches."""

import json

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.pipeline.settings import differences
from mfh_lab.evaluation.ledger import DONE, LEDGER, PREDICTIONS, Done, open_ledger
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.methods.stored import prediction_path, write_prediction

SETTINGS = {"method": {"seed": 0}, "dataset": {}, "protocol": {}, "code": "abc"}
ANSWER = Prediction(np.ones((2, 3), np.float32), "depth")


def folder_with(tmp_path, *names):
    """A folder of results with answers for some photos."""
    ledger = open_ledger(tmp_path / "out", SETTINGS)
    for name in names:
        write_prediction(prediction_path(ledger.predictions, name), ANSWER)
        ledger.add(Done(name, 1.0))
    return ledger


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_new_beginning_removes_what_the_ledger_lists_and_nothing_else(tmp_path):
    ledger = folder_with(tmp_path, "room/a", "b", "c", "../d")
    ledger.add(Done("nobody", 1.0, "no person", "NoLandmarkError"))
    mine = ("mine.txt", "predictions/mine.npz", "predictions/room/notes.md", "predictions/.mine.1.tmp.png",
            "scores.csv", ".mine.1.tmp.csv")  # fmt: skip
    for name in mine:
        (ledger.folder / name).write_text("mine")
    # Listed, but of somebody else since.
    np.save(tmp_path / "c.npy", np.ones(3))
    (tmp_path / "c.npy").rename(prediction_path(ledger.predictions, "c"))
    again = open_ledger(ledger.folder, {**SETTINGS, "code": "def"}, restart=True)
    assert again.done == {} and json.loads((ledger.folder / LEDGER).read_text())["code"] == "def"
    assert files(ledger.folder) == sorted([LEDGER, "predictions/c.npz", *mine])


def test_a_new_beginning_after_a_damaged_line(tmp_path):
    ledger = folder_with(tmp_path, "a")
    with (ledger.folder / DONE).open("ab") as file:
        file.write(b'[]\n{"name": 3}\n\xff\n' + b"[" * 500 + b'\n{"name": "half')
    with pytest.raises(InputError, match="line 2 of .*done.jsonl is damaged .*--restart"):
        open_ledger(ledger.folder, SETTINGS)
    assert open_ledger(ledger.folder, SETTINGS, restart=True).done == {}
    assert files(ledger.folder) == [LEDGER]


def test_folders_of_others_are_refused_whatever_is_asked(tmp_path):
    for number, name in enumerate((f"{PREDICTIONS}/a.npz", DONE, LEDGER, PREDICTIONS)):
        folder = tmp_path / str(number)
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text('{"mine": 1}\n')
        before = files(folder)
        for restart in (False, True):
            with pytest.raises(InputError, match="choose another folder with --out"):
                open_ledger(folder, SETTINGS, restart=restart)
        assert files(folder) == before and (folder / name).read_text() == '{"mine": 1}\n'
    (tmp_path / "free" / PREDICTIONS).mkdir(parents=True)
    (tmp_path / "free" / "notes.txt").write_text("mine")
    assert open_ledger(tmp_path / "free", SETTINGS).done == {}


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, "\0", '{"method": 1}', "9" * 5000])
def test_a_ledger_that_is_none_is_one_line(tmp_path, text):
    ledger = folder_with(tmp_path, "a")
    (ledger.folder / LEDGER).write_text(text)
    for restart in (False, True):
        with pytest.raises(InputError, match=r"ledger\.json") as caught:
            open_ledger(ledger.folder, SETTINGS, restart=restart)
        assert "\n" not in str(caught.value)
    assert prediction_path(ledger.predictions, "a").is_file()


@pytest.mark.parametrize(
    "line",
    ["[]", "3", "null", "{}", '{"name": 3, "seconds": 1}', '{"name": "a", "seconds": "1"}', '{"name": "a"}',
     '{"name": "a", "seconds": true}', '{"name": "a", "seconds": 1, "other": 2}', '{"name": "a", "seconds": 1e999}',
     '{"name": "a", "seconds": NaN}', '{"name": "a", "seconds": 1, "failure": null}', "\0\0\0",
     '{"name": "a", "seconds": ' + "9" * 5000 + "}", '{"name": ["a"], "seconds": 1}', "[" * 5000],
)  # fmt: skip
def test_a_line_of_something_else_is_one_line(tmp_path, line):
    ledger = folder_with(tmp_path, "a", "b")
    with (ledger.folder / DONE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"line 3 of .*done\.jsonl is damaged") as caught:
        open_ledger(ledger.folder, SETTINGS)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_file_cut_off_anywhere_goes_on(tmp_path):
    ledger = folder_with(tmp_path, "a", "b")
    whole = (ledger.folder / DONE).read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(len(whole) + 1):
        (ledger.folder / DONE).write_bytes(whole[:length])
        done = open_ledger(ledger.folder, SETTINGS).done
        assert list(done) == (["a", "b"] if length == len(whole) else ["a"] if length >= first else [])


def test_what_a_killed_run_left_is_swept(tmp_path):
    ledger = folder_with(tmp_path, "room/a")
    for left in (".scores.12.tmp.csv", ".ledger.3.tmp.json", "predictions/room/.b.77.tmp.npz"):
        (ledger.folder / left).write_text("half")
    (ledger.folder / ".scores.tmp.csv").write_text("mine")
    open_ledger(ledger.folder, SETTINGS)
    assert files(ledger.folder) == sorted([".scores.tmp.csv", DONE, LEDGER, "predictions/room/a.npz"])


def test_differences_are_named_by_their_path():
    old = {"method": {"name": "mfh", "seed": 0, "sizes": [1, 2]}, "code": "abc", "gone": None}
    new = {"method": {"name": "mfh", "seed": 1, "sizes": [1, 3]}, "code": "abc", "extra": True}
    assert differences(old, new) == [
        "method.seed was 0, is 1",
        "method.sizes was [1, 2], is [1, 3]",
        "gone was null, is nothing",
        "extra was nothing, is true",
    ]
    assert differences(old, old) == []
