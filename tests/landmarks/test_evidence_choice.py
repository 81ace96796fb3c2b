"""Body or contact for each person, and weights."""

import numpy as np
import pytest

from mfh.errors import Rejected
from mfh.geometry.camera import camera_from_focal_px
from mfh.landmarks.bodies import Judged, Sighting, judge_people
from mfh.landmarks.contact import (
    Contact,
    any_lacks_contact,
    choose_evidence,
    find_contacts,
)
from mfh.scale.measurements import SAMPLES_PER_PERSON, weigh_people_equally
from mfh.types import Evidence, EvidenceKind, HumanMesh, Landmark, Person, PseudoGroundTruth


def landmark(evidence: EvidenceKind = "body", *, rejected: str = "") -> Landmark:
    verdict = "rejected" if rejected else "used"
    box = (0.0, 0.0, 1.0, 1.0)
    return Landmark("painting 1", "oracle", box, 0.9, 3.0, None, 40, verdict, rejected or "measured", evidence=evidence)


def judged(*landmarks: Landmark) -> Judged:
    return Judged(landmarks, PseudoGroundTruth(np.full((2, 2), np.inf), np.full((2, 2), -1)), 1)


STANDING = Contact(np.array([0.5, 0.4]), np.array([2.0, 2.5]), 70)
NO_FEET = Rejected("feet not visible: hidden")


def test_contact_first_body_else():
    people = judged(landmark(), landmark(), landmark(rejected="too small"))
    body = Evidence(np.array([0.1, 0.2, 0.3]), np.array([4.0, 5.0, 6.0]), np.array([0, 1, 1]), people.landmarks)
    contacts = [STANDING, NO_FEET, Rejected("too small")]
    assert any_lacks_contact(people, contacts)
    either = choose_evidence(people, contacts, body)
    assert [(one.evidence, one.verdict, one.pixels) for one in either.landmarks] == [
        ("contact", "used", 70),
        ("body", "used", 40),
        ("body", "rejected", 40),
    ]
    np.testing.assert_array_equal(either.person, [0, 0, 1, 1])
    np.testing.assert_array_equal(either.depth_m, [2.0, 2.5, 5.0, 6.0])
    np.testing.assert_array_equal(either.relative, [0.5, 0.4, 0.2, 0.3])


def test_contact_alone_rejects_whoever_has_none():
    people = judged(landmark(), landmark())
    evidence = choose_evidence(people, [NO_FEET, STANDING], None)
    assert [(one.verdict, one.reason, one.evidence) for one in evidence.landmarks] == [
        ("rejected", "feet not visible: hidden", "contact"),
        ("used", "measured", "contact"),
    ]
    assert set(evidence.person) == {1}
    assert not any_lacks_contact(judged(landmark(rejected="too small")), [NO_FEET])


def test_nobody_painted_is_seen_outside_what_was_painted():
    # The finder sees the whole board; the painter says that its lower half is hidden.
    camera = camera_from_focal_px(80.0, width=80, height=80)
    corners = np.array([[20, 20], [40, 20], [40, 60.4], [20, 60.4]])
    vertices = np.concatenate([(corners - camera.cx) / 80 * 3.0, np.full((4, 1), 3.0)], 1)
    mesh = HumanMesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), "board")
    instance_mask = np.zeros((80, 80), bool)
    instance_mask[20:61, 20:41] = True
    paint_mask = instance_mask.copy()
    paint_mask[43:] = False
    person = Person(np.array([20.0, 20.0, 40.0, 60.0]), instance_mask, 0.9)
    sighting = Sighting([person], [mesh], "painting 1", "finder", "measurer", paint_mask)
    verdicts = judge_people(sighting, camera, max_depth_m=50.0)
    assert not (np.isfinite(verdicts.truth.depth_m) & ~paint_mask).any()
    (contact,) = find_contacts(sighting, verdicts, np.zeros((80, 80)), camera)
    assert contact == Rejected("feet not visible: the mask does not end at the soles")


def test_nobody_is_no_evidence():
    evidence = choose_evidence(judged(), [], None)
    assert evidence.landmarks == () and len(evidence.relative) == len(evidence.person) == 0


def test_the_paper_s_evidence_is_left_as_it_is():
    bodies = [Evidence(np.arange(90.0), np.arange(1.0, 91.0), np.zeros(90, int), (landmark(),))]
    (same,) = weigh_people_equally(bodies)
    assert same is bodies[0]


def test_people_weigh_alike_where_some_give_a_contact():
    body_m = np.random.default_rng(0).permutation(np.linspace(3.0, 3.4, 900))
    mixed = Evidence(
        np.concatenate([1 / body_m, [0.5, 0.4], [0.3]]),
        np.concatenate([body_m, [2.0, 2.5], [3.3]]),
        np.repeat([0, 1, 2], [900, 2, 1]),
        (landmark(), landmark("contact"), landmark("contact")),
    )
    (thin,) = weigh_people_equally([mixed])
    assert np.bincount(thin.person).tolist() == [SAMPLES_PER_PERSON] * 3
    own = thin.person == 0
    np.testing.assert_allclose(thin.relative[own], 1 / thin.depth_m[own])
    assert (thin.depth_m[own].min(), thin.depth_m[own].max()) == (3.0, 3.4)
    assert np.median(thin.depth_m[own]) == pytest.approx(3.2, abs=0.01)
    feet, counts = np.unique(thin.relative[thin.person == 1], return_counts=True)
    assert feet.tolist() == [0.4, 0.5] and counts.tolist() == [SAMPLES_PER_PERSON // 2] * 2


def test_contacts_are_found_for_those_who_can_give_metres():
    # A board that faces the camera and stands on row 60; the same board again, too doubtful a detection.
    camera = camera_from_focal_px(80.0, width=80, height=80)
    z = 3.0
    corners = np.array([[20, 20], [40, 20], [40, 60.4], [20, 60.4]])
    vertices = np.concatenate([(corners - camera.cx) / 80 * z, np.full((4, 1), z)], 1)
    mesh = HumanMesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), "board")
    instance_mask = np.zeros((80, 80), bool)
    instance_mask[20:61, 20:41] = True
    box = np.array([20.0, 20.0, 40.0, 60.0])
    people = [Person(box, instance_mask, 0.9), Person(box, instance_mask, 0.3), Person(box, instance_mask, 0.9)]
    rows = np.broadcast_to(np.arange(80.0)[:, None], (80, 80))
    for paint_mask in (None, np.ones((80, 80), bool)):
        sighting = Sighting(people, [mesh, mesh, None], "photo", "finder", "measurer", paint_mask, min_score=0.6)
        verdicts = judge_people(sighting, camera, max_depth_m=50.0)
        first, doubtful, unmeasured = find_contacts(sighting, verdicts, rows, camera)
        assert isinstance(first, Contact)
        np.testing.assert_allclose(first.relative, 60.4)
        np.testing.assert_allclose(first.depth_m, z)
        assert isinstance(doubtful, Rejected) and "probably not a person" in doubtful.reason
        assert unmeasured == Rejected("could not be measured")
