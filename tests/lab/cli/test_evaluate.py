"""``mfh evaluate pocket``: the table, the files, and what is refused."""

import csv

import pytest

from mfh.errors import InputError
from mfh_lab.cli.evaluate import routed

pytestmark = pytest.mark.slow

_SMALL = ("evaluate", "pocket", "--scenes", 1, "--paintings", "1,2", "--seeds", 1, "--workers", 1)


def test_oracle_rows_need_no_light(run_mfh, tmp_path):
    run = run_mfh(*_SMALL, "--models", "oracle", "--noise", "clean", "--out", tmp_path / "b")
    assert run.code == 0 and run.err == ""
    assert "oracle (clean)" in run.out and "paper" in run.out and "best affine fit" in run.out
    assert not (tmp_path / "b" / "scenes").exists(), "nothing is rendered for oracles"
    with (tmp_path / "b" / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["models"] for row in rows} == {"oracle"}
    assert {"summary.csv", "summary.json"} <= {path.name for path in (tmp_path / "b").iterdir()}


def test_trained_models_that_cannot_run_are_left_out_aloud_or_refused(run_mfh, tmp_path, monkeypatch):
    import mfh_lab.paper.pocket_benchmark

    def no_painter():
        raise InputError('people="paint" needs a painter')

    monkeypatch.setattr(mfh_lab.paper.pocket_benchmark, "check_trained", no_painter)
    both = run_mfh(*_SMALL, "--out", tmp_path / "b")
    assert both.code == 0 and "left out" in both.error_line and "needs a painter" in both.error_line
    alone = run_mfh(*_SMALL, "--models", "trained", "--out", tmp_path / "c")
    assert alone.code == 2 and "needs a painter" in alone.error_line and not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scenes", 0), "--scenes is 0"),
        (("--paintings", "1,x"), "--paintings is '1,x'"),
        (("--paintings", "4,2"), "ascending"),
        (("--noise", "loud"), "--noise is 'loud': expected one or more of clean"),
        (("--models", "real"), "real"),
        (("--bank", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_what_cannot_be_run_is_one_line(run_mfh, tmp_path, words, message):
    run = run_mfh("evaluate", "pocket", "--out", tmp_path / "b", *words)
    assert run.code == 2 and message in run.error_line and run.out == ""
    assert not (tmp_path / "b").exists()


def test_noises_of_the_help_are_those_there_are():
    from mfh.cli.flags import NOISES
    from mfh_lab.paper import pocket

    assert NOISES == tuple(pocket.NOISES)


def test_pocket_with_a_folder_is_the_dataset_of_its_scenes(run_mfh, tmp_path):
    run = run_mfh("evaluate", "pocket", "--root", tmp_path, "--check")
    assert run.code == 2 and run.out.startswith("pocket") and "problem:" in run.out
    assert routed(["pocket", "--scenes", "3"]) == ["pocket", "--scenes", "3"]
    assert routed(["nyu", "--root=x"]) == ["nyu", "--root=x"] and routed([]) == []
