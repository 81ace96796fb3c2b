"""What landmarks look like, kept small: the mask on a grid over the box, and the body as a coarse surface."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from mfh.types import Figure, HumanMesh

LONG_SIDE = 96
"""Rows or columns of the mask, whichever are more."""
CELL_M = 0.03
"""Corners of a body that are nearer to each other than this become one: a few hundred are left."""
_LEAST_SIDE = 8


def figure_of(
    box_xyxy: tuple[float, float, float, float], mask: Bool[ndarray, "h w"] | None, mesh: HumanMesh | None = None
) -> Figure | None:
    """Return what a landmark looks like.

    Args:
        box_xyxy: its box, pixels of the mask.
        mask: (h, w) its visible pixels; None where only the box is known.
        mesh: its body; None for none.

    Returns:
        The figure; None without a mask, or for an empty box.
    """
    left, top, right, bottom = box_xyxy
    if mask is None or not (right > left and bottom > top):
        return None
    vertices_m, faces = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    if mesh is not None and np.isfinite(mesh.vertices_m).all():
        vertices_m, faces = coarse_surface(mesh.vertices_m, mesh.faces, cell_m=CELL_M)
    return Figure(mask_in_box(mask, box_xyxy), vertices_m, faces)


def mask_in_box(mask: Bool[ndarray, "h w"], box_xyxy: tuple[float, float, float, float]) -> Bool[ndarray, "a b"]:
    """Return a mask on a grid over a box of some size; what is outside the picture is not seen.

    Args:
        mask: (h, w) visible pixels.
        box_xyxy: left, top, right, bottom in pixels, past each other.
    """
    left, top, right, bottom = box_xyxy
    scale = LONG_SIDE / max(right - left, bottom - top)
    height, width = mask.shape
    rows, row_seen = _sampled(top, bottom, scale, height)
    columns, column_seen = _sampled(left, right, scale, width)
    return mask[np.ix_(rows, columns)] & row_seen[:, None] & column_seen[None]


def _sampled(first: float, last: float, scale: float, size: int) -> tuple[Int[ndarray, "n"], Bool[ndarray, "n"]]:
    """Return the pixels at the middles of equal parts of a stretch, and which of them there are."""
    count = max(_LEAST_SIDE, round((last - first) * min(scale, 1.0)))
    at = np.rint(first + (np.arange(count) + 0.5) * (last - first) / count).astype(int)
    return np.clip(at, 0, size - 1), (at >= 0) & (at < size)


def coarse_surface(
    vertices_m: Float[ndarray, "v 3"], faces: Int[ndarray, "f 3"], *, cell_m: float
) -> tuple[Float[ndarray, "w 3"], Int[ndarray, "g 3"]]:
    """Return a surface of fewer corners: all in one cell of a cubic lattice become their mean (vertex clustering).

    Args:
        vertices_m: (v, 3) corners, metres.
        faces: (f, 3) their indices.
        cell_m: side of a cell.

    Returns:
        Corners, float32, and the faces that still have three of them, int32, each once.

    Reference:
        Rossignac and Borrel 1993.
    """
    cells = np.floor(np.asarray(vertices_m, np.float64) / cell_m).astype(np.int64)
    _, cell, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    cell = cell.ravel()
    sums = np.stack([np.bincount(cell, vertices_m[:, axis], len(counts)) for axis in range(3)], 1)
    moved = cell[np.asarray(faces)].reshape(-1, 3)
    whole = (moved[:, 0] != moved[:, 1]) & (moved[:, 1] != moved[:, 2]) & (moved[:, 2] != moved[:, 0])
    kept = moved[whole]
    _, first = np.unique(np.sort(kept, 1), axis=0, return_index=True)
    return (sums / counts[:, None]).astype(np.float32), kept[np.sort(first)].astype(np.int32)
