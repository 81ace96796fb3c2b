"""Camera translation, skeleton and standard deviation of a body from 33 landmarks in pixels and in metres.

The landmark network takes a crop centred on the person, so its metric axes are those of the *viewing ray* through the
hips, not of the camera, and its projection is scaled orthographic about that ray. Depth is a ratio of lengths: metric
lengths of trunk and limbs across the ray, over their lengths in the picture. The full perspective equations would let
errors of the network's relative depth into the distance (a body predicted to lean ten degrees too much comes out 5 %
too near; docs/results/people.md).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Camera, PoseLandmarks

_SHOULDERS, _HIPS = (11, 12), (23, 24)
# Weight of the parts of a standing body in full view.
_FULL_VIEW = 3.0
# Smallest visible weight of parts that determines a distance: a tenth of a trunk.
_MIN_SEEN = 0.1


@dataclass(frozen=True)
class BodyPart:
    """A straight part of the body between two landmarks, or between the middles of two pairs.

    Attributes:
        start: landmark indices whose mean is one end.
        end: landmark indices whose mean is the other.
        weight: of the part; one of a pair has half.
        log_offset: median log(predicted length / true length) across the view, from the network's joint positions.
        stature_share: the part's length as a fraction of stature.
    """

    start: tuple[int, ...]
    end: tuple[int, ...]
    weight: float
    log_offset: float
    stature_share: float


PARTS = (
    BodyPart(_SHOULDERS, _HIPS, 1.0, -0.045, 0.290),
    BodyPart((23,), (25,), 0.5, 0.045, 0.222),
    BodyPart((24,), (26,), 0.5, 0.045, 0.222),
    BodyPart((25,), (27,), 0.5, -0.014, 0.222),
    BodyPart((26,), (28,), 0.5, -0.014, 0.222),
    BodyPart((11,), (13,), 0.25, -0.067, 0.159),
    BodyPart((12,), (14,), 0.25, -0.067, 0.159),
)
"""The parts that determine the distance. Offsets and shares: medians over 203 rendered adults of known stature."""

STATURE_M = 1.69
"""Mean standing height of adults, women (1.62 m) and men (1.76 m) together; compare NCD-RisC, eLife 2016;5:e13410."""
STATURE_LOG_SIGMA = 0.053
"""Standard deviation of the log of adults' standing height (0.09 m in 1.69 m)."""
CHILD_SHARE = 0.10
"""Probability that a person in a photo is a child below 1.5 m: an assumption. Children are a fifth of all people.

Proportions do not tell: legs over trunk in the picture have a median of 1.39 in 12 rendered children seen at length, of
1.44 in 142 real adults with a standard deviation of 0.12.
"""
CHILD_NEAR_LOG = 0.30
"""Mean log of measured over true distance of children, ln(1.69 / 1.25): they are measured as adults of mean stature.

Of 40 rendered children of 1.08 to 1.50 m it is 0.235 with a standard deviation of 0.10, and 0.00 with known stature; of
two real ones in a classroom 0.42 and 0.49.
"""
READING_LOG_SIGMA = 0.05
"""Standard deviation of the log distance of rendered adults of known stature: the error of the reading."""
BACK_LOG_DEPTH = 0.06
"""Log of true over predicted distance of a person who faces away, relative to one who faces the camera.

The landmark network reads people from behind as nearer. 212 real people upright and in full view, of unknown distance:
their height in the picture, converted to metres at the predicted distance (a median of 1.73 m from the front, which is
:data:`STATURE_M` with shoes and hair, and 1.65 m from behind), gives 0.062 (standard error 0.006). 91 rendered adults
of known distance: 0.078 (0.007). From the front there is no bias to correct (docs/results/people.md).
"""
RELIEF = 0.75
"""Ratio of true to predicted depth differences within a rendered body: the network exaggerates them."""
_PART_LOG_SIGMA = 0.10
"""Scale of the residual of a part's log length in the robust estimate of the distance."""


