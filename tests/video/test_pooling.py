"""A person is one measurement however often they are seen; people and distances are what the answer shrinks with."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.config import HeadConfig
from mfh.geometry.camera import camera_from_focal_px
from mfh.pipeline.solve import Solution, solve
from mfh.scale.known_sizes import KnownSizes
from mfh.types import Evidence, FocalProvenance, LogRange, Photo, RelativeDepth, Space
from mfh.video.chain import FrameHead
from mfh.video.pooling import FEW_OF_MANY, pool_tracks
from tests.video.made_up import SIZE, sighting, track

SCALE, SHIFT = 0.5, 0.05
"""Of the head that is to be found: inverse metres are SCALE times relative depth plus SHIFT."""


def head(scale: float = 1.0, shift: float = 0.0) -> FrameHead:
    return FrameHead(scale, shift, np.eye(4))


def relative_of(metres: float, space: Space = "disparity") -> float:
    return ((1 / metres if space == "disparity" else metres) - SHIFT) / SCALE


def person(
    distances_m, *, farther: float = 1.0, noise: float = 0.03, seed: int = 0, space: Space = "disparity", **words
):
    """Somebody seen at distances, each a little wrong, and all by one factor."""
    wrong = np.exp(np.random.default_rng(seed).normal(0, noise, len(distances_m)))
    measured = [float(z * farther * off) for z, off in zip(distances_m, wrong, strict=True)]
    return track(
        *(sighting(relative_of(z, space), seen, **words) for z, seen in zip(distances_m, measured, strict=True))
    )


def pooled(*tracks, space: Space = "disparity", heads=None, least_seen: int = 1):
    heads = heads or [head()] * (1 + max(index for one in tracks for index, _ in one.seen))
    return pool_tracks(tracks, heads, space, least_seen=least_seen)


def solved(evidence: Evidence, space: Space = "disparity") -> Solution:
    """Fit scale and shift of a room from 1.5 to 9 metres."""
    depth_m = np.linspace(1.5, 9, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE[1], SIZE[0])
    values = ((1 / depth_m if space == "disparity" else depth_m) - SHIFT) / SCALE
    photo = Photo(
        np.zeros((SIZE[1], SIZE[0], 3), np.uint8),
        camera_from_focal_px(150.0, width=SIZE[0], height=SIZE[1]),
        FocalProvenance("explicit", "given", 0.0),
    )
    relative = RelativeDepth(values.astype(np.float32), space, LogRange(((1.0, 1.5, 0.6),)))
    about = {"head": HeadConfig(), "known": KnownSizes(), "shared_log_sigma": 0.05, "shape_log_sigma": 0.05}
    return solve([evidence], relative, photo, **about)


def half_width(*tracks) -> float:
    evidence, _ = pooled(*tracks)
    interval = solved(evidence).interval()
    assert interval is not None
    return interval.half_width


def test_a_person_is_one_measurement_however_often_they_are_seen():
    few, many = (half_width(person([4.0] * count)) for count in (5, 50))
    # Independent measurements would have shrunk it to a third.
    assert 0.8 * few < many <= few * 1.001
    evidence, rows = pooled(person([4.0] * 50))
    assert len(evidence.relative) == len(evidence.landmarks) == len(rows) == 1
    assert rows[0].used_frames == tuple(range(50)) and evidence.landmarks[0].log_distance_sigma < 0.1


def test_other_people_do_shrink_the_interval():
    one = half_width(person([4.0] * 10))
    three = half_width(*(person([4.0] * 10, seed=seed) for seed in range(3)))
    assert three < 0.9 * one


def test_somebody_who_walks_is_one_person_too():
    few, many = (half_width(person(np.linspace(2, 8, count), noise=0.01)) for count in (24, 192))
    assert 0.85 * few < many <= few * 1.05
    # Their size is known to no better than that of somebody who stands: a tenth, and 80 % is 1.28 of it.
    assert many > 0.1


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_a_walker_at_several_distances_determines_the_shift(space: Space):
    walker, standing = (person(at, noise=0.02, farther=1.03, space=space) for at in (np.linspace(2, 8, 40), [4.0] * 40))
    found = solved(pooled(walker, space=space)[0], space)
    assert found.fit.head.shift_determined
    # Their size may be wrong, and then all is; the ratio of shift to scale is theirs alone.
    expected = SHIFT / SCALE
    assert found.fit.head.shift / found.fit.head.scale == pytest.approx(
        expected, abs=0.08 if space == "disparity" else 0.8
    )
    assert not solved(pooled(standing, space=space)[0], space).fit.head.shift_determined


def test_two_tracks_never_determine_the_shift_by_lying_on_a_line():
    # Any two pairs do, whatever their errors.
    near, far = person([2.8] * 5, seed=1), person([3.2] * 5, seed=2)
    found = solved(pooled(near, far)[0])
    assert not found.fit.head.shift_determined
    assert half_width(near, far) > 0.15


def scrambled(track_, factors):
    """The same track where each frame has a unit of its own, and the heads that undo it."""
    seen, heads = [], []
    for (index, one), (scale, shift) in zip(track_.seen, factors, strict=True):
        landmark = replace(one.landmark, relative_sigma=one.landmark.relative_sigma / scale)
        seen.append((index, replace(one, relative=(one.relative - shift) / scale, landmark=landmark)))
        heads.append(head(scale, shift))
    return replace(track_, seen=seen), heads


@pytest.mark.parametrize("label", ["", "chair"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_unit_of_a_frame_is_of_no_matter(label, count):
    rng = np.random.default_rng(count)
    distances = np.linspace(3, 5, count)
    straight = person(distances, label=label, relative_sigma=0.02)
    other, heads = scrambled(straight, [(float(rng.uniform(0.05, 20)), float(rng.normal())) for _ in distances])
    evidence, rows = pooled(straight)
    again, rows_again = pooled(other, heads=heads)
    np.testing.assert_allclose(again.relative, evidence.relative, rtol=1e-9)
    np.testing.assert_allclose(again.depth_m, evidence.depth_m, rtol=1e-12)
    assert rows_again[0].landmark.relative_sigma == pytest.approx(rows[0].landmark.relative_sigma)
    assert rows_again[0].at == rows[0].at
    assert [float(solved(one).fit.head.scale) for one in (again, evidence)] == pytest.approx([0.5] * 2, rel=0.2)


def test_a_body_has_one_size_in_all_frames():
    # Measured taller, it was measured farther.
    statures = [1.6, 1.7, 1.8, 1.7, 1.7]
    seen = [sighting(relative_of(4.0), 4.0 * one / 1.7, stature_m=one) for one in statures]
    evidence, (row,) = pooled(track(*seen))
    assert evidence.depth_m == pytest.approx([4.0])
    assert row.landmark.stature_m == pytest.approx(1.7) and row.spread == pytest.approx(0.0, abs=1e-9)


def test_one_wrong_frame_of_many_is_of_no_matter():
    good, wrong = sighting(relative_of(4.0), 4.0), sighting(relative_of(4.0), 9.0)
    evidence, (row,) = pooled(track(good, good, wrong, good, good))
    assert evidence.depth_m == pytest.approx([4.0]) and row.at != 2


def test_an_accident_of_one_frame_of_many_is_rejected_with_its_reason():
    evidence, rows = pooled(person([4.0]), person([4.0] * 5), least_seen=FEW_OF_MANY)
    assert [row.landmark.verdict for row in rows] == ["rejected", "used"]
    assert rows[0].landmark.reason == f"measured in 1 of the key frames: expected {FEW_OF_MANY} or more"
    assert set(evidence.person) == {1}


def test_who_was_never_measured_stays_on_the_receipt():
    evidence, (row,) = pooled(track(sighting(None, None, reason="too small"), sighting(None, None, reason="cut off")))
    assert len(evidence.relative) == 0 and row.landmark.verdict == "rejected" and row.used_frames == ()
    assert row.landmark.reason in ("too small", "cut off") and row.frames == (0, 1)


def test_relative_depth_at_infinity_gives_no_scale():
    evidence, (row,) = pooled(track(sighting(-1.0, 4.0), sighting(-2.0, 4.0)))
    assert len(evidence.relative) == 0 and row.landmark.verdict == "rejected"
    assert "no finite relative depth" in row.landmark.reason


def test_frames_may_be_numbered_otherwise():
    _, (row,) = pooled(person([4.0, 4.0, 4.0]))
    moved = row.at_frames([-1, 17, 40])
    assert moved.frames == moved.used_frames == (-1, 17, 40) and moved.at in (-1, 17, 40)


def test_nobody_gives_no_evidence():
    evidence, rows = pool_tracks([], [head()], "disparity", least_seen=1)
    assert rows == () and len(evidence.relative) == 0
