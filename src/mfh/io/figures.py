"""What landmarks look like, in the file of the evidence: a few arrays for all of them, checked when they are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy import ndarray

from mfh.types import Figure, Landmark

FIGURE_KINDS = {
    "figure_landmark": (np.int64, 1),
    "figure_sizes": (np.int64, 2),
    "figure_masks": (np.uint8, 1),
    "figure_vertices_m": (np.float32, 2),
    "figure_faces": (np.int32, 2),
}
"""Name, type and axes of each array; a file has all or none of them."""
_MAX_SIDE = 128
"""Of a mask."""
_MAX_CORNERS = 20_000
_FARTHEST_M = 1e6
Rows = Sequence[tuple[Landmark, ...]]


def pack_figures(rows: Rows) -> dict[str, ndarray]:
    """Return the figures of all landmarks as arrays; none where no landmark has one.

    Args:
        rows: the landmarks of each image.

    Returns:
        ``figure_landmark`` (n,) which landmark each is of, counted through all images; ``figure_sizes`` (n, 4) rows
        and columns of its mask, corners and faces; and masks (eight pixels a byte), corners and faces one after the
        other.
    """
    numbered = [(number, one.figure) for number, one in enumerate(_all(rows)) if one.figure is not None]
    if not numbered:
        return {}
    figures = [figure for _, figure in numbered]
    return {
        "figure_landmark": np.array([number for number, _ in numbered], np.int64),
        "figure_sizes": np.array([(*one.mask.shape, len(one.vertices_m), len(one.faces)) for one in figures], np.int64),
        "figure_masks": np.concatenate([np.packbits(one.mask) for one in figures]),
        "figure_vertices_m": np.concatenate([one.vertices_m for one in figures]).astype(np.float32),
        "figure_faces": np.concatenate([one.faces for one in figures]).astype(np.int32),
    }


def with_figures(rows: Rows, arrays: Mapping[str, ndarray]) -> tuple[tuple[Landmark, ...], ...]:
    """Return landmarks with their figures.

    Args:
        rows: the landmarks of each image.
        arrays: of :func:`pack_figures`, of these types and axes; none for no figures.

    Raises:
        ValueError: for arrays that do not belong together, or numbers out of range.
    """
    if not arrays:
        return tuple(rows)
    landmarks = list(_all(rows))
    numbers, sizes = arrays["figure_landmark"], arrays["figure_sizes"]
    if not (len(numbers) and 0 <= numbers[0] and numbers[-1] < len(landmarks) and (np.diff(numbers) > 0).all()):
        raise ValueError("figure_landmark does not name landmarks in order")
    if sizes.shape != (len(numbers), 4) or (sizes < (1, 1, 0, 0)).any() or (sizes > _LARGEST).any():
        raise ValueError("figure_sizes are none of masks and bodies")
    for number, figure in zip(numbers.tolist(), _cut(sizes, arrays), strict=True):
        landmarks[number] = replace(landmarks[number], figure=figure)
    rest = iter(landmarks)
    return tuple(tuple(next(rest) for _ in image) for image in rows)


_LARGEST = (_MAX_SIDE, _MAX_SIDE, _MAX_CORNERS, 3 * _MAX_CORNERS)


def _cut(sizes: ndarray, arrays: Mapping[str, ndarray]) -> Iterator[Figure]:
    """Yield the figures, cut out of the arrays that hold them one after the other."""
    masks, vertices_m, faces = (arrays[f"figure_{name}"] for name in ("masks", "vertices_m", "faces"))
    lengths = -(-sizes[:, 0] * sizes[:, 1] // 8)
    ends = [np.cumsum(one) for one in (lengths, sizes[:, 2], sizes[:, 3])]
    if [int(one[-1]) for one in ends] != [len(masks), len(vertices_m), len(faces)]:
        raise ValueError("the figures have other sizes than figure_sizes says")
    if vertices_m.shape[1] != 3 or faces.shape[1] != 3:
        raise ValueError("figure_vertices_m and figure_faces do not have three columns")
    # Comparisons with what is no number are false.
    if not (np.abs(vertices_m) <= _FARTHEST_M).all():
        raise ValueError("figure_vertices_m has values that are out of range")
    if len(faces) and not (faces.min() >= 0 and (faces.max(1) < np.repeat(sizes[:, 2], sizes[:, 3])).all()):
        raise ValueError("figure_faces has corners that are none of the body's")
    for row, (height, width, _, _) in enumerate(sizes.tolist()):
        mask, corners, own = (
            array[end[row] - length[row] : end[row]]
            for array, end, length in zip(
                (masks, vertices_m, faces), ends, (lengths, sizes[:, 2], sizes[:, 3]), strict=True
            )
        )
        seen = np.unpackbits(mask, count=height * width).reshape(height, width).astype(bool)
        yield Figure(seen, corners, own)


def _all(rows: Rows) -> Iterator[Landmark]:
    return (one for image in rows for one in image)
