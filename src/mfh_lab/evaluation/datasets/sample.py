"""What every dataset gives: photos with a true depth, exactly as they lie on disk; protocols decide what is scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.types import Camera


@dataclass(frozen=True)
class DatasetSample:
    """One photo with its true depth.

    Attributes:
        name: unique in its dataset, without a suffix; slashes are folders.
        rgb: (h, w, 3) float32 in [0, 1], at the dataset's own size.
        camera: intrinsics for this size.
        truth_m: (h, w) float32 z in metres; 0 where there is none.
        official_mask: (h, w) where the dataset itself marks its truth as valid; all True for a dataset without such a
            mask. A protocol may ignore it.
        kind: of scene, where the dataset has kinds; else empty.
    """

    name: str
    rgb: Float[ndarray, "h w 3"]
    camera: Camera
    truth_m: Float[ndarray, "h w"]
    official_mask: Bool[ndarray, "h w"]
    kind: str = ""


@runtime_checkable
class Dataset(Protocol):
    """An opened dataset: every file it names was seen to be there.

    ``name`` is the protocol's key: "nyu", "kitti", "diode", "ibims1", "eth3d", "pocket" or "folder".
    """

    @property
    def name(self) -> str:
        """The protocol's key."""
        ...

    @property
    def root(self) -> Path:
        """Its folder."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Names of its samples, in the order of the split."""
        ...

    def load(self, name: str) -> DatasetSample:
        """Read one sample.

        Args:
            name: one of ``names``.

        Returns:
            The sample.

        Raises:
            InputError: for a file that is missing or damaged, or sizes that do not fit each other, naming the path.
        """
        ...
