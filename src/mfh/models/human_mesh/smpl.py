"""The SMPL body: shape blend, joints, pose blend and linear blend skinning; pure functions on numpy arrays.

Reference: Loper et al., SMPL: A Skinned Multi-Person Linear Model, ACM Trans. Graphics 34(6), 2015, Eqs. 2-10.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


@dataclass(frozen=True)
class SmplModel:
    """The arrays of one SMPL model file.

    Attributes:
        template_m: (v, 3) mean body in rest pose, metres, y up.
        shape_directions: (v, 3, s) metres a unit of each shape parameter moves a vertex.
        pose_directions: (v, 3, p) metres a unit of each pose feature moves it; p = 9 (j - 1).
        joint_regressor: (j, v) joints from vertices.
        skinning_weights: (v, j) how much each joint carries a vertex; rows add up to 1.
        parents: (j,) parent of each joint; -1 for the root, which comes first.
        faces: (f, 3) vertex indices.
    """

    template_m: Float[ndarray, "v 3"]
    shape_directions: Float[ndarray, "v 3 s"]
    pose_directions: Float[ndarray, "v 3 p"]
    joint_regressor: Float[ndarray, "j v"]
    skinning_weights: Float[ndarray, "v j"]
    parents: Int[ndarray, "j"]
    faces: Int[ndarray, "f 3"]


def shaped_body(model: SmplModel, betas: Float[ndarray, "b"]) -> Float[ndarray, "v 3"]:
    """Return the body of given shape in rest pose: template + sum_k beta_k S_k (Eq. 8).

    Args:
        model: the body model.
        betas: shape parameters, at most as many as the model has.

    Returns:
        (v, 3) metres.

    Raises:
        ValueError: for more shape parameters than the model has.
    """
    known = model.shape_directions.shape[2]
    if len(betas) > known:
        raise ValueError(f"{len(betas)} shape parameters: the body model has {known}")
    return model.template_m + model.shape_directions[:, :, : len(betas)] @ np.asarray(betas, np.float64)


def stature_m(model: SmplModel, betas: Float[ndarray, "b"]) -> float:
    """Return how tall a body of given shape stands: its extent along y in rest pose, in metres."""
    return float(np.ptp(shaped_body(model, betas)[:, 1]))


def posed_body(
    model: SmplModel, betas: Float[ndarray, "b"], rotations: Float[ndarray, "j 3 3"]
) -> Float[ndarray, "v 3"]:
    """Return the body of given shape and pose, by linear blend skinning (Eqs. 2-4, 9).

    The root joint turns about itself and is not moved to the origin, as in the published model.

    Args:
        model: the body model.
        betas: shape parameters.
        rotations: of every joint in its parent's frame; the root's in the camera's.

    Returns:
        (v, 3) metres.

    Raises:
        ValueError: where the rotations are not one a joint.
    """
    joints_known = len(model.parents)
    if len(rotations) != joints_known:
        raise ValueError(f"{len(rotations)} rotations: the body model has {joints_known} joints")
    rotations = np.asarray(rotations, np.float64)
    rest = shaped_body(model, betas)
    joints = model.joint_regressor @ rest
    pose_feature = (rotations[1:] - np.eye(3)).reshape(-1)
    rest = rest + model.pose_directions @ pose_feature

    T_camera_rest = np.zeros((joints_known, 3, 4))
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            turn, place = rotations[joint], joints[joint]
        else:
            above = T_camera_rest[parent]
            turn = above[:, :3] @ rotations[joint]
            # Where the parent carries this joint's rest position to.
            place = above[:, :3] @ joints[joint] + above[:, 3]
        T_camera_rest[joint, :, :3] = turn
        T_camera_rest[joint, :, 3] = place - turn @ joints[joint]
    blended = np.tensordot(model.skinning_weights, T_camera_rest, axes=1)
    return np.einsum("vab,vb->va", blended[:, :, :3], rest) + blended[:, :, 3]
