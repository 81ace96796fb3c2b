"""The receipt: strict JSON that says everything that decided the metres."""

import json
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest

from mfh.io.receipt import depth_range_m, receipt, write_receipt


def test_receipt_names_every_landmark_with_verdict_and_reason(tmp_path, metric_depth):
    tree = receipt(metric_depth, photo_path=tmp_path / "photo.jpg", files={"depth": "depth.npz"}, notes=("said here",))
    write_receipt(tmp_path / "receipt.json", tree)
    stored = json.loads((tmp_path / "receipt.json").read_text(encoding="utf-8"))
    assert [row["verdict"] for row in stored["landmarks"]] == ["used", "rejected"]
    assert stored["landmarks"][1]["reason"] == "too small"
    assert stored["landmarks"][1]["distance_m"] is None
    assert stored["people_used"] == 1
    assert stored["head"] == {
        "scale": 0.5,
        "shift": 0.1,
        "space": "disparity",
        "loss": None,
        "shift_determined": False,
    }
    assert stored["focal"]["source"] == "default-fov"
    assert stored["photo"] == str(tmp_path / "photo.jpg")
    assert stored["warnings"] == ["an odd photo", "shift held back", "said here"]
    assert stored["seconds"]["total"] == pytest.approx(1.25)
    assert stored["versions"]["numpy"] == np.__version__


def test_range_is_of_valid_pixels_only(metric_depth):
    depth_m = np.linspace(1, 5, 101, dtype=np.float32).reshape(1, 101)
    valid_mask = np.ones((1, 101), bool)
    photo = replace(metric_depth.photo, rgb=np.zeros((1, 101, 3), np.float32))
    result = replace(metric_depth, depth_m=depth_m, valid_mask=valid_mask, photo=photo)
    assert depth_range_m(result) == pytest.approx((1.04, 3.0, 4.96))
    nothing = replace(result, valid_mask=np.zeros((1, 101), bool))
    assert np.isnan(depth_range_m(nothing)).all()
    assert receipt(nothing)["depth_m"] == {"nearest": None, "median": None, "farthest": None}


def test_versions_are_of_what_is_installed(metric_depth, monkeypatch):
    there = {"numpy": "2.1", "torch": "2.13.0", "diffusers": "0.42.1"}

    def version(package: str) -> str:
        if package not in there:
            raise metadata.PackageNotFoundError(package)
        return there[package]

    monkeypatch.setattr(metadata, "version", version)
    versions = receipt(metric_depth)["versions"]
    assert isinstance(versions, dict) and set(versions) == {"mfh", "python", *there}
    assert there.items() <= versions.items()
