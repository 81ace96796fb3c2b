"""The HMAR network in plain PyTorch, under the published key names: a masked ResNet-50 and a three-step regressor.

The names of the ResNet are torchvision's. What HMAR has for appearance and tracking (a texture, a code of the looks, a
first layer of four channels) is left out: the body does not depend on it.

Reference: Rajasegaran et al., Tracking People with 3D Representations, NeurIPS 2021, and PHALP, CVPR 2022; the backbone
is He et al.'s (CVPR 2016), the regressor Kanazawa et al.'s (CVPR 2018).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from torch.nn import functional

from mfh.models.human_mesh.smpl import JOINTS, SHAPES
from mfh.models.human_mesh.smpl_regression import SmplLayers, SmplReading, rotations_from_6d

STEPS = 3
"""Corrections of pose, shape and camera, the last of which is the answer."""
_BLOCKS = (3, 4, 6, 3)
_WIDER = 4
_CELL_PX = 32
"""Pixels of the input along one side of a feature."""


CROP_ALONE, CROP_AND_MASK = 1, 2


@dataclass(frozen=True)
class HmarSizes:
    """Sizes of a network; the defaults are the published model's.

    Attributes:
        width: channels of the first layer.
        hidden_dim: channels of the regressor.
        inputs: 2 for the crop and the mask of its person (PHALP), 1 for the crop alone (T3DP).
    """

    width: int = 64
    hidden_dim: int = 1024
    inputs: int = CROP_AND_MASK

    @property
    def features(self) -> int:
        """Channels of the last stage."""
        return self.width * 2 ** (len(_BLOCKS) - 1) * _WIDER


PUBLISHED = HmarSizes()


def person_grid(masks: Shaped[Tensor, "b 256 256"]) -> Bool[Tensor, "b 8 8"]:
    """Return the features that see a person: those in whose cell any pixel of the mask is not zero."""
    # Numbers, because booleans cannot be pooled.
    return functional.max_pool2d((masks != 0).float()[:, None], _CELL_PX)[:, 0] > 0


class HmarNetwork(nn.Module):
    """The network from a crop and a person's mask to SMPL parameters and a weak-perspective camera."""

    def __init__(self, sizes: HmarSizes = PUBLISHED) -> None:
        """Build the network with random parameters."""
        super().__init__()
        self.takes_masks = sizes.inputs == CROP_AND_MASK
        self.backbone = _ResNet(sizes)
        self.smpl_head = _Regressor(sizes)

    def forward(self, crops: Float[Tensor, "b 3 256 256"], masks: Shaped[Tensor, "b 256 256"]) -> SmplReading:
        """Return float32 outputs of normalised crops and their people's masks, which are not zero on a person."""
        # The regressor is cheap, and half precision would limit the distance to two digits.
        pooled = self.pooled(crops, masks).float()
        with torch.autocast(pooled.device.type, enabled=False):
            *_, last = self.smpl_head(pooled)
        return last

    def pooled(self, crops: Float[Tensor, "b 3 256 256"], masks: Shaped[Tensor, "b 256 256"]) -> Float[Tensor, "b c"]:
        """Return the largest value of each feature on the person, or in the crop where masks are not taken."""
        features = self.backbone(crops)
        if self.takes_masks:
            features = features * person_grid(masks)[:, None]
        return features.amax((2, 3))


class _ResNet(nn.Module):
    """ResNet-50 without its classifier."""

    def __init__(self, sizes: HmarSizes) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, sizes.width, 7, stride=2, padding=3, bias=False)
        self.bn1 = _Norm(sizes.width)
        wide = sizes.width
        for stage, blocks in enumerate(_BLOCKS):
            inner = sizes.width * 2**stage
            first = _Bottleneck(wide, inner, stride=1 if stage == 0 else 2, projects=True)
            wide = inner * _WIDER
            self.add_module(
                f"layer{stage + 1}",
                nn.Sequential(first, *(_Bottleneck(wide, inner, stride=1, projects=False) for _ in range(blocks - 1))),
            )

    def forward(self, pixels: Float[Tensor, "b 3 256 256"]) -> Float[Tensor, "b c 8 8"]:
        features = functional.max_pool2d(self.bn1(self.conv1(pixels)).relu(), 3, stride=2, padding=1)
        for stage in range(len(_BLOCKS)):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        return features


class _Bottleneck(nn.Module):
    """Three convolutions beside a shortcut; the stride is in the 3x3 one."""

    def __init__(self, channels: int, inner: int, *, stride: int, projects: bool) -> None:
        super().__init__()
        wide = inner * _WIDER
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = _Norm(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = _Norm(inner)
        self.conv3 = nn.Conv2d(inner, wide, 1, bias=False)
        self.bn3 = _Norm(wide)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, wide, 1, stride=stride, bias=False), _Norm(wide))
            if projects
            else nn.Identity()
        )

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        inner = self.bn1(self.conv1(features)).relu()
        inner = self.bn2(self.conv2(inner)).relu()
        return (self.bn3(self.conv3(inner)) + self.downsample(features)).relu()


class _Norm(nn.Module):
    """Batch normalisation by the statistics of the training, without the counter that torch keeps beside them."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return functional.batch_norm(features, self.running_mean, self.running_var, self.weight, self.bias, eps=1e-5)


class _Regressor(SmplLayers):
    """Two layers that correct pose, shape and camera, starting at their means."""

    def __init__(self, sizes: HmarSizes) -> None:
        super().__init__(sizes.hidden_dim)
        self.fc1 = nn.Linear(sizes.features + 6 * JOINTS + SHAPES + 3, sizes.hidden_dim)
        self.fc2 = nn.Linear(sizes.hidden_dim, sizes.hidden_dim)

    def forward(self, pooled: Float[Tensor, "b c"]) -> Iterator[SmplReading]:
        """Yield the outputs after each step."""
        means = (self.init_body_pose, self.init_betas, self.init_cam)
        pose, betas, cam = (mean.expand(len(pooled), -1) for mean in means)
        for _ in range(STEPS):
            hidden = self.fc1(torch.cat([pooled, pose, betas, cam], 1)).relu()
            hidden = self.fc2(hidden).relu()
            pose, betas, cam = pose + self.decpose(hidden), betas + self.decshape(hidden), cam + self.deccam(hidden)
            yield SmplReading(rotations_from_6d(pose), betas, cam)
