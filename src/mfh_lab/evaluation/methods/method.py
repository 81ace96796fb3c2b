"""What a method must do to be evaluated: metres for a photo, or a failure in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from numpy import ndarray

from mfh.types import Photo, Space

Levels = tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """A method's answer for one photo.

    Attributes:
        depth_m: (h, w) float32 z in metres at the photo's size; NaN where the method gives none.
        space: where the answer is affine to what the method's network says: the space of the alignment in the
            relative (MRDE) setting.
        level_80: factors on the answer between which the true metres lie with 80 % probability, where it says so.
        level_95: the same with 95 %.
    """

    depth_m: Float[ndarray, "h w"]
    space: Space
    level_80: Levels | None = None
    level_95: Levels | None = None


@runtime_checkable
class Method(Protocol):
    """Metric depth from a photo with its camera.

    ``settings`` are plain JSON values that decide every answer: predictions of different settings are never mixed.
    """

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """What decides every answer."""
        ...

    def predict(self, photo: Photo, *, name: str) -> Prediction:
        """Answer for one photo; the same photo gives the same answer in any order and after any other.

        Args:
            photo: as the protocol shows it.
            name: of the sample, for methods that read answers from files.

        Returns:
            The answer.

        Raises:
            MfhError: where there is none; it counts as a failure and is listed.
        """
        ...
