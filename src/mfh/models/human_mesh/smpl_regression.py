"""Outputs that networks which regress SMPL from a crop share, in PyTorch: rotations, shape and weak camera.

Only the networks' modules import this one. Reference: rotations are Zhou et al.'s (CVPR 2019).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfh.models.human_mesh.smpl import JOINTS, SHAPES


@dataclass(frozen=True)
class SmplReading:
    """The network's output for each person of a batch.

    Attributes:
        rotations: (b, 24, 3, 3) of every SMPL joint in its parent's frame; the root's in the camera's.
        betas: (b, 10) SMPL shape.
        cam: (b, 3) weak-perspective camera of the crop: s, tx, ty.
    """

    rotations: Float[Tensor, "b 24 3 3"]
    betas: Float[Tensor, "b 10"]
    cam: Float[Tensor, "b 3"]


class SmplLayers(nn.Module):
    """The last layers from features to pose, shape and camera, which are added to a mean: the published names."""

    init_body_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, features: int) -> None:
        """Build the layers with random parameters, and a mean of zeros."""
        super().__init__()
        self.decpose = nn.Linear(features, 6 * JOINTS)
        self.decshape = nn.Linear(features, SHAPES)
        self.deccam = nn.Linear(features, 3)
        self.register_buffer("init_body_pose", torch.zeros(1, 6 * JOINTS))
        self.register_buffer("init_betas", torch.zeros(1, SHAPES))
        self.register_buffer("init_cam", torch.zeros(1, 3))


def rotations_from_6d(x: Float[Tensor, "b n"]) -> Float[Tensor, "b m 3 3"]:
    """Return rotation matrices from their first two columns (b, 6 m), one after the other, orthonormalized."""
    first, second = x.reshape(len(x), -1, 2, 3).unbind(2)
    first = functional.normalize(first, dim=-1)
    across = second - (first * second).sum(-1, keepdim=True) * first
    second = functional.normalize(across, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
