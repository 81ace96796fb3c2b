"""Several methods by one command: one table, each method in a process of its own, whatever becomes of the others."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfh.weights.hub import cached_folder, parse_source
from mfh_lab.evaluation.methods.known import KNOWN
from tests.lab.evaluation.methods import stand_ins
from tests.lab.evaluation.methods.stand_ins.scene import CAMERA, HEIGHT, WIDTH, scene

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ("hall", "kitchen", "yard")
STABLE = ("comparison.md", "comparison.csv", "comparison.json")


def write_photos(root, names):
    for number, name in enumerate(names):
        folder = root / name
        folder.mkdir(parents=True)
        red = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
        photo, depth_m = scene(red)
        Image.fromarray(np.rint(photo.rgb * 255).astype(np.uint8)).save(folder / "rgb.png")
        np.save(folder / "depth.npy", depth_m)
        content = {"fx": CAMERA.fx, "fy": CAMERA.fy, "cx": CAMERA.cx, "cy": CAMERA.cy}
        (folder / "intrinsics.json").write_text(json.dumps(content))


def write_answers(root, folder, factor, names):
    folder.mkdir()
    for name in names:
        np.save(folder / f"{name}.npy", np.load(root / name / "depth.npy") * factor)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Photos, answers of two other programs, and the package of UniDepth with its weights; the current folder."""
    write_photos(tmp_path / "photos", NAMES)
    write_answers(tmp_path / "photos", tmp_path / "far", 1.1, NAMES)
    write_answers(tmp_path / "photos", tmp_path / "near", 900, NAMES[:2])
    weights = tmp_path / "weights"
    monkeypatch.setenv("MFH_WEIGHTS", str(weights))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY / "src"), str(stand_ins.FOLDER / "unidepth")]))
    folder = cached_folder(parse_source(KNOWN["unidepth-v1"].weights))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FILES = ("--predictions", "far=far", "--predictions", "near=near", "--unit", "m", "--unit", "near=mm")


def rows(folder):
    with (folder / "comparison.csv").open(encoding="utf-8") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def test_one_table_of_predictions_a_published_row_and_a_method_that_cannot_run(run_mfh, place):
    words = ("evaluate", "folder", "--root", "photos", "--method", "unik3d", "--method", "metrichmsr", *FILES)
    run = run_mfh(*words, "--out", "o")
    lines = run.out.splitlines()
    assert run.code == 2 and run.err == ""
    assert lines[0] == "folder: 3 photos, protocol paper, 4 methods"
    assert [line.split()[0] for line in lines[3:7]] == ["unik3d", "metrichmsr", "far", "near"]
    assert lines[3].split()[1:3] == ["0/3", "–"] and "CC-BY-NC-4.0" in lines[3]
    assert lines[5].split()[1:4] == ["3/3", "0.100", "1.000"] and lines[6].split()[1:4] == ["2/3", "0.100", "1.000"]
    assert "unik3d cannot run here: no package unik3d: pip install git+https" in run.out
    assert "metrichmsr: published numbers, of other photos: PROX: AbsRel 0.13" in run.out
    assert "near: 1 photos without an answer; the first: yard: no file for yard in near" in run.out
    assert "The same over the photos that every method answered:" in run.out
    found = rows(place / "o")
    assert float(found["far"]["scale_error"]) == pytest.approx(np.log(1.1), abs=1e-5)
    assert float(found["near"]["scale_error"]) == pytest.approx(-np.log(0.9), abs=1e-5)
    assert float(found["far"]["shape_scale"]) < 1e-6 and found["unik3d"]["reason"].startswith("unik3d cannot run")
    assert {path.name for path in (place / "o").iterdir() if path.is_dir()} == {"far", "near"}
    before = {name: (place / "o" / name).read_bytes() for name in STABLE}
    assert run_mfh(*words, "--out", "o").out == run.out
    assert all((place / "o" / name).read_bytes() == content for name, content in before.items())
    # Without what cannot run, the code is that of success; more methods join a table that is there.
    run = run_mfh("evaluate", "folder", "--root", "photos", "--method", "metrichmsr", *FILES, "--out", "o", "--json")
    tree = json.loads(run.out)
    assert run.code == 0 and [one["label"] for one in tree["methods"]] == ["metrichmsr", "far", "near"]
    assert tree["methods"][1]["cost"] is None and tree["methods"][0]["published"] is True
    (place / "o" / "comparison.md").write_text("mine")
    run = run_mfh("evaluate", "folder", "--root", "photos", *FILES, "--out", "o")
    assert run.code == 2 and "comparison.md is there already" in run.error_line


