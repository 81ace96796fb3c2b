"""``mfh refit``: other metres from the same evidence, without models; every bad input is one line and exit code 2."""

import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfh.config import HeadConfig, preset
from mfh.io.contents import sealed
from mfh.io.depth import read_depth_npz
from mfh.io.evidence import load_evidence, save_evidence
from mfh.io.json_text import json_text
from mfh.pipeline.conclude import conclude

FILES = ["depth.npz", "depth.png", "preview.png", "receipt.json"]


def depth_in(folder):
    return read_depth_npz(folder / "depth.npz").depth_m


def test_the_same_again_is_the_same(run_mfh, evidence_path, gathered):
    run = run_mfh("refit", evidence_path)
    assert (run.code, run.err) == (0, "")
    folder = evidence_path.parent / "refit"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert f"{folder}/" in run.out and "of 5 considered" in run.out
    full = conclude(gathered, head=preset("pocket").head)
    np.testing.assert_allclose(depth_in(folder), full.depth_m, rtol=1e-6)
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["photo"] == str(evidence_path) and receipt["files"]["depth"] == "depth.npz"
    assert receipt["interval"]["level_80"] == pytest.approx(full.interval.level_80, rel=1e-6)
    assert receipt["attempts"] == 3 and "evidence" not in receipt["files"]


@pytest.mark.slow
def test_after_predict_with_save_evidence(run_mfh, fake_pipeline, photo_path, tmp_path):
    out = tmp_path / "out"
    run = run_mfh("predict", photo_path, "--save-evidence", "--out", out)
    assert run.code == 0 and "evidence.npz" in run.out, run.err
    folder = out / "photo"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "evidence.npz"])
    assert json.loads((folder / "receipt.json").read_text())["files"]["evidence"] == "evidence.npz"
    assert run_mfh("refit", folder / "evidence.npz", "--out", tmp_path / "again").code == 0
    np.testing.assert_allclose(depth_in(tmp_path / "again"), depth_in(folder), rtol=1e-6)
    # Measured again without: evidence is expensive and stays, and the receipt says whose it is.
    evidence = (folder / "evidence.npz").read_bytes()
    assert run_mfh("predict", photo_path, "--out", out).code == 0
    assert (folder / "evidence.npz").read_bytes() == evidence
    receipt = json.loads((folder / "receipt.json").read_text())
    assert receipt["from_earlier_run"] == ["evidence.npz"] and "evidence" not in receipt["files"]


