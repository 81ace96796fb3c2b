"""Normals of the surface that a depth map shows, a few rows at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.geometry.surface import edge_window, normals, rows_around
from mfh.io.atomic import atomic_path
from mfh.io.depth import write_npy
from mfh.io.depth_rows import DepthRows
from mfh.io.png import write_png
from mfh.io.schema import GLTF, KEY
from mfh.types.rows import STRIP_PIXELS


def write_normals_npy(path: str | Path, rows: DepthRows) -> None:
    """Write (h, w, 3) float32 unit normals in the camera frame of depth; NaN where there is none.

    Raises:
        InputError: when the file cannot be written.
    """
    write_npy(path, (*rows.shape, 3), _normals(rows))


def write_normals_png(path: str | Path, rows: DepthRows) -> None:
    """Write normals as colours, in the axes of normal maps: x right, y up, z to the camera; black where there is none.

    Raises:
        InputError: when the file cannot be written.
    """
    about = rows.about.stored(holds="normals", no_depth="0", axes=GLTF)
    with atomic_path(path) as temporary:
        write_png(temporary, rows.shape, map(normal_colours, _normals(rows)), text={KEY: about.text()})


def normal_colours(some: Float[ndarray, "h w 3"]) -> UInt8[ndarray, "h w 3"]:
    """Return normals of the camera frame as 8-bit colours: (1 + n) / 2, with y and z turned round."""
    turned = (1 + some * np.array([1, -1, -1], np.float32)) / 2
    none = np.isnan(turned)
    return np.where(none, 0, np.rint(np.where(none, 0, turned) * 255)).astype(np.uint8)


def _normals(rows: DepthRows) -> Iterator[Float[ndarray, "r w 3"]]:
    """Yield the normals of each strip of rows, which need some rows around it."""
    height, width = rows.shape
    around, window = rows_around(rows.shape), edge_window(rows.shape)
    # Three times as many rows at a time as go with them, or most of the work is done twice.
    step = max(3 * around, STRIP_PIXELS // width, 1)
    for part in (slice(start, min(start + step, height)) for start in range(0, height, step)):
        first, last = max(part.start - around, 0), min(part.stop + around, height)
        found = normals(rows.depth_rows(slice(first, last)), rows.about.camera, first_row=first, window=window)
        yield found[part.start - first : part.stop - first]
