"""``mfh reproduce``: one command a table, what is missing in one line, and nothing about it silently left out."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh_lab.cli.reproduce import ENTRIES, routed

pytestmark = pytest.mark.slow


def photos(root: Path, *, count: int = 2) -> list[np.ndarray]:
    """Write photos of one's own with a true depth, and return the depths."""
    truths = []
    for number in range(count):
        folder = root / f"photo{number}"
        folder.mkdir(parents=True)
        depth_m = np.linspace(1, 4 + number, 30 * 40).reshape(30, 40).astype(np.float32)
        cv2.imwrite(str(folder / "rgb.png"), np.full((30, 40, 3), 90, np.uint8))
        np.save(folder / "depth.npy", depth_m)
        (folder / "intrinsics.json").write_text(json.dumps({"fx": 40.0, "fy": 40.0, "cx": 19.5, "cy": 14.5}))
        truths.append(depth_m)
    return truths


def test_table_4_on_drawn_scenes_with_oracles(run_mfh, tmp_path):
    words = ("reproduce", "table4", "--dataset", "pocket", "--models", "oracle", "--noise", "clean", "--limit", 1)
    words = (*words, "--workers", 1)
    run = run_mfh(*words, "--out", tmp_path)
    assert run.code == 0 and run.err == ""
    assert "SIMULATED: 1 scenes of the pocket world, oracle models, noise 'clean'" in run.out
    assert "| s_n, t_n, s, t | true disparity | 100.0 [97.9] |" in run.out
    folder = tmp_path / "pocket-oracle-clean"
    files = ["table4-photos.csv", "table4.csv", "table4.json", "table4.md", "table4.pdf", "table4.png"]
    assert sorted(path.name for path in folder.glob("[a-z]*")) == files
    assert cv2.imread(str(folder / "table4.png")).shape[1] > 1000
    assert (folder / "table4.pdf").read_bytes().startswith(b"%PDF")
    with (folder / "table4.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and rows[-1]["delta1_paper"] == "66.8" and float(rows[-2]["abs_rel"]) < 1e-4
    again = run_mfh(*words, "--out", tmp_path)
    assert again.out == run.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("table11",), "'table11' is no table or figure of the paper: expected one of table1, table2"),
        (("table4", "--limit", 0), "--limit is 0"),
        (("table4", "--workers", 0), "--workers is 0"),
        (("table4", "--seeds", 2), "--seeds is about fig5"),
        (("table4", "--limit", 10**18), "--limit is 1000000000000000000"),
        (("fig5", "--seeds", 10**18), "--seeds is 1000000000000000000"),
        (("table4", "--method", "a=hf:b/c"), "table4 is of settings: see --predictions"),
        (("table9", "--predictions", "HMR=."), "'HMR' is no row of table9: expected one of HMAR, TokenHMR, HMR 2.0"),
        (("fig5", "--predictions", "the paper's head / 4=."), "fig5 has 5 painting seeds, and a folder has one answer"),
        (("table9", "--dataset", "pocket", "--predictions", "HMAR=."), "give its folder with --root pocket=DIR"),
        (("table1", "--method", "hf:b/c"), "expected LABEL=VALUE"),
        (("table1", "--root", "."), "say whose folder it is with --root NAME=DIR"),
        (("fig5", "--root", "nyu=a", "--root", "nyu=b"), "--root nyu is given twice"),
        (("table4", "--dataset", "pocket", "--models", "oracle", "--noise", "loud"), "--noise is 'loud'"),
        (("table4", "--dataset", "pocket", "--models", "oracle", "--painter", "sd2"), "are of --models trained"),
        (("table4", "--dataset", "pocket", "--bank", "/nowhere.npz"), "no body bank"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run_mfh, tmp_path, words, message):
    run = run_mfh("reproduce", *words, "--out", tmp_path / "out")
    assert run.code == 2 and message in run.error_line and run.err.count("\n") == 1


def test_without_the_papers_dataset_and_weights_both_are_named(run_mfh, tmp_path):
    run = run_mfh("reproduce", "table4", "--out", tmp_path)
    assert run.code == 2 and run.err.count("\n") == 1
    assert "table4 is measured on nyu: give its folder with --root nyu=DIR" in run.error_line
    assert "sd2" in run.error_line and "hmr2" in run.error_line and "mfh weights fetch" in run.error_line


