"""Stand-in for the hubconf of Metric3D: canonical depth of a scene it knows."""

import torch

dependencies = ["torch"]


class _Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def inference(self, data):
        x = data["input"]
        assert not self.training and x.shape == (1, 3, 616, 1064) and float(self.weight) == 7
        mean = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
        std = torch.tensor([58.395, 57.12, 57.375])[:, None, None]
        red, green, blue = x[0] * std + mean
        # 48 x 64 becomes 616 x 821; the rest is padded with the mean colour.
        left = (1064 - 821) // 2
        assert (x[0, :, :, :left].abs() < 1e-5).all() and (x[0, :, :, left + 821 :].abs() < 1e-5).all()
        inside = slice(left, left + 821)
        assert torch.allclose(green[:, inside], torch.tensor(10.0), atol=1e-3)
        assert torch.allclose(blue[:, inside], torch.tensor(200.0), atol=1e-3)
        depth = (1 + 8 * red / 255) * 1000 / (50 * 821 / 64)
        return depth[None, None], torch.ones_like(depth), {}


def metric3d_vit_large(pretrain=False, **_options):
    """Return the network; its own loading would fetch the checkpoint."""
    assert not pretrain
    return _Model()
