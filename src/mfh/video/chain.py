"""Every frame's relative depth brought to one common space, along what stands still in the picture.

Of one frame the metric head is known, or assumed. The points of its grid are placed in space by it, and the camera's
motion to the next frame follows from where they are seen there. That motion says which depth they have in the next
frame, and a line through those depths is the head of that frame. This is the alignment of paintings to the photo (Eqs.
6, 7) for a camera that moves.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.geometry.camera import camera_matrix, unproject
from mfh.types import Camera, Space
from mfh.video.motion import grid_points
from mfh.video.records import GridReading

REPROJECTION_PX = 1.5
"""Of 640 pixels: points that miss by more do not stand still, or their flow is wrong."""
_LEAST_POINTS, _LEAST_SHARE = 40, 0.25
"""Points that must agree with one motion, and their share: else the picture has changed wholly."""
_DEPTHS_M = (1e-2, 1e4)
_HUBER = 0.05
"""Log depth from which a point's weight falls: networks are wrong by that much at any one place."""
_ROUNDS = 5


@dataclass(frozen=True)
class FrameHead:
    """Scale and shift of one frame, and where its camera is.

    Attributes:
        scale: a of a·x + b, where x is the frame's own relative depth; the result is in the common space.
        shift: b.
        pose: (4, 4) from the camera of this frame to that of the first one, metres.
        still: share of its grid's known points that moved as the camera did since the frame before; 0 where the picture
            changes wholly, 1 for the first frame.
        misfit: median absolute log depth that the heads of both leave between this frame and the one before.
    """

    scale: float
    shift: float
    pose: Float[ndarray, "4 4"]
    still: float = 1.0
    misfit: float = 0.0


@dataclass(frozen=True)
class Step:
    """From one frame to a neighbour: points seen in both.

    Attributes:
        from_px: (n, 2) in the frame whose head is known.
        to_px: (n, 2) in the other.
        from_relative: (n,) relative depth in the first.
        to_relative: (n,) in the other.
        holds: (n,) where the point is known in both.
    """

    from_px: Float[ndarray, "n 2"]
    to_px: Float[ndarray, "n 2"]
    from_relative: Float[ndarray, "n"]
    to_relative: Float[ndarray, "n"]
    holds: Bool[ndarray, "n"]

    def reversed(self) -> "Step":
        """Return the step back."""
        return Step(self.to_px, self.from_px, self.to_relative, self.from_relative, self.holds)


def chain_heads(
    readings: Callable[[int], GridReading | None],
    count: int,
    anchor: int,
    head: tuple[float, float],
    camera: Camera,
    space: Space,
) -> list[FrameHead]:
    """Bring all frames to the common space of one of them.

    Args:
        readings: returns the grid of a frame; None for the first.
        count: number of frames.
        anchor: the frame whose head is known.
        head: its scale and shift, to metres.
        camera: of the clip.
        space: of the relative depth.

    Returns:
        One head a frame. Where the picture changes wholly, a frame gets the mean and spread of its neighbour.
    """
    heads: list[FrameHead | None] = [None] * count
    heads[anchor] = FrameHead(*head, np.eye(4))
    for index in range(anchor + 1, count):
        before = heads[index - 1]
        assert before is not None
        heads[index] = _next(before, _step(readings(index), camera), camera, space)
    for index in range(anchor - 1, -1, -1):
        after = heads[index + 1]
        assert after is not None
        found = _next(after, _step(readings(index + 1), camera).reversed(), camera, space)
        # A step is of the later frame, whichever way it was taken.
        heads[index + 1] = replace(after, still=found.still, misfit=found.misfit)
        heads[index] = replace(found, still=1.0, misfit=0.0)
    first = heads[0]
    assert first is not None
    to_first = np.linalg.inv(first.pose)
    return [replace(one, pose=to_first @ one.pose) for one in heads if one is not None]


def _step(reading: GridReading | None, camera: Camera) -> Step:
    """Return the step from the frame before to a frame."""
    assert reading is not None, "only the first frame has no grid of the one before"
    points = grid_points(camera.width, camera.height)
    was_px, before, now = (each.astype(float) for each in (reading.was_px, reading.before, reading.now))
    return Step(was_px, points, before, now, reading.holds)


def to_metres(values: Float[ndarray, "*shape"], space: Space) -> Float[ndarray, "*shape"]:
    """Return depth in metres of values of the common space; NaN at infinity, behind the camera or beyond any range."""
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = 1 / values if space == "disparity" else values.astype(float)
    return np.where((metres > _DEPTHS_M[0]) & (metres < _DEPTHS_M[1]), metres, np.nan)


