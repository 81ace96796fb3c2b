"""Stand-in for unidepth.models: z of a scene it knows, beside the distance along the ray."""

import json
import os
import time
from pathlib import Path

import torch


class _Model(torch.nn.Module):
    @classmethod
    def from_pretrained(cls, name, **_options):
        # As the hub's mixin: a folder is read, anything else is fetched.
        folder = Path(name)
        if not folder.is_dir():
            from huggingface_hub import hf_hub_download

            hf_hub_download(name, "config.json")
        content = json.loads((folder / "config.json").read_text())
        if "wants" in content:
            from huggingface_hub import hf_hub_download

            hf_hub_download(content["wants"], "model.safetensors")
        model = cls()
        model.settings = content
        return model

    def _answer(self, rgb, K):
        assert not self.training and rgb.dtype == torch.uint8 and rgb.shape[0] == 3
        red, green, blue = rgb.float()
        assert (green == 10).all() and (blue == 200).all()
        if self.settings.get("dies"):
            os.kill(os.getpid(), 9)
        time.sleep(self.settings.get("seconds", 0))
        f_px = 62.5
        if K is not None:
            assert K.shape == (3, 3) and torch.allclose(K[:2, 2], torch.tensor([30.7, 25.6]))
            assert K[1, 1] / K[0, 0] == 1.1
            f_px = float(K[0, 0])
        z = ((1 + 8 * red / 255) * (f_px / 50))[None, None]
        return {"depth": z, "points": z.expand(1, 3, -1, -1), "intrinsics": torch.eye(3)[None]}


class UniDepthV1(_Model):
    """The published class as far as it is called."""

    @torch.no_grad()
    def infer(self, rgbs, intrinsics=None, skip_camera=False):
        return self._answer(rgbs, intrinsics)


class UniDepthV2(_Model):
    """The published class as far as it is called."""

    @torch.no_grad()
    def infer(self, rgb, camera=None, normalize=True):
        assert self.interpolation_mode == "bilinear"
        found = self._answer(rgb, camera)
        return {**found, "radius": found["depth"] * 1.3, "confidence": torch.ones_like(found["depth"])}