@dataclass(frozen=True)
class Placement:
    """A body in the camera frame.

    Attributes:
        T_camera_body: (3,) translation in metres.
        R_camera_body: (3, 3) rotation from the network's axes (the viewing ray's) to the camera's.
        joints_m: (33, 3) landmarks in metres in the camera frame, on the rays of the picture's landmarks.
        reprojection_px: weighted rms residual between the picture's landmarks and the projected metric ones.
        size_px: height in the picture of a mean stature at that distance.
        seen: visible weight of the parts; about 3 for a standing body in full view.
    """

    T_camera_body: Float[ndarray, "3"]
    R_camera_body: Float[ndarray, "3 3"]
    joints_m: Float[ndarray, "33 3"]
    reprojection_px: float
    size_px: float
    seen: float


def pixels_per_metre(image_px: Float[ndarray, "33 2"], world_m: Float[ndarray, "33 3"]) -> float:
    """Return pixels per metre of a person in the picture, from trunk and limbs."""
    ends = [(image_px[list(p.start)].mean(0) - image_px[list(p.end)].mean(0), _span(p, world_m)) for p in PARTS]
    in_picture = sum(float(np.hypot(*d)) for d, _ in ends)
    in_metres = sum(float(np.hypot(*s[:2])) for _, s in ends)
    return in_picture / max(in_metres, 1e-6)


