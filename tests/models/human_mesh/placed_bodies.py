"""Box-shaped bodies at known places, what a camera sees of them, and people with their masks."""

import numpy as np

from mfh.geometry.camera import project
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera, Person

QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
TRIANGLES = np.concatenate([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])


def box_body(width: float = 0.5, height: float = 1.7, depth: float = 0.3) -> np.ndarray:
    """Return the corners of a body in metres about its root, which is not its middle."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    return signs * np.array([width, height, depth]) / 2 + [0.05, -0.1, 0.02]


def seen_person(vertices: np.ndarray, camera: Camera, *, score: float = 0.9) -> Person:
    """Return the person a perfect segmenter finds: the silhouette, and the box around all of the body."""
    mask = np.isfinite(rasterize_depth(vertices, TRIANGLES, camera))
    pixels = project(camera, vertices)
    return Person(np.concatenate([pixels.min(0), pixels.max(0)]), mask, score)


def explaining_cam(
    body: np.ndarray, pixels: np.ndarray, box: np.ndarray, *, aspect: tuple[int, int]
) -> tuple[float, float, float]:
    """Return the weak camera (s, tx, ty) that explains a body's pixels in the crop of a box, from the definition.

    A point at (x, y) of the body is at s / 2 (x + tx, y + ty) from the crop's middle, in units of its side.
    """
    low, high = np.reshape(box, (2, 2))
    side = max(high[1] - low[1], (high[0] - low[0]) * aspect[1] / aspect[0])
    seen = (pixels - (low + high) / 2) / side
    n = len(body)
    equations = np.zeros((2 * n, 3))
    equations[:n, 0], equations[n:, 0] = body[:, 0] / 2, body[:, 1] / 2
    equations[:n, 1] = equations[n:, 2] = 0.5
    s, stx, sty = np.linalg.lstsq(equations, seen.T.ravel(), rcond=None)[0]
    return s, stx / s, sty / s
