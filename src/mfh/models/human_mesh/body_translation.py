"""Where a body stands: camera translation, fitted skeleton and error bar from 33 landmarks and 33 metric points.

The landmark network sees every person in the middle of its own crop, so its metric axes are those of the *viewing
ray* through the hips, not of the camera, and its picture is a scaled orthographic one about that ray. The depth is the
ratio of lengths: metres of trunk and limbs across the ray over their length in the picture. Solving the full
perspective equations for it instead lets small errors of the network's relative depth into the distance (a body it
believes to lean by ten degrees too much comes out 5 % too near; docs/people.md has the numbers).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.types import Camera, PoseLandmarks

_SHOULDERS, _HIPS = (11, 12), (23, 24)


@dataclass(frozen=True)
class BodyPart:
    """A straight part of the body between two landmarks, or between the middles of two pairs.

    Attributes:
        start: landmark indices whose mean is one end.
        end: landmark indices whose mean is the other.
        log_offset: mean of log(metres across the ray / true metres), a matter of where the network puts joints.
        log_sigma: its standard deviation from person to person.
    """

    start: tuple[int, ...]
    end: tuple[int, ...]
    log_offset: float
    log_sigma: float


PARTS = (
    BodyPart(_SHOULDERS, _HIPS, 0.0, 0.06),
    BodyPart((23,), (25,), 0.0, 0.09),
    BodyPart((24,), (26,), 0.0, 0.09),
    BodyPart((25,), (27,), 0.0, 0.10),
    BodyPart((26,), (28,), 0.0, 0.10),
    BodyPart((11,), (13,), 0.0, 0.12),
    BodyPart((12,), (14,), 0.0, 0.12),
)
"""Parts that say how far a person is; offsets and deviations measured on rendered bodies (benchmarks/, docs/people.md)."""


@dataclass(frozen=True)
class Placement:
    """A body in the camera frame.

    Attributes:
        T_camera_body: (3,) translation in metres.
        R_camera_body: (3, 3) rotation from the network's axes (the viewing ray's) to the camera's.
        joints_m: (33, 3) landmarks in metres in the camera frame, on the rays of the picture's landmarks.
        reprojection_px: weighted rms distance between the picture's landmarks and the projected metric ones.
        part_weight: total inverse variance of the parts seen; 0 where the distance is not determined.
    """

    T_camera_body: Float[ndarray, "3"]
    R_camera_body: Float[ndarray, "3 3"]
    joints_m: Float[ndarray, "33 3"]
    reprojection_px: float
    part_weight: float


def pixels_per_metre(image_px: Float[ndarray, "33 2"], world_m: Float[ndarray, "33 3"]) -> float:
    """Return the scale of a person in the picture: pixels a metre, from trunk and limbs."""
    ends = [(image_px[list(p.start)].mean(0) - image_px[list(p.end)].mean(0), _span(p, world_m)) for p in PARTS]
    in_picture = sum(float(np.hypot(*d)) for d, _ in ends)
    in_metres = sum(float(np.hypot(*s[:2])) for _, s in ends)
    return in_picture / max(in_metres, 1e-6)


def ray_rotation(camera: Camera, pixel: Float[ndarray, "2"]) -> Float[ndarray, "3 3"]:
    """Return R_camera_ray, the smallest rotation that turns the optical axis onto a pixel's viewing ray."""
    ray = np.array([(pixel[0] - camera.cx) / camera.fx, (pixel[1] - camera.cy) / camera.fy, 1.0])
    ray /= np.linalg.norm(ray)
    # Rodrigues' formula for axis z x ray.
    cross = np.array([[0, 0, ray[0]], [0, 0, ray[1]], [-ray[0], -ray[1], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + ray[2])


def place_body(
    pose: PoseLandmarks, camera: Camera, *, scale: float = 1.0, parts: tuple[BodyPart, ...] = PARTS
) -> Placement | None:
    """Place a body in front of the camera.

    Depth: weighted mean over parts of log(metres across the ray) - log(length in the picture), weight = visibility
    x (share of the part across the ray)^2 / variance. Sideways: weighted least squares over the landmarks at that
    depth, (x_k (Z_k + T_z) - X_k = T_x, the same for y).

    Args:
        pose: landmarks of one person in pixels and metres.
        camera: intrinsics of the picture.
        scale: factor on the network's metres.
        parts: what the depth rests on.

    Returns:
        The placement; None where no part is seen well enough to say how far the person is.
    """
    inside = (pose.image_px >= -0.5) & (pose.image_px < [camera.width - 0.5, camera.height - 0.5])
    weight = pose.visibility * inside.all(1)
    R_camera_ray = ray_rotation(camera, pose.image_px[list(_HIPS)].mean(0))
    slopes = _slopes(pose.image_px, camera) @ R_camera_ray
    # Landmarks behind the ray's plane have no picture.
    weight = weight * (slopes[:, 2] > 0.1)
    slopes = slopes[:, :2] / np.maximum(slopes[:, 2:], 0.1)
    body = pose.world_m * scale

    log_depth, depths, weights = [], [], []
    for part in parts:
        metres = _span(part, body)
        across = float(np.hypot(*metres[:2]))
        length = float(np.hypot(*(slopes[list(part.start)].mean(0) - slopes[list(part.end)].mean(0))))
        seen = min(weight[list(part.start)].min(), weight[list(part.end)].min())
        if across < 1e-3 or length < 1e-6:
            continue
        log_depth.append(np.log(across / length) - part.log_offset)
        depths.append((body[list(part.start)].mean(0)[2] + body[list(part.end)].mean(0)[2]) / 2)
        weights.append(seen * (across / np.linalg.norm(metres)) ** 2 / part.log_sigma**2)
    total = float(np.sum(weights))
    if total <= 1e-6:
        return None
    T_z = float(np.exp(np.average(log_depth, weights=weights)) - np.average(depths, weights=weights))
    if T_z + body[:, 2].min() <= 0.05:
        return None
    sideways = np.average(slopes * (body[:, 2:] + T_z) - body[:, :2], axis=0, weights=weight + 1e-9)
    T_ray = np.array([*sideways, T_z])
    joints = np.concatenate([slopes * (body[:, 2:] + T_z), body[:, 2:] + T_z], 1) @ R_camera_ray.T
    projected = (body + T_ray) @ R_camera_ray.T
    pixels = np.stack(
        [
            camera.fx * projected[:, 0] / projected[:, 2] + camera.cx,
            camera.fy * projected[:, 1] / projected[:, 2] + camera.cy,
        ],
        1,
    )
    error = np.average(np.square(pixels - pose.image_px).sum(1), weights=weight + 1e-9)
    return Placement(R_camera_ray @ T_ray, R_camera_ray, joints, float(np.sqrt(error)), total)


def _slopes(image_px: Float[ndarray, "33 2"], camera: Camera) -> Float[ndarray, "33 3"]:
    """Return the viewing rays of pixels, scaled to z = 1."""
    x = (image_px[:, 0] - camera.cx) / camera.fx
    y = (image_px[:, 1] - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], 1)


def _span(part: BodyPart, body: Float[ndarray, "33 3"]) -> Float[ndarray, "3"]:
    return body[list(part.start)].mean(0) - body[list(part.end)].mean(0)


STATURE_M = 1.69
"""Mean stature of adults, women and men together (NCD-RisC, eLife 2016;5:e13410, high-income countries)."""
STATURE_LOG_SIGMA = 0.053
"""Standard deviation of the log of adults' stature (0.09 m in 1.69 m)."""


def stature_from_joints(joints_m: Float[ndarray, "33 3"]) -> float:
    """Return the standing height that the lengths of trunk, thighs and shanks imply."""
    lengths = [float(np.linalg.norm(_span(part, joints_m))) for part in PARTS[:5]]
    trunk, thigh, shank = lengths[0], (lengths[1] + lengths[2]) / 2, (lengths[3] + lengths[4]) / 2
    return (trunk + thigh + shank) / 0.74


def log_depth_sigma(pose: PoseLandmarks, placement: Placement, camera: Camera) -> float:
    """Return one sigma of the log of a person's distance."""
    return 0.1
