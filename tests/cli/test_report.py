"""``mfh report`` and ``--report``: one page from results that are there, or beside new ones."""

import json

import pytest

from mfh.io.contents import sealed
from mfh.io.json_text import json_text
from mfh.io.results import check_results


@pytest.fixture
def results(run_mfh, fake_pipeline, photo_path, tmp_path):
    run = run_mfh("predict", photo_path, "--save-evidence", "--out", tmp_path / "out")
    assert run.code == 0, run.err
    return tmp_path / "out" / "photo"


def test_results_with_evidence_become_a_page(run_mfh, results):
    run = run_mfh("report", results)
    assert (run.code, run.err) == (0, "") and f"{results / 'report.html'} (" in run.out
    page = (results / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "photo.jpg" in page
    assert check_results(results).problems == ()
    assert run_mfh("report", results, "--measure", "5,40:20,44").code == 0
    assert '"lengths":[[5.0,40.0,20.0,44.0]]' in (results / "report.html").read_text(encoding="utf-8")


def test_the_page_goes_where_it_is_wanted(run_mfh, results, tmp_path):
    assert run_mfh("report", results, "--out", tmp_path / "page.html").code == 0
    assert (tmp_path / "page.html").is_file() and not (results / "report.html").exists()
    run = run_mfh("report", results, "--out", tmp_path / "none" / "page.html")
    assert run.code == 2 and run.err.count("\n") == 1 and "cannot write" in run.err


def test_predict_and_refit_write_it_on_request(run_mfh, fake_pipeline, photo_path, evidence_path, tmp_path):
    run = run_mfh("predict", photo_path, "--report", "--out", tmp_path / "out")
    assert run.code == 0 and "report.html" in run.out, run.err
    folder = tmp_path / "out" / "photo"
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["files"]["report"] == "report.html" and check_results(folder).problems == ()
    assert run_mfh("refit", evidence_path, "--report", "--out", tmp_path / "again").code == 0
    assert (tmp_path / "again" / "report.html").is_file()
    # Measured again without: a page of another answer would lie.
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out").code == 0
    assert not (folder / "report.html").exists()


def test_the_page_has_the_command_as_it_was_typed(run_mfh, fake_pipeline, photo_path, tmp_path):
    out = ("--save-evidence", "--out", tmp_path / "out")
    assert run_mfh("predict", photo_path, "--seed", "7", "--attempts", "9", "--report", *out).code == 0
    folder = tmp_path / "out" / "photo"
    first, depth = (folder / "report.html").read_bytes(), (folder / "depth.npz").read_bytes()
    assert b"--seed 7 --attempts 9 --report" in first
    # The page is about output: the same depth without it has the same bytes, and the page can be made afterwards.
    assert run_mfh("predict", photo_path, "--seed", "7", "--attempts", "9", *out).code == 0
    assert (folder / "depth.npz").read_bytes() == depth
    assert run_mfh("report", folder).code == 0
    assert b"--seed 7 --attempts 9 --report" in (folder / "report.html").read_bytes()


def test_a_file_is_no_folder_of_results(run_mfh, photo_path):
    run = run_mfh("report", photo_path)
    assert run.code == 2 and "photo.jpg is a file; expected the folder" in run.err


def test_without_evidence_it_says_how_to_get_it(run_mfh, metric_depth, tmp_path):
    folder = metric_depth.save(tmp_path / "out")
    run = run_mfh("report", folder)
    assert run.code == 2 and run.err.count("\n") == 1
    assert "has no evidence.npz" in run.err and "--report" in run.err
    run = run_mfh("report", tmp_path / "nowhere")
    assert run.code == 2 and "no such folder" in run.err


def test_another_answer_is_not_reported(run_mfh, results):
    receipt = json.loads((results / "receipt.json").read_text(encoding="utf-8"))
    receipt["head"]["scale"] *= 1.1
    receipt["known_sizes"] = [{"name": "distance 2 m at 3,4"}]
    (results / "receipt.json").write_text(json_text(sealed(receipt)) + "\n", encoding="utf-8")
    run = run_mfh("report", results)
    assert run.code == 2 and "distance 2 m at 3,4" in run.err and "give it again" in run.err
    assert not (results / "report.html").exists()


def test_a_page_of_ones_own_stays(run_mfh, results):
    (results / "report.html").write_text("mine")
    run = run_mfh("report", results)
    assert run.code == 2 and "with --out" in run.err
    assert (results / "report.html").read_text() == "mine"
