"""Stand-in for unik3d.models: z of a scene it knows, beside the distance along the ray."""

import json
from pathlib import Path

import torch

from unik3d.utils.camera import Pinhole


class UniK3D(torch.nn.Module):
    """The published class as far as it is called."""

    @classmethod
    def from_pretrained(cls, name, **_options):
        json.loads((Path(name) / "config.json").read_text())
        return cls()

    @torch.no_grad()
    def infer(self, rgb, camera=None, rays=None, normalize=True):
        assert not self.training and self.interpolation_mode == "bilinear"
        assert rgb.dtype == torch.uint8 and rgb.shape[0] == 3 and (rgb[1] == 10).all() and (rgb[2] == 200).all()
        f_px = 62.5
        if camera is not None:
            assert isinstance(camera, Pinhole)
            fx, fy, cx, cy = camera.params.tolist()
            assert abs(fy / fx - 1.1) < 1e-5 and abs(cx - 30.7) < 1e-5 and abs(cy - 25.6) < 1e-5
            f_px = fx
        z = ((1 + 8 * rgb[0].float() / 255) * (f_px / 50))[None, None]
        return {"depth": z, "distance": z * 1.3, "points": z.expand(1, 3, -1, -1), "rays": z.expand(1, 3, -1, -1)}