def _next(known: FrameHead, step: Step, camera: Camera, space: Space) -> FrameHead:
    """Return the head of a neighbour of a frame whose head is known."""
    metres = to_metres(known.scale * step.from_relative + known.shift, space)
    seen = np.isfinite(metres) & step.holds
    points = unproject(camera, step.from_px[seen], metres[seen])
    motion = camera_motion(points, step.to_px[seen], camera)
    if motion is None:
        return _alike(known, step)
    rotation, shift_m, still = motion
    expected_m = (points @ rotation.T + shift_m)[:, 2]
    good = still & (expected_m > _DEPTHS_M[0])
    scale, shift, misfit = _line(step.to_relative[seen][good], expected_m[good], (known.scale, known.shift), space)
    there = np.eye(4)
    there[:3, :3], there[:3, 3] = rotation, shift_m
    return FrameHead(scale, shift, known.pose @ np.linalg.inv(there), float(good.mean()), misfit)


def _alike(known: FrameHead, step: Step) -> FrameHead:
    """Return a head that gives a frame the mean and spread of a neighbour from which no point can be followed."""
    values = known.scale * step.from_relative + known.shift
    spread = float(step.to_relative.std())
    scale = known.scale if spread == 0 else math.copysign(float(values.std()) / spread, known.scale)
    return FrameHead(scale, float(values.mean() - scale * step.to_relative.mean()), known.pose, 0.0, 0.0)


def camera_motion(
    points_m: Float[ndarray, "n 3"], seen_px: Float[ndarray, "n 2"], camera: Camera
) -> tuple[Float[ndarray, "3 3"], Float[ndarray, "3"], Bool[ndarray, "n"]] | None:
    """Return the motion after which points are seen where they are, and which of them it explains.

    Args:
        points_m: in the frame of the first camera.
        seen_px: where the second camera sees them.
        camera: of both.

    Returns:
        Rotation and translation from the first camera's frame to the second's, and the (n,) points that stand still;
        None where too few agree.
    """
    if len(points_m) < _LEAST_POINTS:
        return None
    limit_px = REPROJECTION_PX * max(camera.width, camera.height) / 640
    matrix = camera_matrix(camera)
    cv2.setRNGSeed(0)
    found, turn, shift_m, still = cv2.solvePnPRansac(
        points_m,
        seen_px,
        matrix,
        None,
        reprojectionError=limit_px,
        iterationsCount=100,
        confidence=0.999,
        flags=cv2.SOLVEPNP_SQPNP,
    )
    if not found or still is None or len(still) < max(_LEAST_POINTS, _LEAST_SHARE * len(points_m)):
        return None
    chosen, miss_px = np.asarray(still, int).ravel(), np.zeros(0)
    for _ in range(2):
        turn, shift_m = cv2.solvePnPRefineLM(points_m[chosen], seen_px[chosen], matrix, None, turn, shift_m)
        placed, _ = cv2.projectPoints(points_m, turn, shift_m, matrix, np.zeros(0))
        miss_px = np.linalg.norm(np.asarray(placed)[:, 0] - seen_px, axis=1)
        chosen = np.flatnonzero(miss_px <= limit_px)
        if len(chosen) < _LEAST_POINTS:
            return None
    return np.asarray(cv2.Rodrigues(turn)[0]), np.asarray(shift_m).ravel(), miss_px <= limit_px


def _line(
    relative: Float[ndarray, "n"], metres: Float[ndarray, "n"], before: tuple[float, float], space: Space
) -> tuple[float, float, float]:
    """Return the scale and shift that give points their depth, robustly, near those of the frame before.

    Errors of both sides are alike, so a line through either on the other would be too flat, a little each frame. The
    geometric mean of the two slopes is not.
    """
    target = 1 / metres if space == "disparity" else metres
    weight = 1 / target**2
    scale, shift = before
    for _ in range(_ROUNDS):
        off = np.abs((scale * relative + shift) / target - 1)
        robust = weight * np.minimum(1, _HUBER / np.maximum(off, 1e-12))
        total = robust.sum()
        x, y = (robust @ relative) / total, (robust @ target) / total
        xx, yy = robust @ (relative - x) ** 2, robust @ (target - y) ** 2
        if not (xx > 0 and yy > 0):
            break
        scale = math.copysign(math.sqrt(yy / xx), before[0])
        shift = y - scale * x
    off = np.abs((scale * relative + shift) / target - 1)
    return float(scale), float(shift), float(np.median(off))


def poses_of(heads: Sequence[FrameHead]) -> Float[ndarray, "n 4 4"]:
    """Return the camera's poses, from each frame's camera to that of the first."""
    return np.stack([one.pose for one in heads])
