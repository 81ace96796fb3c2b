"""What every registered backend must keep, whatever it is (protocols.py).

Embedded backends run for real, hub ones as tiny copies with random weights, which keep the contract but see nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mfh
from mfh.errors import BackendError, WeightsError
from mfh.io.photo import load_photo
from mfh.models.protocols import (
    FieldOfViewModel,
    HumanMeshModel,
    ObjectDetector,
    Painter,
    PersonSegmenter,
    RelativeDepthModel,
    ScalePrior,
)
from mfh.models.registry import REGISTRY, Role, load_models
from mfh.types import Camera, Photo
from tests.models import tiny_hub

pytestmark = pytest.mark.slow

_EXAMPLE = Path(mfh.__file__).parent / "examples" / "room" / "rgb.png"


@pytest.fixture(scope="module")
def photos() -> list[Photo]:
    whole = load_photo(_EXAMPLE)
    part = np.ascontiguousarray(whole.rgb[:400, 150:550])
    camera = Camera(whole.camera.fx, whole.camera.fy, whole.camera.cx - 150, whole.camera.cy, 400, 400)
    return [whole, Photo(part, camera, whole.focal, "part")]


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Callable[[Role, str], Any]:
    """Return what loads a backend: tiny where it comes from the hub and there is a builder for it."""

    def get(role: Role, name: str) -> Any:
        needed = REGISTRY[role][name].weights
        if needed and all(one in tiny_hub.BUILDERS for one in needed):
            request.getfixturevalue("tiny_weights")(*needed)
            model = load_models({role: name})[role]
            if role == "person_segmenter":
                # Who sees nothing is certain of nothing.
                model.min_score = 0.0
            if role == "painter":
                model.options = replace(model.options, short_side_px=64, long_side_px=96, steps=2)
            return model
        return _load(role, name)

    return get


def _sees(role: Role, name: str) -> bool:
    """Say whether a backend runs with weights that were trained."""
    return not any(one in tiny_hub.BUILDERS for one in REGISTRY[role][name].weights)


def _load(role: Role, name: str):
    try:
        return load_models({role: name})[role]
    except (BackendError, WeightsError) as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", sorted(REGISTRY["relative_depth"]))
def test_relative_depth_models(name, photos, load):
    model = load("relative_depth", name)
    assert isinstance(model, RelativeDepthModel) and model.name == name
    together = model.predict([p.rgb for p in photos])
    for photo, relative in zip(photos, together, strict=True):
        assert relative.values.shape == photo.rgb.shape[:2]
        assert np.isfinite(relative.values).all() and relative.values.std() > 0
        np.testing.assert_array_equal(model.predict([photo.rgb])[0].values, relative.values)
        assert relative.space in ("disparity", "depth")
    if not _sees("relative_depth", name):
        return
    # The middle of the nearest person is nearer than the far wall, in whatever space the model declares.
    near, far = together[0].values[290, 222], together[0].values[150, 230]
    assert (near > far) == (together[0].space == "disparity")


@pytest.mark.parametrize("name", sorted(REGISTRY["person_segmenter"]))
def test_person_segmenters(name, photos, load):
    model = load("person_segmenter", name)
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


@pytest.mark.parametrize("name", sorted(REGISTRY["person_segmenter"]))
def test_person_segmenters_look_where_they_are_told(name, photos, load):
    model = load("person_segmenter", name)
    rgb = photos[0].rgb
    everybody = model.segment([rgb])[0]
    someone = everybody[0]
    region = np.zeros(rgb.shape[:2], bool)
    left, top, right, bottom = someone.box_xyxy.astype(int)
    region[max(0, top - 5) : bottom + 6, max(0, left - 5) : right + 6] = True
    nowhere = np.zeros(rgb.shape[:2], bool)
    there, again, none = model.segment([rgb, rgb, rgb], [region, None, nowhere])
    assert none == []
    assert [person.score for person in again] == [person.score for person in everybody]
    overlaps = []
    for person in there:
        assert person.instance_mask.shape == region.shape
        assert (person.instance_mask & region).sum() >= 0.5 * person.instance_mask.sum()
        both, either = person.instance_mask & someone.instance_mask, person.instance_mask | someone.instance_mask
        overlaps.append(both.sum() / either.sum())
    if _sees("person_segmenter", name):
        assert max(overlaps) > 0.8


@pytest.mark.parametrize("name", sorted(REGISTRY["human_mesh"]))
def test_human_mesh_models(name, photos, load):
    # Before the tiny copies, which have a cache of their own.
    finder = _load("person_segmenter", name if name in REGISTRY["person_segmenter"] else "blazepose")
    model = load("human_mesh", name)
    assert isinstance(model, HumanMeshModel) and model.name == name
    people = finder.segment([photos[0].rgb])[0]
    meshes = model.measure(photos[0].rgb, people, photos[0].camera)
    assert len(meshes) == len(people) and any(mesh is not None for mesh in meshes)
    for mesh in meshes:
        if mesh is not None:
            assert np.isfinite(mesh.vertices_m).all() and mesh.vertices_m[:, 2].min() > 0
            assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices_m)
            assert mesh.source


@pytest.mark.parametrize("name", sorted(REGISTRY["field_of_view"]))
def test_field_of_view_models(name, photos, load):
    model = load("field_of_view", name)
    assert isinstance(model, FieldOfViewModel) and model.name == name and 0 < model.relative_sigma < 1
    degrees = [model.fov_x_deg(photo.rgb) for photo in photos]
    assert all(isinstance(one, float) and 2 < one < 150 for one in degrees)
    assert degrees == [model.fov_x_deg(photo.rgb) for photo in photos]


@pytest.mark.parametrize("name", sorted(REGISTRY["painter"]))
def test_painters(name, photos, load):
    model = load("painter", name)
    assert isinstance(model, Painter) and model.name == name and model.provenance
    rgb = photos[0].rgb
    masks = []
    for left in (40, 200, 380):
        mask = np.zeros(rgb.shape[:2], bool)
        mask[:, left : left + 220] = True
        masks.append(mask)
    prompts, seeds = ["a man", "a woman", "a man"], [3, 4, 5]
    together = model.paint(rgb, masks, prompts, seeds)
    assert len(together) == 3 and any(painting.paint_mask.any() for painting in together)
    for mask, prompt, seed, painting in zip(masks, prompts, seeds, together, strict=True):
        assert painting.rgb.shape == rgb.shape and 0 <= painting.rgb.min() and painting.rgb.max() <= 1
        # What may differ is part of the mask asked for; the rest is the photo, bit for bit.
        assert not (painting.paint_mask & ~mask).any()
        np.testing.assert_array_equal(painting.rgb[~painting.paint_mask], rgb[~painting.paint_mask])
        (alone,) = model.paint(rgb, [mask], [prompt], [seed])
        # Exact where nothing is summed over a batch; else up to rounding.
        np.testing.assert_allclose(alone.rgb, painting.rgb, atol=0 if _sees("painter", name) else 2e-5)


@pytest.mark.parametrize("name", sorted(REGISTRY["scale_prior"]))
def test_scale_priors(name, photos, load):
    model = load("scale_prior", name)
    assert isinstance(model, ScalePrior) and model.name == name
    for photo in photos:
        size = model.predict(photo.rgb)
        assert size == model.predict(photo.rgb)
        assert 0 < size.height_m < 1000 and 0 < size.log_sigma < 2


@pytest.mark.parametrize("name", sorted(REGISTRY["object_detector"]))
def test_object_detectors(name, photos, load):
    model = load("object_detector", name)
    assert isinstance(model, ObjectDetector) and model.name == name
    for photo in photos:
        found = model.detect(photo.rgb)
        assert found == model.detect(photo.rgb)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        height, width = photo.rgb.shape[:2]
        for one in found:
            left, top, right, bottom = one.box_xyxy
            assert one.label and model.min_score <= one.score <= 1
            assert -0.5 <= left < right <= width - 0.5 and -0.5 <= top < bottom <= height - 0.5
