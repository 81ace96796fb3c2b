"""People on screens and in pictures are rejected, with the reason; people before the same border are not."""

from dataclasses import replace

import cv2
import numpy as np

from mfh.errors import Rejected
from mfh.landmarks.bodies import Sighting, judge_people
from mfh.landmarks.in_picture import pictured, without_pictured
from mfh.types import HumanMesh, Person
from tests.geometry.test_rectangles import SHAPE, UPRIGHT, somebody, wall_with_picture

FLAT = np.linspace(1, 0, SHAPE[0])[:, None].repeat(SHAPE[1], 1)
"""A floor and a wall that leans away: nobody is in it."""
LEFT, RIGHT, OUTSIDE = (185, 120, 225, 215), (255, 120, 295, 215), (380, 200, 420, 320)


def verdicts(relative: np.ndarray, *boxes: tuple[int, int, int, int]):
    people = [somebody(box) for box in boxes]
    return pictured(wall_with_picture(UPRIGHT), relative, [box for box, _ in people], [mask for _, mask in people])


def with_relief(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    relative = FLAT.copy()
    for box in boxes:
        relative[somebody(box)[1]] += 0.3
    return cv2.GaussianBlur(relative, (0, 0), 2)


def test_people_without_relief_inside_a_border_are_in_a_picture():
    left, right, outside = verdicts(FLAT, LEFT, RIGHT, OUTSIDE)
    assert left is not None and left.reason == "on a screen or in a picture, not in the room"
    assert right == left
    assert outside is None


def test_people_who_stand_out_from_what_is_around_are_not():
    assert verdicts(with_relief(LEFT, RIGHT), LEFT, RIGHT) == [None, None]


def test_the_unit_of_relative_depth_does_not_matter():
    for relative in (7 * FLAT - 3, -FLAT):
        assert [verdict is None for verdict in verdicts(relative, LEFT, OUTSIDE)] == [False, True]


def test_holes_elsewhere_change_nothing_and_without_depth_no_picture_is_seen():
    """The sky, or holes of a given map: NaN."""
    holes = FLAT.copy()
    holes[:60], holes[:, -60:] = np.nan, np.nan
    assert [verdict is None for verdict in verdicts(holes, LEFT, OUTSIDE)] == [False, True]
    holes[somebody(LEFT)[1]] = np.nan
    assert verdicts(holes, LEFT) == [None]


def test_nobody_to_look_at():
    assert verdicts(FLAT) == []


def sighting(*scores: float) -> Sighting:
    people = [Person(*somebody(LEFT), score) for score in scores]
    corners = np.array([[-0.2, -0.8, 4.0], [0.2, -0.8, 4.0], [0.0, 0.8, 4.0], [0.0, 0.0, 4.1]])
    mesh = HumanMesh(corners, np.array([[0, 1, 2]]), "test", 1.7)
    return Sighting(people, [mesh] * len(people), "photo", "finder", "measurer", min_score=0.6)


def test_a_verdict_known_before_stays():
    known = Rejected("on a tv, not in the room")
    before = replace(sighting(0.3, 0.9), verdicts=(known, None))
    after = without_pictured(before, wall_with_picture(UPRIGHT), FLAT).verdicts
    assert after[0] is known
    assert after[1] is not None and "on a screen" in after[1].reason


def test_the_verdict_comes_to_the_receipt_and_the_unsure_are_not_looked_at():
    seen = without_pictured(sighting(0.9, 0.3), wall_with_picture(UPRIGHT), FLAT)
    assert [verdict is None for verdict in seen.verdicts] == [False, True]
    from mfh.geometry.camera import camera_from_focal_px

    camera = camera_from_focal_px(400.0, width=SHAPE[1], height=SHAPE[0])
    judged = judge_people(seen, camera, max_depth_m=100.0)
    assert [one.verdict for one in judged.landmarks] == ["rejected", "rejected"]
    assert "on a screen or in a picture" in judged.landmarks[0].reason
    assert "probably not a person" in judged.landmarks[1].reason
    assert (judged.truth.person_index == -1).all()
