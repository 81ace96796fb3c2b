"""What every registered backend must keep, whatever it is (protocols.py). Embedded backends run for real."""

from pathlib import Path

import numpy as np
import pytest

import mfh
from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.protocols import HumanMeshModel, PersonSegmenter, RelativeDepthModel
from mfh.models.registry import REGISTRY, Role, load_models
from mfh.types import Photo

_EXAMPLE = Path(mfh.__file__).parent / "examples" / "room" / "rgb.png"


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    whole = load_photo(_EXAMPLE)
    part = np.ascontiguousarray(whole.rgb[:400, 150:550])
    camera = mfh.Camera(whole.camera.fx, whole.camera.fy, whole.camera.cx - 150, whole.camera.cy, 400, 400)
    return [whole, Photo(part, camera, whole.focal, "part")]


def _load(role: Role, name: str):
    try:
        return load_models({role: name})[role]
    except WeightsError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", sorted(REGISTRY["relative_depth"]))
def test_relative_depth_models(name, photos):
    model = _load("relative_depth", name)
    assert isinstance(model, RelativeDepthModel) and model.name == name
    together = model.predict([p.rgb for p in photos])
    for photo, relative in zip(photos, together, strict=True):
        assert relative.values.shape == photo.rgb.shape[:2]
        assert np.isfinite(relative.values).all() and relative.values.std() > 0
        np.testing.assert_array_equal(model.predict([photo.rgb])[0].values, relative.values)
    # The middle of the nearest person is nearer than the far wall, in whatever space the model declares.
    near, far = together[0].values[290, 222], together[0].values[150, 230]
    assert (near > far) == (together[0].space == "disparity")


@pytest.mark.parametrize("name", sorted(REGISTRY["person_segmenter"]))
def test_person_segmenters(name, photos):
    model = _load("person_segmenter", name)
    assert isinstance(model, PersonSegmenter) and model.name == name
    together = model.segment([p.rgb for p in photos])
    alone = [model.segment([p.rgb])[0] for p in photos]
    for photo, people, again in zip(photos, together, alone, strict=True):
        assert len(people) == len(again) > 0
        for person, same in zip(people, again, strict=True):
            assert person.instance_mask.shape == photo.rgb.shape[:2] and person.instance_mask.any()
            assert 0 <= person.score <= 1
            np.testing.assert_array_equal(person.instance_mask, same.instance_mask)
        scores = [person.score for person in people]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", sorted(REGISTRY["human_mesh"]))
def test_human_mesh_models(name, photos):
    model = _load("human_mesh", name)
    finder = _load("person_segmenter", name) if name in REGISTRY["person_segmenter"] else None
    if finder is None:
        pytest.skip(f"{name} finds nobody by itself")
    assert isinstance(model, HumanMeshModel)
    people = finder.segment([photos[0].rgb])[0]
    meshes = model.measure(photos[0].rgb, people, photos[0].camera)
    assert len(meshes) == len(people) and any(mesh is not None for mesh in meshes)
    for mesh in meshes:
        if mesh is not None:
            assert np.isfinite(mesh.vertices_m).all() and mesh.vertices_m[:, 2].min() > 0
            assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices_m)
            assert mesh.source
