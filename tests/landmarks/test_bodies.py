from dataclasses import replace

import numpy as np
import pytest

from mfh.geometry.camera import camera_from_focal_px
from mfh.landmarks.bodies import Sighting, body_evidence, judge_people, reject_all
from mfh.types import Evidence, HumanMesh, Person

CAMERA = camera_from_focal_px(60.0, width=60, height=40)
RELATIVE = np.arange(2400, dtype=np.float32).reshape(40, 60)


def board(column: float, z: float, *, half_px: float = 8.0) -> HumanMesh:
    """A square board that faces the camera, drawn over [column ± half] x [rows 20 ± half]."""
    x, half = (column - CAMERA.cx) / 60 * z, half_px / 60 * z
    vertices = np.array([[x - half, -half, z], [x + half, -half, z], [x + half, half, z], [x - half, half, z]])
    return HumanMesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), source="board", stature_m=1.6, reprojection_px=2.0)


def person_on(left: int, right: int, top: int = 10, bottom: int = 30) -> Person:
    instance_mask = np.zeros((40, 60), bool)
    instance_mask[top:bottom, left:right] = True
    return Person(np.array([left, top, right, bottom], float), instance_mask, score=0.8)


def gather(people: list[Person], meshes: list[HumanMesh | None], *, paint_mask: np.ndarray | None = None) -> Evidence:
    sighting = Sighting(people, meshes, "photo", "finder", "measurer", paint_mask, min_score=0.6)
    return body_evidence(judge_people(sighting, CAMERA, max_depth_m=50.0), RELATIVE)


def reason_for(person: Person, mesh: HumanMesh | None, **options) -> str:
    evidence = gather([person], [mesh], **options)
    (landmark,) = evidence.landmarks
    assert landmark.verdict == "rejected"
    assert landmark.pixels == 0
    assert len(evidence.relative) == len(evidence.depth_m) == len(evidence.person) == 0
    return landmark.reason


def test_a_person_pairs_metres_with_the_relative_depth_of_the_same_pixels():
    evidence = gather([person_on(12, 28)], [board(20.0, 3.0)])
    # Mask 16 x 20 pixels, board 17 x 16 or so; the eroded overlap is what counts.
    (landmark,) = evidence.landmarks
    assert landmark.verdict == "used"
    assert landmark.pixels == len(evidence.depth_m) == 14 * 14
    np.testing.assert_allclose(evidence.depth_m, 3.0)
    rows, columns = np.divmod(evidence.relative.astype(int), 60)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (13, 26, 13, 26)
    assert (landmark.source, landmark.measured_by, landmark.score) == ("photo", "measurer", 0.8)
    assert (landmark.distance_m, landmark.stature_m, landmark.reprojection_px) == (pytest.approx(3.0), 1.6, 2.0)
    assert landmark.box_xyxy == (12.0, 10.0, 28.0, 30.0)


def test_every_person_becomes_a_landmark_in_order_and_pixels_name_theirs():
    people = [person_on(2, 16), person_on(22, 38), person_on(44, 58)]
    evidence = gather(people, [board(9.0, 4.0), None, board(51.0, 2.0)])
    assert [landmark.verdict for landmark in evidence.landmarks] == ["used", "rejected", "used"]
    np.testing.assert_allclose(evidence.depth_m[evidence.person == 0], 4.0)
    np.testing.assert_allclose(evidence.depth_m[evidence.person == 2], 2.0)
    assert set(evidence.person) == {0, 2}
    assert evidence.landmarks[1].measured_by == "finder"


def test_why_a_person_is_not_used():
    person, mesh = person_on(12, 28), board(20.0, 3.0)
    assert reason_for(person, None) == "could not be measured"
    assert "not finite" in reason_for(person, replace(mesh, vertices_m=mesh.vertices_m * np.nan))
    assert "behind the camera" in reason_for(person, replace(mesh, vertices_m=-mesh.vertices_m))
    assert "0.03 m away" in reason_for(person, replace(mesh, vertices_m=mesh.vertices_m * 0.01))
    assert "300 m away" in reason_for(person, replace(mesh, vertices_m=mesh.vertices_m * 100))
    assert "cut off: 0% of the body" in reason_for(person, board(200.0, 3.0))
    assert "4.00 m tall" in reason_for(person, replace(mesh, stature_m=4.0))
    assert "overlap by 0.00 (IoU)" in reason_for(person, board(45.0, 3.0))
    assert "too small: 4 pixels" in reason_for(person_on(18, 22, 18, 22), board(19.5, 3.0, half_px=2.0))
    painted_elsewhere = np.zeros((40, 60), bool)
    painted_elsewhere[:, 24:] = True
    assert "outside the paint mask" in reason_for(person, mesh, paint_mask=painted_elsewhere)


