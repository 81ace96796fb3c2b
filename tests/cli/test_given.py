"""What the user brings to ``mfh predict``: known sizes and relative depth; every bad input is one line, exit code 2."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mfh.pipeline.pipeline
from mfh.errors import BackendError, WeightsError
from mfh.io.depth import read_depth_npz
from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownLength, KnownSizes


@pytest.fixture
def floor(floor_world, monkeypatch, tmp_path):
    """A photo file of a floor with three people on it, stand-ins for all models, and its relative depth in a file."""
    world = floor_world([2.7, 4.0, 6.0])
    monkeypatch.setattr(
        mfh.pipeline.pipeline,
        "load_models",
        lambda names: {role: one for role, one in world.models().items() if role in names},
    )
    Image.fromarray(np.rint(world.rgb * 255).astype(np.uint8)).save(tmp_path / "floor.png")
    np.save(tmp_path / "map.npy", 12 * world.depth_m + 40)
    return world


def predict(run_mfh, tmp_path, *words):
    return run_mfh("predict", tmp_path / "floor.png", "--focal-px", "150", "--out", tmp_path / "out", *words)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["npy", "npz", "png", "tif", "pfm", "exr"])
def test_relative_depth_from_a_file(run_mfh, floor, tmp_path, ending):
    path = tmp_path / f"map.{ending}"
    values = np.load(tmp_path / "map.npy")
    if ending == "npz":
        np.savez(path, depth=values, other=values[:3])
    elif ending == "png":
        Image.fromarray(np.rint(values * 400).astype(np.uint16)).save(path)
    elif ending == "exr":
        exr = pytest.importorskip("OpenEXR", reason="the exr extra is not installed")
        header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
        exr.File(header, {"Z": values.astype(np.float16)}).write(str(path))
    elif ending != "npy":
        Image.fromarray(values.astype(np.float32)).save(path)
    run = predict(run_mfh, tmp_path, "--relative-depth", path, "--space", "depth", "--save-evidence")
    assert run.code == 0, run.err
    folder = tmp_path / "out" / "floor"
    stored = read_depth_npz(folder / "depth.npz")
    np.testing.assert_allclose(stored.depth_m, floor.depth_m, rtol=0.1)
    assert stored.space == "depth"
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["models"]["relative_depth"] == f"map.{ending}"
    # Its evidence is as good as any.
    assert run_mfh("refit", folder / "evidence.npz").code == 0
    np.testing.assert_allclose(read_depth_npz(folder / "refit" / "depth.npz").depth_m, stored.depth_m, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_holes_are_said_masked_and_kept_in_the_evidence(run_mfh, floor, tmp_path, space):
    values = np.rint(60 * floor.depth_m if space == "depth" else 3000 / floor.depth_m).astype(np.uint16)
    values[:30, 100:] = 0
    Image.fromarray(values).save(tmp_path / "holes.png")
    run = predict(
        run_mfh, tmp_path, "--relative-depth", tmp_path / "holes.png", "--space", space, "--save-evidence", "--region",
        "90,5:130,25",
    )  # fmt: skip
    assert run.code == 0, run.err
    folder = tmp_path / "out" / "floor"
    stored = read_depth_npz(folder / "depth.npz")
    if space == "disparity":
        assert "has no depth at" not in run.out and stored.valid_mask.mean() > 0.9
        return
    np.testing.assert_array_equal(stored.valid_mask, values > 0)
    assert np.isnan(stored.depth_m[values == 0]).all()
    assert "holes.png has no depth at 9.4% of the pixels" in run.out and "no value at 75.0% of the region" in run.out
    again = run_mfh("refit", folder / "evidence.npz", "--region", "90,5:130,25")
    assert again.code == 0 and "no value at 75.0% of the region" in again.out
    refitted = read_depth_npz(folder / "refit" / "depth.npz")
    np.testing.assert_array_equal(refitted.valid_mask, stored.valid_mask)
    np.testing.assert_allclose(refitted.depth_m, stored.depth_m, rtol=1e-5)
    asked = run_mfh("refit", folder / "evidence.npz", "--known-distance", "120,10=8m")
    assert asked.code == 2 and "no value at pixel 120,10" in asked.error_line


def test_a_swapped_space_is_one_line(run_mfh, floor, tmp_path):
    run = predict(run_mfh, tmp_path, "--relative-depth", tmp_path / "map.npy", "--space", "disparity")
    assert run.code == 2 and "pass --space depth" in run.error_line
    assert not (tmp_path / "out").exists()


BAD_MAPS = {
    "no space": (["--relative-depth", "map.npy"], "--relative-depth needs --space"),
    "space alone": (["--space", "depth"], "none is given"),
    "unknown space": (["--relative-depth", "map.npy", "--space", "metres"], "metres"),
    "a model too": (
        ["--relative-depth", "map.npy", "--space", "depth", "--relative-depth-model", "pocket"],
        "both given",
    ),
    "missing": (["--relative-depth", "absent.npy", "--space", "depth"], "absent.npy"),
    "format": (["--relative-depth", "floor.tif", "--space", "depth"], "expected npy"),
    "photo as a map": (["--relative-depth", "floor.png", "--space", "depth"], "expected one grey channel of 16 bits"),
    "wrong size": (["--relative-depth", "wide.npy", "--space", "depth"], "wide.npy has 160x60 values"),
    "mostly NaN": (["--relative-depth", "nan.npy", "--space", "depth"], "nan.npy has no depth at 96.9% of its values"),
    "asked in a hole": (
        ["--relative-depth", "hole.npy", "--space", "depth", "--measure", "5,5:60,90"],
        "no value at pixel 5,5",
    ),
    "no exr": (["--relative-depth", "map.exr", "--space", "depth"], "map.exr"),
    "constant": (["--relative-depth", "constant.npy", "--space", "depth"], "constant"),
}


@pytest.mark.parametrize("case", BAD_MAPS)
def test_bad_maps_are_one_line_and_exit_code_2(run_mfh, floor, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    np.save("wide.npy", floor.depth_m[:60])
    np.save("nan.npy", np.where(np.arange(160) > 4, np.nan, floor.depth_m))
    np.save("hole.npy", np.where(np.arange(160) < 40, np.inf, floor.depth_m))
    Path("map.exr").write_text("no exr")
    np.save("constant.npy", np.ones_like(floor.depth_m))
    words, expected = BAD_MAPS[case]
    run = predict(run_mfh, tmp_path, *words)
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--relative-depth", "map.npy", "--space", "depth"),
        ("--known-distance", "5,5=2m"),
        ("--known-length", "5,5:9,9=2m"),
        ("--known-size", "5,5:9,9=2m"),
        ("--person-height", "0=1.8"),
    ],
)
def test_what_is_about_one_photo_is_not_for_several(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    other = shutil.copy(photo_path, tmp_path / "other.jpg")
    run = run_mfh("predict", photo_path, other, *words)
    assert run.code == 2 and "one photo, and 2 are given" in run.error_line
    assert run_mfh("predict", photo_path, other, "--person-height", "1.8").code == 0, "of everybody may be"


@pytest.mark.slow
def test_known_sizes_reach_the_pipeline(run_mfh, fake_pipeline, photo_path, tmp_path, monkeypatch, metric_depth):
    asked = []
    monkeypatch.setattr(
        mfh.pipeline.pipeline.MetricFromHuman,
        "__call__",
        lambda self, photo, request: asked.append(request) or metric_depth,
    )
    words = ["--person-height", "1.8", "--person-height", "1=6ft", "--known-distance", "3,4=2.5"]
    words += ["--known-distance", "5,6=300cm", "--known-length", "1,2:3,4=36in"]
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out", *words).code == 0
    known = asked[0].known
    assert known.heights == (KnownHeight(1.8), KnownHeight(6 * 0.3048, 1))
    assert known.distances == (KnownDistance(3.0, 4.0, 2.5), KnownDistance(5.0, 6.0, 3.0))
    assert known.lengths == (KnownLength((1.0, 2.0), (3.0, 4.0), 36 * 0.0254),)
    assert run_mfh("predict", photo_path, "--out", tmp_path / "out").code == 0 and asked[1].known == KnownSizes()


@pytest.mark.slow
def test_a_person_s_height_scales_the_photo(run_mfh, floor, tmp_path):
    told = {}
    for metres in (1.6, 2.0):
        assert predict(run_mfh, tmp_path, "--person-height", f"{metres}").code == 0
        written = tmp_path / "out" / "floor"
        told[metres] = read_depth_npz(written / "depth.npz").depth_m
        receipt = json.loads((written / "receipt.json").read_text(encoding="utf-8"))
        assert [one["stature_m"] for one in receipt["landmarks"]] == [pytest.approx(metres)] * 3
    np.testing.assert_allclose(told[1.6] / told[2.0], 0.8, rtol=1e-5)
    np.testing.assert_allclose(np.median(told[2.0] / floor.depth_m), 2.0 / 1.7, rtol=0.05)


BAD_SIZES = {
    "height": (["--person-height", "tall"], "--person-height is 'tall'"),
    "height of a giant": (["--person-height", "18"], "expected 0.4 to 2.6 m"),
    "height of nobody": (["--person-height", "7=1.8"], "person 7"),
    "height twice": (["--person-height", "1.8", "--person-height", "1.7"], "given twice"),
    "distance": (["--known-distance", "far"], "--known-distance is 'far'"),
    "distance 0": (["--known-distance", "1,2=0m"], "--known-distance is '1,2=0m'"),
    "distance unit": (["--known-distance", "1,2=3km"], "units are m"),
    "distance outside": (["--known-distance", "160,2=3"], "outside the photo, which is 160x120"),
    "length": (["--known-length", "1,2=3"], "--known-length is '1,2=3'"),
    "object": (["--known-size", "1,2=3"], "--known-size is '1,2=3'"),
    "object of nothing": (["--known-size", "1,2:1,2=3"], "two different pixels"),
    "object outside": (["--known-size", "1,2:3,120=3"], "outside the photo"),
    "length of nothing": (["--known-length", "1,2:1,2=3"], "two different pixels"),
    "length outside": (["--known-length", "1,2:3,120=3"], "outside the photo"),
}


@pytest.mark.parametrize("case", BAD_SIZES)
def test_bad_sizes_are_one_line_and_exit_code_2(run_mfh, floor, tmp_path, case):
    words, expected = BAD_SIZES[case]
    run = predict(run_mfh, tmp_path, *words)
    assert run.code == 2 and expected in run.error_line and run.out == ""
    assert not (tmp_path / "out").exists()


@pytest.fixture
def room(tmp_path):
    """A drawn room with nobody in it: wall, floor, a window and a box."""
    rows, columns = np.mgrid[0:192, 0:256]
    floor = np.array([130, 95, 60]) * (0.5 + 0.5 * (rows / 191))[..., None]
    rgb = np.where((rows > 110)[..., None], floor, np.array([200, 195, 185]) * (0.9 + 0.1 * columns / 255)[..., None])
    rgb[30:80, 40:90] = (225, 235, 245)
    rgb[100:150, 170:220] = (90, 60, 40)
    rgb += np.random.default_rng(0).normal(0, 3, rgb.shape)
    path = tmp_path / "room.png"
    Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("metres", [2.4, 9.0])
def test_one_known_distance_gives_metres_without_people(run_mfh, room, tmp_path, metres):
    try:
        mfh.pipeline.pipeline.MetricFromHuman.from_preset("pocket")
    except (WeightsError, BackendError) as error:
        pytest.skip(f"the models are not installed: {error}")
    words = ("--focal-px", "220", "--known-distance", f"127.5,95.5={metres}m")
    run = run_mfh("predict", room, "--out", tmp_path / "out", *words)
    assert run.code == 0, run.err
    stored = read_depth_npz(tmp_path / "out" / "room" / "depth.npz")
    assert np.median(stored.depth_m[93:99, 125:131]) == pytest.approx(metres, rel=0.05)
    receipt = json.loads((tmp_path / "out" / "room" / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["attempts"] == 0 and receipt["people_used"] == 0
    (known,) = receipt["known_sizes"]
    assert (
        known["name"] == f"distance {metres:g} m at 127.5,95.5" and known["weight"] == 1 and known["by_people"] is None
    )
