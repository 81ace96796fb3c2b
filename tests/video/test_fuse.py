"""Depth averaged over frames where the picture stands still, and left alone where it moves."""

from functools import cache

import cv2
import numpy as np
import pytest

from mfh.types import Space
from mfh.video.fuse import MEMORY, Steady, steadied
from mfh.video.motion import grey_for_flow
from tests.video.world import CAMERA, ROOM, Seen, person, pose_at, see, walk

COUNT, NOISE = 9, 0.04


@cache
def frames(moving: bool) -> list[Seen]:
    """Somebody walks through a room, before a camera that moves or stands."""
    poses = walk(COUNT) if moving else [pose_at()] * COUNT
    return [see((*ROOM, person(-1.2 + 0.12 * k, 3.6, 0)), pose) for k, pose in enumerate(poses)]


def exact(seen: Seen, space: Space) -> np.ndarray:
    return (1 / seen.depth_m if space == "disparity" else seen.depth_m).astype(np.float32)


def noisy(values: np.ndarray, k: int) -> np.ndarray:
    rough = np.random.default_rng(k).normal(0, NOISE, (9, 12))
    return (values * np.exp(cv2.resize(rough, values.shape[::-1], interpolation=cv2.INTER_CUBIC))).astype(np.float32)


def along(clip: list[Seen], space: Space, *, noise: bool = True) -> list[tuple[Steady, np.ndarray]]:
    """Fuse a clip; returns what is known after each frame, and the frame's own values."""
    state, done = None, []
    for k, seen in enumerate(clip):
        own = noisy(exact(seen, space), k) if noise else exact(seen, space)
        state = steadied(state, own, grey_for_flow(seen.pixels), seen.pose, CAMERA, space)
        done.append((state, own))
    return done


def away_from_edges(seen: Seen) -> np.ndarray:
    kernel = np.ones((9, 9), np.uint8)
    smooth = cv2.dilate(seen.depth_m, kernel) < 1.2 * cv2.erode(seen.depth_m, kernel)
    return smooth & (cv2.dilate((seen.who >= 0).astype(np.uint8), kernel) == 0)


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("moving", [True, False])
def test_what_stands_still_has_less_noise_than_any_one_frame(space: Space, moving):
    clip = frames(moving)
    (state, own), truth = along(clip, space)[-1], exact(clip[-1], space)
    still = away_from_edges(clip[-1]) & (state.age > 0.8 * COUNT)
    assert still.mean() > 0.4
    alone, fused = (np.log(each / truth)[still].std() for each in (own, state.values))
    assert fused < 0.5 * alone
    assert abs(np.log(state.values / truth)[still].mean()) < 0.01


@pytest.mark.parametrize("moving", [True, False])
def test_what_moves_keeps_the_depth_of_its_own_frame(moving):
    clip = frames(moving)
    for (state, own), seen in zip(along(clip, "disparity"), clip, strict=True):
        inside = cv2.erode((seen.who == 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert np.abs(np.log(state.values / own))[inside].max() < 0.25
        assert np.median(np.abs(np.log(state.values / own))[inside]) < 0.01


def test_nothing_is_smeared_where_somebody_was():
    clip = frames(False)
    state, _ = along(clip, "disparity", noise=False)[-1]
    was = np.any([seen.who == 0 for seen in clip[:-1]], axis=0) & (clip[-1].who < 0)
    error = np.abs(np.log(state.values * clip[-1].depth_m))
    assert np.percentile(error[was], 95) < 0.02


def test_exact_depth_stays_exact_under_a_moving_camera():
    clip = frames(True)
    state, _ = along(clip, "disparity", noise=False)[-1]
    error = np.abs(np.log(state.values * clip[-1].depth_m))
    assert np.percentile(error[away_from_edges(clip[-1])], 95) < 0.01


def test_memory_ends_and_holes_stay_holes():
    seen, state = frames(False)[0], None
    values = exact(seen, "disparity")
    values[:20] = np.nan
    for _ in range(MEMORY + 4):
        state = steadied(state, values, grey_for_flow(seen.pixels), seen.pose, CAMERA, "disparity")
    assert state is not None and state.age.max() == MEMORY
    assert np.isnan(state.values[:18]).all() and np.isfinite(state.values[24:]).all()


def test_a_hole_of_the_frame_before_is_filled_by_the_frame_itself():
    seen = frames(False)[0]
    values = exact(seen, "disparity")
    holed = values.copy()
    holed[:, :40] = np.nan
    first = steadied(None, holed, grey_for_flow(seen.pixels), seen.pose, CAMERA, "disparity")
    second = steadied(first, values, grey_for_flow(seen.pixels), seen.pose, CAMERA, "disparity")
    assert np.isfinite(second.values).all()
    np.testing.assert_array_equal(second.values[:, :36], values[:, :36])
