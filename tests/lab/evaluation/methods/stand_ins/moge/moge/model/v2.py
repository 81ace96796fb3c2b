"""Stand-in for moge.model.v2: metric points of a scene it knows."""

import math

import torch


class MoGeModel(torch.nn.Module):
    """The published class as far as it is called."""

    def __init__(self, encoder, neck, **others):
        super().__init__()
        self.one = torch.nn.Parameter(torch.zeros(()))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, model_kwargs=None, **hf_kwargs):
        checkpoint = torch.load(pretrained_model_name_or_path, map_location="cpu", weights_only=True)
        model = cls(**checkpoint["model_config"])
        model.load_state_dict(checkpoint["model"], strict=False)
        return model

    @torch.inference_mode()
    def infer(self, image, num_tokens=None, resolution_level=9, force_projection=True, apply_mask=True, fov_x=None,
              use_fp16=True):  # fmt: skip
        assert image.shape[0] == 3 and image.dtype == torch.float32 and 0 <= image.min() and image.max() <= 1
        assert torch.allclose(image[1], torch.tensor(10 / 255)) and torch.allclose(image[2], torch.tensor(200 / 255))
        height, width = image.shape[1:]
        seen_px = 62.5 if fov_x is None else 0.5 * width / math.tan(math.radians(fov_x) / 2)
        z = (1 + 8 * image[0]) * (seen_px / 50)
        mask = torch.ones(height, width, dtype=torch.bool)
        mask[:5] = False
        depth = torch.where(mask, z, torch.inf) if apply_mask else z
        intrinsics = torch.tensor([[seen_px / width, 0, 0.5], [0, seen_px / height, 0.5], [0, 0, 1]])
        return {"depth": depth, "points": torch.stack([z, z, 2 * z], -1), "mask": mask, "intrinsics": intrinsics}
