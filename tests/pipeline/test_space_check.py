"""Whether relative depth is of the space it is said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.pipeline.own_depth import space_agreement, space_is_swapped
from mfh.scale.measurements import ScaleMeasurement


def measurements(metres, relative, **more):
    return [ScaleMeasurement(float(z), np.array([x], float), **more) for z, x in zip(metres, relative, strict=True)]


METRES = np.array([1.5, 2.0, 3.1, 4.0, 6.0])


@pytest.mark.parametrize(("space", "relative"), [("disparity", 1 / METRES), ("depth", METRES)])
def test_right_and_swapped(space, relative):
    other = "depth" if space == "disparity" else "disparity"
    people = measurements(METRES, 3 * relative - 7)
    assert space_agreement(people, space) == 1.0
    assert space_agreement(people, other) == -1.0
    assert space_is_swapped(people, [], space) is False
    assert space_is_swapped(people, [], other) is True


@given(st.permutations(range(5)))
def test_the_order_of_people_does_not_matter(order):
    chosen = list(order)
    rng = np.random.default_rng(3)
    relative = 1 / METRES + rng.normal(0, 0.1, 5)
    first = space_agreement(measurements(METRES, relative), "disparity")
    assert space_agreement(measurements(METRES[chosen], relative[chosen]), "disparity") == pytest.approx(first)


def test_one_wrong_person_does_not_turn_it_around():
    relative = 1 / METRES
    relative[0], relative[4] = relative[4], relative[0]
    agreement = space_agreement(
        measurements([*METRES, 1.7, 3.4, 5.2], [*relative, 1 / 1.7, 1 / 3.4, 1 / 5.2]), "disparity"
    )
    assert agreement is not None and 0 < agreement < 1
    assert not space_is_swapped(measurements(METRES, 1 / METRES + [0, 0, 0, 0, 0.6]), [], "disparity")


@pytest.mark.parametrize("metres", [[], [2.0], [2.0, 2.1, 2.2], [2.0, 2.8]])
def test_people_alone_or_at_one_distance_cannot_tell(metres):
    people = measurements(metres, metres)
    assert space_agreement(people, "disparity") is None
    assert space_is_swapped(people, [], "disparity") is None


def test_two_people_far_apart_can():
    assert space_is_swapped(measurements([2.0, 4.0], [2.0, 4.0]), [], "disparity")


def test_known_distances_are_asked_where_people_cannot_tell():
    person = measurements([2.0], [2.0])
    wall = measurements([5.0], [5.0], given=True)
    assert space_is_swapped(person, wall, "disparity")
    assert not space_is_swapped(person, wall, "depth")
    assert space_is_swapped([], measurements([1.0, 5.0], [1.0, 5.0], given=True), "disparity")
    # Where people can tell, they are believed: a click can miss.
    assert not space_is_swapped(measurements(METRES, METRES), measurements([9.0, 1.0], [0.0, 9.0], given=True), "depth")


def test_lengths_say_nothing():
    length = ScaleMeasurement(1.0, np.array([1.0, 5.0]), rays=np.ones((2, 3)), given=True)
    assert space_is_swapped(measurements([2.0], [2.0]), [length, length], "disparity") is None