def ray_rotation(camera: Camera, pixel: Float[ndarray, "2"]) -> Float[ndarray, "3 3"]:
    """Return R_camera_ray, the smallest rotation from the optical axis to a pixel's viewing ray."""
    ray = np.array([(pixel[0] - camera.cx) / camera.fx, (pixel[1] - camera.cy) / camera.fy, 1.0])
    ray /= np.linalg.norm(ray)
    # Rodrigues' formula for axis z x ray.
    cross = np.array([[0, 0, ray[0]], [0, 0, ray[1]], [-ray[0], -ray[1], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + ray[2])


def facing(world_m: Float[ndarray, "33 3"]) -> float:
    """Return the cosine between a person's chest and the direction to the camera: 1 from the front, -1 from behind."""
    shoulders, hips = world_m[list(_SHOULDERS)], world_m[list(_HIPS)]
    chest = np.cross(shoulders[0] - shoulders[1], hips.mean(0) - shoulders.mean(0))
    return float(chest[2] / max(float(np.linalg.norm(chest)), 1e-9))


def facing_factor(world_m: Float[ndarray, "33 3"]) -> float:
    """Return the factor on the predicted distance that corrects for people seen from the side and from behind."""
    return float(np.exp(BACK_LOG_DEPTH * (1 - facing(world_m)) / 2))


def place_body(
    pose: PoseLandmarks, camera: Camera, *, scale: float = 1.0, parts: tuple[BodyPart, ...] = PARTS
) -> Placement | None:
    """Place a body in front of the camera; None where no part is visible enough to determine the distance.

    Depth: the weighted sum of the parts' metric lengths across the ray, over the weighted sum of their lengths in the
    picture; weight = the part's x visibility x (fraction of it across the ray)^2. (In sums, an error of a joint between
    two parts cancels.) Sideways: weighted least squares over the landmarks at that depth,
    x_k (Z_k + T_z) - X_k = T_x, and the same for y. ``scale`` multiplies the predicted metric lengths, and
    :func:`facing_factor` those of people who do not face the camera.
    """
    inside = (pose.image_px >= -0.5) & (pose.image_px < [camera.width - 0.5, camera.height - 0.5])
    weight = pose.visibility * inside.all(1)
    R_camera_ray = ray_rotation(camera, pose.image_px[list(_HIPS)].mean(0))
    slopes = _slopes(pose.image_px, camera) @ R_camera_ray
    # Landmarks behind the ray's plane are not visible.
    weight = weight * (slopes[:, 2] > 0.1)
    slopes = slopes[:, :2] / np.maximum(slopes[:, 2:], 0.1)
    body = pose.world_m * (scale * facing_factor(pose.world_m))

    metres, lengths, depths, weights = [], [], [], []
    for part in parts:
        span = _span(part, body)
        across = float(np.hypot(*span[:2]))
        length = float(np.hypot(*(slopes[list(part.start)].mean(0) - slopes[list(part.end)].mean(0))))
        if across < 1e-3 or length < 1e-6:
            continue
        seen = min(weight[list(part.start)].min(), weight[list(part.end)].min())
        metres.append(across * np.exp(-part.log_offset))
        lengths.append(length)
        depths.append((body[list(part.start)].mean(0)[2] + body[list(part.end)].mean(0)[2]) / 2)
        # The length of a part that points at the camera is inaccurate, in the picture and in metres.
        weights.append(part.weight * seen * (across / np.linalg.norm(span)) ** 2)
    total = float(np.sum(weights))
    if total <= _MIN_SEEN:
        return None
    distance, weights = _robust_ratio(np.array(metres), np.array(lengths), np.array(weights))
    T_z = distance - float(np.average(depths, weights=weights))
    if T_z + body[:, 2].min() <= 0.05:
        return None
    sideways = np.average(slopes * (body[:, 2:] + T_z) - body[:, :2], axis=0, weights=weight + 1e-9)
    T_ray = np.array([*sideways, T_z])
    depth = distance + RELIEF * (body[:, 2:] + T_z - distance)
    joints = np.concatenate([slopes * depth, depth], 1) @ R_camera_ray.T
    projected = (body + T_ray) @ R_camera_ray.T
    pixels = np.stack(
        [
            camera.fx * projected[:, 0] / projected[:, 2] + camera.cx,
            camera.fy * projected[:, 1] / projected[:, 2] + camera.cy,
        ],
        1,
    )
    error = np.average(np.square(pixels - pose.image_px).sum(1), weights=weight + 1e-9)
    size_px = STATURE_M * camera.fy / distance
    return Placement(R_camera_ray @ T_ray, R_camera_ray, joints, float(np.sqrt(error)), size_px, total)


def _robust_ratio(
    metres: Float[ndarray, "p"], lengths: Float[ndarray, "p"], weights: Float[ndarray, "p"]
) -> tuple[float, Float[ndarray, "p"]]:
    """Return sum(w metres) / sum(w lengths) with Cauchy weights of the residuals, and the final weights."""
    robust = weights
    ratio = float((robust * metres).sum() / (robust * lengths).sum())
    for _ in range(5):
        misfit = np.log(metres / lengths / ratio)
        robust = weights / (1 + np.square(misfit / (2 * _PART_LOG_SIGMA)))
        ratio = float((robust * metres).sum() / (robust * lengths).sum())
    return ratio, robust


def _slopes(image_px: Float[ndarray, "33 2"], camera: Camera) -> Float[ndarray, "33 3"]:
    """Return the viewing rays of pixels, scaled to z = 1."""
    x = (image_px[:, 0] - camera.cx) / camera.fx
    y = (image_px[:, 1] - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], 1)


def _span(part: BodyPart, body: Float[ndarray, "33 3"]) -> Float[ndarray, "3"]:
    return body[list(part.start)].mean(0) - body[list(part.end)].mean(0)


def stature_from_joints(joints_m: Float[ndarray, "33 3"], visibility: Float[ndarray, "33"]) -> float:
    """Return the stature implied by the visible parts: the sum of their lengths over the sum of their shares."""
    length, share = 0.0, 0.0
    for part in PARTS:
        seen = part.weight * max(1e-3, min(visibility[list(part.start)].min(), visibility[list(part.end)].min()))
        length += seen * float(np.linalg.norm(_span(part, joints_m)))
        share += seen * part.stature_share
    return length / share


def log_depth_sigma(placement: Placement) -> float:
    """Return the standard deviation of the log of a person's distance.

    The variance is the sum of three: the unknown stature (0.053^2); the error of the reading, 0.05^2 for a body in full
    view and inversely proportional to the visible weight; and the reprojection residual as a fraction of the person's
    size in the picture, which is large for unusual poses and for false detections.
    """
    seen = min(1.0, placement.seen / _FULL_VIEW)
    misfit = placement.reprojection_px / max(placement.size_px, 1e-6)
    return float(np.sqrt(STATURE_LOG_SIGMA**2 + READING_LOG_SIGMA**2 / seen + misfit**2))
