"""People against the boxes of an object detector."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mfh.errors import Rejected
from mfh.landmarks.bodies import Sighting
from mfh.landmarks.detector_check import (
    LEAST_SCORE,
    SCREENS,
    SURE_ALONE,
    agreement,
    detector_verdicts,
    person_boxes,
    share_inside,
    with_detector_verdicts,
)
from mfh.types import Person

STANDING = (100.0, 50.0, 160.0, 230.0)


@dataclass(frozen=True)
class Seen:
    label: str
    box_xyxy: tuple[float, float, float, float]
    score: float = 0.6


def person(box: tuple[float, float, float, float], score: float = 0.65) -> Person:
    mask = np.zeros((300, 400), bool)
    left, top, right, bottom = (int(edge) for edge in box)
    mask[top:bottom, left:right] = True
    return Person(np.array(box), mask, score)


def test_a_person_in_a_person_box_is_kept_with_the_boxs_score():
    seen = [Seen("person", (105.0, 40.0, 165.0, 235.0), 0.4), Seen("person", STANDING, 0.3)]
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
    assert detector_verdicts([person(STANDING)], [Seen("person", box)]) == [None]


@pytest.mark.parametrize(
    "seen",
    [
        [],
        [Seen("person", (250.0, 50.0, 310.0, 230.0))],
        [Seen("person", STANDING, LEAST_SCORE - 0.01)],
        [Seen("dog", STANDING)],
        [Seen("person", (0.0, 0.0, 400.0, 300.0))],  # a box of the whole photo agrees with anything
        [Seen("person", (120.0, 60.0, 135.0, 80.0))],
    ],
)
def test_an_unsure_person_whom_nothing_confirms_is_rejected(seen: list[Seen]):
    (verdict,) = detector_verdicts([person(STANDING)], seen)
    assert verdict is not None and "object detector" in verdict.reason and "0.65" in verdict.reason
    assert agreement([person(STANDING)], seen) == [0.0]


def test_a_sure_person_needs_no_box():
    # In a group the object detector often takes neighbours for one.
    assert detector_verdicts([person(STANDING, SURE_ALONE)], []) == [None]


@pytest.mark.parametrize("label", sorted(SCREENS))
def test_a_person_inside_a_screen_is_not_in_the_room(label: str):
    screen = Seen(label, (80.0, 40.0, 300.0, 240.0), 0.4)
    on, before = person(STANDING, 0.95), person((200.0, 150.0, 280.0, 299.0), 0.95)
    verdicts = detector_verdicts([on, before], [screen, Seen("person", STANDING)])
    assert verdicts[0] is not None and label in verdicts[0].reason
    assert verdicts[1] is None


def test_a_chair_is_no_screen():
    assert detector_verdicts([person(STANDING, 0.9)], [Seen("chair", (80.0, 40.0, 300.0, 240.0))]) == [None]


def test_boxes_of_persons_are_those_of_enough_score():
    seen = [Seen("person", STANDING, 0.3), Seen("person", STANDING, 0.1), Seen("tv", STANDING)]
    assert person_boxes(seen) == [STANDING]


def test_the_share_inside_a_box_counts_pixels_of_the_mask():
    assert share_inside(person(STANDING), (100.0, 50.0, 130.0, 230.0)) == pytest.approx(0.5)
    assert share_inside(person(STANDING), (-50.0, -50.0, 500.0, 500.0)) == 1.0
    nobody = Person(np.array(STANDING), np.zeros((300, 400), bool), 0.9)
    assert share_inside(nobody, STANDING) == 0.0


def test_nobody_has_no_verdict():
    assert detector_verdicts([], [Seen("person", STANDING)]) == []


def test_a_verdict_known_before_stays():
    known = Rejected("on a poster")
    people = [person(STANDING), person(STANDING), person(STANDING, 0.9)]
    sighting = Sighting(people, [None] * 3, "photo", "finder", "measurer", verdicts=(known, None, None))
    assert with_detector_verdicts(sighting, []).verdicts[0] == known
    assert [verdict is None for verdict in with_detector_verdicts(sighting, []).verdicts] == [False, False, True]
    assert with_detector_verdicts(replace(sighting, verdicts=()), [Seen("person", STANDING)]).verdicts == (
        None,
        None,
        None,
    )
