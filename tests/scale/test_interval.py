"""Intervals cover what they say, and name what makes them wide."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.scale.consensus import fit_consensus
from mfh.scale.interval import depth_log_sigma, measure_lengths, people_share, scale_interval, tight_enough
from mfh.scale.measurements import ScaleMeasurement
from mfh.scale.posterior import ScalePosterior
from mfh.scale.range_prior import photo_range
from mfh.types import (
    CommonErrors,
    Evidence,
    Landmark,
    LogRange,
    MeasuredLength,
    MetricHead,
    RelativeDepth,
    ScaleInterval,
    Segment,
    Space,
)

ROOM_M = np.geomspace(1.5, 7.0, 20 * 30).reshape(20, 30)
ROOM = RelativeDepth(3 / ROOM_M - 0.4, "disparity")
NONE = CommonErrors()
CAMERA = camera_from_focal_px(50.0, width=61, height=41)
ROWS, COLUMNS = np.mgrid[:41, :61]
# A floor that rises to the left, and sky in the corner.
DEPTH_M = np.geomspace(1.5, 8.0, 61)[None, :] * np.ones((41, 1))
SIDEWAYS = Segment((20.0, 10.0), (20.0, 30.0))
AWAY = Segment((5.0, 20.0), (55.0, 20.0))


def measurements_of(
    rng: np.random.Generator, people: int, *, sigma: float = 0.12, outliers: float = 0.0
) -> list[ScaleMeasurement]:
    factors = np.exp(rng.normal(0, sigma, people))
    gross = rng.random(people) < outliers
    factors[gross] *= rng.choice([0.4, 2.5], gross.sum())
    places = rng.uniform(1.7, 6.5, people)
    return [ScaleMeasurement(float(f * z), np.array([3 / z - 0.4])) for f, z in zip(factors, places, strict=True)]


def interval_of(measurements: list[ScaleMeasurement], errors: CommonErrors = NONE) -> ScaleInterval:
    fit = fit_consensus(measurements, ROOM)
    return scale_interval(fit, fit.head, ROOM, errors)


def true_factor(measurements: list[ScaleMeasurement]) -> float:
    """The truth over the answer at the photo's median relative depth."""
    head = fit_consensus(measurements, ROOM).head
    value = np.median(ROOM.values)
    return float(3 / (value + 0.4) * (head.scale * value + head.shift))


@pytest.mark.slow
@pytest.mark.parametrize(("people", "outliers"), [(4, 0.0), (12, 0.0), (12, 0.1)])
def test_intervals_cover_the_truth_as_often_as_they_say(people: int, outliers: float):
    covered_80, covered_95, trials = 0, 0, 60
    for seed in range(trials):
        measurements = measurements_of(np.random.default_rng(seed), people, outliers=outliers)
        interval, truth = interval_of(measurements), true_factor(measurements)
        covered_80 += interval.level_80[0] <= truth <= interval.level_80[1]
        covered_95 += interval.level_95[0] <= truth <= interval.level_95[1]
    assert 0.65 * trials <= covered_80 <= 0.97 * trials
    assert covered_95 >= 0.88 * trials


@pytest.mark.slow
def test_more_people_make_it_narrower():
    few, many = (
        np.median([interval_of(measurements_of(np.random.default_rng(s), n)).half_width for s in range(5)])
        for n in (2, 16)
    )
    assert many < 0.6 * few


def test_the_wider_interval_holds_the_narrower():
    interval = interval_of(measurements_of(np.random.default_rng(0), 6))
    assert interval.level_95[0] < interval.level_80[0] < interval.level_80[1] < interval.level_95[1]


def test_common_errors_are_not_averaged_out_and_are_named():
    measurements = measurements_of(np.random.default_rng(1), 16, sigma=0.05)
    focal = interval_of(measurements, CommonErrors(focal=0.2))
    assert focal.half_width == pytest.approx(np.sinh(1.2816 * 0.2), rel=0.15)
    assert "focal length" in focal.limited_by
    assert "bias" in interval_of(measurements, CommonErrors(shared=0.3)).limited_by
    assert "relative depth" in interval_of(measurements, CommonErrors(shape=0.3)).limited_by
    assert "one measurement alone" in interval_of(measurements[:1]).limited_by
    near = [ScaleMeasurement(3.0, np.array([3 / 3.0 - 0.4])) for _ in range(6)]
    assert "shift" in interval_of(near).limited_by


