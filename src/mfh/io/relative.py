"""Relative depth that the user brings, of any model: as a file of numbers, or as an array."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.masks import resize_with_holes
from mfh.io.maps import as_map, read_map
from mfh.types import Space

SAME_ASPECT = 0.01
"""Aspect ratios closer than this are the same view at another size: rounding to whole pixels moves them less."""
PATCHES_PX = (8, 14, 16, 32)
"""Networks take pictures whose sides are whole numbers of patches; these are their usual sizes."""
SAME_ASPECT_OF_PATCHES = 0.15
"""The same for maps rounded to patches: of a small map, more would be another view."""
MOST_HOLES = 0.95
"""A map with a larger share of holes is refused."""
_HOLES = "not finite, or 0 among whole numbers of depth"
_NAMES = ("relative", "values", "pred", "prediction", "arr_0")
"""Of arrays and channels, besides the name of the space."""


@dataclass(frozen=True)
class RelativeDepthMap:
    """Relative depth of one photo, from outside.

    Attributes:
        values: (h, w), not constant; values that are not finite are holes: the map has no value there (sky, invalid).
        space: "disparity", larger is nearer, or "depth", larger is farther; either up to an affine map.
        name: the file's name, for messages.
    """

    values: Float[ndarray, "h w"]
    space: Space
    name: str = "array"

    def __post_init__(self) -> None:
        """Refuse what no photo's relative depth can be."""
        if self.values.size == 0:
            raise InputError(f"{self.name} has no values: expected relative depth that varies over the photo")
        seen = self.values[np.isfinite(self.values)]
        holes = 1 - len(seen) / self.values.size
        if holes > MOST_HOLES:
            raise InputError(
                f"{self.name} has no depth at {holes:.1%} of its values ({_HOLES}): expected relative depth over most "
                "of the photo"
            )
        least, most = float(seen.min()), float(seen.max())
        if most - least <= 1e-6 * max(abs(least), abs(most)):
            raise InputError(f"{self.name} is constant ({least + 0:g} everywhere): expected relative depth that varies")

    def fitted_to(self, width: int, height: int) -> tuple["RelativeDepthMap", tuple[str, ...]]:
        """Return the map at the size of a photo, resized bilinearly where it is the same view at another size.

        Returns:
            The map, and sentences to show with it.

        Raises:
            InputError: for a map of another shape than the photo's.
        """
        rows, columns = self.values.shape
        fitted, notes = self, ()
        if (columns, rows) != (width, height):
            if not is_same_view(columns, rows, width, height):
                turned = "; it seems to be turned by 90 degrees" if is_same_view(rows, columns, width, height) else ""
                raise InputError(
                    f"{self.name} has {columns}x{rows} values and the photo has {width}x{height} pixels{turned}: "
                    "expected a map of the whole upright photo, of the same size or shape"
                )
            import cv2

            fitted = replace(self, values=resize_with_holes(self.values, (width, height), cv2.INTER_LINEAR))
            notes += (f"relative depth {self.name} was resized from {columns}x{rows} to the photo's {width}x{height}",)
        holes = float(np.mean(~np.isfinite(fitted.values)))
        if holes:
            notes += (
                f"relative depth {self.name} has no depth at {holes:.1%} of the pixels ({_HOLES}) and gets none there",
            )
        return fitted, notes


def is_same_view(columns: int, rows: int, width: int, height: int) -> bool:
    """Return whether a map of one size can be of a whole photo of another.

    The aspect ratios must agree up to rounding: to whole pixels, or, where both sides of the map are whole numbers of
    patches, of both sides to a patch in the same way (down, up or to the nearest).
    """
    off = abs(columns * height / (rows * width) - 1)
    if off <= SAME_ASPECT:
        return True
    if off > SAME_ASPECT_OF_PATCHES:
        return False
    for patch in PATCHES_PX:
        if columns % patch or rows % patch:
            continue
        # Sides before rounding, in patches from the rounded ones: down, nearest, up.
        for least, most in ((0.0, 1.0), (-0.5, 0.5), (-1.0, 0.0)):
            smallest = max((columns + least * patch) / width, (rows + least * patch) / height)
            largest = min((columns + most * patch) / width, (rows + most * patch) / height)
            if smallest < largest:
                return True
    return False


def relative_depth_map(values: Shaped[ndarray, "..."], *, space: Space, name: str = "array") -> RelativeDepthMap:
    """Return relative depth from an array of any kind of numbers; axes of length one are dropped.

    Among whole numbers in space depth, 0 is a hole, as in depth images. In space disparity 0 is a value: at infinity.

    Raises:
        InputError: for what is no such map, in one line.
    """
    _check_space(space)
    return RelativeDepthMap(as_map(values, name, zero_is_none=space == "depth"), space, name)


def read_relative_depth(path: str | Path, *, space: Space) -> RelativeDepthMap:
    """Read relative depth from a file, as :func:`mfh.io.maps.read_map` does.

    The array of an npz, or the channel of an exr, with several is named like the space, or "relative", "values",
    "pred", "prediction" or "arr_0". 0 among whole numbers is as of :func:`relative_depth_map`.

    Raises:
        InputError: for a file that is not such a map, in one line.
    """
    _check_space(space)
    path = Path(path)
    values = read_map(path, what="relative depth", names=(space, *_NAMES), zero_is_none=space == "depth")
    return RelativeDepthMap(values, space, path.name)


def _check_space(space: str) -> None:
    if space not in ("disparity", "depth"):
        raise InputError(f"space is {space!r}: expected 'disparity' (larger is nearer) or 'depth' (larger is farther)")
