"""People who walk: the loop they follow, and the gait."""

import numpy as np
import pytest

from mfh_lab.pocket.world.walking import Loop, Walker, walk_pose, walking_bank

LOOP = Loop(1.0, 4.0, 1.5, 0.6, 0.7, 0.3, 1.2)


@pytest.mark.parametrize("speed", [1.2, -0.8])
def test_a_person_walks_at_one_speed_facing_where_the_way_goes(speed):
    loop = Loop(1.0, 4.0, 1.5, 0.6, 0.7, 0.3, speed)
    step_s = 0.01
    for seconds in np.linspace(0, 8, 33):
        (here, walked), (there, later) = loop.at(seconds), loop.at(seconds + step_s)
        way = np.array([there.x - here.x, there.y - here.y])
        assert np.linalg.norm(way) == pytest.approx(abs(speed) * step_s, rel=0.01)
        assert later - walked == pytest.approx(abs(speed) * step_s)
        # A body faces -y at yaw 0.
        assert way @ [np.sin(here.yaw), -np.cos(here.yaw)] == pytest.approx(np.linalg.norm(way), rel=1e-3)


def test_a_loop_closes():
    angle = np.linspace(0, 2 * np.pi, 10_001)
    points = np.stack([1.5 * np.cos(angle), 0.6 * np.sin(angle)], 1)
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    begin, end = LOOP.at(0.0)[0], LOOP.at(length / 1.2)[0]
    assert np.hypot(begin.x - end.x, begin.y - end.y) < 1e-3


@pytest.fixture
def standing(bank):
    return int(bank.indices("test", poses=("stand",))[0])


def test_a_pose_stands_on_the_ground_and_comes_back_after_a_cycle(bank, standing):
    vertices = bank.vertices_m[standing].astype(float)
    poses = [walk_pose(vertices, bank.rest, swing=0.4, phase=phase) for phase in np.linspace(0, 2 * np.pi, 9)]
    for pose in poses:
        assert pose[bank.rest[:, 2] < 0.1, 2].min() == pytest.approx(0)
        # Legs that are apart reach less far down: the head bobs, by centimetres.
        assert -0.12 < pose[:, 2].max() - vertices[:, 2].max() < 0.02
    np.testing.assert_allclose(poses[0], poses[8], atol=1e-9)
    assert np.abs(poses[0] - poses[2]).max() > 0.2


def test_legs_and_arms_swing_against_each_other(bank, standing):
    vertices, x, z = bank.vertices_m[standing].astype(float), bank.rest[:, 0], bank.rest[:, 2]
    pose = walk_pose(vertices, bank.rest, swing=0.4, phase=np.pi / 2)
    forward = vertices[:, 1] - pose[:, 1]
    left_foot, right_foot = (x > 0) & (z < 0.06), (x < 0) & (z < 0.06)
    left_hand, right_hand = x > 0.28, x < -0.28
    assert forward[left_foot].mean() > 0.1 > -0.1 > forward[right_foot].mean()
    assert forward[left_hand].mean() < 0 < forward[right_hand].mean()
    trunk = (np.abs(x) < 0.06) & (z > 0.6)
    np.testing.assert_allclose(pose[trunk, :2], vertices[trunk, :2], atol=1e-9)


def test_limbs_keep_their_length(bank, standing):
    vertices, x, z = bank.vertices_m[standing].astype(float), bank.rest[:, 0], bank.rest[:, 2]
    pose = walk_pose(vertices, bank.rest, swing=0.4, phase=1.0)
    for ring_a, ring_b in (((0.24, 0.26), (0.08, 0.1)), ((0.44, 0.45), (0.31, 0.33))):
        ends = [(x > 0) & (z > low) & (z < high) & (np.abs(x) < 0.15) for low, high in (ring_a, ring_b)]
        before, after = (np.linalg.norm(v[ends[0]].mean(0) - v[ends[1]].mean(0)) for v in (vertices, pose))
        assert after == pytest.approx(before, rel=0.03)


def test_the_bank_of_a_moment_holds_the_walkers_at_their_stature(bank, standing):
    walkers = tuple(Walker(LOOP, standing, stature, k, 0.35, 0.0) for k, stature in enumerate((1.6, 1.9)))
    now, places = walking_bank(bank, walkers, 0.5)
    assert now.vertices_m.shape[0] == 2 and now.vertices_m.dtype == np.float32
    assert now.stature_m == pytest.approx([1.6, 1.9])
    heights = np.ptp(now.vertices_m[:, np.unique(bank.faces["body"]), 2], axis=1)
    assert heights[1] / heights[0] == pytest.approx(1.9 / 1.6, rel=0.03)
    assert places[0] == LOOP.at(0.5)[0]
    assert walking_bank(bank, (), 0.5)[1] == []


def test_the_gait_keeps_pace_with_the_way():
    walker = Walker(LOOP, 0, 1.7, 0, 0.35, 0.0)
    step_m = 2 * 0.53 * 1.7 * np.sin(0.35)
    assert walker.phase_after(2 * step_m) == pytest.approx(2 * np.pi)