def test_over_the_photo_people_at_one_distance_say_less_than_where_they_stand():
    middle_m = 3 / (np.median(ROOM.values) + 0.4)
    factors = (0.97, 1.0, 1.03, 1.0)
    at_one_distance = interval_of([ScaleMeasurement(middle_m * f, np.array([3 / middle_m - 0.4])) for f in factors * 3])
    assert at_one_distance.half_width_over_photo > 1.3 * at_one_distance.half_width
    assert not tight_enough(at_one_distance, 1.1 * at_one_distance.half_width)
    assert "over the photo" in tight_enough(at_one_distance, 1.01 * at_one_distance.half_width_over_photo)
    spread = interval_of([ScaleMeasurement(z * f, np.array([3 / z - 0.4])) for z in (1.7, 3.2, 6.5) for f in factors])
    assert spread.half_width_over_photo < 0.8 * at_one_distance.half_width_over_photo
    # What all people share is the same everywhere.
    everywhere = [ScaleMeasurement(z, np.array([3 / z - 0.4])) for z in np.linspace(1.6, 6.8, 40)]
    shared = interval_of(everywhere, CommonErrors(shared=0.3))
    assert shared.half_width_over_photo == pytest.approx(np.sinh(1.2816 * 0.3), rel=0.05)


def test_depth_is_least_sure_far_from_people():
    measurements = [ScaleMeasurement(2.5 * f, np.array([3 / 2.5 - 0.4])) for f in (0.95, 1.0, 1.05, 1.0)]
    sigma = depth_log_sigma(fit_consensus(measurements, ROOM), ROOM, NONE).at(ROOM.values)
    at = [float(sigma[np.abs(ROOM_M - z) < 0.1].mean()) for z in (1.6, 2.5, 6.5)]
    assert at[1] < at[0] and at[1] < at[2]
    with_shape = depth_log_sigma(fit_consensus(measurements, ROOM), ROOM, CommonErrors(shape=0.2)).at(ROOM.values)
    np.testing.assert_allclose(with_shape, np.hypot(sigma, 0.2), rtol=3e-3)
    assert sigma.dtype == np.float32


def test_what_people_share_is_the_middle_of_what_is_believed_of_those_who_count():
    def person(verdict, shared: float | None) -> Evidence:
        one = Landmark(
            "painting 0", "cards", (0.0, 0.0, 1.0, 1.0), 1.0, 2.0, 1.7, 1, verdict, "", shared_log_sigma=shared
        )
        return Evidence(np.zeros(0), np.zeros(0), np.zeros(0, int), (one,))

    believed = [person("used", 0.2), person("used", 0.5), person("rejected", 9.0), person("used", 0.3)]
    assert people_share(believed, 0.1) == 0.3
    assert people_share(believed[::-1], 0.1) == 0.3
    assert people_share([person("used", None), person("rejected", 9.0)], 0.1) == 0.1
    assert people_share([], 0.1) == 0.1


def test_a_painter_that_finds_little_room_is_believed_less():
    nobody = Evidence(np.zeros(0), np.zeros(0), np.zeros(0, int))
    landmark = Landmark("painting 0", "cards", (0.0, 0.0, 1.0, 1.0), 1.0, 2.0, 1.7, 1, "used", "", shared_log_sigma=0.2)
    somebody = Evidence(np.zeros(0), np.zeros(0), np.zeros(0, int), (landmark,))
    assert people_share([somebody, nobody, nobody, nobody] * 4, 0.1) == pytest.approx(0.2), "one in four is usual"
    assert people_share([somebody] + [nobody] * 15, 0.1) == pytest.approx(0.2 * 2)
    assert people_share([somebody] * 2 + [nobody] * 70, 0.1) == pytest.approx(0.2 * 3)
    assert people_share([nobody] * 8, 0.1) == 0.1


def test_a_far_end_beyond_infinity_in_every_candidate_does_not_count():
    """As with a head that exact models determine, and that puts the far end of the map at infinity."""
    span = photo_range(ROOM)
    beyond = -(span.low + 0.3 * (span.middle - span.low))
    certain = ScalePosterior(np.array([beyond]), np.log([[0.3]]), np.ones((1, 1)), "disparity")
    assert certain.finite_share(span.low) == 0 and certain.finite_share(span.middle) == 1
    head = MetricHead(0.3, 0.3 * beyond, "disparity", 0.0)
    fit = replace(fit_consensus(measurements_of(np.random.default_rng(0), 6), ROOM), posterior=certain, head=head)
    interval = scale_interval(fit, head, ROOM, CommonErrors(focal=0.1))
    assert interval.half_width == pytest.approx(np.sinh(1.2816 * 0.1), rel=1e-6)
    assert interval.half_width_over_photo == pytest.approx(interval.half_width, rel=1e-6)


