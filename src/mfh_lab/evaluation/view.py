"""A sample as a protocol shows it: what a method may look at, and what its answer is scored against."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.types import Photo


@dataclass(frozen=True)
class View:
    """One sample under one protocol.

    Attributes:
        name: of the sample.
        photo: what the method sees: cropped and resized as the protocol says, with the camera of exactly that size.
        truth_m: (h, w) float32 z in metres, cropped like the photo but never resized; 0 where there is none.
        scored_mask: (h, w) pixels that count: a truth strictly between min_m and max_m, inside the crop and the mask.
        min_m: answers are clamped to this.
        max_m: and to this.
    """

    name: str
    photo: Photo
    truth_m: Float[ndarray, "h2 w2"]
    scored_mask: Bool[ndarray, "h2 w2"]
    min_m: float
    max_m: float
