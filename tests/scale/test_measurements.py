"""Clues all at once are the measurements one by one."""

import numpy as np
import pytest

from mfh.scale.measurements import ScaleMeasurement, implied_log_scales, landmark_measurements, log_scales_at
from mfh.types import Evidence, MetricHead, Space

LENGTH = ScaleMeasurement(0.9, np.array([0.5, 0.6]), rays=np.array([[0.1, 0.0, 1.0], [0.3, 0.1, 1.0]]), given=True)
MEASUREMENTS = [
    ScaleMeasurement(2.0, np.array([0.4])),
    LENGTH,
    ScaleMeasurement(5.0, np.array([0.1]), log_sigma=0.1, image=0, person=2),
]


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_scales_of_all_measurements_are_those_of_each(space: Space):
    ratio = np.array([0.05, 0.3, 2.0])
    found = implied_log_scales(MEASUREMENTS, ratio, space)
    for measurement, row in zip(MEASUREMENTS, found, strict=True):
        np.testing.assert_allclose(row, measurement.log_scale(ratio, space), rtol=1e-13)
    # A metre at relative depth x under s·(x + r): the head that says so.
    value = np.exp(found[0]) * (0.4 + ratio)
    np.testing.assert_allclose(1 / value if space == "disparity" else value, 2.0, rtol=1e-13)


def test_scales_at_a_head_are_missing_where_it_sees_infinity():
    found = log_scales_at(MEASUREMENTS, MetricHead(2.0, -0.4, "disparity", 0.0))
    assert np.isnan(found[2]) and np.isfinite(found[:2]).all()
    np.testing.assert_allclose(found[1], LENGTH.log_scale(np.array([-0.2]), "disparity")[0], rtol=1e-13)
    assert implied_log_scales([], np.array([0.1]), "depth").shape == (0, 1)


@pytest.mark.parametrize("pixels", [1, 2, 7, 1000])
def test_a_person_is_one_measurement_of_medians(pixels: int):
    rng = np.random.default_rng(pixels)
    relative, depth_m = rng.random(2 * pixels), rng.random(2 * pixels) + 1
    person = np.repeat([0, 3], pixels)
    measurements = landmark_measurements(
        [Evidence(relative, depth_m, person), Evidence(relative[:pixels], depth_m[:pixels], person[:pixels])]
    )
    assert [(measurement.image, measurement.person) for measurement in measurements] == [(0, 0), (0, 3), (1, 0)]
    for measurement, own in zip(measurements, (slice(pixels), slice(pixels, None), slice(pixels)), strict=True):
        assert measurement.metres == np.median(depth_m[own]) and measurement.relative.tolist() == [
            np.median(relative[own])
        ]
