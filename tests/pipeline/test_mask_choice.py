"""Who would tell most: far from where people stood before, or where metres are wanted."""

import numpy as np
import pytest

from mfh.pipeline.planning import most_telling
from mfh.scale.consensus import fit_consensus
from mfh.scale.measurements import ScaleMeasurement
from mfh.scale.posterior import ScalePosterior
from mfh.types import RelativeDepth

ROOM_M = np.geomspace(1.5, 9.0, 20 * 30).reshape(20, 30)
ROOM = RelativeDepth(3 / ROOM_M - 0.4, "disparity")


def at(*metres: float) -> np.ndarray:
    return 3 / np.array(metres) - 0.4


def posterior_of(*metres: float) -> ScalePosterior:
    return fit_consensus([ScaleMeasurement(z, at(z), 0.05) for z in metres], ROOM).posterior


def test_the_far_end_is_told_by_somebody_who_stands_there():
    near = posterior_of(1.7, 1.8, 1.9, 1.8)
    assert most_telling(near, at(8.5), at(1.7, 2.0, 4.0, 8.0), np.zeros(4)) == 3
    assert most_telling(near, at(1.7, 3.5, 8.5), at(1.7, 1.75, 1.8, 7.0), np.zeros(4)) == 3


def test_where_metres_are_wanted_decides():
    """Unsure at both ends."""
    middle = posterior_of(3.4, 3.5, 3.6, 3.5)
    assert most_telling(middle, at(1.6), at(1.6, 3.5, 8.5), np.zeros(3)) == 0
    assert most_telling(middle, at(8.5), at(1.6, 3.5, 8.5), np.zeros(3)) == 2


def test_whoever_is_badly_known_tells_less():
    near = posterior_of(1.7, 1.8, 1.9, 1.8)
    assert most_telling(near, at(8.5), at(6.0, 8.0), np.array([0.05, 2.0])) == 0


def test_the_first_of_those_who_tell_as_much():
    near = posterior_of(1.7, 1.8, 1.9, 1.8)
    assert most_telling(near, at(8.5), at(6.0, 6.0, 6.0), np.zeros(3)) == 0


@pytest.mark.parametrize("place", [at(1e6), at(200.0)])
def test_places_beyond_infinity_in_some_candidates_do_no_harm(place):
    near = posterior_of(1.7, 1.8, 1.9, 1.8)
    assert not np.isfinite(near.log_depth(float(place[0]))).all(), "some candidates see infinity there"
    assert most_telling(near, place, at(1.7, 8.0), np.zeros(2)) == 1


def test_nobody_tells_anything_of_what_is_known_exactly():
    exact = ScalePosterior(np.array([0.4]), np.log([[1 / 3]]), np.ones((1, 1)), "disparity")
    assert most_telling(exact, at(1.7, 8.5), at(4.0, 2.0), np.zeros(2)) == 0
