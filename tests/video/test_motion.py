"""How the picture moves: flow that holds, and the grid of it."""

import numpy as np
import pytest

from mfh.video.motion import flow_size, grey_for_flow, grid_points, motion_between, on_grid, sampled
from tests.video.world import CAMERA, ROOM, pose_at, see


def moved_by_truth(before, now):
    """Where the grid's points of a frame were in the one before, from depth and cameras."""
    points = grid_points(CAMERA.width, CAMERA.height)
    z = sampled(now.depth_m, points)
    rays = np.column_stack([(points - (CAMERA.cx, CAMERA.cy)) / (CAMERA.fx, CAMERA.fy), np.ones(len(points))])
    there = np.linalg.inv(before.pose) @ now.pose
    placed = (rays * z[:, None]) @ there[:3, :3].T + there[:3, 3]
    return placed[:, :2] / placed[:, 2:] * (CAMERA.fx, CAMERA.fy) + (CAMERA.cx, CAMERA.cy)


@pytest.mark.parametrize("pose", [pose_at(0.08), pose_at(0.05, 0.02, 0.1, 1.0)])
def test_points_of_a_still_room_are_where_depth_and_camera_say(pose):
    before, now = see(ROOM, pose_at()), see(ROOM, pose)
    moved = on_grid(
        motion_between(grey_for_flow(before.pixels), grey_for_flow(now.pixels)), CAMERA.width, CAMERA.height
    )
    miss_px = np.linalg.norm(moved.was_px - moved_by_truth(before, now), axis=1)
    assert moved.holds.mean() > 0.75
    assert np.median(miss_px[moved.holds]) < 0.2
    assert np.percentile(miss_px[moved.holds], 90) < 0.6


def test_what_leaves_the_picture_or_is_hidden_does_not_hold():
    before, now = see(ROOM, pose_at(turn_deg=8)), see(ROOM, pose_at())
    motion = motion_between(grey_for_flow(before.pixels), grey_for_flow(now.pixels))
    x = np.arange(CAMERA.width) + motion.back[..., 0]
    assert not motion.holds[(x < 0) | (x > CAMERA.width - 1)].any()


def test_two_pictures_that_share_nothing_hold_almost_nowhere():
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 255, (120, 160), np.uint8) for _ in range(2))
    assert motion_between(one, other).holds.mean() < 0.25


@pytest.mark.parametrize(
    ("size", "expected"), [((1920, 1080), (640, 360)), ((320, 200), (320, 200)), ((40, 9), (40, 16))]
)
def test_flow_is_computed_at_a_bounded_size(size, expected):
    assert flow_size(*size) == expected
    width, height = size
    assert grey_for_flow(np.zeros((height, width, 3), np.uint8)).shape == expected[::-1]


def test_the_grid_lies_within_the_frame_and_a_mask_is_read_at_the_nearest_pixel():
    points = grid_points(101, 57)
    assert (points >= -0.5).all() and (points <= (100.5, 56.5)).all() and len(points) > 500
    mask = np.zeros((10, 10), bool)
    mask[4, 6] = True
    assert sampled(mask, np.array([[6.3, 4.2], [5.2, 4.0]])).astype(bool).tolist() == [True, False]
    ramp = np.tile(np.arange(10.0), (10, 1))
    assert sampled(ramp, np.array([[6.25, 4.0], [20.0, 4.0]])) == pytest.approx([6.25, 9.0])
