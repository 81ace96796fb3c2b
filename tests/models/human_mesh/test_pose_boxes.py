"""Which boxes are searched, in which crops, and which detections are the person of a box."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.landmarks.detector_check import SURE_ALONE
from mfh.models.human_mesh.pose_boxes import (
    CONFIRMED,
    MAX_BOXES,
    confirmed,
    crop_of_box,
    fits_box,
    is_likely,
    is_upright,
    searched_boxes,
    unexplained,
)
from mfh.models.human_mesh.pose_detector import Detection

STANDING = np.array([100.0, 50, 180, 290])


def person_in(box: np.ndarray, *, score: float = 0.9) -> Detection:
    """A detection of a standing person who fills a box."""
    left, top, right, bottom = box
    x, height = (left + right) / 2, bottom - top
    hips, shoulders = (x, top + 0.5 * height), (x, top + 0.2 * height)
    return Detection(score, box, np.array([hips, (x, top - 0.05 * height), shoulders, (x, top)]))


def test_boxes_are_scaled_cut_off_at_the_photo_and_largest_first():
    boxes = [(0.0, 0.0, 100.0, 200.0), (-50.0, 0.0, 400.0, 900.0), (10.0, 10.0, 30.0, 60.0)]
    found = searched_boxes(boxes, (400, 300), 0.5)
    np.testing.assert_allclose(found, [[0, 0, 200, 400], [0, 0, 50, 100]])


def test_boxes_without_an_area_are_left_out_and_no_more_than_a_dozen_searched():
    assert searched_boxes([(50.0, 50.0, 50.0, 200.0), (500.0, 0.0, 700.0, 300.0)], (400, 300), 1.0) == []
    assert len(searched_boxes([(float(k), 0.0, k + 60.0, 200.0) for k in range(30)], (400, 300), 1.0)) == MAX_BOXES


def test_a_crop_holds_its_box_and_stays_in_the_photo():
    crop = crop_of_box(STANDING, (300, 400), margin=0.1)
    assert crop.left <= 100 - 24 and crop.left + crop.width >= 180 + 24
    assert crop.top >= 0 and crop.top + crop.height <= 300
    corner = crop_of_box(np.array([399.2, 299.2, 400.0, 300.0]), (300, 400), margin=0.0)
    assert corner.width >= 1 and corner.height >= 1 and corner.left < 400 and corner.top < 300


@pytest.mark.parametrize("shift", [(60, 0), (0, 250), (0, -200)])
def test_the_person_of_a_box_has_the_shoulders_in_it(shift: tuple[int, int]):
    person = person_in(STANDING)
    assert fits_box(STANDING, person)
    assert not fits_box(STANDING, replace(person, points_px=person.points_px + np.array(shift)))


def test_a_person_cut_off_at_the_chest_fits_a_box_without_hips():
    assert fits_box(np.array([100.0, 50, 180, 120]), person_in(STANDING))


def test_a_much_smaller_or_larger_person_does_not_fit():
    small = person_in(np.array([130.0, 100, 140, 120]))
    assert not fits_box(STANDING, small)
    assert not fits_box(np.array([132.0, 90, 144, 120]), person_in(STANDING))


def test_of_two_overlapping_boxes_a_person_accounts_for_the_nearer_one():
    neighbour = STANDING + np.array([25, 0, 25, 0])
    boxes = [STANDING, neighbour]
    assert unexplained(boxes, []) == [0, 1]
    assert unexplained(boxes, [person_in(STANDING)]) == [1]
    assert unexplained(boxes, [person_in(neighbour)]) == [0]
    assert unexplained(boxes, [person_in(STANDING), person_in(neighbour)]) == []


def test_a_detection_in_a_box_is_surer_and_never_less_sure():
    weak, strong = person_in(STANDING, score=0.55), person_in(STANDING, score=0.9)
    assert confirmed(weak, [STANDING]).score == CONFIRMED
    assert confirmed(weak, []) == weak
    assert confirmed(strong, [STANDING]) is strong


def test_upright_boxes_are_those_of_standing_people():
    assert is_upright(STANDING)
    assert not is_upright(np.array([0.0, 0, 100, 150]))


def test_a_weak_detection_counts_in_a_box_alone():
    weak, strong = person_in(STANDING, score=SURE_ALONE - 0.1), person_in(STANDING, score=SURE_ALONE)
    assert is_likely(weak, [STANDING]) and is_likely(strong, [])
    assert not is_likely(weak, []) and not is_likely(weak, [STANDING + 300])
