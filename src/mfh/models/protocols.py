"""The interfaces of model backends. One contract test (tests/models/test_contracts.py) runs over every backend."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import Rejected
from mfh.types import Camera, DetectedObject, HumanMesh, PaintedPhoto, Person, Proposal, RelativeDepth, ViewSize

Rgb = Float[ndarray, "h w 3"]
# Photos of a batch differ in size, so their sizes must not be bound to names.
RgbOfAnySize = Float[ndarray, "_ _ 3"]
PaintMask = Bool[ndarray, "h w"]
RegionOfAnySize = Bool[ndarray, "_ _"]
# Of one photo: left, top, right, bottom in pixels.
PersonBoxes = Sequence[tuple[float, float, float, float]]


PAPER_SHAPE_LOG_SIGMA = 0.06
"""Residual log depth of a published model: 4.6 % after the best affine fit to NYUv2 (Table 3, oracle)."""
PAPER_SHARED_LOG_SIGMA = 0.16
"""Systematic log scale error of an internet-scale painter: NYUv2 goes from 4.6 % to 13.7 % with it (Table 1)."""
MESH_SHARED_LOG_SIGMA = 0.05
"""Systematic log scale error of a mesh model: statures vary by 4 to 7 %, and it infers them only in part."""
NEAR_M = 0.05
"""Smallest depth of a body in front of the camera."""


@runtime_checkable
class RelativeDepthModel(Protocol):
    """Depth up to an affine map, from RGB alone.

    ``shape_log_sigma`` is the per-pixel standard deviation of log depth after the best affine fit.
    """

    name: str
    shape_log_sigma: float

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return one map per photo, at the photo's own size, in the model's declared space."""
        ...


@runtime_checkable
class Painter(Protocol):
    """A generative prior of people in scenes: P(painting | photo, mask, prompt).

    ``provenance`` is a sentence on the data its person sizes were learned from; every result whose metric scale comes
    from painted people shows it. ``shared_log_sigma`` is the systematic error of log scale within one photo, which more
    paintings do not average out.
    """

    name: str
    provenance: str
    shared_log_sigma: float

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one person per mask; outside its mask the photo comes back bit for bit.

        The returned mask is where the painting may differ from the photo: a subset of the requested one. Painting n
        depends on its own mask, prompt and seed alone, not on batch size or order.
        """
        ...


@runtime_checkable
class ProposingPainter(Painter, Protocol):
    """A painter that predicts where its people would stand before it paints them."""

    def propose(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[Proposal | None]:
        """Return the approximate place of the person of each painting; None where no person would be painted.

        This costs a small part of a painting, so many proposals can be compared for each painting made.
        """
        ...


@runtime_checkable
class ChoosyPainter(Painter, Protocol):
    """A painter that rejects photos in which its people would not be informative about scale."""

    def refuses(self, photo: Rgb) -> Rejected | None:
        """Return why no person is to be painted into a photo, such as "a close-up"; None for any other photo."""
        ...


@runtime_checkable
class GuidedPainter(Painter, Protocol):
    """A painter by diffusion, whose guidance and number of denoising steps can be chosen."""

    def with_guidance(self, *, guidance_scale: float | None = None, steps: int | None = None) -> "GuidedPainter":
        """Return the same painter with other values; None keeps its own. The networks are shared."""
        ...


@runtime_checkable
class FieldOfViewModel(Protocol):
    """The horizontal field of view of a photo, from its pixels alone.

    ``relative_sigma`` is one standard deviation of the log of the focal length that follows from it.
    """

    name: str
    relative_sigma: float

    def fov_x_deg(self, photo: Rgb) -> float:
        """Return degrees between the left and right edges of the photo."""
        ...


@runtime_checkable
class PersonSegmenter(Protocol):
    """Instance masks of the people in a photo.

    ``min_score`` is the score from which a detection is used; lower ones are reported and not used.
    """

    name: str
    min_score: float

    def segment(
        self, photos: Sequence[RgbOfAnySize], regions: Sequence[RegionOfAnySize | None] | None = None
    ) -> list[list[Person]]:
        """Return the people of each photo, most confident first.

        Where a photo has a region, only people in it are searched for; an empty region holds no person. A model with
        ``searches_boxes = True`` also takes ``boxes``, one sequence of person boxes or None a photo, which say where
        another detector sees people.

        Raises:
            ValueError: when the numbers of photos and regions differ.
        """
        ...


@runtime_checkable
class HumanMeshModel(Protocol):
    """Metric bodies: human mesh recovery.

    ``shared_log_sigma`` is the systematic error of log scale that all people of a photo share.
    """

    name: str
    shared_log_sigma: float

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one mesh per person, in metres in the camera frame; None where a person cannot be measured."""
        ...


@runtime_checkable
class ObjectDetector(Protocol):
    """Everyday objects in a photo, each with a box.

    ``min_score`` is the lowest score of a detection that is returned.
    """

    name: str
    min_score: float

    def detect(self, photo: RgbOfAnySize) -> list[DetectedObject]:
        """Return the objects of a photo, most confident first."""
        ...


@runtime_checkable
class ScalePrior(Protocol):
    """The size of the view, from the look of the photo as a whole."""

    name: str

    def predict(self, photo: RgbOfAnySize) -> ViewSize:
        """Return the size of the view of one photo."""
        ...


def in_front(body: HumanMesh) -> HumanMesh | None:
    """Return the body; None where a part of it is behind the camera, nearer than :data:`NEAR_M`, or NaN."""
    return body if body.vertices_m[:, 2].min() > NEAR_M else None
