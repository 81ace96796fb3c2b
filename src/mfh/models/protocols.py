"""What a backend must do. One contract test (tests/models/test_contracts.py) runs over every backend."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.types import Camera, HumanMesh, PaintedPhoto, Person, Proposal, RelativeDepth

Rgb = Float[ndarray, "h w 3"]
# In a batch every photo has a size of its own, so its sizes must not be bound to names.
RgbOfAnySize = Float[ndarray, "_ _ 3"]
PaintMask = Bool[ndarray, "h w"]
RegionOfAnySize = Bool[ndarray, "_ _"]


PAPER_SHAPE_LOG_SIGMA = 0.06
"""Of a published relative-depth model: its best affine fit to NYUv2 leaves 4.6 % of depth (Table 3, oracle)."""
PAPER_SHARED_LOG_SIGMA = 0.16
"""Of a painter on the scale of the internet: NYUv2 goes from those 4.6 % to 13.7 % with painted people (Table 1)."""


@runtime_checkable
class RelativeDepthModel(Protocol):
    """Depth up to an affine map, from RGB alone.

    ``shape_log_sigma`` is how far the best affine fit leaves log depth off, pixel by pixel.
    """

    name: str
    shape_log_sigma: float

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return one map per photo, at the photo's own size, in the model's declared space."""
        ...


@runtime_checkable
class Painter(Protocol):
    """A generative prior of people in scenes: P(painting | photo, mask, prompt).

    ``provenance`` is a plain sentence about where it learned how large people appear; every result whose metres come
    from its people shows it. ``shared_log_sigma`` is how far log metres are off from photo to photo however many
    people are painted into one.
    """

    name: str
    provenance: str
    shared_log_sigma: float

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one person per mask; outside its mask the photo comes back bit for bit.

        The mask that comes back is where the painting may differ from the photo: a subset of the one asked for.
        Painting n depends on its own mask, prompt and seed alone, not on batch size or order.
        """
        ...


@runtime_checkable
class ProposingPainter(Painter, Protocol):
    """A painter that can tell where it would stand people before it paints them."""

    def propose(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[Proposal | None]:
        """Say about where the person of each painting would stand; None where nobody would be painted.

        A small part of the work of painting, so that many paintings can be thought of for each that is made.
        """
        ...


@runtime_checkable
class ChoosyPainter(Painter, Protocol):
    """A painter that can tell a photo in which its people would say nothing about the scale."""

    def refuses(self, photo: Rgb) -> Rejected | None:
        """Say what a photo looks like into which nobody is to be painted, as "a close-up"; None for any other."""
        ...


@runtime_checkable
class FieldOfViewModel(Protocol):
    """The horizontal field of view of a photo, from its pixels alone.

    ``relative_sigma`` is how far the focal length that follows from it is off: one standard deviation of its log.
    """

    name: str
    relative_sigma: float

    def fov_x_deg(self, photo: Rgb) -> float:
        """Return degrees between the left and right edges of the photo."""
        ...


@runtime_checkable
class PersonSegmenter(Protocol):
    """Instance masks of the people in a photo.

    ``min_score`` is the score from which a detection counts as a person; those below are shown, and do not count.
    """

    name: str
    min_score: float

    def segment(
        self, photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None = None
    ) -> list[list[Person]]:
        """Return the people of each photo, most confident first.

        Where a photo has a region, only people who stand in it are looked for; an empty one holds nobody.
        """
        ...


@runtime_checkable
class HumanMeshModel(Protocol):
    """Metric bodies: human mesh recovery.

    ``shared_log_sigma`` is how far log metres are off for all people of a photo alike.
    """

    name: str
    shared_log_sigma: float

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one mesh per person, in metres in the camera frame; None where a person cannot be measured."""
        ...
