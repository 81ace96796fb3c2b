"""``mfh evaluate folder`` and its siblings: what is printed, written, refused and gone on with."""

import csv
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mfh.config import Config, preset
from mfh.errors import shown
from mfh.pipeline.pipeline import MetricFromHuman
from mfh_lab.cli.evaluate_datasets import COMMANDS
from tests.made_up import with_depth

pytestmark = pytest.mark.slow

SIZE = (24, 32)
NAMES = ("hall", "kitchen", "yard")


def truth_of(name):
    return np.random.default_rng(len(name)).uniform(1, 9, SIZE).astype(np.float32)


@pytest.fixture
def photos(tmp_path):
    """Three photos laid out as a folder dataset."""
    for name in NAMES:
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        rgb = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
        Image.fromarray(rgb).save(folder / "rgb.png")
        np.save(folder / "depth.npy", truth_of(name))
        (folder / "intrinsics.json").write_text(json.dumps({"fx": 30.0, "fy": 30.0, "cx": 15.5, "cy": 11.5}))
    return tmp_path / "photos"


@pytest.fixture
def answers(tmp_path):
    """Answers in millimetres, 10 % too far, for two of them."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for name in NAMES[:2]:
        np.save(folder / f"{name}.npy", truth_of(name) * 1100)
    return folder


@pytest.fixture
def asked(monkeypatch, metric_depth, floor_world):
    """Replace the models of method mfh; returns the configurations that were loaded."""
    loaded: list[Config] = []

    def from_config(cls, config):
        loaded.append(config)
        return cls(config, **floor_world().models())

    def answer(self, photo, *_request):
        depth_m = np.linspace(1, 9, photo.rgb[..., 0].size, dtype=np.float32).reshape(photo.rgb.shape[:2])
        return with_depth(metric_depth, depth_m, photo=photo)

    monkeypatch.setattr(MetricFromHuman, "from_config", classmethod(from_config))
    monkeypatch.setattr(MetricFromHuman, "__call__", answer)
    return loaded


def test_every_dataset_is_a_command_with_the_same_flags(run_mfh):
    from mfh_lab.evaluation.datasets.registry import DATASETS

    assert {dataset for dataset, _ in COMMANDS.values()} == set(DATASETS)
    listed = run_mfh("evaluate", "--help").out
    flags = set()
    for name in COMMANDS:
        assert f" {name} " in listed
        help_text = run_mfh("evaluate", name, "--help").out
        flags.add(frozenset(word for word in help_text.split() if word.startswith("--")))
    assert len(flags) == 1 and {"--root", "--check", "--split", "--protocol", "--predictions"} <= next(iter(flags))


def test_a_full_table_of_predictions_with_a_failure(run_mfh, photos, answers, tmp_path):
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm", "--out", tmp_path / "o")
    run = run_mfh(*words)
    assert run.code == 0 and run.err == ""
    lines = run.out.splitlines()
    assert lines[0] == "folder: 3 photos, protocol paper, files"
    (metric,) = (line.split() for line in lines if line.startswith("metric"))
    assert metric[3] == "2" and metric[7] == "0.100", metric
    assert sum("with failures as worst case" in line for line in lines) == 3
    assert "answers      2 of 3 photos (67%)" in lines and "mean 0.095, median 0.095" in run.out
    assert any(line.startswith("  yard: InputError: no file for yard") for line in lines)
    with (tmp_path / "o" / "scores.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == list(NAMES)
    tables = {path: path.read_bytes() for path in (tmp_path / "o").glob("[a-z]*.[cjm]*") if path.name != "timings.csv"}
    assert run_mfh(*words).out == run.out
    assert all(path.read_bytes() == content for path, content in tables.items()) and len(tables) >= 5
    # The run's own answers are predictions like any other.
    again = run_mfh(*words[:4], "--predictions", tmp_path / "o" / "predictions", "--unit", "m", "--out", tmp_path / "p")
    assert again.out.splitlines()[2:5] == lines[2:5]
    assert (tmp_path / "p" / "scores.csv").read_text() == (tmp_path / "o" / "scores.csv").read_text()


def test_limit_and_json(run_mfh, photos, answers, tmp_path):
    run = run_mfh(
        "evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "1/1000", "--limit", 1, "--json",
        "--out", tmp_path / "o",
    )  # fmt: skip
    tree = json.loads(run.out)
    assert run.code == 0 and tree["photos"] == 1 and tree["failures"] == []
    assert tree["successes"]["metric"]["abs_rel"] == pytest.approx(0.1, abs=1e-4)
    assert tree["settings"]["protocol"]["name"] == "paper" and tree["folder"] == str(tmp_path / "o")


def test_check_says_what_is_there_before_any_model(run_mfh, asked, photos, tmp_path):
    run = run_mfh("evaluate", "folder", "--root", photos, "--check")
    assert run.code == 0 and "3 of 3" in run.out and "complete" in run.out
    (photos / "yard" / "depth.npy").unlink()
    run = run_mfh("evaluate", "folder", "--root", photos, "--check")
    assert run.code == 2 and "2 of 3" in run.out and "yard" in run.out
    tree = json.loads(run_mfh("evaluate", "folder", "--root", photos, "--check", "--json").out)
    assert tree["complete"] is False and tree["found"] == 2 and tree["missing"][0].endswith("depth.npy")
    # Without --check it is an error that names the file.
    run = run_mfh("evaluate", "folder", "--root", photos, "--out", tmp_path / "o")
    assert run.code == 2 and "depth.npy" in run.error_line and not (tmp_path / "o").exists()
    assert asked == []


def test_this_projects_method_with_a_preset(run_mfh, asked, photos, tmp_path):
    words = ("evaluate", "folder", "--root", photos, "--out", tmp_path / "o")
    run = run_mfh(*words, "--people", "only", "--seed", 3)
    assert run.code == 0 and run.out.startswith(
        "folder: 3 photos, protocol paper, mfh (preset pocket, people only, seed 3)"
    )
    assert asked == [replace(preset("pocket"), people="only", seed=3)]
    # Nothing is loaded for what is done already, and other settings are refused.
    assert run_mfh(*words, "--people", "only", "--seed", 3).code == 0 and len(asked) == 1
    other = run_mfh(*words, "--people", "only", "--seed", 4)
    assert other.code == 2 and "method.seed was 3, is 4" in other.error_line and "--restart" in other.error_line
    assert run_mfh(*words, "--people", "only", "--seed", 4, "--restart").code == 0 and len(asked) == 2


def test_results_of_different_methods_go_to_different_folders(run_mfh, asked, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_mfh("evaluate", "folder", "--root", photos).code == 0
    assert run_mfh("evaluate", "folder", "--root", photos, "--protocol", "authors_code").code == 0
    assert run_mfh("evaluate", "folder", "--root", photos, "--seed", 1).code == 0
    assert sorted(path.name for path in (tmp_path / "out" / "evaluate").iterdir()) == [
        "folder-authors_code-mfh-preset-pocket",
        "folder-paper-mfh-preset-pocket",
        "folder-paper-mfh-preset-pocket-seed-1",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--predictions", "nowhere", "--unit", "m"), "--predictions: no folder nowhere"),
        (("--predictions", "{answers}"), "--predictions needs --unit: one of m,"),
        (("--predictions", "{answers}", "--unit", "parsec"), "--unit is 'parsec'"),
        (("--predictions", "{answers}", "--unit", "1e99999999"), "--unit is '1e99999999'"),
        (("--predictions", "{answers}", "--unit", "1/0"), "--unit is '1/0'"),
        (("--predictions", "{answers}", "--unit", "m", "--seed", 1), "--seed is about --method mfh, and --predictions"),
        (("--predictions", "{answers}", "--unit", "m", "--method", "hf:a/b"), "are both given: drop one of them"),
        (("--unit", "m"), "--unit m is about --predictions"),
        (("--method", "nowhere"), "no folder 'nowhere'"),
        (
            ("--method", "hf:a/b", "--preset", "paper"),
            "--preset is about --method mfh, and --method hf:a/b is measured",
        ),
        (("--preset", "best"), "unknown preset 'best'"),
        (("--seed", -1), "--seed is -1"),
        (("--painter", "nobody"), "unknown painter model 'nobody'"),
        (("--protocol", "mine"), "mine"),
        (("--limit", 0), "--limit is 0"),
        (("--root", "nowhere"), "no folder nowhere"),
        (("--split", "nowhere"), "no file nowhere"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_writes_nothing(run_mfh, photos, answers, tmp_path, words, message):
    words = [str(answers) if word == "{answers}" else word for word in words]
    run = run_mfh("evaluate", "folder", "--root", photos, "--out", tmp_path / "o", *words)
    assert run.code == 2 and message in run.error_line and run.out == ""
    assert not (tmp_path / "o").exists()


def test_errors_are_json_where_json_was_asked_for(run_mfh, photos):
    run = run_mfh("evaluate", "folder", "--root", photos, "--limit", 0, "--json")
    assert run.code == 2 and "--limit is 0" in json.loads(run.out)["error"]


def test_the_root_is_asked_for(run_mfh):
    run = run_mfh("evaluate", "folder")
    assert run.code == 2 and "--root" in run.error_line


def listing(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("restart", [(), ("--restart",)])
def test_answers_that_are_read_are_never_deleted_or_replaced(run_mfh, photos, answers, tmp_path, monkeypatch, restart):
    words = ("evaluate", "folder", "--root", photos, "--unit", "m")
    first = run_mfh(*words[:4], "--predictions", answers, "--unit", "mm", "--out", tmp_path / "d")
    assert first.code == 0
    (tmp_path / "link").symlink_to("d")
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    for given, out in (
        ("d/predictions", tmp_path / "d"),
        (tmp_path / "d" / "predictions", "d"),
        (tmp_path / "link" / "predictions", "d/../d"),
        ("d/predictions", "link"),
        ("answers", "answers/new"),
        ("answers", "answers"),
    ):
        run = run_mfh(*words, "--predictions", given, "--out", out, *restart)
        assert run.code == 2 and "are answers to read" in run.error_line and "choose another" in run.error_line
    assert listing(tmp_path) == before
    # Beside them is fine.
    assert run_mfh(*words, "--predictions", "d/predictions", "--out", "e", *restart).code == 0
    assert listing(tmp_path / "d") == {key.removeprefix("d/"): one for key, one in before.items() if key[:2] == "d/"}


def test_results_do_not_go_among_the_photos(run_mfh, photos, answers, tmp_path):
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm")
    before = listing(tmp_path)
    for out in (photos, photos / "hall", photos / "." / "x" / ".."):
        run = run_mfh(*words, "--out", out)
        assert run.code == 2 and "among the dataset's own files" in run.error_line
    assert listing(tmp_path) == before
    assert run_mfh(*words, "--out", photos / "results").code == 0
    assert run_mfh(*words, "--out", photos / "results").code == 0


@pytest.mark.parametrize("name", ["scores.csv", "summary.md", "predictions/hall.npz", "done.jsonl", "ledger.json"])
@pytest.mark.parametrize("restart", [(), ("--restart",)])
def test_files_of_others_in_the_folder_stay(run_mfh, photos, answers, tmp_path, name, restart):
    path = tmp_path / "o" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    run = run_mfh(
        "evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm", "--out", tmp_path / "o",
        *restart,
    )  # fmt: skip
    assert run.code == 2 and name.split("/")[0] in run.error_line and "--out" in run.error_line
    assert listing(tmp_path / "o") == {name: b"mine"}


def test_a_table_that_was_edited_stays(run_mfh, photos, answers, tmp_path):
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm", "--out", tmp_path / "o")
    assert run_mfh(*words).code == 0 and run_mfh(*words).code == 0
    with (tmp_path / "o" / "summary.md").open("a") as file:
        file.write("my notes")
    run = run_mfh(*words)
    assert run.code == 2 and "summary.md is there already" in run.error_line
    assert (tmp_path / "o" / "summary.md").read_text().endswith("my notes")


def test_a_second_process_says_so(run_mfh, photos, answers, tmp_path, monkeypatch):
    from mfh.io.lock import folder_lock
    from mfh_lab.evaluation import runner

    monkeypatch.setattr(runner, "LOCK_WAIT_S", 0.2)
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm", "--out", tmp_path / "o")
    with folder_lock(tmp_path / "o", wait_s=0.0):
        run = run_mfh(*words)
        assert run.code == 2 and "is being written to by another process" in run.error_line
        assert not (tmp_path / "o").exists()
    assert run_mfh(*words).code == 0


def test_a_photo_that_cannot_be_read_is_listed_and_the_rest_goes_on(run_mfh, photos, answers, tmp_path):
    (photos / "hall" / "rgb.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm")
    run = run_mfh(*words, "--out", tmp_path / "o", "--json")
    tree = json.loads(run.out)
    assert run.code == 0 and (tree["answered"], tree["failed"], tree["unscorable"]) == (1, 1, 1)
    assert tree["failures"][0]["kind"] == "unreadable" and "rgb.png is not a picture" in tree["failures"][0]["reason"]
    for name in NAMES:
        (photos / name / "rgb.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    run = run_mfh(*words, "--out", tmp_path / "p")
    assert run.code == 2 and "rgb.png is not a picture" in run.error_line


def test_names_of_any_bytes(run_mfh, photos, answers, tmp_path):
    names = [
        os.fsdecode(name) for name in (b"caf\xe9", b"new\nline", b"\x1b[2Jx", b"a\\b", b"CON", b"x" * 200, b" a. ")
    ]
    for name in names:
        shutil.copytree(photos / "hall", photos / name)
        shutil.copy(answers / "hall.npy", answers / f"{shown(name)}.npy")
    out = tmp_path / os.fsdecode(b"o\xff")
    words = ("evaluate", "folder", "--root", photos, "--predictions", answers, "--unit", "mm", "--out", out)
    run = run_mfh(*words)
    assert run.code == 0 and "\x1b" not in run.out and run.err == "" and "answers      9 of 10 photos" in run.out
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert {row["name"] for row in rows} == {*NAMES, *map(shown, names)}
    assert json.loads(run_mfh(*words, "--json").out)["answered"] == 9
    assert all(path.suffix == ".npz" for path in (out / "predictions").iterdir())
    check = run_mfh("evaluate", "folder", "--root", photos, "--check", "--json")
    assert json.loads(check.out)["found"] == 10
