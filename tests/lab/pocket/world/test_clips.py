"""Clips: functions of their seed, still where nothing moves, with truth that fits together over frames."""

from dataclasses import replace

import numpy as np
import pytest

from mfh_lab.pocket.clip_measures import FrameTruth, match_static, static_mask
from mfh_lab.pocket.world.clips import ClipOptions, draw_clip, render_frame

pytestmark = pytest.mark.slow

SMALL = ClipOptions(frames=20, width=96, height=72, samples=1)
SEED = 7


@pytest.fixture(scope="module")
def moving(bank):
    return draw_clip(SEED, bank, SMALL)


@pytest.fixture(scope="module")
def still(bank):
    return draw_clip(SEED, bank, replace(SMALL, moving=False))


def truth(clip, frame):
    return FrameTruth(frame.depth_m, frame.person_ids, frame.T_world_camera, clip.camera)


def test_a_frame_is_a_function_of_seed_and_number(bank, moving):
    again = draw_clip(SEED, bank, SMALL)
    assert [again.path.at(t).position.tolist() for t in (0, 1)] == [moving.path.at(t).position.tolist() for t in (0, 1)]
    one, other = render_frame(moving, bank, 13), render_frame(again, bank, 13)
    for name in ("rgb", "depth_m", "person_ids", "T_world_camera"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert not np.array_equal(render_frame(moving, bank, 14).depth_m, one.depth_m)


def test_people_walk_and_keep_their_number_and_body(bank, still):
    frames = [render_frame(still, bank, number) for number in (0, 10)]
    for person in range(1, len(still.walkers) + 1):
        before, after = (np.argwhere(one.person_ids == person) for one in frames)
        assert len(before) > 20 and len(after) > 20
        assert np.abs(before.mean(0) - after.mean(0)).max() > 0.5
    assert max(one.person_ids.max() for one in frames) == len(still.walkers)


def test_a_camera_on_a_tripod_sees_the_same_where_no_one_walks(bank, still):
    one, other = (render_frame(still, bank, number) for number in (0, 10))
    np.testing.assert_array_equal(one.T_world_camera, other.T_world_camera)
    free = (one.person_ids == 0) & (other.person_ids == 0)
    np.testing.assert_array_equal(one.depth_m[free], other.depth_m[free])
    difference = np.abs(one.rgb.astype(int) - other.rgb.astype(int))[free]
    # Light paths and the sensor's noise are drawn anew; what is seen is the same.
    assert difference.max() > 0 and np.median(difference) < 8


def test_poses_and_depth_of_a_moving_camera_fit_together(bank, moving):
    one, other = (render_frame(moving, bank, number) for number in (5, 7))
    step = np.linalg.norm(one.T_world_camera[:3, 3] - other.T_world_camera[:3, 3])
    assert 0.001 < step < 0.3
    matches = match_static(truth(moving, one), truth(moving, other))
    counted = static_mask(truth(moving, one)).sum()
    assert len(matches.before) > 0.6 * counted
    colours = (frame.rgb.reshape(-1, 3).astype(float) for frame in (one, other))
    before, after = next(colours)[matches.before], next(colours)[matches.after]
    shuffled = np.random.default_rng(0).permutation(after)
    # The same points look the same: textures belong to the world.
    assert np.median(np.abs(before - after)) < 0.5 * np.median(np.abs(before - shuffled))


def test_the_sky_is_infinitely_far_and_people_are_in_front_of_nothing_behind(bank):
    clip = next(
        clip for clip in (draw_clip(seed, bank, SMALL) for seed in range(20)) if clip.layout.environment.sun_color.any()
    )
    frame = render_frame(clip, bank, 0)
    assert np.isinf(frame.depth_m).any() and (frame.depth_m > 0).all()
    assert np.isfinite(frame.depth_m[frame.person_ids > 0]).all()


def test_people_are_seen_from_head_to_foot_in_most_frames(bank, moving):
    whole = []
    for number in range(0, 20, 4):
        ids = render_frame(moving, bank, number).person_ids
        for person in range(1, len(moving.walkers) + 1):
            rows = np.flatnonzero((ids == person).any(1))
            whole.append(len(rows) > 0 and rows.min() > 0 and rows.max() < 71)
    assert np.mean(whole) >= 0.5


def test_a_bank_without_standing_adults_is_refused(bank):
    with pytest.raises(ValueError, match="no adult of split 'train'"):
        draw_clip(0, bank, replace(SMALL, split="train"))
