"""The bodies of measured people, small enough to be sent: corners in millimetres about their middle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from mfh.report.encode import packed_bytes
from mfh.types import Figure, Landmark

MOST_BODIES = 24
"""Of those with most weight; the others are drawn as plain figures."""
_MM = 1e-3
_REACH_M = 32.0
"""Of a corner from the middle: what 16 bits hold."""


@dataclass(frozen=True)
class PackedBody:
    """A surface of triangles.

    Attributes:
        middle: x, y, z in metres in the camera frame.
        corners: base64 of the gzip of 16-bit numbers: millimetres from the middle; all x, all y, all z.
        faces: the same of indices: of all faces the first corner, the second, the third.
    """

    middle: tuple[float, float, float]
    corners: str
    faces: str


def packed_bodies(landmarks: Sequence[Landmark]) -> list[PackedBody | None]:
    """Return the body of each landmark that was used; None where none was measured, or there are too many.

    Args:
        landmarks: of the receipt, in its order.
    """
    bodied = [
        k for k, one in enumerate(landmarks) if one.verdict == "used" and one.figure and len(one.figure.vertices_m)
    ]
    wanted = set(sorted(bodied, key=lambda k: -landmarks[k].weight)[:MOST_BODIES])
    return [_packed(one.figure) if one.figure and k in wanted else None for k, one in enumerate(landmarks)]


def _packed(figure: Figure) -> PackedBody | None:
    corners_m = figure.vertices_m.astype(np.float64)
    middle = (corners_m.min(0) + corners_m.max(0)) / 2
    apart = corners_m - middle
    # Two bytes an index.
    if len(corners_m) > 1 << 16 or np.abs(apart).max() > _REACH_M:
        return None
    x, y, z = middle.round(4).tolist()
    millimetres = np.rint(apart / _MM).astype("<i2")
    return PackedBody((x, y, z), _columns(millimetres), _columns(figure.faces.astype("<u2")))


def _columns(values: ndarray) -> str:
    return packed_bytes(np.frombuffer(values.T.tobytes(), np.uint8))
