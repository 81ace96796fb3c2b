"""People against the boxes of an object detector."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.errors import Rejected
from mfh.landmarks.bodies import Sighting
from mfh.landmarks.detector_check import (
    LEAST_SCORE,
    SURE_ALONE,
    agreement,
    detector_verdicts,
    person_boxes,
    share_inside,
    with_detector_verdicts,
)
from mfh.landmarks.object_sizes import SCREENS_AND_PICTURES
from mfh.types import DetectedObject, Person

STANDING = (100.0, 50.0, 160.0, 230.0)


def seen_as(label: str, box: tuple[float, float, float, float], score: float = 0.6) -> DetectedObject:
    return DetectedObject(label, box, score)


def person(box: tuple[float, float, float, float], score: float = 0.65) -> Person:
    mask = np.zeros((300, 400), bool)
    left, top, right, bottom = (int(edge) for edge in box)
    mask[top:bottom, left:right] = True
    return Person(np.array(box), mask, score)


def test_a_person_in_a_person_box_is_kept_with_the_boxs_score():
    seen = [seen_as("person", (105.0, 40.0, 165.0, 235.0), 0.4), seen_as("person", STANDING, 0.3)]
    assert detector_verdicts([person(STANDING)], seen) == [None]
    assert agreement([person(STANDING)], seen) == [0.4]


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 50.0, 160.0, 110.0),  # the other detector sees head and chest above the table
        (90.0, 50.0, 190.0, 290.0),  # or the legs too
    ],
)
def test_sitting_and_cut_off_people_are_kept(box: tuple[float, float, float, float]):
    assert detector_verdicts([person(STANDING)], [seen_as("person", box)]) == [None]


@pytest.mark.parametrize(
    "seen",
    [
        [],
        [seen_as("person", (250.0, 50.0, 310.0, 230.0))],
        [seen_as("person", STANDING, LEAST_SCORE - 0.01)],
        [seen_as("dog", STANDING)],
        [seen_as("person", (0.0, 0.0, 400.0, 300.0))],  # a box of the whole photo agrees with anything
        [seen_as("person", (120.0, 60.0, 135.0, 80.0))],
    ],
)
def test_an_unsure_person_whom_nothing_confirms_is_rejected(seen: list[DetectedObject]):
    (verdict,) = detector_verdicts([person(STANDING)], seen)
    assert verdict is not None and "object detector" in verdict.reason and "0.65" in verdict.reason
    assert agreement([person(STANDING)], seen) == [0.0]


def test_a_sure_person_needs_no_box():
    # In a group the object detector often takes neighbours for one.
    assert detector_verdicts([person(STANDING, SURE_ALONE)], []) == [None]


@pytest.mark.parametrize("label", SCREENS_AND_PICTURES)
def test_a_person_inside_a_screen_is_not_in_the_room(label: str):
    screen = seen_as(label, (80.0, 40.0, 300.0, 240.0), 0.4)
    on, before = person(STANDING, 0.95), person((200.0, 150.0, 280.0, 299.0), 0.95)
    verdicts = detector_verdicts([on, before], [screen, seen_as("person", STANDING)])
    assert verdicts[0] is not None and label in verdicts[0].reason
    assert verdicts[1] is None


def test_a_chair_is_no_screen():
    assert detector_verdicts([person(STANDING, 0.9)], [seen_as("chair", (80.0, 40.0, 300.0, 240.0))]) == [None]


def test_boxes_of_persons_are_those_of_enough_score():
    seen = [seen_as("person", STANDING, 0.3), seen_as("person", STANDING, 0.1), seen_as("tv", STANDING)]
    assert person_boxes(seen) == [STANDING]


def test_the_share_inside_a_box_counts_pixels_of_the_mask():
    assert share_inside(person(STANDING), (100.0, 50.0, 130.0, 230.0)) == pytest.approx(0.5)
    assert share_inside(person(STANDING), (-50.0, -50.0, 500.0, 500.0)) == 1.0
    nobody = Person(np.array(STANDING), np.zeros((300, 400), bool), 0.9)
    assert share_inside(nobody, STANDING) == 0.0


def test_nobody_has_no_verdict():
    assert detector_verdicts([], [seen_as("person", STANDING)]) == []


def test_a_verdict_known_before_stays():
    known = Rejected("on a poster")
    people = [person(STANDING), person(STANDING), person(STANDING, 0.9)]
    sighting = Sighting(people, [None] * 3, "photo", "finder", "measurer", verdicts=(known, None, None))
    assert with_detector_verdicts(sighting, []).verdicts[0] == known
    assert [verdict is None for verdict in with_detector_verdicts(sighting, []).verdicts] == [False, False, True]
    assert with_detector_verdicts(replace(sighting, verdicts=()), [seen_as("person", STANDING)]).verdicts == (
        None,
        None,
        None,
    )
