"""A closed body surface around 33 landmarks: lofted torso, head, neck, and tapered limbs.

Every part is a closed mesh; together they are a union of solids, which suffices for a z-buffer. Widths are fractions of
stature (breadths, depths and girths of clothed adults: Drillis and Contini 1966; NASA-STD-3000, vol. 1, sec. 3), so
that the depth is that of the *surface*: the skin is about a tenth of a metre nearer than the skeleton.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

NOSE, LEFT_EAR, RIGHT_EAR = 0, 7, 8
SHOULDERS, ELBOWS, WRISTS = (11, 12), (13, 14), (15, 16)
PINKIES, INDEXES = (17, 18), (19, 20)
HIPS, KNEES, ANKLES, HEELS, TOES = (23, 24), (25, 26), (27, 28), (29, 30), (31, 32)

_SIDES = 12
# Clothes and hair over the skin; this factor maximizes the overlap with the visible mask of rendered people.
_CLOTHES = 1.06
_CAP_RINGS = 3
# (height along the spine: 0 hips, 1 shoulders; half breadth; half depth), the last two as fractions of stature.
_TORSO = (
    (-0.16, 0.052, 0.045),
    (-0.06, 0.094, 0.068),
    (0.08, 0.099, 0.071),
    (0.45, 0.087, 0.066),
    (0.75, 0.094, 0.072),
    (0.95, 0.102, 0.062),
    (1.06, 0.078, 0.045),
    (1.14, 0.040, 0.034),
)
# Radii at both ends of each limb, as fractions of stature.
_UPPER_ARM = (0.033, 0.027)
_FOREARM = (0.027, 0.019)
_HAND = (0.020, 0.012)
_THIGH = (0.054, 0.037)
_SHANK = (0.037, 0.025)
_FOOT = (0.024, 0.021)
_NECK = 0.036
_HEAD = (0.048, 0.070, 0.060)
"""Half breadth, half height and half length of the head."""


def body_mesh(
    landmarks_m: Float[ndarray, "33 3"], *, stature_m: float
) -> tuple[Float[ndarray, "v 3"], Int[ndarray, "f 3"]]:
    """Return vertices and outward faces of a body's surface, in the landmarks' frame; stature scales the widths."""
    points = np.asarray(landmarks_m, np.float64)
    unit = stature_m * _CLOTHES
    parts = [_torso(points, unit), _head(points, unit), _neck(points, unit)]
    for side in (0, 1):
        shoulder, elbow, wrist = points[SHOULDERS[side]], points[ELBOWS[side]], points[WRISTS[side]]
        knuckles = (points[PINKIES[side]] + points[INDEXES[side]]) / 2
        hip, knee, ankle = points[HIPS[side]], points[KNEES[side]], points[ANKLES[side]]
        heel, toe = points[HEELS[side]], points[TOES[side]]
        # Landmarks end at the knuckles and the ball of the foot: fingers and toes extend them.
        fingers = wrist + 1.7 * (knuckles - wrist)
        toes = heel + 1.1 * (toe - heel)
        for start, end, radii in (
            (shoulder, elbow, _UPPER_ARM),
            (elbow, wrist, _FOREARM),
            (wrist, fingers, _HAND),
            (hip, knee, _THIGH),
            (knee, ankle, _SHANK),
            (ankle, heel, (_SHANK[1], _FOOT[0])),
            (heel, toes, _FOOT),
        ):
            parts.append(tapered_capsule(start, end, radii[0] * unit, radii[1] * unit))
    return _union(parts)


def tapered_capsule(
    start: Float[ndarray, "3"], end: Float[ndarray, "3"], start_radius: float, end_radius: float
) -> tuple[Float[ndarray, "v 3"], Int[ndarray, "f 3"]]:
    """Return a closed cone between two points with a half sphere at each end."""
    axis = end - start
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])
    across = _perpendicular(axis)
    beside = np.cross(axis, across)
    angles = np.linspace(-np.pi / 2, 0, _CAP_RINGS + 1)[1:]
    along = np.concatenate([start_radius * np.sin(angles), length - end_radius * np.sin(angles[::-1])])
    radii = np.concatenate([start_radius * np.cos(angles), end_radius * np.cos(angles[::-1])])
    centres = start + along[:, None] * axis
    return _loft(
        centres, across * radii[:, None], beside * radii[:, None], start - start_radius * axis, end + end_radius * axis
    )


def _torso(points: Float[ndarray, "33 3"], unit: float) -> tuple[ndarray, ndarray]:
    """Loft ellipses from the crotch to the base of the neck, blended from the hips' line to the shoulders' line."""
    hips, shoulders = points[list(HIPS)].mean(0), points[list(SHOULDERS)].mean(0)
    spine = shoulders - hips
    up = _unit(spine, np.array([0.0, -1.0, 0.0]))
    hip_line = _unit(_reject(points[HIPS[0]] - points[HIPS[1]], up), _perpendicular(up))
    shoulder_line = _unit(_reject(points[SHOULDERS[0]] - points[SHOULDERS[1]], up), hip_line)
    if hip_line @ shoulder_line < 0:
        hip_line = shoulder_line
    heights, breadths, depths = np.array(_TORSO).T
    blend = np.clip(heights, 0, 1)[:, None]
    across = (1 - blend) * hip_line + blend * shoulder_line
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # Outward faces need (across, beside, up) to be right-handed.
    beside = np.cross(up, across)
    centres = hips + heights[:, None] * spine
    ends = (centres[0] - 0.01 * unit * up, centres[-1] + 0.01 * unit * up)
    return _loft(centres, across * (breadths * unit)[:, None], beside * (depths * unit)[:, None], *ends)


def _head(points: Float[ndarray, "33 3"], unit: float) -> tuple[ndarray, ndarray]:
    """Return an ellipsoid around the ears, oriented by the ears' line and the nose."""
    ears = (points[LEFT_EAR] + points[RIGHT_EAR]) / 2
    neck = points[list(SHOULDERS)].mean(0)
    rough_up = _unit(ears - neck, np.array([0.0, -1.0, 0.0]))
    across = _unit(points[LEFT_EAR] - points[RIGHT_EAR], _perpendicular(rough_up))
    ahead = _unit(_reject(_reject(points[NOSE] - ears, across), rough_up), np.cross(rough_up, across))
    up = _unit(np.cross(ahead, across), rough_up)
    if up @ rough_up < 0:
        up = -up
    breadth, height, length = (size * unit for size in _HEAD)
    centre = ears + 0.2 * height * up - 0.1 * length * ahead
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, 2 * _CAP_RINGS + 3)[1:-1]
    side = np.cross(up, across)
    return _loft(
        centre + height * np.sin(latitudes)[:, None] * up,
        across * (breadth * np.cos(latitudes))[:, None],
        side * (length * np.cos(latitudes))[:, None],
        centre - height * up,
        centre + height * up,
    )


