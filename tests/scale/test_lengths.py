"""Lengths between two pixels: exact where all is known, and as unsure as what they rest on."""

import math

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.scale.consensus import fit_consensus
from mfh.scale.lengths import measure_lengths
from mfh.scale.measurements import ScaleMeasurement
from mfh.scale.posterior import ScalePosterior
from mfh.types import CommonErrors, MeasuredLength, MetricHead, RelativeDepth, Segment, Space

CAMERA = camera_from_focal_px(50.0, width=61, height=41)
ROWS, COLUMNS = np.mgrid[:41, :61]
# A floor that rises to the left, and sky in the corner.
DEPTH_M = np.geomspace(1.5, 8.0, 61)[None, :] * np.ones((41, 1))
NONE = CommonErrors()
SIDEWAYS = Segment((20.0, 10.0), (20.0, 30.0))
AWAY = Segment((5.0, 20.0), (55.0, 20.0))


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
