"""Objects of known size: their distance, what they are paired with, and why some do not count."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from mfh.geometry.camera import camera_from_focal_px
from mfh.landmarks.object_sizes import OBJECT_SIZES, SCREENS_AND_PICTURES
from mfh.landmarks.objects import MIN_SCORE, object_evidence
from mfh.types import Camera, DetectedObject, Evidence, RelativeDepth

WIDTH, HEIGHT, FOCAL = 640, 480, 500.0
CAMERA: Camera = camera_from_focal_px(FOCAL, width=WIDTH, height=HEIGHT)


def flat(value: float = 0.5) -> RelativeDepth:
    values = np.full((HEIGHT, WIDTH), value, np.float32)
    values[:, :20], values[:, -20:] = 0.0, 1.0
    return RelativeDepth(values, "disparity")


def seen(
    label: str, z: float, x: float = 320.0, y: float = 240.0, *, score: float = 0.8, scale: float = 1.0
) -> DetectedObject:
    """The box of an object of typical size at a distance, of a plausible shape."""
    size = OBJECT_SIZES[label]
    aspect = float(np.sqrt(size.aspect[0] * size.aspect[1]))
    side = scale * size.metres * FOCAL / z
    wide, tall = {"height": (side / aspect, side), "width": (side, side * aspect)}.get(
        size.dimension, (side / np.sqrt(aspect), side * np.sqrt(aspect))
    )
    return DetectedObject(label, (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), score)


def found(*objects: DetectedObject, relative: RelativeDepth | None = None) -> Evidence:
    return object_evidence(objects, relative or flat(), CAMERA, finder="detector", max_depth_m=200.0)


def reason(evidence: Evidence, number: int = 0) -> str:
    assert evidence.landmarks[number].verdict == "rejected"
    return evidence.landmarks[number].reason


@pytest.mark.parametrize("label", sorted(OBJECT_SIZES))
def test_the_distance_is_where_the_class_has_the_size_seen(label: str):
    z = 8 * OBJECT_SIZES[label].metres
    evidence = found(seen(label, z))
    (landmark,) = evidence.landmarks
    assert landmark.verdict == "used", landmark.reason
    assert landmark.distance_m == pytest.approx(z)
    np.testing.assert_allclose(evidence.depth_m, [z])
    np.testing.assert_allclose(evidence.relative, [0.5])
    assert (landmark.label, landmark.size_m, landmark.evidence) == (label, OBJECT_SIZES[label].metres, "object")
    assert landmark.is_object and not landmark.painted and landmark.stature_m is None


@pytest.mark.parametrize("label", sorted(OBJECT_SIZES))
def test_every_size_states_its_errors_and_its_source(label: str):
    size = OBJECT_SIZES[label]
    assert 0.05 <= size.log_sigma <= 0.5 and 0.05 <= size.common_log_sigma <= 0.35
    assert 0 <= size.far_share < 0.5 and size.aspect[0] < size.aspect[1] and 0.05 < size.metres < 6
    assert len(size.source) > 5


def test_a_class_without_a_size_is_no_landmark_and_a_weak_detection_neither():
    evidence = found(replace(seen("car", 10), label="tv"), seen("car", 12, score=MIN_SCORE - 0.01))
    assert evidence.landmarks == () and len(evidence.relative) == 0


def test_a_box_that_touches_the_border_is_cut_off():
    left, top, right, bottom = seen("car", 10).box_xyxy
    for shift in ((-left, 0), (0, -top), (WIDTH - right, 0), (0, HEIGHT - bottom)):
        moved = DetectedObject("car", (left + shift[0], top + shift[1], right + shift[0], bottom + shift[1]), 0.9)
        assert reason(found(moved)) == "cut off by the border of the picture"


def test_an_odd_shape_is_not_a_whole_object():
    left, _, right, _ = seen("chair", 4).box_xyxy
    assert "times as high as wide" in reason(found(DetectedObject("chair", (left, 200.0, right, 217.0), 0.9)))


def test_a_box_of_a_few_pixels_measures_nothing():
    assert reason(found(seen("car", 120, scale=0.9))).startswith("too small")


@pytest.mark.parametrize("screen", SCREENS_AND_PICTURES)
def test_what_is_shown_on_a_screen_is_not_in_the_room(screen: str):
    shown = seen("car", 40)
    left, top, right, bottom = shown.box_xyxy
    evidence = found(shown, DetectedObject(screen, (left - 30, top - 30, right + 30, bottom + 30), 0.5))
    number = next(k for k, one in enumerate(evidence.landmarks) if one.label == "car")
    assert reason(evidence, number) == f"shown on a {screen}, or lies on it"


def test_one_thing_has_one_class():
    car = seen("car", 12, score=0.5)
    evidence = found(car, replace(car, label="truck", score=0.7))
    assert reason(evidence, 0) == "more likely a truck"
    assert evidence.landmarks[1].verdict == "used"


def test_a_part_of_another_of_its_class_does_not_count():
    whole = seen("chair", 3)
    left, top, right, _ = whole.box_xyxy
    back = DetectedObject("chair", (left + 2, top + 2, right - 2, top + 0.9 * (right - left)), 0.6)
    evidence = found(whole, back)
    # Which of the two is a whole chair the boxes do not tell.
    assert reason(evidence, 0) == "has another chair in its box: a part of it, or one of several"
    assert reason(evidence, 1) == "inside the box of another chair: a part of it, or one of several"


def test_it_must_be_within_reach():
    assert reason(found(seen("mouse", 0.15))) == "0.15 m away: expected 0.2 to 200 m"


def test_objects_that_contradict_the_order_of_several_others_go():
    values = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    values[:, 300:] = 0.9
    relative = RelativeDepth(values, "disparity")
    near = [seen("cup", 1.0, x, 300) for x in (380, 440, 500)]
    wrong = seen("cup", 2.5, 580, 300)
    evidence = found(*near, wrong, relative=relative)
    assert [one.verdict for one in evidence.landmarks[:3]] == ["used"] * 3
    # As near as the others by relative depth, so its distance contradicts nothing: the posterior has to judge it.
    assert evidence.landmarks[3].verdict == "used"
    behind = seen("bottle", 0.5, 120, 300)
    evidence = found(*near, behind, relative=relative)
    assert reason(evidence, 3) == "its distance contradicts the relative depth of 3 other objects"


def test_who_goes_does_not_depend_on_the_order_of_detections():
    values = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    values[:, 300:] = 0.9
    near = [seen("cup", 1.0, x, 300, score=score) for x, score in ((400, 0.7), (520, 0.6))]
    behind = [seen("bottle", 0.5, x, 300, score=score) for x, score in ((120, 0.5), (220, 0.8))]
    kept = []
    for objects in permutations([*near, *behind]):
        evidence = found(*objects, relative=RelativeDepth(values, "disparity"))
        kept.append({one.box_xyxy for one in evidence.landmarks if one.verdict == "used"})
    assert all(one == kept[0] for one in kept) and 0 < len(kept[0]) < 4


def test_relative_depth_is_read_on_the_object_and_not_beside_it():
    cup = seen("cup", 1.0)
    left, top, right, bottom = (round(side) for side in cup.box_xyxy)
    values = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    values[top:bottom, left + (right - left) // 3 : right] = 0.7
    for space, sign in (("disparity", 1.0), ("depth", -1.0)):
        evidence = found(cup, relative=RelativeDepth((sign * values).astype(np.float32), space))
        np.testing.assert_allclose(evidence.relative, [sign * 0.7], rtol=1e-6)


def test_an_object_in_a_hole_of_the_map_does_not_count():
    valid_mask = np.ones((HEIGHT, WIDTH), bool)
    valid_mask[150:330, 200:440] = False
    evidence = found(seen("cup", 1.0), relative=replace(flat(), valid_mask=valid_mask))
    assert reason(evidence) == "no relative depth where it is"
