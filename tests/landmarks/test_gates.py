"""Each gate at both sides of its threshold."""

import numpy as np
import pytest

from mfh.errors import Rejected
from mfh.geometry.camera import camera_from_focal_px
from mfh.landmarks.gates import (
    BEHIND,
    MAX_BODY_DEPTH_M,
    MAX_DISAGREEMENT,
    MAX_MISFIT,
    STATURE_M,
    agreement_gate,
    alignment_gate,
    body_gate,
    duplicate_gate,
    likely_gate,
    lone_unsure,
    mask_gate,
    mesh_gate,
    penetration_gate,
)
from mfh.types import Evidence, HumanMesh, Landmark, Person

CAMERA = camera_from_focal_px(100.0, width=80, height=80)


def person(left: float, *, score: float = 0.9) -> Person:
    return Person(np.array([left, 10.0, left + 20, 60.0]), np.ones((80, 80), bool), score)


def mesh(x_px: float = 40.0, *, stature_m: float | None = 1.7) -> HumanMesh:
    """Return a column of points at 3 m whose middle projects to x_px."""
    x = (np.linspace(x_px - 10, x_px + 10, 21) - CAMERA.cx) / CAMERA.fx * 3
    return HumanMesh(np.stack([x, np.zeros(21), np.full(21, 3.0)], 1), np.zeros((1, 3), int), "test", stature_m)


def test_doubtful_detections():
    assert likely_gate(person(0, score=0.61), 0.6) is None
    assert isinstance(likely_gate(person(0, score=0.59), 0.6), Rejected)
    assert likely_gate(person(0, score=0.59), 0.5) is None


@pytest.mark.parametrize(("stature_m", "fine"), [(None, True), (1.7, True), (0.5, False), (2.6, False)])
def test_statures(stature_m: float | None, fine: bool):
    verdict = mesh_gate(mesh(stature_m=stature_m), CAMERA, 50.0)
    assert (verdict is None) == fine
    assert STATURE_M[0] < 1 < 2 < STATURE_M[1]


@pytest.mark.parametrize(("x_px", "fine"), [(40.0, True), (0.0, True), (-9.0, False), (200.0, False)])
def test_bodies_mostly_outside_the_picture(x_px: float, fine: bool):
    verdict = mesh_gate(mesh(x_px), CAMERA, 50.0)
    assert (verdict is None) == fine
    if verdict is not None:
        assert verdict.reason.startswith("cut off")


def test_torn_bodies():
    mask = np.zeros((80, 80), bool)
    mask[10:60, 20:40] = True
    depth_m = np.where(mask, np.linspace(3, 3 + 0.9 * MAX_BODY_DEPTH_M, 80), np.inf)
    assert body_gate(mask, depth_m, mask, None) is None
    torn = np.where(mask, np.where(np.arange(80) < 30, 3.0, 3.0 + 1.2 * MAX_BODY_DEPTH_M), np.inf)
    verdict = body_gate(mask, torn, mask, None)
    assert verdict is not None and "in depth" in verdict.reason


def test_a_person_without_a_mask_in_the_box_is_rejected_where_there_is_no_body():
    masks = [np.zeros((80, 80), bool) for _ in range(3)]
    masks[1][60, 30], masks[2][61, 30] = True, True
    verdicts = [mask_gate(Person(np.array([10.0, 10.0, 30.0, 60.0]), mask, 0.9), None) for mask in masks]
    assert verdicts == [Rejected("could not be measured: its mask is empty"), None, verdicts[0]]
    body = HumanMesh(np.array([[0.0, 0.0, 3.0]]), np.zeros((1, 3), int), "measurer")
    assert mask_gate(Person(np.array([10.0, 10.0, 30.0, 60.0]), masks[0], 0.9), body) is None
    for box in ([-50.0, -50.0, -20.0, -9.0], [90.0, 10.0, 99.0, 20.0]):
        assert mask_gate(Person(np.array(box), np.ones((80, 80), bool), 0.9), None) == verdicts[0]
    assert mask_gate(Person(np.array([np.nan, 0.0, 1.0, 1.0]), masks[0], 0.9), None) is None


