"""Relative depth that the user brings as a file: npy, npz, 16-bit png or exr, of any model."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.maps import read_map
from mfh.types import Space

SAME_ASPECT = 0.01
"""Aspect ratios closer than this are the same view at another size: rounding to whole pixels moves them less."""


@dataclass(frozen=True)
class RelativeDepthMap:
    """A map of one photo, whose metres are asked for.

    Attributes:
        values: (h, w) finite, not all alike.
        space: "disparity", larger is nearer, or "depth", larger is farther; either up to an affine map.
        name: what to call it: the file's name.
    """

    values: Float[ndarray, "h w"]
    space: Space
    name: str = "array"

    def __post_init__(self) -> None:
        """Refuse what no photo's relative depth can be."""
        values = self.values
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        if bad:
            raise InputError(
                f"{self.name} has {bad} of {values.size} values that are not finite: expected relative depth at every "
                "pixel; fill them first"
            )
        if values.size == 0 or float(np.ptp(values)) <= 1e-6 * float(np.abs(values).max()):
            at = f" ({float(values.flat[0]):g} everywhere)" if values.size else ""
            raise InputError(f"{self.name} is constant{at}: expected relative depth that varies over the photo")

    def fitted_to(self, width: int, height: int) -> tuple["RelativeDepthMap", tuple[str, ...]]:
        """Return the map at the size of a photo, resized bilinearly where it is the same view at another size.

        Args:
            width: of the photo, pixels.
            height: of the photo, pixels.

        Returns:
            The map, and sentences to show with it.

        Raises:
            InputError: for a map of another shape than the photo's.
        """
        rows, columns = self.values.shape
        if (columns, rows) == (width, height):
            return self, ()
        if abs(columns * height / (rows * width) - 1) > SAME_ASPECT:
            turned = "; it seems to be turned by 90 degrees" if (columns, rows) == (height, width) else ""
            raise InputError(
                f"{self.name} has {columns}x{rows} values and the photo has {width}x{height} pixels{turned}: expected "
                "a map of the upright photo, of the same size or shape"
            )
        import cv2

        values = cv2.resize(self.values, (width, height), interpolation=cv2.INTER_LINEAR)
        note = f"relative depth {self.name} was resized from {columns}x{rows} to the photo's {width}x{height}"
        return replace(self, values=values), (note,)


def read_relative_depth(path: str | Path, *, space: Space) -> RelativeDepthMap:
    """Read relative depth from a file.

    Args:
        path: npy; npz with one array, or one named like the space, "relative" or "values"; 16-bit grey png; or exr,
            where OpenCV was built with it.
        space: what the values are.

    Returns:
        The map.

    Raises:
        InputError: for a file that is not such a map, in one line.
    """
    path = Path(path)
    values = read_map(path, what="relative depth", names=(space, "relative", "values"))
    return RelativeDepthMap(values, space, path.name)
