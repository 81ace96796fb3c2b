"""Measures of clips, on a wall and a floor whose depth is known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from mfh.types import Camera
from mfh_lab.pocket.clip_measures import (
    AGREES,
    FrameTruth,
    flicker_between,
    interval_holds,
    match_static,
    score_clip,
    static_mask,
)

CAMERA = Camera(60.0, 60.0, 31.5, 23.5, 64, 48)


def frame(*, x: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> FrameTruth:
    """A wall at z = 5 over a floor at y = 1.5, seen from (x, 0, z), turned about the vertical."""
    c, s = np.cos(yaw), np.sin(yaw)
    pose = np.eye(4)
    pose[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    pose[:3, 3] = x, 0, z
    v, u = np.mgrid[0:48, 0:64].astype(float)
    ray = np.stack([(u - 31.5) / 60, (v - 23.5) / 60, np.ones_like(u)], -1)
    world = ray @ pose[:3, :3].T
    wall = (5 - z) / world[..., 2]
    with np.errstate(divide="ignore"):
        floor = np.where(world[..., 1] > 0, 1.5 / world[..., 1], np.inf)
    return FrameTruth(np.minimum(wall, floor), np.zeros((48, 64), np.uint8), pose, CAMERA)


FRAMES = [frame(), frame(x=0.1, z=0.05, yaw=0.02), frame(x=0.2, z=0.1, yaw=-0.03)]


def test_answers_wrong_alike_have_no_flicker_however_the_camera_moves():
    scores = score_clip([1.3 * one.depth_m for one in FRAMES], FRAMES)
    assert scores.flicker < 1e-12 and scores.jitter < 1e-12
    assert scores.log_scale == pytest.approx(np.log(1.3)) and scores.abs_rel == pytest.approx(0.3)


def test_a_scale_that_changes_from_frame_to_frame_is_the_flicker():
    answers = [factor * one.depth_m for factor, one in zip((1.0, 1.1, 0.9), FRAMES, strict=True)]
    scores = score_clip(answers, FRAMES)
    expected = (np.log(1.1) + np.log(1.1 / 0.9)) / 2
    assert scores.flicker == pytest.approx(expected) and scores.jitter == pytest.approx(expected)
    assert scores.log_scale_frames == pytest.approx(np.log([1.0, 1.1, 0.9]))


def test_a_still_camera_flickers_by_the_change_of_log_depth():
    rng = np.random.default_rng(0)
    one, other = (FRAMES[0].depth_m * np.exp(0.1 * rng.standard_normal((48, 64))) for _ in range(2))
    counted = static_mask(FRAMES[0])
    expected = np.abs(np.log(one) - np.log(other))[counted].mean()
    assert flicker_between(one, other, FRAMES[0], FRAMES[0]) == pytest.approx(expected)


def test_people_edges_and_the_sky_do_not_count():
    ids = np.zeros((48, 64), np.uint8)
    ids[10:30, 20:30] = 2
    depth = FRAMES[0].depth_m.copy()
    depth[:5] = np.inf
    depth[40:, :10] = 0.8
    depth[34:38, 50:] = 81.0
    truth = replace(FRAMES[0], person_ids=ids, depth_m=depth)
    mask = static_mask(truth)
    assert not mask[8:32, 18:32].any() and mask[20, 40]
    assert not mask[34:38, 50:].any()
    assert not mask[:6].any() and not mask[39, :10].any() and not mask[40, :10].any() and mask[44, 5]
    answer = depth.copy()
    answer[ids > 0] *= 3
    assert flicker_between(depth, answer, truth, truth) == 0


def test_matches_are_those_of_a_loop_over_pixels():
    before, after = FRAMES[0], FRAMES[2]
    ok_before, ok_after = static_mask(before), static_mask(after)
    expected = []
    for v in range(48):
        for u in range(64):
            if not ok_before[v, u]:
                continue
            point = np.array([(u - 31.5) / 60, (v - 23.5) / 60, 1, 0]) * before.depth_m[v, u]
            point[3] = 1
            x, y, z, _ = np.linalg.inv(after.T_world_camera) @ before.T_world_camera @ point
            column, row = round(x / z * 60 + 31.5), round(y / z * 60 + 23.5)
            if 0 <= column < 64 and 0 <= row < 48 and ok_after[row, column]:
                if abs(z / after.depth_m[row, column] - 1) < AGREES:
                    expected.append((v * 64 + u, row * 64 + column))
    found = match_static(before, after)
    assert list(zip(found.before, found.after, strict=True)) == expected and len(expected) > 1000


def test_what_hides_a_point_in_the_next_frame_leaves_it_out():
    depth = FRAMES[1].depth_m.copy()
    depth[:, :40] = 0.5
    hidden = match_static(FRAMES[0], replace(FRAMES[1], depth_m=depth))
    assert (hidden.after % 64 > 40).all() and len(hidden.after) > 100


def test_frames_without_answers_are_told_and_missing_pixels_counted():
    answer = FRAMES[0].depth_m.copy()
    answer[:24] = np.nan
    assert score_clip([answer], FRAMES[:1]).answered == pytest.approx(0.5)
    assert np.isnan(score_clip([answer], FRAMES[:1]).flicker)
    with pytest.raises(ValueError, match="frame 0 has no answer"):
        score_clip([np.full((48, 64), np.nan)], FRAMES[:1])
    with pytest.raises(ValueError, match="1 answers for 3 frames"):
        score_clip([answer], FRAMES)


def test_errors_are_with_and_without_people():
    ids = np.zeros((48, 64), np.uint8)
    ids[:12] = 1
    truth = replace(FRAMES[0], person_ids=ids)
    scores = score_clip([np.where(ids > 0, 1.5, 1.1) * truth.depth_m], [truth])
    assert scores.abs_rel == pytest.approx(0.25 * 0.5 + 0.75 * 0.1) and scores.abs_rel_static == pytest.approx(0.1)


def test_an_interval_holds_the_factor_that_makes_the_answer_true():
    # An answer 20 % too large must be multiplied by 1 / 1.2.
    assert interval_holds((0.8, 1.1), np.log(1.2))
    assert not interval_holds((0.9, 1.3), np.log(1.2))
