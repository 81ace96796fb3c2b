"""The reach of the evidence: the depth beyond which it leaves open how far things are."""

import math

import numpy as np
import pytest

from mfh.scale.consensus import Consensus, fit_consensus
from mfh.scale.head import log_depth_at
from mfh.scale.interval import probable_log_depth
from mfh.scale.measurements import ScaleMeasurement
from mfh.scale.reach import OPEN_RATIO, TIMES_MEDIAN, reach_m
from mfh.types import CommonErrors, RelativeDepth

STREET_M = np.geomspace(2.0, 300.0, 30 * 40).reshape(30, 40)
STREET = RelativeDepth((3 / STREET_M).astype(np.float32), "disparity")
NONE = CommonErrors()


def people_at(*distances_m: float, sigma: float = 0.1) -> Consensus:
    rng = np.random.default_rng(0)
    factors = np.exp(rng.normal(0, sigma, len(distances_m)))
    measurements = [
        ScaleMeasurement(float(f * z), np.array([3 / z])) for f, z in zip(factors, distances_m, strict=True)
    ]
    return fit_consensus(measurements, STREET)


def test_beyond_it_the_interval_is_open_and_within_it_is_not():
    """The naive twin: every relative depth of the photo."""
    fit = people_at(4.0, 6.0, 5.0)
    reach = reach_m(fit, fit.head, STREET, NONE)
    assert 8.0 < reach < 200.0

    def ratio(value: float) -> float:
        if fit.posterior.finite_share(value) < 0.9:
            return math.inf
        low, high = probable_log_depth(fit.posterior, value, 0.8, 0.0)
        return math.exp(high - low)

    values = STREET.values.ravel()[::7].astype(np.float64)
    depth_m = np.exp(log_depth_at(fit.head, values))
    ratios = np.array([ratio(float(value)) for value in values])
    most = max(OPEN_RATIO, TIMES_MEDIAN * ratio(float(np.median(STREET.values))))
    median_m = np.median(depth_m)
    assert (ratios[(depth_m > median_m) & (depth_m < 0.97 * reach)] <= most).all()
    assert ratios[depth_m > 1.03 * reach].min() > most


def test_a_person_far_away_reaches_farther():
    near, far = people_at(4.0, 6.0, 5.0), people_at(4.0, 6.0, 5.0, 60.0, 70.0)
    assert reach_m(far, far.head, STREET, NONE) > 2 * reach_m(near, near.head, STREET, NONE)


def test_a_room_is_reached_as_a_whole():
    room = RelativeDepth((3 / np.geomspace(1.5, 6.0, 600) - 0.4).reshape(20, 30).astype(np.float32), "disparity")
    fit = fit_consensus([ScaleMeasurement(z, np.array([3 / z - 0.4])) for z in (2.0, 3.0, 5.0)], room)
    assert reach_m(fit, fit.head, room, NONE) == math.inf


def test_errors_that_are_the_same_everywhere_cut_nothing_off():
    room = RelativeDepth((3 / np.geomspace(1.5, 6.0, 600) - 0.4).reshape(20, 30).astype(np.float32), "disparity")
    fit = fit_consensus([ScaleMeasurement(z, np.array([3 / z - 0.4])) for z in (2.0, 3.0, 5.0)], room)
    assert reach_m(fit, fit.head, room, CommonErrors(shared=0.8)) == math.inf


@pytest.mark.parametrize("values", [np.full((4, 5), 0.7), np.zeros((3, 3))])
def test_a_flat_map_has_a_reach(values: np.ndarray):
    flat = RelativeDepth(values.astype(np.float32), "disparity")
    fit = fit_consensus([ScaleMeasurement(2.5, np.array([float(values[0, 0])]))], flat)
    assert reach_m(fit, fit.head, flat, NONE) == math.inf


def test_the_sky_is_not_looked_at():
    fit = people_at(4.0, 6.0, 5.0)
    reach = reach_m(fit, fit.head, STREET, NONE)
    cut = RelativeDepth(STREET.values, "disparity", valid_mask=STREET_M < 0.9 * reach, holes_are_sky=True)
    assert reach_m(fit, fit.head, cut, NONE) == math.inf