def _neck(points: Float[ndarray, "33 3"], unit: float) -> tuple[ndarray, ndarray]:
    return tapered_capsule(
        points[list(SHOULDERS)].mean(0), (points[LEFT_EAR] + points[RIGHT_EAR]) / 2, _NECK * unit, _NECK * unit
    )


def _loft(
    centres: Float[ndarray, "r 3"],
    across: Float[ndarray, "r 3"],
    beside: Float[ndarray, "r 3"],
    first: Float[ndarray, "3"],
    last: Float[ndarray, "3"],
) -> tuple[Float[ndarray, "v 3"], Int[ndarray, "f 3"]]:
    """Join elliptic rings into a closed tube with a vertex at each end; rings follow across x beside."""
    rings = len(centres)
    angles = np.arange(_SIDES) * 2 * np.pi / _SIDES
    ring = (
        centres[:, None]
        + np.cos(angles)[None, :, None] * across[:, None]
        + np.sin(angles)[None, :, None] * beside[:, None]
    )
    return np.concatenate([ring.reshape(-1, 3), first[None], last[None]]), _tube_faces(rings)


@cache
def _tube_faces(rings: int) -> Int[ndarray, "f 3"]:
    """Return the faces of a tube of so many rings, closed by the vertex that follows them and the one after it."""
    here = np.arange(_SIDES)
    there = (here + 1) % _SIDES
    faces = []
    for k in range(rings - 1):
        low, high = k * _SIDES, (k + 1) * _SIDES
        faces.append(np.stack([low + here, low + there, high + there], 1))
        faces.append(np.stack([low + here, high + there, high + here], 1))
    bottom, top = rings * _SIDES, rings * _SIDES + 1
    faces.append(np.stack([there, here, np.full(_SIDES, bottom)], 1))
    faces.append(np.stack([(rings - 1) * _SIDES + here, (rings - 1) * _SIDES + there, np.full(_SIDES, top)], 1))
    return np.concatenate(faces)


def _union(parts: list[tuple[ndarray, ndarray]]) -> tuple[Float[ndarray, "v 3"], Int[ndarray, "f 3"]]:
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in parts[:-1]])
    vertices = np.concatenate([part for part, _ in parts])
    faces = np.concatenate([part + offset for (_, part), offset in zip(parts, offsets, strict=True)])
    return vertices, faces


def _perpendicular(axis: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Return a unit vector perpendicular to a unit vector."""
    other = np.zeros(3)
    other[np.argmin(np.abs(axis))] = 1
    return _unit(np.cross(axis, other), other)


def _reject(vector: Float[ndarray, "3"], axis: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Return the component of a vector perpendicular to a unit vector."""
    return vector - (vector @ axis) * axis


def _unit(vector: Float[ndarray, "3"], fallback: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Normalise a vector; the fallback for a vanishing one."""
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 1e-6 else fallback
