"""Stand-in for depth_pro.depth_pro: metric depth of a scene it knows, for its own focal length or the one given."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class DepthProConfig:
    """Only what is set."""

    patch_encoder_preset: str
    checkpoint_uri: str | None = None


DEFAULT_MONODEPTH_CONFIG_DICT = DepthProConfig("dinov2l16_384", "./checkpoints/depth_pro.pt")


def _transform(image):
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2] == 3
    return (torch.from_numpy(image).permute(2, 0, 1).float() / 255 - 0.5) / 0.5


class DepthPro(torch.nn.Module):
    """The published class as far as it is called."""

    @torch.no_grad()
    def infer(self, x, f_px=None, interpolation_mode="bilinear"):
        assert not self.training
        red, green, blue = x * 0.5 + 0.5
        assert torch.allclose(green, torch.tensor(10 / 255), atol=1e-6)
        assert torch.allclose(blue, torch.tensor(200 / 255), atol=1e-6)
        f_px = torch.tensor(62.5) if f_px is None else f_px
        canonical = 1 / ((1 + 8 * red) / 50 * x.shape[-1])
        inverse = canonical * (x.shape[-1] / f_px)
        f_px = f_px.squeeze()
        return {"depth": (1 / torch.clamp(inverse, min=1e-4, max=1e4)).squeeze(), "focallength_px": f_px}


def create_model_and_transforms(config=DEFAULT_MONODEPTH_CONFIG_DICT, device=None, precision=torch.float32):
    """Load the weights as the package does."""
    torch.load(config.checkpoint_uri, map_location="cpu", weights_only=True)
    return DepthPro().to(device), _transform
