"""Known distances, lengths and heights become evidence that is right by hand computation."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.scale.consensus import fit_consensus
from mfh.scale.head import log_depth_at
from mfh.scale.known_sizes import (
    ErrorsLeft,
    KnownDistance,
    KnownHeight,
    KnownLength,
    KnownObject,
    KnownSizes,
    errors_left,
    known_measurements,
    with_known_heights,
)
from mfh.scale.measurements import ScaleMeasurement
from mfh.types import CommonErrors, Evidence, Landmark, LogRange, RelativeDepth, Space

CAMERA = camera_from_focal_px(100.0, width=201, height=101)
# A wall that recedes to the right.
WALL_M = np.tile(np.linspace(2.0, 6.0, 201), (101, 1))


def relative(space: Space) -> RelativeDepth:
    return RelativeDepth(2 * (1 / WALL_M if space == "disparity" else WALL_M) + 0.1, space)


def point(x: int, y: int) -> np.ndarray:
    z = WALL_M[y, x]
    return np.array([(x - CAMERA.cx) / CAMERA.fx * z, (y - CAMERA.cy) / CAMERA.fy * z, z])


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_a_distance_along_the_line_of_sight_is_met(space: Space):
    distance = float(np.linalg.norm(point(180, 20)))
    known = KnownSizes(distances=(KnownDistance(180.0, 20.0, distance),))
    (measurement,) = known_measurements(known, relative(space), CAMERA)
    assert measurement.metres == pytest.approx(WALL_M[20, 180])
    fit = fit_consensus([measurement], relative(space))
    assert np.exp(log_depth_at(fit.head, measurement.relative)[0]) == pytest.approx(WALL_M[20, 180], rel=0.02)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_a_length_implies_the_true_scale_at_the_true_ratio(space: Space):
    length = float(np.linalg.norm(point(30, 80) - point(170, 10)))
    known = KnownSizes(lengths=(KnownLength((30.0, 80.0), (170.0, 10.0), length),))
    (measurement,) = known_measurements(known, relative(space), CAMERA)
    # relative = 2 (metric + 0.05): metric = 0.5 (relative - 0.1).
    assert measurement.log_scale(np.array([-0.1]), space)[0] == pytest.approx(np.log(0.5), rel=1e-3)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (KnownSizes(distances=(KnownDistance(500.0, 20.0, 2.0),)), "outside the photo"),
        (KnownSizes(distances=(KnownDistance(50.0, 20.0, -2.0),)), "positive number of metres"),
        (KnownSizes(lengths=(KnownLength((5.0, 5.0), (5.0, 5.0), 1.0),)), "starts and ends at one pixel"),
        (KnownSizes(lengths=(KnownLength((5.0, 5.0), (9.0, 5.0), float("nan")),)), "positive number of metres"),
        (KnownSizes(distances=(KnownDistance(50.0, 20.0, 2.0, log_sigma=0.0),)), "log_sigma is 0"),
        (KnownSizes(distances=(KnownDistance(float("nan"), 20.0, 2.0),)), "outside the photo"),
    ],
)
def test_what_cannot_be_used_is_refused(known: KnownSizes, message: str):
    with pytest.raises(InputError, match=message):
        known_measurements(known, relative("disparity"), CAMERA)


def person(stature_m: float | None) -> Landmark:
    return Landmark("photo", "oracle", (0.0, 0.0, 1.0, 1.0), 0.9, 3.0, stature_m, 40, "used", "measured", origin_m=3.1)


def test_an_object_seen_face_on_is_as_far_as_its_size_says():
    camera = camera_from_focal_px(100.0, width=64, height=48)
    relative = RelativeDepth(np.full((48, 64), 0.5, np.float32), "disparity")
    known = KnownSizes(
        objects=(KnownObject((10.0, 20.0), (30.0, 20.0), 0.5), KnownObject((5.0, 5.0), (5.0, 45.0), 2.0))
    )
    measurements = known_measurements(known, relative, camera)
    # z = f * size / pixels, wherever it is in the picture.
    assert [one.metres for one in measurements] == pytest.approx([100 * 0.5 / 20, 100 * 2.0 / 40])
    assert all(one.given and one.relative[0] == 0.5 for one in measurements) and known
    assert known.names == ("object of 0.5 m from 10,20 to 30,20", "object of 2 m from 5,5 to 5,45")
    # The focal length that gives its distance is the camera's: a guessed one leaves depth as unsure as before.
    left = errors_left(known, CommonErrors(0.2, 0.1, 0.25))
    assert left.common.focal == pytest.approx(0.25) and left.widths == 0 and left.common.shared == 0


def test_a_known_height_rescales_that_person_alone():
    evidence = [
        Evidence(np.ones(4), np.array([3.0, 3.0, 4.0, 4.0]), np.array([0, 0, 1, 1]), (person(1.6), person(1.8)))
    ]
    (one,) = with_known_heights(evidence, [KnownHeight(2.0, person=0)])
    np.testing.assert_allclose(one.depth_m, [3.75, 3.75, 4.0, 4.0])
    assert one.landmarks[0].stature_m == pytest.approx(2.0)
    assert one.landmarks[0].distance_m == pytest.approx(3.75)
    assert one.landmarks[1] == evidence[0].landmarks[1]
    (everybody,) = with_known_heights(evidence, [KnownHeight(1.8)])
    np.testing.assert_allclose(everybody.depth_m, [3.375, 3.375, 4.0, 4.0])


def test_whose_height_is_known_is_no_child_taken_for_an_adult():
    unsure = replace(person(1.6), far_share=0.2, far_log=0.3)
    evidence = [Evidence(np.ones(1), np.full(1, 3.0), np.zeros(1, int), (unsure,))]
    (one,) = with_known_heights(evidence, [KnownHeight(1.2, person=0)])
    assert one.landmarks[0].far_share == 0


@pytest.mark.parametrize(
    ("height", "message"),
    [
        (KnownHeight(20.0), "0.4 to 2.6 m"),
        (KnownHeight(1.8, person=7), "from 0 to 1"),
        (KnownHeight(1.8, person=1), "was not measured"),
    ],
)
def test_heights_that_cannot_be_used_are_refused(height: KnownHeight, message: str):
    evidence = [Evidence(np.ones(1), np.ones(1), np.zeros(1, int), (person(1.6), person(None)))]
    with pytest.raises(InputError, match=message):
        with_known_heights(evidence, [height])


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_people_cannot_outvote_what_is_known(space: Space):
    """However many agree that things are twice as far."""
    seen = relative(space)
    rows, columns = np.full(40, 50), np.linspace(10, 190, 40).astype(int)
    people = [
        ScaleMeasurement(2.2 * WALL_M[row, column], np.array([seen.values[row, column]], float), 0.05, image=k)
        for k, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
    distance = float(np.linalg.norm(point(60, 50)))
    given = known_measurements(KnownSizes(distances=(KnownDistance(60.0, 50.0, distance),)), seen, CAMERA)
    fit = fit_consensus([*people, *given], seen)
    assert np.exp(log_depth_at(fit.head, given[0].relative)[0]) == pytest.approx(WALL_M[50, 60], rel=0.1)


def test_a_distance_at_the_edge_of_what_is_seen_does_not_bend_the_likely_depth_range():
    """The prior is of the photo's range, wherever something was measured."""
    values = relative("disparity").values.copy()
    # One corner is nearer to infinity than anything else.
    values[:3, :3] = values.min() - 0.05 * np.ptp(values)
    seen = RelativeDepth(values, "disparity", log_range=LogRange(((1.0, 0.9, 0.5),)))
    ranges = []
    for x, y in ((100.0, 50.0), (1.0, 1.0)):
        fit = fit_consensus(known_measurements(KnownSizes(distances=(KnownDistance(x, y, 3.0),)), seen, CAMERA), seen)
        far, near = log_depth_at(fit.head, np.percentile(values, [5, 95]))
        ranges.append(far - near)
    assert ranges[1] == pytest.approx(ranges[0], rel=0.2)


