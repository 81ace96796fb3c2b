"""One's own relative depth: metres for any map, and a swapped space never goes through."""

from dataclasses import replace

import numpy as np
import pytest

import mfh.pipeline.pipeline
from mfh.config import preset
from mfh.errors import InputError, NoLandmarkError
from mfh.io.relative import RelativeDepthMap
from mfh.models.protocols import RelativeDepthModel
from mfh.pipeline.own_depth import GivenRelativeDepth, gather_with_relative_depth, metric_from_relative_depth
from mfh.pipeline.request import Request
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import Region, Segment


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
        return {role: model for role, model in world.models().items() if role in names}

    monkeypatch.setattr(mfh.pipeline.pipeline, "load_models", load)
    return world


def given(world, space):
    return (0.3 / world.depth_m - 5 if space == "disparity" else 12 * world.depth_m + 40).astype(np.float32)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_people_in_the_photo_give_the_map_metres(crowd, space):
    config = replace(preset("pocket"), people="only")
    result = metric_from_relative_depth(crowd.photo(), given(crowd, space), space=space, config=config)
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
    result = metric_from_relative_depth(
        world.photo(), given(world, "depth"), space="depth", request=Request(known=known)
    )
    assert (result.attempts, result.people_used) == (0, 0)
    # Along the line of sight: a few percent more than z at these pixels.
    assert result.depth_m[10, 80] == pytest.approx(metres[1], rel=0.1)
    with pytest.raises(InputError, match="pass --space depth"):
        metric_from_relative_depth(
            world.photo(), given(world, "depth"), space="disparity", request=Request(known=known)
        )


def test_where_nobody_can_tell_it_is_believed(world):
    known = KnownSizes(distances=(KnownDistance(80.0, 110.0, 3.0),))
    result = metric_from_relative_depth(
        world.photo(), given(world, "depth"), space="disparity", request=Request(known=known)
    )
    assert result.head.space == "disparity"
    assert any("taken for disparity, as stated" in warning for warning in result.warnings)


def test_nobody_and_nothing_known_is_said(world):
    only = replace(preset("pocket"), people="only")
    with pytest.raises(NoLandmarkError):
        metric_from_relative_depth(world.photo(), given(world, "depth"), space="depth", config=only)


def test_evidence_asked_for_by_contact_needs_no_note(world):
    contact = replace(preset("pocket"), painting_evidence="contact")
    relative = RelativeDepthMap(given(world, "depth"), "depth", "m.npy")
    gathered = gather_with_relative_depth(world.photo(), relative, config=contact)
    assert gathered.attempts > 0 and gathered.photo.notes == ()


@pytest.mark.parametrize("bad", ["shape", "mostly NaN", "constant", "text"])
def test_maps_that_cannot_be_used(world, bad):
    values = given(world, "depth")
    values = {
        "shape": values[:50],
        "mostly NaN": np.where(np.arange(160) > 4, np.nan, values),
        "constant": 0 * values,
        "text": values.astype(str),
    }[bad]
    with pytest.raises(InputError, match="array "):
        metric_from_relative_depth(world.photo(), values, space="depth")


def with_holes(world, space, hole):
    """The far half of the wall, a patch of floor where people would be painted, and all of the middle person."""
    values = given(world, space)
    holes = np.zeros(values.shape, bool)
    holes[:25, 80:] = holes[90:100, :30] = True
    for mask in world.masks[1:2]:
        rows, columns = np.nonzero(mask)
        holes[rows.min() - 3 : rows.max() + 6, columns.min() - 15 : columns.max() + 16] = True
    return np.where(holes, np.float32(hole), values), holes


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("who", ["crowd", "world"])
def test_holes_have_no_metres_and_do_not_touch_the_rest(request, who, space, hole):
    world = request.getfixturevalue(who)
    values, holes = with_holes(world, space, hole)
    result = metric_from_relative_depth(world.photo(), values, space=space)
    np.testing.assert_array_equal(result.valid_mask, ~holes)
    np.testing.assert_array_equal(np.isnan(result.depth_m), holes)
    np.testing.assert_allclose(result.depth_m[~holes], world.depth_m[~holes], rtol=0.15)
    assert any(f"no depth at {holes.mean():.1%} of the pixels" in warning for warning in result.warnings)
    if who == "crowd":
        reasons = [one.reason for one in result.landmarks]
        assert reasons[1].startswith("no relative depth where they are") and result.people_used == 2


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("who", ["crowd", "world"])
def test_what_fills_a_hole_changes_nothing(request, monkeypatch, who, space):
    import mfh.pipeline.own_depth

    world = request.getfixturevalue(who)
    values, holes = with_holes(world, space, np.nan)
    usual = mfh.pipeline.own_depth.relative_with_holes
    region, length = Region(60, 10, 100, 60), Segment((10.0, 40.0), (140.0, 110.0))

    def measured(fill):
        def filled(values, space):
            relative = usual(values, space)
            assert relative.valid_mask is not None
            fills = np.where(relative.valid_mask, relative.values, np.float32(fill))
            return replace(relative, values=fills)

        monkeypatch.setattr(mfh.pipeline.own_depth, "relative_with_holes", filled)
        return metric_from_relative_depth(
            world.photo(), values, space=space, request=Request(region=region, lengths=[length])
        )

    first, second = measured(0.0), measured(1e4)
    assert (first.head, first.interval, first.region) == (second.head, second.interval, second.region)
    assert (first.landmarks, first.lengths) == (second.landmarks, second.lengths)
    np.testing.assert_array_equal(first.depth_m, second.depth_m)
    assert first.log_sigma is not None and second.log_sigma is not None
    np.testing.assert_array_equal(first.log_sigma[~holes], second.log_sigma[~holes])


