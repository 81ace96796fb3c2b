"""Photo in, metres out, with the real models; skipped where their files are not installed."""

import json

import numpy as np
import pytest

from mfh.config import preset
from mfh.errors import BackendError, WeightsError
from mfh.io.depth import read_depth_npz
from tests.photos import PEOPLE, empty_room

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def _real_models():
    from mfh.pipeline.pipeline import MetricFromHuman

    try:
        MetricFromHuman.from_preset(preset("pocket").name)
    except (WeightsError, BackendError) as error:
        pytest.skip(f"the models are not installed: {error}")


@pytest.mark.usefixtures("_real_models")
def test_demo(run_mfh, tmp_path):
    run = run_mfh("demo", "--out", tmp_path / "out")
    assert run.code == 0, run.err
    error = float(run.out.split("(AbsRel)")[1].split()[0])
    assert error < 0.35
    receipt = json.loads((tmp_path / "out" / "demo" / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["people_used"] >= 1 and receipt["focal"]["source"] == "intrinsics-file"


@pytest.mark.usefixtures("_real_models")
def test_people_in_metres(run_mfh, tmp_path):
    run = run_mfh(
        "predict", PEOPLE.rgb_path, "--intrinsics", PEOPLE.intrinsics_path, "--out", tmp_path / "out", "--json"
    )
    assert run.code == 0 and run.err == ""
    (photo,) = json.loads(run.out)["photos"]
    assert photo["people_used"] >= min(3, len(PEOPLE.hips_px))
    stored = read_depth_npz(tmp_path / "out" / "rgb" / "depth.npz")
    truth_m = PEOPLE.depth_m.astype(np.float64)
    scored = stored.valid_mask & np.isfinite(truth_m) & (truth_m > 0)
    errors = np.abs(stored.depth_m[scored] - truth_m[scored]) / truth_m[scored]
    assert scored.mean() > 0.5 and errors.mean() <= 0.30


@pytest.mark.usefixtures("_real_models")
def test_a_photo_without_people_is_exit_code_3_where_nobody_may_be_painted(run_mfh, tmp_path):
    photo = empty_room("open3d_tum", tmp_path / "room").rgb_path
    words = ("--people", "only", "--object-detector", "none")
    run = run_mfh("predict", photo, *words, "--out", tmp_path / "out")
    assert run.code == 3 and run.error_line.count("people in the photo:") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_real_models")
def test_a_photo_without_people_gets_metres_from_painted_ones(run_mfh, tmp_path):
    room = empty_room("pcl_office1", tmp_path / "room")
    # The packaged room, which stands in where the photo is not there, has furniture of known size.
    words = ("--intrinsics", room.intrinsics_path, "--paintings", "6", "--save-paintings", "--object-detector", "none")
    run = run_mfh("predict", room.rgb_path, *words, "--out", tmp_path / "out")
    assert run.code == 0 and "pocket world" in run.out
    receipt = json.loads((tmp_path / "out" / "rgb" / "receipt.json").read_text(encoding="utf-8"))
    used = [one for one in receipt["landmarks"] if one["verdict"] == "used" and one["evidence"] != "prior"]
    assert len(used) >= 4 and all(one["source"].startswith("painting") for one in used)
    assert all(one["measured_by"] == "sprite" for one in used)
    assert len(list((tmp_path / "out" / "rgb" / "paintings").glob("*.png"))) >= 6
    stored = read_depth_npz(tmp_path / "out" / "rgb" / "depth.npz")
    truth_m = room.depth_m.astype(np.float64)
    scored = stored.valid_mask & (truth_m > 0)
    errors = np.abs(stored.depth_m[scored] - truth_m[scored]) / truth_m[scored]
    # A room with nobody in it, and no metric training data: a constant guess of its median depth would have 0.31.
    assert errors.mean() < 0.45


@pytest.mark.usefixtures("_real_models")
def test_the_same_photo_gives_the_same_metres(run_mfh, tmp_path):
    for out in ("first", "second"):
        assert run_mfh("demo", "--out", tmp_path / out).code == 0
    first, second = (read_depth_npz(tmp_path / out / "demo" / "depth.npz") for out in ("first", "second"))
    np.testing.assert_array_equal(first.depth_m, second.depth_m)
