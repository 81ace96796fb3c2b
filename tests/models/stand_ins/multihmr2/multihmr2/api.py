"""Stand-in for multihmr2.api: reads checkpoint and backbone as published; a test sets what it finds (``find``)."""

import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

SIDE, PATCH = 768, 16


@dataclass
class PersonOutput:
    """The published class as far as it is read."""

    num_person: int
    v3d: torch.Tensor
    transl_pelvis: torch.Tensor


@dataclass
class DecoderOutput:
    """The published class."""

    K: torch.Tensor
    persons: PersonOutput

    def __len__(self):
        return self.persons.num_person


class InferenceSession:
    """The published class as far as it is called.

    ``find(rows, columns, focal)`` is set by a test: it returns (v3d, pelvis) of the people, in metres in this
    package's own camera of a picture so large.
    """

    fov_x_deg = 70.0

    def __init__(self, ckpt_path, device=None, config=None, compile_model=False):
        ckpt_path = Path(ckpt_path)
        assert ckpt_path.stem == "multihmr2", "For now, we only accept the multihmr2 checkpoint"
        assert ckpt_path.is_file(), "the published code would download it here"
        torch.hub.load("facebookresearch/dinov3", "dinov3_vitl16", pretrained=False)
        state = torch.load(ckpt_path, weights_only=False)["model_state_dict"]
        body_model = SimpleNamespace(faces=state["faces"])
        self.model = SimpleNamespace(full_body_decoder=SimpleNamespace(body_model=body_model))
        self.device, self.img_size, self.patch_size = torch.device(device), SIDE, PATCH
        self.seen = []

    def __call__(self, img, conf_thresh=0.4, dist_thresh_nms=0.25, lowres=False):
        """Answer as published: the camera of the picture shown, its principal point in the middle."""
        assert isinstance(img, np.ndarray) and img.dtype == np.uint8 and img.shape[2] == 3
        rows, columns = img.shape[:2]
        # Of any other size it would be resized and padded, and its pixels were elsewhere.
        assert max(rows, columns) == SIDE and rows % PATCH == columns % PATCH == 0
        self.seen.append(img.copy())
        focal = columns / 2 / math.tan(math.radians(self.fov_x_deg) / 2)
        K = torch.tensor([[focal, 0, columns / 2], [0, focal, rows / 2], [0, 0, 1]])
        bodies = self.find(rows, columns, focal)
        if not bodies:
            return DecoderOutput(K, PersonOutput(0, torch.empty(0, 0, 3), torch.empty(0, 1, 3)))
        v3d = torch.tensor(np.stack([body for body, _ in bodies]))
        pelvis = torch.tensor(np.stack([root for _, root in bodies]))
        return DecoderOutput(K, PersonOutput(len(bodies), v3d, pelvis))
