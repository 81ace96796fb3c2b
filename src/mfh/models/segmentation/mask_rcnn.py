"""Person masks from torchvision's Mask R-CNN (the ``gpu`` extra).

Reference: He et al., Mask R-CNN, ICCV 2017; the weights are torchvision's improved ones (Li et al., Benchmarking
Detection Transfer Learning with Vision Transformers, 2021).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfh.errors import BackendError, WeightsError
from mfh.io.reading import reading
from mfh.models.protocols import RegionOfAnySize, Rgb, RgbOfAnySize
from mfh.models.segmentation.regions import person_of_mask, segment_each
from mfh.models.torch_loading import pick_device
from mfh.types import Person
from mfh.weights import store as weights
from mfh.weights.catalog import catalog_model
from mfh.weights.torch_files import check_torch_file

MODEL = "mask_rcnn"
MIN_SCORE = 0.5
"""Detections below this score are left out. Metric from Human states no threshold; HMR 2.0's published code keeps
detections above 0.5."""
PERSON = 1
"""COCO's class number of people."""
_INSTALL = "pip install 'metric-from-human[hub,gpu]'"


class MaskRcnn:
    """Person segmenter: torchvision's Mask R-CNN with ResNet-50 and a feature pyramid. Masks may share pixels."""

    name = "mask_rcnn"

    def __init__(
        self, weights_file: Path | None = None, *, min_score: float = MIN_SCORE, device: str | None = None
    ) -> None:
        """Load the network with torchvision's weights, by default those of the model mask_rcnn.

        Raises:
            BackendError: where torchvision is missing or does not fit the torch that is installed.
            WeightsError: where the weights are missing or not the expected ones, with the fix.
        """
        import torch

        try:
            from torchvision.models.detection import maskrcnn_resnet50_fpn_v2
        except (ImportError, RuntimeError) as error:
            # A build for another torch fails to register its operators: a RuntimeError.
            raise BackendError(
                f"the person segmenter 'mask_rcnn' needs a torchvision that fits torch {torch.__version__} "
                f"({str(error).splitlines()[0]}): {_INSTALL}, or use mask2former, which needs none"
            ) from error

        self._device = device or pick_device()
        self._model = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, box_score_thresh=min_score)
        _load_weights(self._model, weights_file or weights.require(MODEL) / catalog_model(MODEL).files[0].name)
        self._model.to(self._device).eval()
        self.min_score = min_score

    def segment(
        self, photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None = None
    ) -> list[list[Person]]:
        """Find the people of each photo, most confident first.

        Where a photo has a region, only people in it are searched for, in a crop around it.
        """
        return segment_each(photos, regions, self._find)

    def _find(self, photo: Rgb) -> list[Person]:
        import torch

        # RGB in [0, 1]; the model normalises and resizes its input.
        picture = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1), np.float32)).to(self._device)
        with torch.inference_mode():
            (outcome,) = self._model([picture])
        wanted = (outcome["labels"] == PERSON) & (outcome["scores"] >= self.min_score)
        people = []
        for mask, score, box in zip(
            outcome["masks"][wanted], outcome["scores"][wanted], outcome["boxes"][wanted], strict=True
        ):
            # Boxes refer to pixel edges: half a pixel less in pixel centres.
            box_xyxy = box.cpu().double().numpy() - 0.5
            person = person_of_mask(mask[0].cpu().numpy() > 0.5, float(score), box_xyxy)
            if person is not None:
                people.append(person)
        return people


def _load_weights(model: Any, file: Path) -> None:
    import torch

    expected = f"torchvision's weights of maskrcnn_resnet50_fpn_v2; run 'mfh weights fetch {MODEL}'"
    check_torch_file(file, expected=expected)
    with reading(file, what="", expected=expected, error=WeightsError):
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
