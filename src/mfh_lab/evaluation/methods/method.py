"""What a method must do to be evaluated: metric depth for a photo, or a failure in one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.types import Camera, Photo, Space

Levels = tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """A method's answer for one photo.

    Attributes:
        depth_m: (h, w) float32 z in metres at the photo's size; NaN where the method gives none.
        space: in which the answer is affine to the output of the method's network; the relative (MRDE) setting aligns
            in it.
        level_80: factors on the answer between which the true depth lies with 80 % probability; None without an
            interval.
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


@dataclass(frozen=True)
class Contender:
    """A method before its models are loaded: enough to know whether there is anything left for it to do.

    Attributes:
        name: what to call it.
        settings: plain JSON values that decide every answer.
        load: makes it, with its models.
        title: what to call it in tables; the name by default.
        reads: folders of the user's that it reads answers from.
    """

    name: str
    settings: Mapping[str, object]
    load: Callable[[], Method]
    title: str = ""
    reads: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Call it by its name where it has no title."""
        if not self.title:
            object.__setattr__(self, "title", self.name)

    @classmethod
    def of(cls, method: Method) -> "Contender":
        """Return a method that is loaded already."""
        return cls(method.name, method.settings, lambda: method)


@runtime_checkable
class MetricDepthModel(Protocol):
    """A network with metric depth as output."""

    def predict_m(self, rgb: Rgb, camera: Camera) -> Float[ndarray, "h w"]:
        """Return (h, w) float32 z in metres at the photo's size."""
        ...


@dataclass(frozen=True)
class NetworkMethod:
    """A published network of metric depth as a method.

    Attributes:
        name: as the user named it.
        settings: which model, and whose focal length it goes by.
        model: the network.
        space: where the network's output is affine to its answer.
    """

    name: str
    settings: Mapping[str, object]
    model: MetricDepthModel
    space: Space

    def predict(self, photo: Photo, *, name: str) -> Prediction:
        """Answer for one photo; see :meth:`Method.predict`."""
        return Prediction(self.model.predict_m(photo.rgb, photo.camera), self.space)
