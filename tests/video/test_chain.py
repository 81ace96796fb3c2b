"""Frames whose relative depth has any scale and shift are brought to one space, forward and backward."""

from functools import cache

import numpy as np
import pytest

from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.types import Space
from mfh.video.chain import camera_motion, chain_heads, poses_of, to_metres
from mfh.video.motion import grid_points
from mfh.video.records import GridReading
from tests.video.world import ROOM, Truth, person, pose_at, readings_of, see, walk

COUNT = 8
CAMERA = camera_from_focal_px(240.0, width=256, height=192)


@cache
def clip(space: Space, noise: float = 0.0, cut: int | None = None) -> tuple[Truth, list[GridReading | None]]:
    """Somebody walks through a room before a moving camera; at a cut, the camera is elsewhere."""
    poses = walk(COUNT)
    if cut is not None:
        poses[cut:] = [pose_at(turn_deg=50) @ pose for pose in poses[cut:]]
    planes = [(*ROOM, person(-0.9 + 0.07 * k, 4.0, 0)) for k in range(COUNT)]
    truth = Truth([see(*each, CAMERA) for each in zip(planes, poses, strict=True)], space, noise=noise)
    return truth, readings_of(truth, CAMERA)


def chained(truth, readings, anchor):
    return chain_heads(lambda k: readings[k], COUNT, anchor, truth.affine(anchor), CAMERA, truth.space)


def log_errors(truth, heads):
    """Median absolute error of log depth of each frame under its head."""
    common = [one.scale * truth.relative(k).values + one.shift for k, one in enumerate(heads)]
    return [float(np.median(np.abs(np.log(one / truth.exact(k))))) for k, one in enumerate(common)]


def moved_m(truth, k):
    """How far the camera of a frame is from that of the first one."""
    return (np.linalg.inv(truth.frames[0].pose) @ truth.frames[k].pose)[:3, 3]


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("anchor", [0, 3, COUNT - 1])
def test_scrambled_frames_come_back_from_any_anchor(space: Space, anchor):
    truth, readings = clip(space)
    heads = chained(truth, readings, anchor)
    assert max(log_errors(truth, heads)) < 0.01
    for k, one in enumerate(heads):
        scale, shift = truth.affine(k)
        middle = np.median(truth.relative(k).values)
        assert one.scale == pytest.approx(scale, rel=0.02)
        assert one.scale * middle + one.shift == pytest.approx(scale * middle + shift, rel=0.02)
    assert heads[anchor].scale == truth.affine(anchor)[0], "what is known stays as it is"
    assert all(one.still > 0.8 for one in heads)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_networks_that_see_another_shape_in_each_frame_do_not_make_the_scale_drift(space: Space):
    truth, readings = clip(space, noise=0.03)
    single = np.median(np.abs(np.random.default_rng(0).normal(0, 0.03, 1000)))
    assert max(log_errors(truth, chained(truth, readings, 0))) < 1.8 * single


def test_the_camera_moves_as_it_did_in_metres():
    truth, readings = clip("disparity")
    poses = poses_of(chained(truth, readings, 2))
    assert poses.shape == (COUNT, 4, 4)
    np.testing.assert_allclose(poses[0], np.eye(4), atol=1e-12)
    for k in range(1, COUNT):
        np.testing.assert_allclose(poses[k][:3, 3], moved_m(truth, k), atol=0.12 * np.linalg.norm(moved_m(truth, k)))
        np.testing.assert_allclose(poses[k][:3, :3] @ poses[k][:3, :3].T, np.eye(3), atol=1e-6)
    turned = np.linalg.inv(truth.frames[0].pose)[:3, :3] @ truth.frames[-1].pose[:3, :3]
    angle = np.degrees(np.arccos(min(1.0, (np.trace(turned.T @ poses[-1][:3, :3]) - 1) / 2)))
    assert angle < 0.5


def test_a_head_twice_as_far_makes_the_camera_move_twice_as_far():
    truth, readings = clip("depth")
    scale, shift = truth.affine(0)
    near, far = (
        chain_heads(lambda k: readings[k], COUNT, 0, (times * scale, times * shift), CAMERA, "depth")
        for times in (1, 2)
    )
    assert np.linalg.norm(far[-1].pose[:3, 3]) == pytest.approx(2 * np.linalg.norm(near[-1].pose[:3, 3]), rel=0.02)
    assert far[-1].scale == pytest.approx(2 * near[-1].scale, rel=0.01)


@pytest.mark.parametrize("anchor", [0, COUNT - 1])
def test_a_cut_is_noticed_and_the_scale_is_carried_across(anchor):
    truth, readings = clip("disparity", cut=4)
    heads = chained(truth, readings, anchor)
    assert [k for k, one in enumerate(heads) if one.still == 0] == [4], "the first frame of the new shot, from anywhere"
    assert all(one.scale > 0 for one in heads)
    common = [one.scale * truth.relative(k).values + one.shift for k, one in enumerate(heads)]
    assert common[4].mean() == pytest.approx(common[3].mean(), rel=0.05)
    assert common[4].std() == pytest.approx(common[3].std(), rel=0.15)


def test_a_constant_frame_after_a_cut_has_a_head_all_the_same():
    count = len(grid_points(CAMERA.width, CAMERA.height))
    nowhere = GridReading(np.zeros((count, 2)), np.full(count, 0.5), np.full(count, 0.5), np.zeros(count, bool))
    heads = chain_heads(lambda k: nowhere if k else None, 3, 0, (2.0, 0.1), CAMERA, "disparity")
    assert [one.still for one in heads] == [1.0, 0.0, 0.0]
    assert all(np.isfinite([one.scale, one.shift]).all() and one.scale != 0 for one in heads)


def test_points_that_move_by_themselves_are_not_of_the_cameras_motion():
    rng = np.random.default_rng(0)
    seen_px = rng.uniform((0, 0), (255, 191), (400, 2))
    points = unproject(CAMERA, seen_px, rng.uniform(2, 8, 400))
    shift = np.array([0.1, -0.02, 0.2])
    moved = points + shift
    moved[:80] += (0.3, 0.0, 0.0)
    placed = moved[:, :2] / moved[:, 2:] * CAMERA.fx + (CAMERA.cx, CAMERA.cy)
    found = camera_motion(points, placed, CAMERA)
    assert found is not None
    rotation, shift_m, still = found
    np.testing.assert_allclose(shift_m, shift, atol=5e-3)
    np.testing.assert_allclose(rotation, np.eye(3), atol=2e-3)
    assert not still[:80].any() and still[80:].mean() > 0.98
    assert camera_motion(points, rng.permutation(placed), CAMERA) is None
    assert camera_motion(points[:10], placed[:10], CAMERA) is None


def test_metres_of_values_at_infinity_or_behind_are_not_known():
    assert to_metres(np.array([0.5, 0.0, -1.0, 1e-9, 1e9]), "disparity") == pytest.approx(
        [2.0, *[np.nan] * 4], nan_ok=True
    )
    assert to_metres(np.array([0.5, 0.0, -1.0, 1e9]), "depth") == pytest.approx([0.5, *[np.nan] * 3], nan_ok=True)
