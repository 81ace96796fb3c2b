"""Sizes given to ``mfh refit``, and focal lengths and evidence that leave nothing to say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mfh.io.depth import read_depth_npz
from mfh.io.evidence import save_evidence


def distance_at(depth_m, camera, x, y):
    ray = np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1.0])
    return depth_m[y, x] * np.linalg.norm(ray)


def test_a_focal_length_that_sends_everything_out_of_range_is_an_error(run_mfh, evidence_path, tmp_path):
    run = run_mfh("refit", evidence_path, "--fov-x-deg", "0.1", "--out", tmp_path / "out")
    assert run.code == 2 and "no pixel has a depth" in run.error_line and "0.1°" in run.error_line
    assert "answers end at 200 m" in run.error_line and "check the focal length" in run.error_line
    for focal_px in ("1e300", "1e12", "1e-9", "0.001"):
        run = run_mfh("refit", evidence_path, "--focal-px", focal_px, "--out", tmp_path / "out")
        assert run.code == 2 and "focal" in run.error_line
    assert not (tmp_path / "out").exists()
    # A given distance answers even there.
    words = ("--fov-x-deg", "0.1", "--known-distance", "20,40=3")
    assert run_mfh("refit", evidence_path, *words, "--out", tmp_path / "out").code == 0


def test_refit_meets_what_is_given(run_mfh, gathered, evidence_path, tmp_path):
    words = ("--known-distance", "20,40=40m", "--known-distance", "50,10=70m")
    assert run_mfh("refit", evidence_path, *words, "--out", tmp_path / "out").code == 0
    depth_m = read_depth_npz(tmp_path / "out" / "depth.npz").depth_m
    assert distance_at(depth_m, gathered.photo.camera, 20, 40) == pytest.approx(40, rel=0.03)
    assert distance_at(depth_m, gathered.photo.camera, 50, 10) == pytest.approx(70, rel=0.03)
    receipt = json.loads((tmp_path / "out" / "receipt.json").read_text(encoding="utf-8"))
    assert any("contradict each other" in warning for warning in receipt["warnings"])
    assert all(0 < row["by_people"] < 1 for row in receipt["known_sizes"])
    assert all(row["by_answer"] == pytest.approx(1, rel=0.03) for row in receipt["known_sizes"])


def test_evidence_without_numbers_is_one_line(run_mfh, gathered, tmp_path):
    first = gathered.evidence[0]
    nowhere = replace(first, depth_m=np.full_like(first.depth_m, np.nan))
    save_evidence(tmp_path / "e.npz", replace(gathered, evidence=(nowhere, *gathered.evidence[1:])))
    run = run_mfh("refit", tmp_path / "e.npz", "--out", tmp_path / "out")
    assert run.code == 2 and run.error_line and not (tmp_path / "out").exists()