@pytest.mark.slow
def test_focal_length(run_mfh, evidence_path, tmp_path, gathered):
    focal = gathered.photo.camera.fx
    # Of figures of known size alone, all metres are linear in the focal length.
    for name, factor in (("same", 1.0), ("twice", 2.0)):
        words = ("--out", tmp_path / name, "--exclude", "0", "--focal-px", factor * focal)
        assert run_mfh("refit", evidence_path, *words).code == 0
    np.testing.assert_allclose(depth_in(tmp_path / "twice"), 2 * depth_in(tmp_path / "same"), rtol=1e-6)
    receipt = json.loads((tmp_path / "twice" / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["camera"]["fx"] == pytest.approx(2 * focal) and receipt["focal"]["source"] == "explicit"
    assert receipt["interval"]["log_sigma"]["focal"] == 0
    assert not any("--focal-px" in warning for warning in receipt["warnings"]), "the focal length is known now"


@pytest.mark.slow
def test_an_odd_focal_length_is_questioned_and_another_one_ends_that(run_mfh, evidence_path, tmp_path):
    asked = "--fov-x-deg 1.2 is a focal length longer than nearly any lens"
    for words, count in ((("--fov-x-deg", "1.2"), 1), (("--fov-x-deg", "60"), 0)):
        assert run_mfh("refit", evidence_path, "--out", tmp_path / f"out{count}", *words).code == 0
        receipt = json.loads((tmp_path / f"out{count}" / "receipt.json").read_text())
        assert sum(asked in warning for warning in receipt["warnings"]) == count


@pytest.mark.parametrize(
    "words",
    [
        ("--fov-x-deg", "60"),
        ("--focal-35mm", "28"),
    ],
)
def test_other_ways_to_say_the_focal_length(run_mfh, evidence_path, tmp_path, words):
    assert run_mfh("refit", evidence_path, "--out", tmp_path / "out", *words).code == 0
    assert json.loads((tmp_path / "out" / "receipt.json").read_text())["focal"]["source"] == "explicit"


@pytest.mark.slow
def test_intrinsics_file(run_mfh, evidence_path, tmp_path):
    (tmp_path / "k.json").write_text(json.dumps({"fx": 60, "fy": 61, "cx": 31.5, "cy": 23.5}))
    assert run_mfh("refit", evidence_path, "--out", tmp_path / "out", "--intrinsics", tmp_path / "k.json").code == 0
    np.testing.assert_array_equal(read_depth_npz(tmp_path / "out" / "depth.npz").K[:2], [[60, 0, 31.5], [0, 61, 23.5]])


@pytest.mark.slow
def test_head(run_mfh, evidence_path, tmp_path, gathered):
    for kind in ("consensus", "silog"):
        assert run_mfh("refit", evidence_path, "--out", tmp_path / kind, "--head", kind).code == 0
        expected = conclude(gathered, head=HeadConfig(kind=kind)).depth_m
        np.testing.assert_allclose(depth_in(tmp_path / kind), expected, rtol=1e-5)
    assert not np.allclose(depth_in(tmp_path / "silog"), depth_in(tmp_path / "consensus"), rtol=1e-4)


def test_another_region(run_mfh, evidence_path, tmp_path, gathered):
    run = run_mfh("refit", evidence_path, "--out", tmp_path / "out", "--region", "30,30:10,40")
    assert run.code == 0
    region = json.loads((tmp_path / "out" / "receipt.json").read_text())["region"]
    assert region["box_xyxy"] == [10, 30, 30, 40]
    assert region["depth_m"] == pytest.approx(np.nanmedian(depth_in(tmp_path / "out")[30:40, 10:30]), rel=1e-6)
    low, high = region["level_80_m"]
    assert region["level_95_m"][0] < low < region["depth_m"] < high < region["level_95_m"][1]
    assert f"{region['depth_m']:.2f} m at 10,30 to 30,40 (median), {low:.2f} to {high:.2f} m with 80 %" in run.out
    outside = run_mfh("refit", evidence_path, "--out", tmp_path / "no", "--region", "0,0:5000,10")
    assert outside.code == 2 and "reaches outside" in outside.error_line and not (tmp_path / "no").exists()


@pytest.mark.slow
def test_lengths(run_mfh, evidence_path, tmp_path, gathered):
    words = ("--measure", "10,30:50,30", "--measure", "10,45:10,30")
    run = run_mfh("refit", evidence_path, "--out", tmp_path / "out", *words)
    assert run.code == 0
    rows = json.loads((tmp_path / "out" / "receipt.json").read_text())["lengths"]
    assert [row["end_xy"] for row in rows] == [[50, 30], [10, 30]]
    for row in rows:
        low, high = row["level_80_m"]
        assert row["level_95_m"][0] < low < row["metres"] < high < row["level_95_m"][1]
        assert f"{row['metres']:.2f} m from 10," in run.out
    once = run_mfh("refit", evidence_path, "--out", tmp_path / "no", "--measure", "1,2:1,2")
    assert once.code == 2 and "two different pixels" in once.error_line and not (tmp_path / "no").exists()


def test_exclude(run_mfh, evidence_path, tmp_path):
    run = run_mfh("refit", evidence_path, "--out", tmp_path / "out", "--exclude", "0, 3")
    assert run.code == 0 and "2 painted people of 5" in run.out
    rows = json.loads((tmp_path / "out" / "receipt.json").read_text())["landmarks"]
    assert [row["number"] for row in rows if row["reason"] == "excluded by the user"] == [0, 3]
    assert [row["weight"] > 0 for row in rows] == [False, False, True, False, True]


@pytest.mark.slow
def test_a_height_of_everybody_is_for_people_in_the_photo(run_mfh, evidence_path, tmp_path):
    assert run_mfh("refit", evidence_path, "--out", tmp_path / "out", "--person-height", "2m").code == 0
    rows = json.loads((tmp_path / "out" / "receipt.json").read_text())["landmarks"]
    assert [row["stature_m"] for row in rows] == [pytest.approx(2), None, 1.75, 1.75, 1.75]


def test_a_height_of_everybody_where_nobody_is_in_the_photo(run_mfh, tmp_path, gathered):
    painted = replace(gathered, evidence=gathered.evidence[1:])
    save_evidence(tmp_path / "e.npz", painted)
    run = run_mfh("refit", tmp_path / "e.npz", "--person-height", "1.8")
    assert run.code == 2 and "no person in the photo was measured" in run.error_line


@pytest.mark.slow
def test_known_sizes(run_mfh, evidence_path, tmp_path):
    words = ("--known-distance", "5,40=12m", "--known-length", "30,45:34,45=1.5", "--person-height", "0=180cm")
    assert run_mfh("refit", evidence_path, "--out", tmp_path / "out", *words).code == 0
    receipt = json.loads((tmp_path / "out" / "receipt.json").read_text())
    assert [row["name"].split()[0] for row in receipt["known_sizes"]] == ["distance", "length"]
    assert receipt["landmarks"][0]["stature_m"] == pytest.approx(1.8)
    shares = [row["weight"] for row in (*receipt["landmarks"], *receipt["known_sizes"])]
    assert sum(shares) == pytest.approx(1)


def test_a_known_distance_alone_suffices(run_mfh, tmp_path, gathered):
    save_evidence(tmp_path / "e.npz", replace(gathered, evidence=(), attempts=0))
    nothing = run_mfh("refit", tmp_path / "e.npz")
    assert nothing.code == 3 and "nothing to fit" in nothing.error_line
    assert not (tmp_path / "refit").exists()
    camera = gathered.photo.camera
    assert run_mfh("refit", tmp_path / "e.npz", "--known-distance", f"{camera.cx},{camera.cy}=5ft").code == 0
    assert depth_in(tmp_path / "refit")[24, 32] == pytest.approx(5 * 0.3048, rel=0.05)


@pytest.mark.slow
def test_json(run_mfh, evidence_path):
    run = run_mfh("refit", evidence_path, "--json")
    (one,) = json.loads(run.out)["photos"]
    assert one["people_used"] == 4 and one["folder"] == str(evidence_path.parent / "refit")
    wrong = run_mfh("refit", evidence_path, "--json", "--exclude", "99")
    assert wrong.code == 2 and "number 99" in json.loads(wrong.out)["error"]


@pytest.mark.slow
def test_results_of_the_full_run_are_never_replaced(run_mfh, evidence_path):
    (evidence_path.parent / "receipt.json").write_text(json_text(sealed({"photo": "photo.jpg", "contents": {}})))
    run = run_mfh("refit", evidence_path, "--out", evidence_path.parent)
    assert run.code == 2 and "holds the results of photo.jpg" in run.error_line
    assert evidence_path.exists()
    for _ in range(2):
        assert run_mfh("refit", evidence_path).code == 0, "its own earlier results are"


@pytest.mark.slow
def test_evidence_of_an_unknown_preset_has_the_default_head(run_mfh, tmp_path, gathered):
    save_evidence(tmp_path / "e.npz", replace(gathered, preset="mine"))
    assert run_mfh("refit", tmp_path / "e.npz").code == 0
    assert json.loads((tmp_path / "refit" / "receipt.json").read_text())["preset"] == "mine"


BAD_WORDS = {
    "no evidence": ([], "'evidence'"),
    "two focals": (["--focal-px", "500", "--fov-x-deg", "60"], "at most one"),
    "focal 0": (["--focal-px", "0"], "--focal-px is 0"),
    "head": (["--head", "mean"], "mean"),
    "exclude words": (["--exclude", "all"], "--exclude is 'all'"),
    "exclude nothing": (["--exclude", ""], "--exclude is ''"),
    "exclude negative": (["--exclude", "-1"], "--exclude"),
    "exclude unknown": (["--exclude", "5"], "numbers from 0 to 4"),
    "height of nobody": (["--person-height", "9=1.8"], "person 9"),
    "height of somebody not measured": (["--person-height", "1=1.8"], "was not measured"),
    "height": (["--person-height", "tall"], "--person-height is 'tall'"),
    "distance": (["--known-distance", "1,2"], "--known-distance is '1,2'"),
    "distance outside": (["--known-distance", "64,2=3"], "outside the photo"),
    "length": (["--known-length", "1,2=3"], "--known-length is '1,2=3'"),
    "intrinsics of another size": (["--intrinsics", "k.json"], "about 640x480"),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words_are_one_line_and_exit_code_2(run_mfh, evidence_path, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k.json").write_text(json.dumps({"fx": 525, "fy": 525, "cx": 319.5, "cy": 239.5}))
    words, expected = BAD_WORDS[case]
    run = run_mfh("refit", *([] if case == "no evidence" else [evidence_path]), *words, "--out", tmp_path / "out")
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["missing", "picture", "cut", "depth.npz"])
def test_bad_evidence_is_one_line_and_exit_code_2(run_mfh, evidence_path, photo_path, tmp_path, kind):
    path = tmp_path / "bad.npz"
    if kind == "picture":
        shutil.copy(photo_path, path)
    elif kind == "cut":
        path.write_bytes(evidence_path.read_bytes()[:-100])
    elif kind == "depth.npz":
        np.savez(path, depth_m=np.zeros((2, 2)))
    run = run_mfh("refit", path)
    assert run.code == 2 and "bad.npz" in run.error_line and "--save-evidence" in run.error_line
    assert not (tmp_path / "refit").exists()


@pytest.mark.slow
def test_no_model_is_loaded(evidence_path):
    code = f"""
        import sys
        from mfh.cli.main import main
        assert main(["refit", {str(evidence_path)!r}, "--focal-px", "70"]) == 0
        models = {{"onnxruntime", "ai_edge_litert", "torch", "mfh.pipeline.pipeline", "mfh.pipeline.painting"}}
        print("models:", sorted(models & set(sys.modules)), file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src"), "PATH": ""},
    )
    assert done.stderr == "models: []\n"


def test_it_comes_back_from_the_file_alone(evidence_path, gathered, tmp_path):
    moved = shutil.move(evidence_path, tmp_path / "elsewhere.npz")
    assert load_evidence(moved).photo.name == gathered.photo.name
