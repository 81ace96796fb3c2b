"""A pasted figure's distance is the focal length over the pixels a metre covers, on its pixels and at its feet."""

import numpy as np
import pytest

from mfh.errors import Rejected
from mfh.landmarks.bodies import body_evidence
from mfh.landmarks.contact import Contact
from mfh.landmarks.sprites import judge_sprite, sprite_contact
from mfh.types import Camera, PastedSprite

_CAMERA = Camera(200.0, 200.0, 79.5, 59.5, 160, 120)
_PX_PER_M = 40.0


def _figure(*, foot=(80.0, 100.0), shown=slice(None)) -> PastedSprite:
    mask = np.zeros((120, 160), bool)
    top, bottom = max(0, int(foot[1] - 1.7 * _PX_PER_M)), int(foot[1]) + 1
    mask[top:bottom, int(foot[0]) - 8 : int(foot[0]) + 9] = True
    kept = np.zeros_like(mask)
    kept[shown] = mask[shown]
    return PastedSprite(kept, foot, _PX_PER_M, 1.7)


def _floor() -> np.ndarray:
    """Disparity of a floor seen from 1.5 m: 1 / z = (v - cy) / (f h)."""
    rows = np.maximum(np.arange(120) - 59.5, 0) / (200 * 1.5)
    return np.repeat(rows[:, None], 160, 1)


def test_every_inner_pixel_carries_the_distance():
    judged = judge_sprite(_figure(), _CAMERA, source="painting 0", painter="p", max_depth_m=50.0)
    (landmark,) = judged.landmarks
    assert landmark.verdict == "used" and landmark.measured_by == "p"
    assert landmark.distance_m == pytest.approx(5.0) and landmark.stature_m == 1.7
    evidence = body_evidence(judged, np.arange(120 * 160.0).reshape(120, 160))
    assert len(evidence.relative) == landmark.pixels == 15 * 67
    assert set(evidence.depth_m) == {5.0}


@pytest.mark.parametrize(("limit", "shown", "words"), [
    (4.0, slice(None), "5 m away"),
    (50.0, slice(0, 34), "too small"),
])  # fmt: skip
def test_what_gives_no_metres_says_why(limit, shown, words):
    judged = judge_sprite(_figure(shown=shown), _CAMERA, source="painting 0", painter="p", max_depth_m=limit)
    assert judged.landmarks[0].verdict == "rejected" and words in judged.landmarks[0].reason
    assert not (judged.truth.person_index >= 0).any()


def test_contact_is_the_floor_at_the_feet():
    contact = sprite_contact(_figure(), _floor(), _CAMERA)
    assert isinstance(contact, Contact)
    np.testing.assert_allclose(contact.depth_m, [5.0])
    np.testing.assert_allclose(contact.relative, [(100 - 59.5) / 300], rtol=1e-6)


@pytest.mark.parametrize(("figure", "words"), [
    (_figure(foot=(80.0, 125.0)), "border"),
    (_figure(shown=slice(0, 90)), "hides"),
])  # fmt: skip
def test_no_contact_without_visible_feet(figure, words):
    contact = sprite_contact(figure, _floor(), _CAMERA)
    assert isinstance(contact, Rejected) and words in contact.reason


def test_feet_on_a_hole_give_no_contact():
    floor = _floor()
    floor[90:, 70:90] = np.nan
    assert sprite_contact(_figure(), floor, _CAMERA) == Rejected("no ground is seen at the feet")
