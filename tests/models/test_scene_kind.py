"""The kind of a photo: rooms and streets are ordinary, and nothing of it depends on size or side."""

import json
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.painters.sprite import refusal
from mfh.models.scene_kind import ENCODER, SceneClassifier, SceneEncoder


def room() -> np.ndarray:
    with resources.as_file(resources.files("mfh") / "examples" / "room" / "rgb.png") as path:
        return load_photo(path).rgb


def test_a_room_is_ordinary_whatever_its_size_and_side():
    classifier, rgb = SceneClassifier(), room()
    kind = classifier.predict(rgb)
    assert kind.ordinary > max(kind.far, kind.near)
    assert kind.ordinary + kind.far + kind.near == pytest.approx(1, abs=0.02)
    mirrored = classifier.predict(np.ascontiguousarray(rgb[:, ::-1]))
    assert mirrored.ordinary == pytest.approx(kind.ordinary, abs=1e-3)
    larger = classifier.predict(cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))
    assert larger.ordinary == pytest.approx(kind.ordinary, abs=0.15)


def test_missing_weights_say_so(tmp_path: Path):
    with pytest.raises(WeightsError, match="no scene network at"):
        SceneEncoder(tmp_path / "scene.onnx")
    with pytest.raises(WeightsError, match="no scene head at"):
        SceneClassifier(ENCODER, tmp_path / "scene.npz")


@pytest.mark.slow
def test_photos_of_rooms_and_streets_with_sensor_depth_are_not_refused(shared_data: Path):
    folders = sorted((shared_data / "real_val" / "nyu").iterdir())[::12]
    folders += [one for one in sorted((shared_data / "real_val" / "others").iterdir()) if _is_outdoors(one)][::3]
    classifier = SceneClassifier()
    refused = [one.name for one in folders if refusal(classifier.predict(load_photo(one / "rgb.jpg").rgb)) is not None]
    assert len(folders) > 15 and not refused


def test_views_from_far_away_are_refused(shared_data: Path):
    classifier = SceneClassifier()
    for name in ("soh0.png", "london_aerial.jpg"):
        assert refusal(classifier.predict(load_photo(shared_data / "cases" / name).rgb)) is not None, name


def _is_outdoors(folder: Path) -> bool:
    return json.loads((folder / "intrinsics.json").read_text())["place"] == "outdoor"