def test_a_height_of_everybody_is_not_of_painted_people():
    painted = replace(person(1.6), source="painting 0")
    evidence = [Evidence(np.ones(2), np.array([3.0, 4.0]), np.array([0, 1]), (person(1.6), painted))]
    (one,) = with_known_heights(evidence, [KnownHeight(2.0)])
    np.testing.assert_allclose(one.depth_m, [3.75, 4.0])
    alone = [Evidence(np.ones(1), np.ones(1), np.zeros(1, int), (painted,))]
    with pytest.raises(InputError, match="no person in the photo was measured"):
        with_known_heights(alone, [KnownHeight(2.0)])


def test_a_pixel_without_relative_depth_is_refused():
    values = relative("disparity").values.copy()
    values[20, 50] = np.nan
    with pytest.raises(InputError, match="no value at pixel 50,20"):
        known_measurements(KnownSizes((KnownDistance(50.0, 20.0, 2.0),)), RelativeDepth(values, "disparity"), CAMERA)


@pytest.mark.parametrize("known", [KnownSizes(objects=(KnownObject((40.0, 20.0), (60.0, 20.0), 0.5),))])
def test_an_object_in_the_sky_is_named_with_its_pixels(known: KnownSizes):
    seen = relative("disparity")
    sky = replace(seen, valid_mask=np.zeros(seen.values.shape, bool), holes_are_sky=True)
    with pytest.raises(InputError, match="known size 40,20:60,20: .* no value at pixel 50,20, which is sky"):
        known_measurements(known, sky, CAMERA)


def test_what_people_do_not_average_out_is_theirs_where_nothing_is_given():
    errors = CommonErrors(shared=0.2, shape=0.15, focal=0.25)
    assert errors_left(KnownSizes(heights=(KnownHeight(1.8),)), errors) == ErrorsLeft(errors)
    distance, length = KnownDistance(50.0, 20.0, 2.0), KnownLength((5.0, 5.0), (9.0, 5.0), 0.3)
    assert errors_left(KnownSizes((distance,)), errors) == ErrorsLeft(
        CommonErrors(0.0, 0.15, 0.0), widths=0.25, people=math.hypot(0.2, 0.25)
    )
    # A length scales with the focal length, as people's distances do.
    assert errors_left(KnownSizes(lengths=(length,)), errors) == ErrorsLeft(
        CommonErrors(0.0, 0.15, 0.25), widths=0.0, people=0.2
    )