def test_a_region_partly_in_a_hole_is_measured_by_the_rest_and_says_so(crowd):
    values, holes = with_holes(crowd, "depth", np.inf)
    region = Region(70, 5, 150, 25)
    result = metric_from_relative_depth(crowd.photo(), values, space="depth", request=Request(region=region))
    share = holes[region.pixels].mean()
    assert 0.8 < share < 1 and result.region is not None
    assert result.region.depth_m == pytest.approx(np.nanmedian(result.depth_m[region.pixels]))
    assert any(f"no value at {share:.1%} of the region" in warning for warning in result.warnings)


IN_A_HOLE = {
    "region": ({"region": Region(90, 5, 120, 20)}, "no value in the region 90,5 to 120,20"),
    "length": ({"lengths": [Segment((20.0, 60.0), (100.0, 10.0))]}, "no value at pixel 100,10"),
    "distance": ({"known": KnownSizes(distances=(KnownDistance(100.0, 10.0, 8.0),))}, "no value at pixel 100,10"),
}


@pytest.mark.parametrize("case", IN_A_HOLE)
def test_what_is_asked_or_known_in_a_hole_is_one_line_before_anything_is_painted(world, monkeypatch, case):
    values, _ = with_holes(world, "depth", np.nan)
    monkeypatch.setattr(mfh.pipeline.pipeline, "load_models", lambda names: pytest.fail("a model was loaded"))
    asked, said = IN_A_HOLE[case]
    with pytest.raises(InputError, match=said) as caught:
        metric_from_relative_depth(world.photo(), values, space="depth", request=Request(**asked))
    assert "\n" not in str(caught.value)


def test_a_hole_of_a_few_pixels_beside_a_click_does_not_matter(world):
    values = given(world, "depth")
    values[108:110, 78:83] = np.nan
    known = KnownSizes(distances=(KnownDistance(80.0, 110.0, 3.0),))
    result = metric_from_relative_depth(world.photo(), values, space="depth", request=Request(known=known))
    assert result.known_sizes[0].weight == pytest.approx(1)


def test_whole_numbers_of_depth_have_holes_where_they_are_0(crowd):
    values = np.rint(400 * given(crowd, "depth")).astype(np.uint16)
    values[:20, :40] = 0
    result = metric_from_relative_depth(crowd.photo(), values, space="depth")
    np.testing.assert_array_equal(result.valid_mask, values > 0)
    disparity = np.rint(3000 / crowd.depth_m - 3000 / crowd.depth_m.max()).astype(np.uint16)
    result = metric_from_relative_depth(crowd.photo(), disparity, space="disparity")
    assert (disparity == 0).any() and result.valid_mask.all()
    np.testing.assert_allclose(result.depth_m, crowd.depth_m, rtol=0.1)


def test_the_model_knows_one_photo_alone(world):
    relative = RelativeDepthMap(given(world, "depth"), "depth", "m.npy")
    model = GivenRelativeDepth(relative, world.rgb)
    assert isinstance(model, RelativeDepthModel) and model.name == "m.npy" and model.shape_log_sigma > 0
    (answer,) = model.predict([world.rgb])
    assert answer.space == "depth"
    np.testing.assert_array_equal(answer.values, relative.values)
    with pytest.raises(InputError, match=r"m\.npy is of one photo"):
        model.predict([world.rgb, world.rgb + np.float32(0.01)])