def test_the_more_certain_of_two_in_one_place_counts():
    people = [person(10, score=0.7), person(12, score=0.9), person(50, score=0.65)]
    verdicts = duplicate_gate(people, [None, None, None])
    assert [one is None for one in verdicts] == [False, True, True]
    # Somebody who gives no metres takes nobody's place.
    unmeasured = Rejected("could not be measured")
    assert duplicate_gate(people, [None, unmeasured, None]) == [None, unmeasured, None]


def test_backgrounds_that_do_not_match():
    assert alignment_gate(0.9 * MAX_MISFIT) is None
    assert isinstance(alignment_gate(1.1 * MAX_MISFIT), Rejected)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_bodies_inside_the_scene(space):
    """The scene at 4, the photo's range 2: a body farther by a tenth of it lies inside."""
    farther = -0.2 if space == "disparity" else 0.2
    scene = np.full(10, 4.0)
    for inside, fine in ((0, True), (5, True), (6, False), (10, False)):
        body = scene - farther
        body[:inside] = scene[:inside] + farther
        verdict = penetration_gate(body, scene, 2.0, space)
        assert (verdict is None) == fine
        if verdict is not None:
            assert f"{inside * 10}% of its body" in verdict.reason
    noise = scene + 0.9 * farther * BEHIND * 2 / 0.2
    assert penetration_gate(noise, scene, 2.0, space) is None, "nothing is exact"
    assert penetration_gate(scene, scene, 0.0, space) is None
    assert penetration_gate(np.zeros(0), np.zeros(0), 2.0, space) is None


def test_body_and_feet_apart():
    assert agreement_gate(1.0, 1.0 + 0.9 * MAX_DISAGREEMENT * 2, 2.0) is None
    assert isinstance(agreement_gate(1.0, 1.0 - 1.1 * MAX_DISAGREEMENT * 2, 2.0), Rejected)
    assert agreement_gate(1.0, 1.0, 0.0) is None


def landmarks(*people: tuple[float, str]) -> Evidence:
    rows = tuple(
        Landmark("photo", "test", (0.0, 0.0, 1.0, 1.0), score, 3.0, 1.7, 9, verdict, "")  # pyright: ignore[reportArgumentType]
        for score, verdict in people
    )
    return Evidence(np.zeros(0), np.zeros(0), np.zeros(0, int), rows)


def test_who_is_alone_and_unsure():
    assert lone_unsure(landmarks((0.69, "used")), 0.6) == 0
    assert lone_unsure(landmarks((0.71, "used")), 0.6) is None
    assert lone_unsure(landmarks((0.95, "rejected"), (0.65, "used")), 0.6) == 1
    assert lone_unsure(landmarks((0.65, "used"), (0.65, "used")), 0.6) is None
    assert lone_unsure(landmarks((0.65, "rejected")), 0.6) is None
    assert lone_unsure(landmarks((1.0, "used")), 0.0) is None


def test_an_object_detector_that_agrees_makes_a_lone_person_sure_and_a_weak_one_does_not():
    weak = landmarks((0.65, "used"))
    assert lone_unsure(weak, 0.6, [0.6]) is None
    assert lone_unsure(weak, 0.6, [0.3]) == 0
    # Without a box, or with a weak one, more is asked of the score than without a detector.
    assert lone_unsure(landmarks((0.75, "used")), 0.6) is None
    assert lone_unsure(landmarks((0.75, "used")), 0.6, [0.0]) == 0
    assert lone_unsure(landmarks((0.75, "used")), 0.6, [0.3]) == 0
    assert lone_unsure(landmarks((0.9, "used")), 0.6, [0.0]) is None
    # The agreement is of the person used, not of the first.
    assert lone_unsure(landmarks((0.95, "rejected"), (0.65, "used")), 0.6, [0.0, 0.6]) is None
