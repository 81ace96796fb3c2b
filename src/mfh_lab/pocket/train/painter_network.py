"""The sprite painter's network: where in a photo a person could stand, and how large they would appear (torch).

The package runs the exported ONNX file; this module is only needed to train and to export.

The network reads the photo with the paint mask blanked, and the mask. At a quarter of its resolution it returns, for
feet at each cell, the odds that somebody could stand there and a mixture of K Gaussians over the log of the pixels a
metre covers there, divided by the image height (the quantity of Hoiem, Efros and Hebert 2008, learned as a mixture
density network, Bishop 1994).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfh_lab.pocket.train.network import Encoder, PyramidDecoder

COMPONENTS = 3
# A metre covers about this part of the image height in an ordinary photo: where the mixtures start.
_USUAL_LOG = -1.4
_MIN_LOG_SIGMA, _MAX_LOG_SIGMA = -3.5, 1.0


class PainterNetwork(nn.Module):
    """Photo and paint mask to (standing logit, mixture) per cell."""

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
            Standing logit (b, h/4, w/4); log weights, means and log deviations, each (b, K, h/4, w/4), of the log of
            px_per_m / image height.
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
