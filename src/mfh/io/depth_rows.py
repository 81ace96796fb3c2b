"""What every writer of depth needs, a few rows at a time: from a result, or from a file read back.

Both give the same bytes: the standard deviation is rounded to half precision here, as ``depth.npz`` keeps it, and
colours to 8 bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.errors import InputError, shown
from mfh.io.schema import DepthAbout, StoredDepth, about_result
from mfh.types import MetricDepth, MetricHead, Photo

LARGEST_LOG_SIGMA = 6e4
"""What half precision holds: past it the depth is unknown."""


@dataclass(frozen=True)
class DepthRows:
    """A depth map with what goes with it; functions take a slice of rows with a start and a stop.

    Attributes:
        about: what files of it say about themselves.
        shape: height and width of the photo.
        depth_rows: (r, w) float32 z in metres; NaN where there is none.
        log_sigma_rows: (r, w) float16 standard deviation of the log of depth; None where it is not known.
        rgb_rows: (r, w, 3) uint8 colours; None where there is no photo.
        head: the metric head; None where only depth is left of it.
    """

    about: DepthAbout
    shape: tuple[int, int]
    depth_rows: Callable[[slice], Float[ndarray, "r w"]]
    log_sigma_rows: Callable[[slice], Float[ndarray, "r w"]] | None = None
    rgb_rows: Callable[[slice], UInt8[ndarray, "r w 3"]] | None = None
    head: MetricHead | None = None


def rows_of_result(result: MetricDepth, *, commands: Sequence[str] = ()) -> DepthRows:
    """Return a result as writers take it.

    Args:
        result: the depth of one photo.
        commands: that made it, as typed.
    """

    def log_sigma_rows(rows: slice) -> Float[ndarray, "r w"]:
        return np.minimum(result.log_sigma_rows(rows), LARGEST_LOG_SIGMA).astype(np.float16)

    return DepthRows(
        about=about_result(result, commands=commands),
        shape=result.shape,
        depth_rows=result.depth_rows,
        log_sigma_rows=None if result.log_sigma_curve is None else log_sigma_rows,
        rgb_rows=_colours(result.photo),
        head=result.head,
    )


def rows_of_stored(stored: StoredDepth, photo: Photo | None) -> DepthRows:
    """Return what was read from a file as writers take it.

    Args:
        stored: with what it says about itself.
        photo: for the colours; None where none are wanted.

    Raises:
        InputError: for a photo of another size, or a file that says nothing about itself.
    """
    about, sigma = stored.about, stored.log_sigma
    if about is None:
        raise InputError("this depth says nothing about itself: expected a file of mfh")
    height, width = stored.depth_m.shape
    if photo is not None and photo.pixels.shape[:2] != (height, width):
        tall, wide = photo.pixels.shape[:2]
        raise InputError(
            f"{shown(photo.name)} has {wide}x{tall} pixels, and the depth has {width}x{height}: expected the photo "
            "that was measured"
        )
    return DepthRows(
        about=about.stored(log_sigma=sigma is not None),
        shape=(height, width),
        depth_rows=lambda rows: stored.depth_m[rows],
        log_sigma_rows=None if sigma is None else lambda rows: sigma[rows].astype(np.float16),
        rgb_rows=None if photo is None else _colours(photo),
        head=stored.head,
    )


def _colours(photo: Photo) -> Callable[[slice], UInt8[ndarray, "r w 3"]]:
    return lambda rows: np.rint(np.clip(photo.rgb_of(rows), 0, 1) * 255).astype(np.uint8)
