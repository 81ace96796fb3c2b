"""One's own relative depth: metres for any map, and a swapped space never goes through."""

from dataclasses import replace

import numpy as np
import pytest

import mfh.pipeline
from mfh.adapters import GivenRelativeDepth, gather_with_relative_depth, metric_from_relative_depth
from mfh.config import preset
from mfh.errors import InputError, NoLandmarkError
from mfh.io.relative import RelativeDepthMap
from mfh.models.protocols import RelativeDepthModel
from mfh.numerics.known_sizes import KnownDistance, KnownSizes


@pytest.fixture
def world(floor_world, monkeypatch):
    """The stand-ins are what presets load; a relative-depth model must not be asked for."""
    return served(floor_world(), monkeypatch)


@pytest.fixture
def crowd(floor_world, monkeypatch):
    return served(floor_world([2.7, 4.0, 6.0]), monkeypatch)


def served(world, monkeypatch):
    def load(names):
        assert "relative_depth" not in names
        return {role: world.models()[role] for role in names}

    monkeypatch.setattr(mfh.pipeline, "load_models", load)
    return world


def given(world, space):
    return (0.3 / world.depth_m - 5 if space == "disparity" else 12 * world.depth_m + 40).astype(np.float32)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_people_in_the_photo_give_the_map_metres(crowd, space):
    result = metric_from_relative_depth(crowd.photo(), given(crowd, space), space=space)
    np.testing.assert_allclose(result.depth_m, crowd.depth_m, rtol=0.1)
    assert (result.attempts, result.people_used, result.head.space) == (0, 3, space)
    assert result.models["relative_depth"] == "array"
    assert not any("array" in warning for warning in result.warnings), "nobody was painted, and the space is clear"


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_painted_people_meet_the_map_at_their_feet(world, space):
    result = metric_from_relative_depth(world.photo(), given(world, space), space=space)
    np.testing.assert_allclose(result.depth_m, world.depth_m, rtol=0.15)
    assert result.people_used >= 8
    assert {one.evidence for one in result.landmarks if one.verdict == "used"} == {"contact"}
    assert any("array at their feet" in warning for warning in result.warnings)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_files_of_another_size_are_resized_aloud(crowd, space, tmp_path):
    import cv2

    half = cv2.resize(given(crowd, space), (80, 60), interpolation=cv2.INTER_AREA)
    np.save(tmp_path / "half.npy", half)
    result = metric_from_relative_depth(crowd.photo(), tmp_path / "half.npy", space=space)
    assert np.median(np.abs(result.depth_m / crowd.depth_m - 1)) < 0.1
    assert result.models["relative_depth"] == "half.npy"
    assert any("resized from 80x60 to the photo's 160x120" in warning for warning in result.warnings)


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("who", ["crowd", "world"])
def test_a_swapped_space_is_refused(request, who, space):
    world = request.getfixturevalue(who)
    other = "depth" if space == "disparity" else "disparity"
    with pytest.raises(InputError, match=f"holds {space}, not {other}: pass --space {space}") as caught:
        metric_from_relative_depth(world.photo(), given(world, space), space=other)
    assert "\n" not in str(caught.value)


def test_known_distances_tell_it_where_nobody_can(world):
    near, far = (80.0, 115.0), (80.0, 10.0)
    metres = [float(world.depth_m[int(y), int(x)]) for x, y in (near, far)]
    known = KnownSizes(distances=(KnownDistance(*near, metres[0]), KnownDistance(*far, metres[1])))
    result = metric_from_relative_depth(world.photo(), given(world, "depth"), space="depth", known=known)
    assert (result.attempts, result.people_used) == (0, 0)
    # Along the line of sight: a few percent more than z at these pixels.
    assert result.depth_m[10, 80] == pytest.approx(metres[1], rel=0.1)
    with pytest.raises(InputError, match="pass --space depth"):
        metric_from_relative_depth(world.photo(), given(world, "depth"), space="disparity", known=known)


def test_where_nobody_can_tell_it_is_believed(world):
    known = KnownSizes(distances=(KnownDistance(80.0, 110.0, 3.0),))
    result = metric_from_relative_depth(world.photo(), given(world, "depth"), space="disparity", known=known)
    assert result.head.space == "disparity"
    assert any("taken for disparity, as was said" in warning for warning in result.warnings)


def test_nobody_and_nothing_known_is_said(world):
    only = replace(preset("pocket"), people="only")
    with pytest.raises(NoLandmarkError):
        metric_from_relative_depth(world.photo(), given(world, "depth"), space="depth", config=only)


def test_evidence_asked_for_by_contact_needs_no_note(world):
    contact = replace(preset("pocket"), painting_evidence="contact")
    relative = RelativeDepthMap(given(world, "depth"), "depth", "m.npy")
    gathered = gather_with_relative_depth(world.photo(), relative, config=contact)
    assert gathered.attempts > 0 and gathered.photo.notes == ()


@pytest.mark.parametrize("bad", ["shape", "NaN", "constant"])
def test_maps_that_cannot_be_used(world, bad):
    values = given(world, "depth")
    values = {"shape": values[:50], "NaN": np.where(values > 100, np.nan, values), "constant": 0 * values}[bad]
    with pytest.raises(InputError, match="array "):
        metric_from_relative_depth(world.photo(), values.astype(np.float32), space="depth")


def test_the_model_knows_one_photo_alone(world):
    relative = RelativeDepthMap(given(world, "depth"), "depth", "m.npy")
    model = GivenRelativeDepth(relative, world.rgb)
    assert isinstance(model, RelativeDepthModel) and model.name == "m.npy" and model.shape_log_sigma > 0
    (answer,) = model.predict([world.rgb])
    assert answer.space == "depth"
    np.testing.assert_array_equal(answer.values, relative.values)
    with pytest.raises(InputError, match=r"m\.npy is of one photo"):
        model.predict([world.rgb, world.rgb + np.float32(0.01)])