def test_the_help_lists_what_can_be_typed(run_mfh):
    run = run_mfh("reproduce", "--help")
    listed = [line.split()[0] for line in run.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert [name for name in listed if name in ENTRIES] == list(ENTRIES) and "fig3" in listed
    assert "table" not in listed
    for name in ("table1", "fig5"):
        assert f"reproduce {name} [OPTIONS]" in run_mfh("reproduce", name, "--help").out


def test_no_advice_is_the_very_command_that_was_refused(run_mfh, tmp_path):
    for name in ("table1", "table2", "table6"):
        run = run_mfh("reproduce", name, "--dataset", "pocket", "--out", tmp_path)
        assert run.code == 2 and "give its folder with --root pocket=DIR" in run.error_line
        assert "mfh pocket render" in run.error_line and "--dataset pocket" not in run.error_line
        run = run_mfh("reproduce", name, "--out", tmp_path)
        assert run.code == 2 and "--dataset pocket" not in run.error_line, "a table of methods needs a folder"


def test_a_table_of_methods_lists_whoever_is_not_there(run_mfh, tmp_path):
    truths = photos(tmp_path / "photos")
    (tmp_path / "answers").mkdir()
    for number, depth_m in enumerate(truths):
        np.save(tmp_path / "answers" / f"photo{number}.npy", 2000 * depth_m)
    run = run_mfh(
        "reproduce", "table6", "--dataset", "folder", "--root", tmp_path / "photos",
        "--predictions", f"twice too far={tmp_path / 'answers'}", "--unit", "mm", "--out", tmp_path / "out",
    )  # fmt: skip
    assert run.code == 0
    assert "| twice too far | MMDE | folder | 0.0 | 100.0 | 0.00 |" in run.out
    assert "| twice too far | MRDE | folder | 100.0 | 0.0 | 0.00 |" in run.out
    assert "UniDepth-C / MMDE / folder; UniDepth-C / MRDE / folder: waits for predictions of UniDepth-C" in run.out
    assert "--predictions 'UniDepth-C=DIR'" in run.out
    assert "MfH / MMDE / folder; MfH / MRDE / folder: waits for" in run.out
    again = run_mfh(
        "reproduce", "table6", "--dataset", "folder", "--root", tmp_path / "photos",
        "--predictions", f"twice too far={tmp_path / 'answers'}", "--unit", "mm", "--out", tmp_path / "out",
    )  # fmt: skip
    assert again.out == run.out


def test_a_row_of_a_table_of_settings_is_filled_by_predictions(run_mfh, tmp_path):
    truths = photos(tmp_path / "photos")
    for folder, factor in (("token", 1.0), ("target", 2.0)):
        (tmp_path / folder).mkdir()
        for number, depth_m in enumerate(truths):
            np.save(tmp_path / folder / f"photo{number}.npy", factor * depth_m)
    words = ("--dataset", "folder", "--root", tmp_path / "photos", "--out", tmp_path / "out")
    given = ("--predictions", f"TokenHMR={tmp_path / 'token'}", "--unit", "m")
    run = run_mfh("reproduce", "table9", *words, *given)
    assert run.code == 0 and run.err == ""
    assert "| TokenHMR | 100.0 [" in run.out and "| 2/2 |" in run.out
    # The others say what they wait for, and that they take a folder too.
    for name, model in (("HMAR", "hmar"), ("HMR 2.0", "hmr2")):
        line = next(line for line in run.out.splitlines() if f". {name}: waits for " in line)
        assert model in line and "mfh weights fetch" in line
    assert "by a folder of predictions, made by any program: `--predictions HMAR=DIR --unit m`" in run.out
    assert run_mfh("reproduce", "table9", *words, *given).out == run.out
    rows = (tmp_path / "out" / "folder" / "table9-photos.csv").read_text().splitlines()
    assert len(rows) == 3 and all("TokenHMR" in row for row in rows[1:])
    label = "ZoeDepth / true depth"
    run = run_mfh("reproduce", "table3", *words, "--predictions", f"{label}={tmp_path / 'target'}", "--unit", "m")
    assert run.code == 0 and "| ZoeDepth | true depth | 0.0 [" in run.out and "| 100.0 [" in run.out


def test_predictions_that_are_none_are_one_line(run_mfh, tmp_path):
    photos(tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    words = ("reproduce", "table9", "--dataset", "folder", "--root", tmp_path / "photos", "--out", tmp_path / "out")
    for folder, more, message in (
        ("nowhere", ("--unit", "m"), "--predictions HMAR: "),
        ("empty", ("--unit", "m"), "--predictions HMAR: "),
        ("empty", (), "--unit"),
    ):
        run = run_mfh(*words, "--predictions", f"HMAR={tmp_path / folder}", *more)
        assert run.code == 2 and message in run.error_line and run.err.count("\n") == 1


def test_two_methods_of_one_label_are_refused(run_mfh, tmp_path):
    photos(tmp_path / "photos")
    run = run_mfh(
        "reproduce", "table1", "--dataset", "folder", "--root", tmp_path / "photos",
        "--predictions", f"MfH={tmp_path}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert run.code == 2 and "expected every method to have one of its own" in run.error_line


def test_every_entry_is_a_table_or_figure():
    assert set(ENTRIES) >= {*(f"table{number}" for number in range(1, 10)), "fig5"}


def test_results_of_others_stay(run_mfh, tmp_path):
    place = tmp_path / "out" / "pocket-oracle-clean"
    place.mkdir(parents=True)
    (place / "table4.json").write_text("mine")
    words = ("reproduce", "table4", "--dataset", "pocket", "--models", "oracle", "--noise", "clean", "--limit", 1)
    run = run_mfh(*words, "--out", tmp_path / "out")
    assert run.code == 2 and "table4.json is there already" in run.error_line
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["table4.json"]
    assert (place / "table4.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "routed_to"),
    [
        (["--out", "table4", "table5"], ["table5", "--out", "table4"]),
        (["--out=table4", "table5", "--limit", "2"], ["table5", "--out=table4", "--limit", "2"]),
        (["--photo", "a.jpg", "fig6"], ["fig6", "--photo", "a.jpg"]),
        (["--root", "nyu=ds", "--help"], ["--help"]),
        (["table4", "--help"], ["table4", "--help"]),
    ],
)
def test_the_value_of_an_option_is_no_table(arguments, routed_to):
    assert routed(arguments, ["table4", "table5", "fig6"]) == routed_to
