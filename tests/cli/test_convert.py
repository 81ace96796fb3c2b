"""``mfh convert`` and ``--format``: the same bytes whichever way, and one line for whatever cannot be converted."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mfh
from mfh.io.formats import FORMATS


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def results(run_mfh, fake_pipeline, photo_path, out):
    """The results of one photo, in the usual formats."""
    assert run_mfh("predict", photo_path, "--out", out).code == 0
    return out / "photo"


def files_in(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name != "receipt.json"}


def test_predict_convert_and_save_write_the_same_bytes(run_mfh, results, photo_path, tmp_path):
    every = list(FORMATS) if find_spec("OpenEXR") else [name for name in FORMATS if name != "exr"]
    run = run_mfh("convert", results, "--format", ",".join(every))
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        str(results),
        f"  files         {results}/ ({', '.join(FORMATS[name].file for name in every)})",
    ]
    words = [word for name in every for word in ("--format", name)]
    assert run_mfh("predict", photo_path, *words, "--out", tmp_path / "at-once", "--quiet").code == 0
    converted, at_once = files_in(results), files_in(tmp_path / "at-once" / "photo")
    assert set(converted) == {FORMATS[name].file for name in every} | {"preview.png"}
    assert {name for name in converted if converted[name] != at_once[name]} == set()


def test_the_receipt_lists_what_was_added_and_is_whole(run_mfh, results):
    before = json.loads((results / "receipt.json").read_text())
    assert run_mfh("convert", results, "--format", "glb", "--format", "camera").code == 0
    receipt = json.loads((results / "receipt.json").read_text())
    assert set(receipt["contents"]) == {*before["contents"], "cloud.glb", "camera.json"}
    assert receipt["files"] == {**before["files"], "cloud_glb": "cloud.glb", "camera": "camera.json"}
    assert receipt["from_earlier_run"] == [] and receipt["about"] == before["about"]
    run = run_mfh("verify", results.parent)
    assert run.code == 0 and "(5 files)" in run.out
    # Measured again: what was converted from the earlier depth is gone with it.
    assert run_mfh("predict", results.parent.parent / "photo.jpg", "--out", results.parent).code == 0
    assert not (results / "cloud.glb").exists()


def test_the_schema_is_on_the_receipt_and_holds_the_command(results):
    receipt = json.loads((results / "receipt.json").read_text())
    assert receipt["schema"] == "mfh/depth/1" == receipt["about"]["schema"]
    photo = results.parent.parent / "photo.jpg"
    assert receipt["about"]["commands"] == [f"mfh predict {photo}"]
    assert mfh.read_depth(results).about.commands == (f"mfh predict {photo}",)


def test_evidence_of_an_earlier_run_stays_and_refits_are_converted_too(run_mfh, fake_pipeline, photo_path, out):
    assert run_mfh("predict", photo_path, "--save-evidence", "--out", out).code == 0
    assert run_mfh("refit", out / "photo" / "evidence.npz").code == 0
    run = run_mfh("convert", out, "--format", "ply", "--json")
    assert run.code == 0
    tree = json.loads(run.out)["results"]
    assert [one["folder"] for one in tree] == [str(out / "photo"), str(out / "photo" / "refit")]
    assert all(one["files"] == ["cloud.ply"] for one in tree)
    assert (out / "photo" / "evidence.npz").exists()
    # The photo of a refit is the one in its evidence.
    assert (out / "photo" / "refit" / "cloud.ply").stat().st_size == 15 * 48 * 64 + len(
        (out / "photo" / "refit" / "cloud.ply").read_bytes().partition(b"end_header\n")[0] + b"end_header\n"
    )
    assert run_mfh("verify", out).code == 0
    commands = mfh.read_depth(out / "photo" / "refit").about.commands
    assert commands == (f"mfh refit {out / 'photo' / 'evidence.npz'}",)


def test_predict_with_formats_writes_those_and_no_others(run_mfh, fake_pipeline, photo_path, out):
    run = run_mfh("predict", photo_path, "--format", "npy", "--max-points", "100", "--out", out)
    assert run.code == 0
    assert {one.name for one in (out / "photo").iterdir()} == {"depth.npy", "preview.png", "receipt.json"}
    run = run_mfh("convert", out, "--format", "glb")
    assert run.code == 2 and "has no depth to convert: expected one of depth.npz" in run.error_line


def test_thinning_is_stated_every_time(run_mfh, results):
    for _ in range(2):
        run = run_mfh("convert", results, "--format", "glb", "--max-points", "800")
        assert "cloud.glb has 768 points of 3,072 pixels with depth: one of every 2 rows and columns" in run.out
    warnings = json.loads((results / "receipt.json").read_text())["warnings"]
    assert sum("cloud.glb has" in one for one in warnings) == 1


def test_a_file_goes_where_it_is_told_and_replaces_nothing_foreign(run_mfh, results, photo_path, tmp_path):
    words = ("convert", results / "depth.npz", "--photo", photo_path, "--format", "mesh-glb,npy", "--out")
    for _ in range(2):
        assert run_mfh(*words, tmp_path / "made").code == 0, "its own files are replaced"
    assert {one.name for one in (tmp_path / "made").iterdir()} >= {"mesh.glb", "depth.npy"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mesh.glb").write_text("mine")
    run = run_mfh(*words, tmp_path / "mine")
    assert run.code == 2 and "mesh.glb is there already" in run.error_line
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["mesh.glb"]
    assert run_mfh("convert", results, "--format", "glb", "--out", tmp_path / "beside").code == 0
    assert not (results / "cloud.glb").exists() and (tmp_path / "beside" / "cloud.glb").exists()


def test_a_foreign_file_in_the_folder_is_never_replaced(run_mfh, results):
    (results / "cloud.glb").write_text("mine")
    run = run_mfh("convert", results, "--format", "glb")
    assert run.code == 2 and "was not written by the last run" in run.error_line
    assert (results / "cloud.glb").read_text() == "mine"


def test_a_photo_that_has_moved_is_named(run_mfh, results, photo_path, tmp_path):
    moved = shutil.move(photo_path, tmp_path / "moved.jpg")
    run = run_mfh("convert", results, "--format", "glb")
    assert run.code == 2 and "no such file" in run.error_line and "name the photo with --photo" in run.error_line
    assert run_mfh("convert", results, "--format", "npy,normals,camera").code == 0, "no colours, no photo"
    assert run_mfh("convert", results, "--format", "glb", "--photo", moved).code == 0
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "other.png")
    run = run_mfh("convert", results, "--format", "glb", "--photo", tmp_path / "other.png")
    assert run.code == 2 and "other.png has 50x40 pixels, and the depth has 64x48" in run.error_line


def test_a_changed_depth_is_not_spread(run_mfh, results):
    path = results / "depth.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    run = run_mfh("convert", results, "--format", "npy")
    assert run.code == 2 and "depth.npz is not what was written" in run.error_line
    # Another that was changed stays on the receipt, so that it is found.
    shutil.copy(results / "depth.png", results / "preview.png")
    assert run_mfh("verify", results).out.count("is not what was written") == 2


def test_one_bad_result_does_not_cost_the_others(run_mfh, fake_pipeline, photo_path, out, tmp_path):
    other = shutil.copy(photo_path, tmp_path / "other.jpg")
    assert run_mfh("predict", photo_path, other, "--out", out).code == 0
    commands = mfh.read_depth(out / "other").about.commands
    assert commands == (f"mfh predict {other}",), "the other photo is not in it"
    (out / "other" / "receipt.json").write_text("{}")
    run = run_mfh("convert", out, "--format", "camera", "--json")
    assert run.code == 2 and "receipt.json" in run.error_line
    bad, good = json.loads(run.out)["results"]
    assert "error" in bad and good["files"] == ["camera.json"]


BAD_WORDS = {
    "no format": (["R"], "no format given"),
    "unknown format": (["R", "--format", "stl"], "format 'stl' is unknown: expected npz, npy"),
    "no results": (["E", "--format", "npy"], "holds no results"),
    "missing": (["nowhere", "--format", "npy", "--out", "o"], "no such file or folder"),
    "file without out": (["R/depth.npz", "--format", "npy"], "is a file: say where to, with --out FOLDER"),
    "file without photo": (["R/depth.npz", "--format", "glb", "--out", "o"], "name the photo with --photo"),
    "other program's": (["m.npy", "--format", "exr", "--out", "o"], "does not say what its numbers are"),
    "picture": (["photo.jpg", "--format", "npy", "--out", "o"], "has the ending .jpg"),
    "few points": (["R", "--format", "glb", "--max-points", "0"], "--max-points is 0"),
    "over its source": (["R/depth.npz", "--format", "npz", "--out", "R"], "which is read too"),
    "no head": (["R/depth.png", "--format", "npz", "--out", "o"], "has the metric head in it"),
    "two and out": (["R", "R/depth.npz", "--format", "npy", "--out", "o"], "is for one result, and there are 2"),
    "out is a file": (["R/depth.npz", "--format", "npy", "--out", "m.npy"], "m.npy"),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words_are_one_line_and_exit_code_2(run_mfh, results, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    np.save("m.npy", np.ones((3, 4)))
    (tmp_path / "empty").mkdir()
    before = files_in(results)
    words, expected = BAD_WORDS[case]
    names = {"R": str(results), "E": "empty"}
    words = [
        names.get(word.partition("/")[0], word.partition("/")[0]) + word[len(word.partition("/")[0]) :]
        for word in words
    ]
    run = run_mfh("convert", *words)
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert files_in(results) == before and not list(Path("o").glob("*"))


def test_help_names_every_format(run_mfh):
    text = " ".join(run_mfh("convert", "--help").out.split())
    assert all(name in text for name in FORMATS)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (
            ["predict", "a.jpg", "-o", "x", "--format", "glb", "--json", "--seed", "3"],
            ["predict", "a.jpg", "--seed", "3"],
        ),
        (["predict", "a.jpg", "--out=x", "-ox", "--format=npy", "--quiet"], ["predict", "a.jpg"]),
        (["predict", "--save-evidence", "--", "--out", "b.jpg"], ["predict", "--", "--out", "b.jpg"]),
    ],
)
def test_commands_are_kept_without_what_is_about_output(typed, kept):
    from mfh.cli.command_line import without_output

    assert without_output(typed) == kept


def test_results_that_are_written_anew_meanwhile_are_not_mixed(run_mfh, results, photo_path, monkeypatch):
    import mfh.io.convert as convert

    write_formats = convert.write_formats

    def slowly(*words, **options):
        """Another run replaces the results while the files are made."""
        from mfh.cli.main import main

        assert main(["predict", str(photo_path), "--seed", "5", "--out", str(results.parent), "--quiet"]) == 0
        return write_formats(*words, **options)

    monkeypatch.setattr(convert, "write_formats", slowly)
    run = run_mfh("convert", results, "--format", "npy")
    assert run.code == 2 and "it was written anew meanwhile" in run.error_line
    assert not (results / "depth.npy").exists() and not list(results.parent.glob(".mfh-*"))
    assert run_mfh("verify", results).code == 0
