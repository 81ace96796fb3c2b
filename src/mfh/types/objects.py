"""Everyday objects found in a photo."""

from dataclasses import dataclass

from jaxtyping import Bool
from numpy import ndarray


@dataclass(frozen=True)
class DetectedObject:
    """One object found in a photo.

    Attributes:
        label: its class, by its COCO name, e.g. "car".
        box_xyxy: pixels, left, top, right, bottom; its width is right - left, and a box of the whole photo begins at
            -0.5, because an integer coordinate is a pixel centre.
        score: detection confidence in [0, 1].
        mask: (h, w) the object's visible pixels, where the detector has them.
    """

    label: str
    box_xyxy: tuple[float, float, float, float]
    score: float
    mask: Bool[ndarray, "h w"] | None = None
