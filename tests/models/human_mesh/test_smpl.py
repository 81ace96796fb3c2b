import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.models.human_mesh.smpl import posed_body, shaped_body, stature_m
from tests.models.human_mesh.smpl_fixtures import PARENTS, made_up_smpl

MODEL = made_up_smpl()


def rotation(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula."""
    angle = float(np.linalg.norm(axis_angle))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = axis_angle / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def random_pose(seed: int) -> np.ndarray:
    return np.stack([rotation(v) for v in np.random.default_rng(seed).normal(0, 0.5, (24, 3))])


def one_vertex_after_another(betas: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Linear blend skinning as the paper writes it, in homogeneous coordinates (Eqs. 2-4, 7-10)."""
    shaped = MODEL.template_m.copy()
    for k, beta in enumerate(betas):
        shaped += beta * MODEL.shape_directions[:, :, k]
    joints = np.array([sum(w * v for w, v in zip(row, shaped, strict=True)) for row in MODEL.joint_regressor])
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in rotations[1:]])
    bent = shaped.copy()
    for k, value in enumerate(feature):
        bent += value * MODEL.pose_directions[:, :, k]

    def world(joint: int, turns: np.ndarray) -> np.ndarray:
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        parent = PARENTS[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        return world(parent, turns) @ local if parent >= 0 else local

    rest = np.tile(np.eye(3), (24, 1, 1))
    moves = [world(j, rotations) @ np.linalg.inv(world(j, rest)) for j in range(24)]
    out = np.zeros_like(bent)
    for i, vertex in enumerate(bent):
        for j, move in enumerate(moves):
            out[i] += MODEL.skinning_weights[i, j] * (move @ [*vertex, 1.0])[:3]
    return out


@pytest.mark.slow
@given(st.integers(0, 1000))
def test_skinning_is_the_papers(seed):
    betas = np.random.default_rng(seed).normal(0, 1, 10)
    rotations = random_pose(seed)
    np.testing.assert_allclose(
        posed_body(MODEL, betas, rotations), one_vertex_after_another(betas, rotations), atol=1e-12
    )


def test_the_rest_pose_is_the_shaped_body():
    betas = np.array([1.0, -2.0, 0.5])
    rest = np.tile(np.eye(3), (24, 1, 1))
    np.testing.assert_allclose(posed_body(MODEL, betas, rest), shaped_body(MODEL, betas), atol=1e-12)
    np.testing.assert_allclose(
        shaped_body(MODEL, betas) - MODEL.template_m, MODEL.shape_directions[:, :, :3] @ betas, atol=1e-12
    )


def test_turning_the_root_turns_the_body_about_it():
    rotations = random_pose(1)
    turned = rotations.copy()
    turn = rotation(np.array([0.3, -0.4, 1.0]))
    turned[0] = turn @ rotations[0]
    root = (MODEL.joint_regressor @ MODEL.template_m)[0]
    before, after = posed_body(MODEL, np.zeros(10), rotations), posed_body(MODEL, np.zeros(10), turned)
    np.testing.assert_allclose(after - root, (before - root) @ turn.T, atol=1e-12)


def test_stature_is_the_height_of_the_shaped_body():
    betas = np.zeros(10)
    assert stature_m(MODEL, betas) == pytest.approx(np.ptp(MODEL.template_m[:, 1]))
    betas[0] = 3.0
    heights = MODEL.template_m[:, 1] + 3.0 * MODEL.shape_directions[:, 1, 0]
    assert stature_m(MODEL, betas) == pytest.approx(heights.max() - heights.min())


def test_refuses_what_the_model_does_not_have():
    with pytest.raises(ValueError, match="11 shape parameters: the body model has 10"):
        shaped_body(MODEL, np.zeros(11))
    with pytest.raises(ValueError, match="52 rotations: the body model has 24 joints"):
        posed_body(MODEL, np.zeros(10), np.tile(np.eye(3), (52, 1, 1)))