def test_a_photo_that_is_mostly_sky_has_an_interval():
    """Where the map is sure of its sky, nothing there has a finite depth in any candidate."""
    depth_m = np.geomspace(3.0, 40.0, 30)
    values = np.concatenate([np.zeros(50), 1 / depth_m])[:, None] * np.ones((1, 40))
    seen = RelativeDepth(values - 0.5, "disparity", LogRange(((1.0, float(np.log(30.0)), 0.15),)))
    measurements = [ScaleMeasurement(z, np.array([1 / z - 0.5]), 0.05) for z in (4.0, 5.0, 7.0, 9.0)]
    fit = fit_consensus(measurements, seen)
    interval = scale_interval(fit, fit.head, seen, NONE)
    assert 0.3 < interval.level_95[0] < interval.level_80[0] < 1 < interval.level_80[1] < interval.level_95[1] < 3
    sigma = depth_log_sigma(fit, seen, NONE).at(values - 0.5)
    assert sigma.shape == values.shape and np.isfinite(sigma).all()
    assert (sigma[:50] >= sigma[-1, 0]).all(), "the sky is no surer than the farthest house"


def relative(space: Space, depth_m: np.ndarray = DEPTH_M) -> RelativeDepth:
    values = 3 / depth_m - 0.4 if space == "disparity" else (depth_m + 0.7) / 2
    return RelativeDepth(values, space)


def head(space: Space) -> MetricHead:
    return MetricHead(1 / 3, 0.4 / 3, space, 0.0) if space == "disparity" else MetricHead(2.0, -0.7, space, 0.0)


def posterior(space: Space, log_scale_sigma: float = 0.0) -> ScalePosterior:
    right = head(space)
    offsets = log_scale_sigma * np.linspace(-4, 4, 401) if log_scale_sigma else np.zeros(1)
    weight = np.exp(-0.5 * np.linspace(-4, 4, len(offsets)) ** 2) if log_scale_sigma else np.ones(1)
    return ScalePosterior(
        np.array([right.shift / right.scale]),
        np.log(right.scale) + offsets[None],
        (weight / weight.sum())[None],
        space,
    )


def measured(segment: Segment, space: Space = "disparity", errors=NONE, sigma: float = 0.0) -> MeasuredLength:
    (one,) = measure_lengths([segment], posterior(space, sigma), head(space), relative(space), CAMERA, errors)
    return one


