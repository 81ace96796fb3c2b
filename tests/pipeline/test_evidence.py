"""Somebody alone and unsure never decides a photo by themselves."""

import numpy as np

from mfh.errors import Rejected
from mfh.landmarks.gates import UNSURE_LOG_SIGMA
from mfh.pipeline.evidence import doubt_lone_person
from mfh.types import Evidence, Landmark


def evidence(*scores: float) -> Evidence:
    rows = tuple(
        Landmark("photo", "test", (0.0, 0.0, 1.0, 1.0), score, 3.0, 1.7, 2, "used", "measured", log_distance_sigma=0.1)
        for score in scores
    )
    person = np.repeat(np.arange(len(scores)), 2)
    return Evidence(np.ones(len(person)), np.full(len(person), 3.0), person, rows)


def test_in_a_close_up_or_a_view_from_far_away_the_lone_unsure_one_is_rejected():
    doubted = doubt_lone_person(evidence(0.65), 0.6, refused=lambda: Rejected("a close-up"))
    (landmark,) = doubted.landmarks
    assert landmark.verdict == "rejected"
    assert landmark.reason == "alone and unsure (score 0.65) in what looks like a close-up"
    assert not len(doubted.depth_m)


def test_in_any_other_photo_the_lone_unsure_one_counts_less():
    seen = evidence(0.65)
    doubted = doubt_lone_person(seen, 0.6, refused=lambda: None)
    (landmark,) = doubted.landmarks
    assert landmark.verdict == "used"
    assert landmark.log_distance_sigma == np.hypot(0.1, UNSURE_LOG_SIGMA)
    np.testing.assert_array_equal(doubted.depth_m, seen.depth_m)


def test_who_is_sure_or_not_alone_is_left_as_found_and_the_photo_is_not_looked_at():
    def never() -> Rejected | None:
        raise AssertionError("not asked")

    for seen in (evidence(0.9), evidence(0.65, 0.62), evidence()):
        assert doubt_lone_person(seen, 0.6, refused=never) is seen