def test_most_of_a_person_inside_the_paint_mask_is_painted():
    paint_mask = np.zeros((40, 60), bool)
    paint_mask[:, :22] = True
    evidence = gather([person_on(12, 28)], [board(20.0, 3.0)], paint_mask=paint_mask)
    assert evidence.landmarks[0].verdict == "used"


def test_rejected_people_do_not_occlude_anybody():
    # A false detection much nearer, over the same pixels, whose body is elsewhere.
    evidence = gather([person_on(12, 28), person_on(12, 28)], [board(20.0, 3.0), board(45.0, 1.0)])
    assert [landmark.verdict for landmark in evidence.landmarks] == ["used", "rejected"]
    np.testing.assert_allclose(evidence.depth_m, 3.0)


def test_a_person_found_twice_counts_once():
    evidence = gather(
        [person_on(12, 28), person_on(12, 28)], [board(20.0, 3.0, half_px=7.7), board(20.0, 2.0, half_px=7.7)]
    )
    assert [landmark.verdict for landmark in evidence.landmarks] == ["used", "rejected"]
    assert evidence.landmarks[1].reason == "found twice: a more certain person has the same place"
    assert set(evidence.person) == {0}
    surer = gather(
        [person_on(12, 28), replace(person_on(12, 28), score=0.99)],
        [board(20.0, 3.0, half_px=7.7), board(20.0, 2.0, half_px=7.7)],
    )
    assert [landmark.verdict for landmark in surer.landmarks] == ["rejected", "used"]


def test_a_bad_image_rejects_everybody_in_it():
    sighting = Sighting(
        [person_on(12, 28), person_on(30, 40)], [board(20.0, 3.0), None], "painting 3", "finder", "measurer"
    )
    evidence = reject_all(judge_people(sighting, CAMERA, max_depth_m=50.0), "because")
    assert [(one.source, one.verdict, one.reason) for one in evidence.landmarks] == [
        ("painting 3", "rejected", "because"),
        ("painting 3", "rejected", "could not be measured"),
    ]
    assert evidence.landmarks[0].pixels == 0
    assert evidence.landmarks[0].distance_m == pytest.approx(3.0)
    assert evidence.landmarks[1].distance_m is None
    assert len(evidence.relative) == 0


def test_nobody_gives_empty_evidence():
    evidence = gather([], [])
    assert evidence.landmarks == ()
    assert len(evidence.relative) == 0


def test_a_doubtful_detection_is_shown_but_does_not_decide():
    doubtful = replace(person_on(12, 28), score=0.3)
    assert "0.30" in reason_for(doubtful, board(20.0, 3.0))


def test_pixels_in_a_hole_do_not_count_and_people_in_one_are_rejected():
    relative = RELATIVE.copy()
    relative[:, 20:25] = np.nan
    relative[:, 44:58] = np.inf
    relative[14, 44:58] = 1.0
    people = [person_on(12, 28), person_on(44, 58)]
    sighting = Sighting(people, [board(20.0, 3.0), board(51.0, 2.0)], "photo", "finder", "measurer", min_score=0.6)
    evidence = body_evidence(judge_people(sighting, CAMERA, max_depth_m=50.0), relative)
    used, rejected = evidence.landmarks
    assert (used.verdict, used.pixels) == ("used", 9 * 14)
    assert (rejected.verdict, rejected.pixels) == ("rejected", 0)
    assert rejected.reason == "no relative depth where they are: 12 pixels with one, expected 20"
    assert len(evidence.relative) == len(evidence.depth_m) == len(evidence.person) == 9 * 14
    assert np.isfinite(evidence.relative).all() and not evidence.person.any()
