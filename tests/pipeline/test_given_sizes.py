"""Sizes the user gives, through the whole conclusion: met, contradicted, beyond the depth limit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfh.config import HeadConfig
from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.pipeline.conclude import conclude, with_camera
from mfh.scale.fit import reject_person
from mfh.scale.known_sizes import BEYOND_GIVEN, KnownDistance, KnownHeight, KnownLength, KnownObject, KnownSizes
from mfh.types import Camera, Evidence, FocalProvenance, MetricDepth, RelativeDepth, Segment
from mfh.types.observations import Gathered

HEAD = HeadConfig()


def distance_at(depth_m: np.ndarray, camera: Camera, x: float, y: float) -> float:
    """Along the line of sight, as a laser meter says."""
    ray = np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1.0])
    return float(depth_m[round(y), round(x)] * np.linalg.norm(ray))


def answer(gathered: Gathered, *distances: tuple[float, float, float]) -> MetricDepth:
    return conclude(gathered, head=HEAD, known=KnownSizes(tuple(KnownDistance(*one) for one in distances)))


def in_depth_space(gathered: Gathered) -> Gathered:
    """The same photo and people, its relative depth growing with depth."""
    depth_m = 1 / (0.5 * gathered.relative.values.astype(np.float64) + 0.1)
    evidence = [replace(one, relative=1 / (0.5 * one.relative + 0.1)) for one in gathered.evidence]
    return replace(gathered, relative=RelativeDepth(depth_m.astype(np.float32), "depth"), evidence=tuple(evidence))


def larger_people(gathered: Gathered, factor: float) -> Gathered:
    return replace(gathered, evidence=tuple(replace(one, depth_m=factor * one.depth_m) for one in gathered.evidence))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.booleans(),
    st.integers(0, 63),
    st.integers(0, 47),
    st.floats(0.05, 5e4),
    st.floats(0.05, 20),
    st.integers(0, 2**32 - 1),
)
def test_the_very_pixel_has_the_given_distance(gathered, is_depth, x, y, metres, factor, seed):
    told = larger_people(in_depth_space(gathered) if is_depth else gathered, factor)
    # No two neighbours alike: what is given is of the pixel itself.
    rough = told.relative.values * np.random.default_rng(seed).uniform(0.7, 1.3, told.relative.values.shape)
    told = replace(told, relative=replace(told.relative, values=rough.astype(np.float32)))
    result = answer(told, (float(x), float(y), metres))
    assert result.valid_mask[y, x]
    assert distance_at(result.depth_m, result.photo.camera, x, y) == pytest.approx(metres, rel=1e-4)
    assert np.isfinite(result.log_sigma).all() and (result.log_sigma >= 0).all()


@pytest.mark.parametrize("is_depth", [False, True])
@pytest.mark.parametrize("factor", [0.1, 1.0, 30.0])
def test_several_given_distances_of_one_scene_are_met(gathered, is_depth, factor):
    told = in_depth_space(gathered) if is_depth else gathered
    truth_m, camera = 1 / (0.5 * gathered.relative.values + 0.1), gathered.photo.camera
    places = [(4.0, 3.0), (33.0, 20.0), (60.0, 45.0)]
    given_m = [factor * distance_at(truth_m, camera, *place) for place in places]
    result = answer(told, *((*place, metres) for place, metres in zip(places, given_m, strict=True)))
    for place, metres in zip(places, given_m, strict=True):
        assert distance_at(result.depth_m, camera, *place) == pytest.approx(metres, rel=0.03)
    np.testing.assert_allclose(result.depth_m, factor * truth_m, rtol=0.1)
    assert not any("given sizes contradict" in warning for warning in result.warnings)


def test_a_contradiction_is_said_with_both_numbers_and_widens_the_interval(gathered):
    camera = gathered.photo.camera
    without = conclude(gathered, head=HEAD)
    people_m = distance_at(without.depth_m, camera, 20, 40)
    agreeing = answer(gathered, (20.0, 40.0, people_m))
    assert agreeing.interval.half_width < without.interval.half_width
    assert not any("contradict" in warning for warning in agreeing.warnings)
    result = answer(gathered, (20.0, 40.0, 5 * people_m))
    (said,) = [warning for warning in result.warnings if "contradict each other" in warning]
    assert f"distance {5 * people_m:g} m at 20,40" in said and "4 people" not in said
    assert "1 person and 3 painted people" in said
    by_people = float(said.split("20,40 (")[1].split(" m by the people")[0])
    assert by_people == pytest.approx(people_m, rel=0.1)
    low, high = result.interval.level_80
    assert low < 0.3 and high > 1 and result.interval.half_width > without.interval.half_width
    assert result.doubt > 0.1 and "contradict" in result.interval.limited_by
    assert np.median(result.log_sigma) > 2 * np.median(agreeing.log_sigma)
    assert distance_at(result.depth_m, camera, 20, 40) == pytest.approx(5 * people_m, rel=1e-4)
    assert all(one.verdict == "rejected" and "what is given implies" in one.reason for one in result.landmarks[2:])


def test_given_sizes_that_contradict_each_other_are_said(gathered):
    result = answer(gathered, (20.0, 40.0, 3.0), (21.0, 40.0, 30.0))
    (said,) = [warning for warning in result.warnings if "the given sizes contradict each other" in warning]
    assert "distance 3 m at 20,40 (9." in said and "distance 30 m at 21,40 (9." in said


def test_a_given_length_is_what_is_measured_there(gathered):
    for factor in (0.2, 1.0, 6.0):
        ends = ((10.0, 40.0), (50.0, 42.0))
        known = KnownSizes(lengths=(KnownLength(*ends, 3.0 * factor),))
        result = conclude(replace(gathered, lengths=(Segment(*ends),)), head=HEAD, known=known)
        assert result.lengths[0].metres == pytest.approx(3.0 * factor, rel=1e-4)


def test_the_paper_s_head_gives_way_to_what_is_given(gathered):
    known = KnownSizes((KnownDistance(20.0, 40.0, 7.0),))
    result = conclude(gathered, head=HeadConfig("silog"), known=known)
    assert distance_at(result.depth_m, result.photo.camera, 20, 40) == pytest.approx(7.0, rel=1e-4)
    assert any("silog" in warning for warning in result.warnings)
    assert not any("silog" in warning for warning in conclude(gathered, head=HeadConfig("silog")).warnings)


@pytest.mark.parametrize("is_depth", [False, True])
def test_answers_reach_beyond_what_is_given(gathered, is_depth):
    told = in_depth_space(gathered) if is_depth else gathered
    result = answer(told, (20.0, 40.0, 4000.0))
    assert result.valid_mask.mean() > 0.9
    assert distance_at(result.depth_m, result.photo.camera, 20, 40) == pytest.approx(4000, rel=1e-4)
    assert result.max_depth_m == pytest.approx(BEYOND_GIVEN * result.depth_m[40, 20], rel=1e-4)
    assert conclude(told, head=HEAD).max_depth_m == told.max_depth_m == 200


@pytest.mark.parametrize("is_depth", [False, True])
def test_what_lies_beyond_the_limit_is_said_with_its_share(gathered, is_depth):
    told = in_depth_space(gathered) if is_depth else gathered
    assert not any("where answers end" in warning for warning in conclude(told, head=HEAD).warnings)
    result = conclude(replace(told, max_depth_m=2.0), head=HEAD)
    (said,) = [warning for warning in result.warnings if "where answers end" in warning]
    assert said.startswith(f"{1 - result.valid_mask.mean():.1%} of the pixels are farther than 2 m")
    assert "--known-distance" in said


def test_sky_is_not_said_to_lie_beyond_the_limit(gathered):
    """Infinitely far is no depth whatever the limit is."""
    values = gathered.relative.values.copy()
    values[:6] = -5.0
    result = conclude(replace(gathered, relative=replace(gathered.relative, values=values)), head=HEAD)
    assert not result.valid_mask[:6].any()
    assert not any("where answers end" in warning for warning in result.warnings)


def test_an_answer_without_a_single_pixel_is_an_error(gathered):
    with pytest.raises(InputError, match=r"no pixel has a depth: with 1 person and 3 painted people .* answers end at"):
        conclude(replace(gathered, max_depth_m=0.5), head=HEAD)


def broken(gathered: Gathered, kind: str) -> Gathered:
    first: Evidence = gathered.evidence[0]
    bad = first.depth_m.copy()
    bad[3] = {"nan": np.nan, "inf": np.inf, "negative": -1.0, "zero": 0.0}.get(kind, 1.0)
    if kind in ("nan", "inf", "negative", "zero"):
        return replace(gathered, evidence=(replace(first, depth_m=bad), *gathered.evidence[1:]))
    if kind == "relative":
        return replace(gathered, evidence=(replace(first, relative=first.relative * np.nan), *gathered.evidence[1:]))
    if kind in ("distance_m", "log_distance_sigma", "shared_log_sigma"):
        one = replace(first.landmarks[0], **{kind: -np.inf})
        return replace(gathered, evidence=(replace(first, landmarks=(one, first.landmarks[1])), *gathered.evidence[1:]))
    if kind == "focal":
        return replace(gathered, photo=replace(gathered.photo, focal=FocalProvenance("exif-35mm", "?", float("nan"))))
    return replace(gathered, **{kind: -0.1})


@pytest.mark.parametrize(
    "kind",
    [
        *("nan", "inf", "negative", "zero", "relative", "distance_m", "log_distance_sigma", "shared_log_sigma"),
        *("focal", "shape_log_sigma", "max_depth_m"),
    ],
)
def test_numbers_that_no_model_says_are_an_error_and_never_metres(gathered, kind):
    with pytest.raises(InputError, match=r"^photo\.jpg: .*expected|no numbers"):
        conclude(broken(gathered, kind), head=HEAD)


def test_a_size_nothing_has_is_refused(gathered):
    for metres in (1e-9, 1e30, float("inf"), float("nan"), 0.0, -3.0):
        with pytest.raises(InputError, match="expected a finite, positive number of metres"):
            answer(gathered, (20.0, 40.0, metres))


def test_another_lens_does_not_move_what_is_given(gathered):
    camera = camera_from_focal_px(300.0, width=64, height=48)
    moved = with_camera(gathered, camera, FocalProvenance("explicit", "given", 0.0))
    result = answer(moved, (20.0, 40.0, 3.0))
    assert distance_at(result.depth_m, camera, 20, 40) == pytest.approx(3.0, rel=1e-4)


def test_an_edge_is_said(gathered):
    values = gathered.relative.values.copy()
    values[:, 30:] += 2.0
    told = replace(gathered, relative=replace(gathered.relative, values=values))
    at_edge, inside = (answer(told, (x, 24.0, 5.0)) for x in (29.0, 20.0))
    assert any("lies on an edge" in warning for warning in at_edge.warnings)
    assert not any("lies on an edge" in warning for warning in inside.warnings)


def test_a_size_of_something_that_is_not_seen_face_on_is_noted(gathered):
    # The upper left of the made-up photo is far away, the lower right near.
    known = KnownSizes(objects=(KnownObject((20.0, 8.0), (20.0, 44.0), 1.0),))
    face_on = KnownSizes(objects=(KnownObject((10.0, 30.0), (50.0, 30.0), 1.0),))
    slanted, level = (conclude(gathered, head=HEAD, known=one).warnings for one in (known, face_on))
    assert any("a size is of something seen face on" in one for one in slanted)
    assert not any("seen face on" in one for one in level)


def test_a_height_that_no_used_person_has_is_noted(gathered):
    rejected_in_photo = replace(
        gathered, evidence=(reject_person(gathered.evidence[0], 0, "too far"), *gathered.evidence[1:])
    )
    known = KnownSizes(heights=(KnownHeight(1.8),))
    result = conclude(rejected_in_photo, head=HEAD, known=known)
    assert any("the given height of all people in the photo (1.8 m) changes nothing" in one for one in result.warnings)
    assert not any("changes nothing" in one for one in conclude(gathered, head=HEAD, known=known).warnings)