def truth_m(segment: Segment) -> float:
    ends = []
    for x, y in (segment.start_xy, segment.end_xy):
        z = DEPTH_M[round(y), round(x)]
        ends.append(z * np.array([(x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, 1.0]))
    return float(np.linalg.norm(ends[1] - ends[0]))


def log_sigma(length: MeasuredLength) -> float:
    low, high = length.level_80
    return math.log(high / low) / 2 / 1.2816


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("segment", [SIDEWAYS, AWAY, Segment((3.0, 39.0), (58.0, 2.0))])
def test_without_errors_it_is_exact(space, segment):
    one = measured(segment, space)
    # Relative depth is the median of a patch.
    assert one.metres == pytest.approx(truth_m(segment), rel=1e-9)
    assert one.level_80 == pytest.approx((one.metres, one.metres)) and one.segment == segment


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_the_scale_is_as_unsure_as_it_is(space):
    one = measured(AWAY, space, sigma=0.1)
    assert log_sigma(one) == pytest.approx(0.1, rel=0.02)
    assert one.level_80[0] < one.metres < one.level_80[1]
    assert math.log(one.level_95[1] / one.level_95[0]) / 2 == pytest.approx(1.96 * 0.1, rel=0.02)
    assert log_sigma(measured(AWAY, space, CommonErrors(shared=0.2), sigma=0.1)) == pytest.approx(
        math.hypot(0.1, 0.2), rel=0.02
    )


def test_a_wrong_focal_length_stretches_depth_alone():
    errors = CommonErrors(focal=0.25)
    assert log_sigma(measured(SIDEWAYS, errors=errors)) < 1e-6
    assert log_sigma(measured(AWAY, errors=errors)) == pytest.approx(0.25 * _share_along_z(AWAY), rel=1e-3)
    assert _share_along_z(AWAY) > 0.5


def test_where_distances_are_known_it_spoils_widths_instead():
    def known(segment: Segment) -> float:
        (one,) = measure_lengths(
            [segment],
            posterior("disparity"),
            head("disparity"),
            relative("disparity"),
            CAMERA,
            NONE,
            widths_log_sigma=0.25,
        )
        return log_sigma(one)

    assert known(SIDEWAYS) == pytest.approx(0.25, rel=1e-3)
    assert known(AWAY) == pytest.approx(0.25 * (1 - _share_along_z(AWAY)), rel=1e-3)


def _share_along_z(segment: Segment) -> float:
    near, far = (DEPTH_M[round(y), round(x)] for x, y in (segment.start_xy, segment.end_xy))
    return float(((far - near) / truth_m(segment)) ** 2)


def test_the_shape_moves_each_end_along_its_ray():
    """Checked against drawing the errors: those of places far apart differ, those of neighbours hardly."""
    sigma = 0.005
    for segment in (SIDEWAYS, AWAY, Segment((30.0, 20.0), (32.0, 20.0))):
        rng = np.random.default_rng(0)
        ends = np.array(
            [
                DEPTH_M[round(y), round(x)] * np.array([(x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, 1.0])
                for x, y in (segment.start_xy, segment.end_xy)
            ]
        )
        apart = math.dist(segment.start_xy, segment.end_xy) / 61
        alike = math.exp(-apart / 0.1)
        off = np.exp(sigma * rng.multivariate_normal([0, 0], [[1, alike], [alike, 1]], 20_000)[..., None])
        drawn = np.log(np.linalg.norm(np.diff(ends * off, axis=1)[:, 0], axis=1))
        assert log_sigma(measured(segment, errors=CommonErrors(shape=sigma))) == pytest.approx(drawn.std(), rel=0.03)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    seen, held, trials = relative("disparity"), 0, 60
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        places = rng.uniform(1.7, 7.5, 6)
        measurements = [
            ScaleMeasurement(float(z * np.exp(rng.normal(0, 0.12))), np.array([3 / z - 0.4])) for z in places
        ]
        fit = fit_consensus(measurements, seen)
        (one,) = measure_lengths([AWAY], fit.posterior, fit.head, seen, CAMERA, NONE)
        held += one.level_80[0] <= truth_m(AWAY) <= one.level_80[1]
    assert 0.65 * trials <= held <= 0.97 * trials


def test_what_ends_in_the_sky_has_no_length():
    depth_m = DEPTH_M.copy()
    depth_m[:10, 50:] = np.inf
    (one,) = measure_lengths(
        [Segment((5.0, 20.0), (57.0, 3.0))],
        posterior("disparity", 0.1),
        head("disparity"),
        relative("disparity", depth_m),
        CAMERA,
        NONE,
    )
    assert math.isnan(one.metres) and all(math.isnan(end) for end in (*one.level_80, *one.level_95))


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (Segment((1.0, 2.0), (1.0, 2.0)), "the length 1,2:1,2 starts and ends at one pixel"),
        (Segment((1.0, 2.0), (61.0, 2.0)), "pixel 61,2 is outside the photo, which is 61x41"),
        (Segment((-1.0, 2.0), (6.0, 2.0)), "pixel -1,2 is outside the photo"),
    ],
)
def test_what_cannot_be_measured_is_one_line(segment, expected):
    with pytest.raises(InputError, match=expected) as caught:
        measured(segment)
    assert "\n" not in str(caught.value)


def test_nothing_asked_is_nothing_measured():
    assert measure_lengths([], posterior("depth"), head("depth"), relative("depth"), CAMERA, NONE) == ()


def test_what_lies_behind_the_camera_has_no_length():
    behind = MetricHead(0.5, -1000.0, "depth", 0.0)
    (one,) = measure_lengths(
        [Segment((5.0, 20.0), (57.0, 3.0))], posterior("depth"), behind, relative("depth"), CAMERA, NONE
    )
    assert math.isnan(one.metres) and math.isnan(one.level_80[0])
