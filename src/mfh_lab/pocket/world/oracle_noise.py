"""Controlled noise for the oracle models: every kind and size of error is a number, every draw has a seed."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mfh.types import HumanMesh

OutlierKind = Literal["out of proportion", "penetrating", "not a person"]
OUTLIER_KINDS: tuple[OutlierKind, ...] = ("out of proportion", "penetrating", "not a person")
_GRID = 5
_FAR_SHARE = (-0.2, 1.0)


@dataclass(frozen=True)
class RelativeDepthNoise:
    """Errors of a relative-depth network.

    Attributes:
        scene_distortion: standard deviation of a low-frequency factor on disparity that photo and paintings share.
        painting_distortion: standard deviation of another one that each painting has for itself.
        person_sigma: standard deviation of the log of a factor on each body's disparity: people predicted too near or
            too far for the scene around them.
        scale_sigma: standard deviation of the log of each picture's unknown scale; no error, but never to be relied on.
        seed: of all draws.
    """

    scene_distortion: float = 0.0
    painting_distortion: float = 0.0
    person_sigma: float = 0.0
    scale_sigma: float = 0.25
    seed: int = 0


@dataclass(frozen=True)
class PeopleNoise:
    """Errors of painter and mesh model together.

    Attributes:
        size_sigma: standard deviation of the log of a person's size; size and distance go together.
        translation_sigma: standard deviation of the log of the distance alone.
        outliers: share of people who are grossly wrong.
        outlier_weights: of those, how many are out of proportion (the whole body 0.35-0.7 or 1.5-3 times too far), are
            penetrating (half of the body somewhere else), are no persons (a body fitted to something much smaller).
        seed: of all draws.
    """

    size_sigma: float = 0.0
    translation_sigma: float = 0.0
    outliers: float = 0.0
    outlier_weights: tuple[float, float, float] = (0.6, 0.2, 0.2)
    seed: int = 0


def low_frequency(rng: np.random.Generator, sigma: float, *, height: int, width: int) -> NDArray[np.float64]:
    """Draw a smooth (h, w) field: normal values on a 5x5 grid, bicubic in between.

    Args:
        rng: source of randomness; a grid is drawn whatever ``sigma`` is.
        sigma: standard deviation at the grid points.
        height: pixels.
        width: pixels.
    """
    grid = sigma * rng.standard_normal((_GRID, _GRID))
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float64)


def draw_affine(
    rng: np.random.Generator, disparity: NDArray[np.float64], noise: RelativeDepthNoise
) -> tuple[float, float]:
    """Draw the affine map of one picture: its far end comes out near zero, as networks have it.

    Args:
        rng: source of randomness.
        disparity: (h, w) true disparity; 0 for sky.
        noise: its scale.

    Returns:
        Scale and shift: relative depth is scale·disparity + shift.
    """
    scale = float(np.exp(rng.normal(0, noise.scale_sigma)))
    seen = disparity[disparity > 0]
    farthest = float(np.percentile(seen, 1)) if seen.size else 0.0
    return scale, -scale * float(rng.uniform(*_FAR_SHARE)) * farthest


def disturb(mesh: HumanMesh, noise: PeopleNoise, rng: np.random.Generator, *, stranger: HumanMesh) -> HumanMesh:
    """Return a body with the errors of a mesh model.

    Args:
        mesh: the true body.
        noise: kinds and sizes of errors.
        rng: source of randomness.
        stranger: another body around the origin, upright in the camera frame: what is seen in things that are no
            persons.

    Returns:
        The body; the very same where there is no noise.
    """
    size, distance = np.exp(rng.normal(0, (noise.size_sigma, noise.translation_sigma)))
    vertices = mesh.vertices_m.astype(np.float64) * size
    vertices = vertices + (distance - 1) * vertices.mean(0)
    if rng.random() < noise.outliers:
        weights = np.array(noise.outlier_weights, float)
        kind = OUTLIER_KINDS[int(rng.choice(len(OUTLIER_KINDS), p=weights / weights.sum()))]
        if kind == "not a person":
            return _fitted(stranger, vertices, farther=rng.uniform(1.5, 4))
        if kind == "penetrating":
            left = vertices[:, 0] < np.median(vertices[:, 0])
            vertices[left] *= rng.uniform(0.3, 3)
        else:
            near, far = rng.uniform(np.log((0.35, 1.5)), np.log((0.7, 3.0)))
            vertices *= np.exp(near if rng.random() < 0.5 else far)
    stature_m = None if mesh.stature_m is None else float(mesh.stature_m * size)
    return replace(mesh, vertices_m=vertices, stature_m=stature_m)


def _fitted(stranger: HumanMesh, vertices_m: NDArray[np.float64], *, farther: float) -> HumanMesh:
    """Return a body that fills the image of a thing as a person would who is ``farther`` times as far away."""
    z = np.maximum(vertices_m[:, 2], 0.1)
    rows, middle = vertices_m[:, 1] / z, float(np.median(vertices_m[:, 0] / z))
    body = stranger.vertices_m.astype(np.float64)
    distance = float(np.ptp(body[:, 1]) / max(float(np.ptp(rows)), 1e-3))
    foot = np.array([middle * distance, float(rows.max()) * distance - body[:, 1].max(), distance])
    return replace(stranger, vertices_m=(body + foot) * farther)
