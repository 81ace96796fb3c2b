"""The command ``mfh``, with what cannot be had where the tests run: torchvision, and the file of its Mask R-CNN.

$MASK_RCNN_URL names where that is served, $MASK_RCNN_SHA256 its digest.
"""

import os
import sys
import types
from dataclasses import replace
from importlib.machinery import ModuleSpec
from typing import Any

from mfh.cli.main import main
from mfh.weights.catalog import CATALOG


def serve_mask_rcnn() -> None:
    """Have Mask R-CNN's file fetched from this machine."""
    one = CATALOG["mask_rcnn"]
    (file,) = one.files
    CATALOG["mask_rcnn"] = replace(
        one, url=os.environ["MASK_RCNN_URL"], files=(replace(file, sha256=os.environ["MASK_RCNN_SHA256"]),)
    )


def install_torchvision() -> None:
    """Put a stand-in for torchvision in place, after the libraries that would use more of it have looked for it."""
    import diffusers  # noqa: F401
    from transformers.utils.import_utils import is_torchvision_available

    assert not is_torchvision_available()
    for name in ("torchvision", "torchvision.models", "torchvision.models.detection"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)
    detection: Any = sys.modules["torchvision.models.detection"]
    detection.maskrcnn_resnet50_fpn_v2 = maskrcnn_resnet50_fpn_v2


def maskrcnn_resnet50_fpn_v2(**_options: object) -> Any:
    """Return a detector that sees the figure in its weights in the middle of every picture."""
    import torch
    from torch.nn import functional

    class Detector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("figure", torch.zeros(256, 256))

        def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
            (picture,) = pictures
            _, height, width = picture.shape
            # A box of HMR 2.0's aspect: the crop around it is a square of its height.
            side = int(min(0.9 * height, width / 0.75))
            figure = functional.interpolate(self.figure[None, None], (side, side))[0, 0]
            mask = torch.zeros(1, 1, height, width)
            top, left = (height - side) // 2, (width - side) // 2
            cut = max(0, -left)
            mask[0, 0, top : top + side, max(0, left) : left + side] = figure[:, cut : cut + min(width, side)]
            middle, half = left + side / 2, 0.375 * side
            return [
                {
                    "boxes": torch.tensor([[middle - half, float(top), middle + half, float(top + side)]]),
                    "labels": torch.tensor([1]),
                    "scores": torch.tensor([0.99]),
                    "masks": mask,
                }
            ]

    return Detector()


if __name__ == "__main__":
    serve_mask_rcnn()
    if "predict" in sys.argv[1:2]:
        install_torchvision()
    sys.exit(main(sys.argv[1:]))