def test_packages_run_in_processes_of_their_own_and_one_that_dies_ends_no_other(run_mfh, place):
    pytest.importorskip("torch")
    deadly = place / "deadly"
    deadly.mkdir()
    (deadly / "config.json").write_text(json.dumps({"dies": True}))
    wrong = place / "wrong"
    wrong.mkdir()
    (wrong / "config.json").write_text(json.dumps({"wants": "timm/backbone"}))
    run = run_mfh(
        "evaluate", "folder", "--root", "photos", "--method", "unidepth-v1", "--method", f"unidepth-v1:{deadly}",
        "--method", f"unidepth-v1:{wrong}", "--method", "unidepth-v1?focal=given", "--limit", 2,
    )  # fmt: skip
    assert run.code == 2 and run.err == ""
    out = place / "out" / "evaluate" / "folder-paper-compared"
    found = rows(out)
    # The stand-in takes the focal length for 1.25 times what it is, unless it is given.
    assert float(found["unidepth-v1"]["abs_rel"]) == pytest.approx(0.25, abs=1e-5)
    assert float(found["unidepth-v1?focal=given"]["abs_rel"]) < 1e-5
    assert found[f"unidepth-v1:{deadly}"]["reason"] == "its process was killed by signal 9, perhaps for lack of memory"
    assert "wants more of the hub than" in found[f"unidepth-v1:{wrong}"]["reason"]
    assert found["unidepth-v1"]["commercial"] == "no" and found[f"unidepth-v1:{deadly}"]["commercial"] == ""
    with (out / "cost.csv").open(encoding="utf-8") as file:
        costs = {row["method"]: row for row in csv.DictReader(file)}
    one = costs["unidepth-v1"]
    assert float(one["seconds"]) > 0 and (one["photos"], one["warm_up"]) == ("1", "1")
    # torch alone takes more than this.
    assert not one["ram_bytes"] or int(one["ram_bytes"]) > 100e6
    assert costs[f"unidepth-v1:{deadly}"]["seconds"] == ""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_killed_at_random_moments_it_ends_with_the_same_bytes(place):
    pytest.importorskip("torch")
    names = [f"room{number}" for number in range(6)]
    write_photos(place / "many", names)
    write_answers(place / "many", place / "all", 1.2, names)
    slow = place / "slow"
    slow.mkdir()
    (slow / "config.json").write_text(json.dumps({"seconds": 0.15}))

    def start(out):
        words = ["evaluate", "folder", "--root", "many", "--method", "unik3d", "--method", f"unidepth-v1:{slow}"]
        command = [
            sys.executable,
            "-m",
            "mfh.cli.main",
            *words,
            "--predictions",
            "all=all",
            "--unit",
            "m",
            "--out",
            out,
        ]
        return subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    whole = start("whole")
    assert whole.wait(120) == 2, whole.stderr.read().decode() if whole.stderr else ""
    moments, killed = random.Random(0), 0
    for attempt in range(3):
        process = start("killed")
        done = next(iter((place / "killed").glob("unidepth*/done.jsonl")), None)
        before = done.stat().st_size if done else 0
        # Wait for it to be at work, so that it is killed there.
        while process.poll() is None and (not done or done.stat().st_size <= before) and attempt < 2:
            time.sleep(0.01)
            done = next(iter((place / "killed").glob("unidepth*/done.jsonl")), None)
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        killed += process.wait(60) == -signal.SIGKILL
    assert killed >= 2, "the test must kill it while it works"
    last = start("killed")
    assert last.wait(120) == 2, last.stderr.read().decode() if last.stderr else ""
    for path in (place / "whole").rglob("*"):
        name = path.relative_to(place / "whole")
        if path.name in (*STABLE, "scores.csv", "failures.csv", "summary.json", "summary.md") or path.suffix == ".npz":
            assert path.read_bytes() == (place / "killed" / name).read_bytes(), name
    assert len(list((place / "killed").rglob("*.npz"))) == 2 * len(names)
    assert not list((place / "killed").rglob("*.tmp*")), "what a killed run left behind is swept away"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--method", "mfh", "--predictions", "far", "--unit", "m"),
            "are both given: drop one of them, or give the pred",
        ),
        (("--predictions", "far", "--predictions", "near", "--unit", "m"), "expected NAME=DIR for each"),
        (("--predictions", "a=far", "--predictions", "a=near", "--unit", "m"), "with names of their own"),
        (("--predictions", "=far", "--unit", "m"), "--predictions is '=far': expected DIR, or NAME=DIR"),
        (("--method", "mfh", "--method", "mfh"), "expected each once, with a name of its own"),
        ((*FILES, "--unit", "far=cm", "--unit", "far=m"), "--unit far=m is given after --unit cm"),
        ((*FILES, "--unit", "other=cm"), "--unit other=cm is about --predictions, and none are called other"),
        ((*FILES, "--space", "far=sideways"), "--space is 'sideways': expected depth or disparity"),
        ((*FILES, "--seed", "3"), "--seed is about --method mfh, and --predictions far is measured"),
        (("--method", "mfh:paper", "--method", "zoedepth", "--preset", "pocket"), "name two presets: drop one of them"),
        (("--method", "zerodepth"), "zerodepth is compared by files: run it"),
        (("--method", "metrichmsr"), "metrichmsr has published numbers alone"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_writes_nothing(run_mfh, place, words, message):
    run = run_mfh("evaluate", "folder", "--root", "photos", "--out", "o", *words)
    assert run.code == 2 and message in run.error_line and run.out == ""
    assert not (place / "o").exists()


def test_predictions_with_a_name_alone_are_one_method_as_ever(run_mfh, place):
    run = run_mfh("evaluate", "folder", "--root", "photos", "--predictions", "far=far", "--unit", "far=m", "--out", "o")
    assert run.code == 0 and run.out.startswith("folder: 3 photos, protocol paper, far\n")
    assert (place / "o" / "summary.md").is_file() and not (place / "o" / "comparison.md").exists()
