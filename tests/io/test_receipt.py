"""The receipt: strict JSON that says everything that decided the metres."""

import json
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest

from mfh.io.json_text import json_text
from mfh.io.receipt import receipt
from tests.made_up import with_depth


def test_receipt_names_every_landmark_with_verdict_and_reason(tmp_path, metric_depth):
    tree = receipt(metric_depth, photo=str(tmp_path / "photo.jpg"), files={"depth": "depth.npz"}, notes=("said here",))
    (tmp_path / "receipt.json").write_text(json_text(tree), encoding="utf-8")
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
    assert stored["warnings"] == ["an odd photo", "the shift is regularized", "said here"]
    assert stored["seconds"]["total"] == pytest.approx(1.25)
    assert stored["versions"]["numpy"] == np.__version__


def test_range_is_of_valid_pixels_only(metric_depth):
    depth_m = np.linspace(1, 5, 101, dtype=np.float32).reshape(1, 101)
    photo = replace(metric_depth.photo, pixels=np.zeros((1, 102, 3), np.float32))
    result = with_depth(metric_depth, np.append(depth_m, [[np.nan]], axis=1), photo=photo)
    assert result.depth_range_m == pytest.approx((1.04, 3.0, 4.96))
    nothing = with_depth(result, np.full((1, 102), np.nan))
    assert np.isnan(nothing.depth_range_m).all()
    assert receipt(nothing)["depth_m"] == {"nearest": None, "median": None, "farthest": None}


def test_interval_and_everybody_s_share(gathered):
    from mfh.config import HeadConfig
    from mfh.pipeline.conclude import conclude
    from mfh.scale.known_sizes import KnownDistance, KnownSizes

    result = conclude(gathered, head=HeadConfig(), known=KnownSizes(distances=(KnownDistance(10.0, 20.0, 3.0),)))
    tree = json.loads(json.dumps(receipt(result), allow_nan=False))
    assert [row["number"] for row in tree["landmarks"]] == [0, 1, 2, 3, 4]
    assert tree["landmarks"][1]["weight"] == 0 and tree["landmarks"][1]["implied_scale"] is None
    shares = [row["weight"] for row in (*tree["landmarks"], *tree["known_sizes"])]
    assert sum(shares) == pytest.approx(1) and shares[-1] > 0
    assert tree["known_sizes"][0]["name"] == "distance 3 m at 10,20"
    for row, one in zip(tree["landmarks"][2:], gathered.evidence[1:], strict=True):
        implied_m = 1 / (row["implied_scale"] * (np.median(one.relative) + result.head.shift / result.head.scale))
        assert implied_m == pytest.approx(row["distance_m"])
    interval = tree["interval"]
    low, high = interval["level_80"]
    assert low < high and interval["half_width"] == pytest.approx((high - low) / 2)
    assert interval["half_width_over_photo"] == result.interval.half_width_over_photo > 0
    assert interval["level_95"][0] < low and high < interval["level_95"][1]
    assert set(interval["log_sigma"]) == {"people", "shared", "shape", "focal"}
    # The known distance says how far things are whatever the focal length is, and however large people are.
    assert interval["log_sigma"]["focal"] == interval["log_sigma"]["shared"] == 0 and 0 < shares[-1] < 1
    assert tree["known_sizes"][0]["by_answer"] == pytest.approx(1) and tree["known_sizes"][0]["by_people"] < 1
    assert tree["doubt"] == result.doubt and tree["max_depth_m"] == 200
    assert (tree["people_used"], tree["painted_people_used"]) == (4, 3)
    assert interval["log_sigma"]["shape"] == 0.15
    without = json.loads(json.dumps(receipt(conclude(gathered, head=HeadConfig())), allow_nan=False))
    assert without["interval"]["log_sigma"]["focal"] == pytest.approx(0.25)
    assert 1 <= interval["effective_people"] <= 5
    assert interval["limited_by"] == result.interval.limited_by


def test_no_interval_is_null(metric_depth):
    assert receipt(metric_depth)["interval"] is None and receipt(metric_depth)["known_sizes"] == []


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
