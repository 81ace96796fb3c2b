import pytest

from mfh.errors import InputError
from mfh.types import Camera
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.protocols import PAPER, view
from tests.lab.evaluation.datasets.layouts import write_pocket
from tests.lab.pocket.world.scene_files import read_scene


def test_scenes_as_the_command_writes_them(tmp_path):
    write_pocket(tmp_path, seeds=(12, 3))
    dataset = open_dataset("pocket", tmp_path)
    assert dataset.names == ("scene-00000003", "scene-00000012")
    sample = dataset.load("scene-00000003")
    assert sample.camera == Camera(fx=40.0, fy=40.0, cx=31.5, cy=23.5, width=64, height=48)
    assert view(sample, PAPER.of("pocket")).scored_mask.sum() == 40 * 64


def test_the_plain_files_hold_the_same(tmp_path):
    write_pocket(tmp_path)
    sample = open_dataset("pocket", tmp_path).load("scene-00000003")
    content, rgb, depth_m = read_scene(tmp_path / "scene-00000003")
    assert (sample.truth_m == depth_m).all()
    assert sample.rgb * 255 == pytest.approx(rgb.astype(float), abs=1e-3)
    camera = content["camera"]
    assert sample.kind == content.get("kind", "")
    assert isinstance(camera, dict) and sample.camera.fx == camera["fx"] and sample.camera.cy == camera["cy"]


def test_an_unfinished_scene_is_missing_not_skipped(tmp_path):
    write_pocket(tmp_path, seeds=(3, 4))
    (tmp_path / "scene-00000004" / "scene.json").unlink()
    with pytest.raises(InputError, match=r"scene-00000004/scene\.json missing"):
        open_dataset("pocket", tmp_path)


def test_scene_without_camera(tmp_path):
    write_pocket(tmp_path)
    dataset = open_dataset("pocket", tmp_path)
    (tmp_path / "scene-00000003" / "scene.json").write_text("{}")
    with pytest.raises(InputError, match=r"scene\.json is damaged or of another kind .*camera"):
        dataset.load("scene-00000003")


def test_no_scene(tmp_path):
    with pytest.raises(InputError, match="the split is empty"):
        open_dataset("pocket", tmp_path)
