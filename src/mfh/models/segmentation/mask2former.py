"""Person masks from Mask2Former, MaskFormer and similar models of transformers; no torchvision.

Reference: Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation, CVPR 2022.
"""

from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models.protocols import RegionOfAnySize, Rgb, RgbOfAnySize
from mfh.models.segmentation.regions import person_of_mask, segment_each
from mfh.models.torch_loading import loading, pick_device, to_uint8
from mfh.types import Person
from mfh.weights.hub import locate, locate_model, parse_source

MODEL = "mask2former"
MARKER = "config.json"
MIN_SCORE = 0.5
"""Detections below this score are left out: the threshold of HMR 2.0's published code."""


class Mask2Former:
    """Person segmenter: the queries of a universal segmentation model whose class is "person".

    A person's ``score`` is the query's probability of being a person times its mask's mean probability inside the mask,
    as in the model's own post-processing. Masks of two people may share pixels.
    """

    name = "mask2former"

    def __init__(self, source: str | None = None, *, min_score: float = MIN_SCORE, device: str | None = None) -> None:
        """Load a model for instance (or panoptic) segmentation with a class "person": Mask2Former, MaskFormer or EoMT.

        ``source`` is "hf:org/name" or a folder; None for the model mask2former.

        Raises:
            InputError: for a source that is no hub model and no folder with one.
            WeightsError: where the model is not on this machine, or has no class "person".
        """
        from transformers import AutoImageProcessor, AutoModelForUniversalSegmentation

        folder = locate_model(MODEL) if source is None else locate(parse_source(source), marker=MARKER)
        self.min_score = min_score
        self._device = device or pick_device()
        with loading(folder, "segmentation model"):
            self._processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            model = AutoModelForUniversalSegmentation.from_pretrained(folder, local_files_only=True)
            self._model = model.eval().to(self._device)
        self._person = person_class(self._model.config.id2label, label=str(folder))

    def segment(
        self, photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None = None
    ) -> list[list[Person]]:
        """Find the people of each photo, most confident first.

        Where a photo has a region, only people in it are searched for, in a crop around it.
        """
        return segment_each(photos, regions, self._find)

    def _find(self, photo: Rgb) -> list[Person]:
        import torch

        inputs = self._processor(images=to_uint8(photo), input_data_format="channels_last", return_tensors="pt")
        inputs = inputs.to(self._device)
        with torch.inference_mode():
            outputs = self._model(**inputs)
        scores = outputs.class_queries_logits[0].float().softmax(-1)[:, self._person]
        # The mask's mean probability can only lower the score.
        likely = torch.nonzero(scores >= self.min_score).flatten()
        found = []
        for query in likely.tolist():
            probability = _on_photo(outputs.masks_queries_logits[0, query].float(), inputs, photo.shape[:2])
            inside = probability > 0.5
            score = float(scores[query]) * (float(probability[inside].mean()) if inside.any() else 0.0)
            person = person_of_mask(inside, score) if score >= self.min_score else None
            if person is not None:
                found.append(person)
        return found


def person_class(id2label: dict[int, str], *, label: str) -> int:
    """Return the number of the class "person" in a model's table; ``label`` names the model in the message.

    Raises:
        WeightsError: where no class is called "person".
    """
    for number, name in id2label.items():
        if name.lower() == "person":
            return int(number)
    some = ", ".join(list(id2label.values())[:5])
    raise WeightsError(
        f"{label} has no class 'person' (it has {some}, ...): choose an instance segmentation model trained on COCO, "
        "such as the model mask2former of 'mfh weights list'"
    )


def _on_photo(mask_logits: Any, inputs: Any, shape: tuple[int, int]) -> ndarray:
    """Return a query's mask probabilities at the photo's size, without the processor's padding."""
    from torch.nn.functional import interpolate

    padded = tuple(inputs["pixel_values"].shape[-2:])
    logits = interpolate(mask_logits[None, None], size=padded, mode="bilinear", align_corners=False)
    if "pixel_mask" in inputs:
        seen = inputs["pixel_mask"][0].bool()
        logits = logits[..., : int(seen.any(1).sum()), : int(seen.any(0).sum())]
    logits = interpolate(logits, size=shape, mode="bilinear", align_corners=False)
    return logits[0, 0].sigmoid().cpu().numpy()
