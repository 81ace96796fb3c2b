"""Scenes on disk say what was rendered, byte for byte, however they were made."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import InputError
from mfh.io.lock import folder_lock
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.pocket.world import export_scenes as exporting
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
from mfh_lab.pocket.world.export_scenes import SceneOptions, export_scenes, scene_folder
from mfh_lab.pocket.world.scenes import draw_scene, render
from tests.lab.pocket.world.scene_files import read_scene

_OPTIONS = SceneOptions(width=64, height=48, samples=1)
_SEEDS = range(3)


def _bytes(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scenes")
    assert export_scenes(_SEEDS, out, sample_bank_path(), options=_OPTIONS) == 3
    return out


@pytest.mark.slow
def test_files_hold_the_render(exported, bank):
    seen = 0
    for seed in _SEEDS:
        scene = draw_scene(seed, bank, split="test", size=(64, 48))
        truth = render(scene, bank, people=scene.people, samples=1)
        tree, rgb, depth_m = read_scene(scene_folder(exported, seed))
        np.testing.assert_array_equal(rgb, truth.rgb)
        np.testing.assert_array_equal(depth_m, truth.depth_m)
        ids = cv2.imread(str(scene_folder(exported, seed) / "ids.png"), cv2.IMREAD_UNCHANGED)
        assert ids.dtype == np.uint16
        np.testing.assert_array_equal(ids, truth.ids)
        assert tree["camera"]["fx"] == pytest.approx(truth.f_px, abs=1e-5)
        assert len(tree["people"]) == len(truth.people)
        seen += sum(person["pixels"] > 0 for person in tree["people"])
    assert seen > 0


@pytest.mark.slow
def test_people_and_camera_are_where_the_file_says(exported, bank):
    checked = 0
    for seed in _SEEDS:
        tree, _, _ = read_scene(scene_folder(exported, seed))
        scene = draw_scene(seed, bank, split="test", size=(64, 48))
        truth = render(scene, bank, people=scene.people, samples=1)
        # Straight down in camera coordinates, from pitch and roll alone.
        pitch, roll = np.deg2rad(tree["camera"]["pitch_deg"]), np.deg2rad(tree["camera"]["roll_deg"])
        down = np.array([np.cos(pitch) * np.sin(roll), np.cos(pitch) * np.cos(roll), -np.sin(pitch)])
        for person, exact in zip(tree["people"], truth.people, strict=True):
            feet = np.array(person["position_m"])
            assert feet @ down == pytest.approx(tree["camera"]["height_m"], abs=1e-3), "feet are on the ground"
            across = exact.vertices_m - feet
            across = across - np.outer(across @ down, down)
            assert np.linalg.norm(across.mean(0)) < 0.4
            assert person["pose"] in ("stand", "walk", "sit", "gesture", "reach", "crouch")
            if person["box_xyxy"] is not None:
                left, top, right, bottom = person["box_xyxy"]
                inside = truth.ids[top:bottom, left:right] == person["id"]
                assert inside.sum() == person["pixels"] == (truth.ids == person["id"]).sum()
                assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
            checked += 1
    assert checked >= 2


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_bytes(exported, tmp_path):
    assert export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=_OPTIONS, workers=2) == 3
    assert _bytes(tmp_path) == _bytes(exported)


@pytest.mark.slow
def test_a_finished_scene_is_not_rendered_again_and_an_unfinished_one_is(exported, tmp_path, monkeypatch):
    reports = []
    export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=_OPTIONS, progress=lambda *a: reports.append(a))
    assert [fraction for _, fraction in reports] == [pytest.approx(k / 3) for k in (1, 2, 3)]
    (scene_folder(tmp_path, 1) / "scene.json").unlink()
    (scene_folder(tmp_path, 1) / "depth.npz").write_bytes(b"half")
    drawn = []
    original = exporting.draw_scene
    monkeypatch.setattr(exporting, "draw_scene", lambda seed, *a, **k: drawn.append(seed) or original(seed, *a, **k))
    assert export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=_OPTIONS) == 1
    assert drawn == [1]
    assert _bytes(tmp_path) == _bytes(exported)


@pytest.mark.slow
def test_scenes_without_people_have_none(tmp_path):
    options = replace(_OPTIONS, people="none")
    export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=options)
    for seed in _SEEDS:
        tree, _, _ = read_scene(scene_folder(tmp_path, seed))
        assert tree["people"] == []
        assert cv2.imread(str(scene_folder(tmp_path, seed) / "ids.png"), cv2.IMREAD_UNCHANGED).max() < 100


@pytest.mark.slow
def test_folders_of_other_options_or_other_programs_are_left_alone(exported, tmp_path):
    before = _bytes(exported)
    with pytest.raises(InputError, match="was rendered with samples 1"):
        export_scenes(_SEEDS, exported, sample_bank_path(), options=replace(_OPTIONS, samples=2))
    assert _bytes(exported) == before
    scene_folder(tmp_path, 0).mkdir()
    (scene_folder(tmp_path, 0) / "scene.json").write_text(json.dumps({"mine": 1}))
    with pytest.raises(InputError, match="expected of mfh pocket render, as every scene in --out"):
        export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=_OPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rgb.png", "depth.npz", "ids.png", "notes.txt", "scene.json"])
def test_a_folder_of_somebody_else_stays_as_it_is(tmp_path, name):
    folder = scene_folder(tmp_path, 0)
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(InputError, match="scene-00000000.*--out"):
        export_scenes([0], tmp_path, sample_bank_path(), options=_OPTIONS)
    assert _bytes(tmp_path) == {f"scene-00000000/{name}": b"mine"}


@pytest.mark.slow
def test_what_a_killed_run_was_about_to_move_is_swept(exported, tmp_path):
    for name in (".scene-00000001.77.tmp", ".scene-mine.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rgb.png").write_text("half")
    export_scenes(_SEEDS, tmp_path, sample_bank_path(), options=_OPTIONS)
    assert _bytes(tmp_path) == {**_bytes(exported), ".scene-mine.tmp/rgb.png": b"half"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "cut", "eps", "other size", "object", "json"])
def test_a_damaged_scene_is_one_line(exported, tmp_path, kind):
    folder = scene_folder(tmp_path, 0)
    shutil.copytree(scene_folder(exported, 0), folder)
    dataset = open_dataset("pocket", tmp_path)
    damage = {
        "text": lambda: (folder / "rgb.png").write_text("no picture"),
        "cut": lambda: (folder / "depth.npz").write_bytes((folder / "depth.npz").read_bytes()[:-99]),
        "eps": lambda: (folder / "rgb.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0"),
        "other size": lambda: np.savez(folder / "depth.npz", depth_m=np.ones((2, 3), np.float32)),
        "object": lambda: np.savez(folder / "depth.npz", depth_m=np.array([{}], object)),
        "json": lambda: (folder / "scene.json").write_text("[" * 10_000),
    }
    damage[kind]()
    with pytest.raises(InputError, match=folder.name) as caught:
        dataset.load(folder.name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["faces", "vertices", "kinds", "objects", "nothing", "nan"])
def test_a_bank_that_compiled_code_would_read_beyond_its_ends_is_refused(tmp_path, kind):
    with np.load(sample_bank_path()) as stored:
        arrays = dict(stored)
    if kind == "faces":
        arrays["faces_body"] = arrays["faces_body"] + 10**6
    elif kind == "vertices":
        arrays["vertices_m"] = arrays["vertices_m"][:, :100]
    elif kind == "kinds":
        arrays["split"] = arrays["split"] + 7
    elif kind == "objects":
        arrays["pose"] = np.array([None] * 10, object)
    elif kind == "nothing":
        del arrays["faces_hair"]
    else:
        arrays["vertices_m"][3, 5] = np.nan
    np.savez(tmp_path / "bank.npz", **arrays)
    with pytest.raises(InputError, match="body bank .*bank.npz is damaged") as caught:
        load_bank(tmp_path / "bank.npz")
    assert "\n" not in str(caught.value)


def test_a_second_process_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_LOCK_WAIT_S", 0.2)
    with folder_lock(tmp_path, wait_s=0.0), pytest.raises(InputError, match="by another process"):
        export_scenes([0], tmp_path, sample_bank_path(), options=_OPTIONS)


def test_an_unfinished_scene_is_reported_by_name(tmp_path):
    scene_folder(tmp_path, 0).mkdir()
    with pytest.raises(InputError, match="scene-00000000.*missing; see what is there with mfh evaluate pocket"):
        open_dataset("pocket", tmp_path)


def test_a_bank_that_is_none_is_refused(tmp_path):
    (tmp_path / "bank.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match="body bank .* is damaged"):
        export_scenes(_SEEDS, tmp_path, tmp_path / "bank.npz", options=_OPTIONS)
    with pytest.raises(InputError, match="python -m mfh_lab.pocket.world.bodies"):
        export_scenes(_SEEDS, tmp_path, tmp_path / "absent.npz", options=_OPTIONS)
