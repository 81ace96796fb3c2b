"""Stand-in for moge.model.v1, whose depth has no scale."""

import torch


class MoGeModel(torch.nn.Module):
    """The published class as far as it is loaded."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **_options):
        torch.load(pretrained_model_name_or_path, weights_only=True)
        return cls()
