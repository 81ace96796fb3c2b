from dataclasses import replace

import numpy as np
import pytest

from mfh.models.human_mesh.pose_crowd import (
    PersonCandidate,
    instance_masks,
    matches_detection,
    person_candidate,
    read_alone,
    same_pose,
    without_duplicates,
)
from mfh.models.human_mesh.pose_detector import Detection
from mfh.models.human_mesh.pose_landmarks import OUTSIDE, PoseReading, Roi

SHAPE = (240, 320)
PX_PER_M = 90.0


def _person(standing_m: np.ndarray, x: float, *, score: float = 0.9, extra_px: float = 0.0) -> PersonCandidate:
    """Somebody whose hips are at column x: a mask as wide as a person, or wider by ``extra_px`` on each side."""
    roi = Roi(np.array([x, 120.0]), 200.0, 0.0)
    image_px = standing_m[:, :2] * PX_PER_M + [x, 110.0]
    columns, rows = np.meshgrid(np.arange(256), np.arange(256))
    photo_from_crop = roi.photo_from_crop()
    photo_x = columns * photo_from_crop[0, 0] + photo_from_crop[0, 2]
    photo_y = rows * photo_from_crop[1, 1] + photo_from_crop[1, 2]
    inside = (np.abs(photo_x - x) < 0.24 * PX_PER_M + extra_px) & (photo_y > 45) & (photo_y < 190)
    reading = PoseReading(
        roi=roi,
        presence=1.0,
        image_px=image_px,
        world_m=standing_m,
        visibility=np.ones(33),
        next_roi=replace(roi, size_px=190.0),
        mask_logit=np.where(inside, 6, -6).astype(np.float32),
    )
    return person_candidate(score, 1.0, reading)


def test_two_readings_of_one_person_are_the_same_and_neighbours_are_not(standing_m: np.ndarray):
    one, again, neighbour = (_person(standing_m, x).reading for x in (100.0, 106.0, 145.0))
    assert same_pose(one, again)
    assert not same_pose(one, neighbour)


def test_a_reading_of_the_neighbour_is_not_faithful(standing_m: np.ndarray):
    reading = _person(standing_m, 100.0).reading
    hips, shoulders = reading.image_px[[23, 24]].mean(0), reading.image_px[[11, 12]].mean(0)
    points = np.array([hips, hips - [0, 0.95 * PX_PER_M], shoulders, shoulders])
    assert matches_detection(Detection(0.9, np.zeros(4), points), reading)
    beside = points + [0.45 * PX_PER_M, 0]
    assert not matches_detection(Detection(0.9, np.zeros(4), beside), reading)


def test_duplicates_go_and_the_most_certain_reading_stays(standing_m: np.ndarray):
    people = [
        _person(standing_m, 104.0, score=0.7),
        _person(standing_m, 200.0, score=0.6),
        _person(standing_m, 100.0, score=0.9),
    ]
    kept = without_duplicates(people, SHAPE)
    assert [one.score for one in kept] == [0.9, 0.6]


def test_somebody_whose_mask_runs_into_a_neighbour_is_no_duplicate(standing_m: np.ndarray):
    people = [_person(standing_m, 120.0, extra_px=45), _person(standing_m, 165.0, score=0.8)]
    assert len(without_duplicates(people, SHAPE)) == 2


def test_a_figure_seen_inside_a_person_is_a_duplicate(standing_m: np.ndarray):
    person = _person(standing_m, 120.0)
    inside = _person(standing_m * 0.4, 120.0, score=0.8)
    small = replace(
        inside.reading,
        image_px=standing_m[:, :2] * 0.4 * PX_PER_M + [122.0, 90.0],
        mask_logit=person.reading.mask_logit,
    )
    assert not same_pose(small, person.reading)
    assert len(without_duplicates([person, person_candidate(0.8, 1.0, small)], SHAPE)) == 1


def test_a_person_outside_the_photo_is_nobody(standing_m: np.ndarray):
    assert without_duplicates([_person(standing_m, -500.0)], SHAPE) == []


def test_no_pixel_belongs_to_two_and_each_keeps_those_near_the_skeleton(standing_m: np.ndarray):
    left, right = _person(standing_m, 120.0, extra_px=40), _person(standing_m, 180.0, extra_px=40)
    a, b = instance_masks([left, right], SHAPE)
    assert not (a & b).any()
    assert a[60:180, 118:123].all() and b[60:180, 178:183].all()
    alone_left, alone_right = instance_masks([left], SHAPE)[0], instance_masks([right], SHAPE)[0]
    union = alone_left | alone_right
    assert (a | b).sum() > 0.98 * union.sum(), "pixels claimed by two go to one of them"
    both = alone_left & alone_right
    assert both.sum() > 1000
    assert (a & both)[:, :148].sum() > 0.9 * both[:, :148].sum()
    assert (b & both)[:, 153:].sum() > 0.9 * both[:, 153:].sum()


def test_order_does_not_matter_for_who_owns_a_pixel(standing_m: np.ndarray):
    left, right = _person(standing_m, 120.0, extra_px=40), _person(standing_m, 180.0, extra_px=40)
    a, b = instance_masks([left, right], SHAPE)
    b_first, a_second = instance_masks([right, left], SHAPE)
    assert (a ^ a_second).mean() < 1e-3 and (b ^ b_first).mean() < 1e-3


@pytest.mark.parametrize("x", [120.0, 5.0])
def test_a_person_without_neighbours_keeps_the_whole_mask(standing_m: np.ndarray, x: float):
    person = _person(standing_m, x, extra_px=60)
    (mask,) = instance_masks([person], SHAPE)
    columns = np.flatnonzero(mask.any(0))
    assert columns[-1] - max(0, columns[0]) > 0.8 * (min(x, 80) + 80)


def test_reading_alone_blurs_the_neighbour_and_nothing_of_the_person(standing_m: np.ndarray):
    person, neighbour = _person(standing_m, 120.0), _person(standing_m, 185.0)
    photo = np.random.default_rng(0).random((*SHAPE, 3), np.float32)
    looked_at: list[np.ndarray] = []
    points = np.zeros((39, 5), np.float32)
    points[33, :2], points[34, :2] = (128, 128), (128, 60)

    def network(tensor):
        looked_at.append(tensor[0])
        empty = np.full((64, 64, 39), -20, np.float32)
        mask = np.full((256, 256), OUTSIDE, np.float32)
        return points.ravel(), 0.8, mask, empty, np.zeros(117, np.float32)

    roi = person.reading.roi
    plain = read_alone(photo, roi, [], network, person=person)
    alone = read_alone(photo, roi, [neighbour], network, person=person)
    assert plain is not None and alone is not None
    np.testing.assert_allclose(alone.image_px, plain.image_px, atol=1e-9)
    np.testing.assert_allclose(alone.next_roi.centre_px, plain.next_roi.centre_px)
    before, after = looked_at
    scale = 256 / roi.size_px

    def at(x: float) -> int:
        return round((x - roi.centre_px[0]) * scale + 127.5)

    rows = slice(70, 180)
    own, theirs = slice(at(108), at(132)), slice(at(175), at(195))
    np.testing.assert_allclose(after[rows, own], before[rows, own], atol=0.02)
    assert after[rows, theirs].std() < 0.4 * before[rows, theirs].std(), "the neighbour is still there"


def test_a_crop_outside_the_photo_cannot_be_read(standing_m: np.ndarray):
    photo = np.zeros((*SHAPE, 3), np.float32)
    far = Roi(np.array([-900.0, 0.0]), 100.0, 0.0)
    assert read_alone(photo, far, [], lambda _: pytest.fail("read"), person=None) is None
