"""Stand-in for moge.model.v2: answers with the intrinsics, and the part of the photo seen, in its checkpoint."""

import torch


class MoGeModel(torch.nn.Module):
    """The published class as far as it is called."""

    def __init__(self, encoder, neck, points_head=None, mask_head=None, **others):
        super().__init__()
        self.seen = []
        self.focal = torch.nn.Parameter(torch.zeros(2))
        self.part = torch.nn.Parameter(torch.zeros(()))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, model_kwargs=None, **hf_kwargs):
        checkpoint = torch.load(pretrained_model_name_or_path, map_location="cpu", weights_only=True)
        model = cls(**checkpoint["model_config"])
        model.load_state_dict(checkpoint["model"], strict=False)
        return model

    @torch.inference_mode()
    def infer(
        self,
        image,
        num_tokens=None,
        resolution_level=9,
        force_projection=True,
        apply_mask=True,
        fov_x=None,
        use_fp16=True,
    ):
        assert image.ndim == 3 and image.shape[0] == 3 and image.dtype == torch.float32 and not use_fp16
        self.seen.append(image.clone())
        height, width = image.shape[1:]
        mask = torch.zeros(height * width, dtype=torch.bool)
        mask[: int(self.part * height * width)] = True
        intrinsics = torch.eye(3)
        intrinsics[0, 0], intrinsics[1, 1] = self.focal[0], self.focal[1]
        intrinsics[:2, 2] = 0.5
        return {"intrinsics": intrinsics, "mask": mask.reshape(height, width)}
