"""People who walk: a standing body of the bank moved through a gait cycle, along a loop on the floor.

The bank holds posed bodies without a skeleton. Where a vertex lies on the body at rest says which limb it belongs to,
and the mean of the vertices around a joint is near the joint: enough for blend skinning about five joints a side.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.bodies import BodyBank
from mfh_lab.pocket.world.scene_builder import Place

# Heights and half widths on the body at rest, whose own height is 1.
_HIP_Z, _KNEE_Z, _ANKLE_Z = 0.515, 0.275, 0.05
_SHOULDER = (0.105, 0.8)
_ELBOW_X = 0.2
_LEG_SHARE = 0.53
"""Length of the leg over stature."""
_TABLE = 720


@dataclass(frozen=True)
class Loop:
    """An ellipse on the floor that a person walks round, at one speed.

    Attributes:
        x: centre, metres.
        y: centre, metres.
        along_m: semi-axis along the heading.
        across_m: semi-axis across it.
        heading: direction of the first axis, radians from x.
        start: fraction of the loop where the first frame is.
        speed_mps: metres a second; negative walks the other way round.
    """

    x: float
    y: float
    along_m: float
    across_m: float
    heading: float
    start: float
    speed_mps: float

    def at(self, seconds: float) -> tuple[Place, float]:
        """Return the place at a moment, facing where the person goes, and the length of the way since the start."""
        angle, length = _arc_table(self.along_m, self.across_m)
        walked = self.speed_mps * seconds
        t = float(np.interp((self.start * length[-1] + walked) % length[-1], length, angle))
        c, s = np.cos(self.heading), np.sin(self.heading)
        u, v = self.along_m * np.cos(t), self.across_m * np.sin(t)
        du, dv = -self.along_m * np.sin(t), self.across_m * np.cos(t)
        if self.speed_mps < 0:
            du, dv = -du, -dv
        dx, dy = du * c - dv * s, du * s + dv * c
        # A body faces -y at yaw 0.
        return Place(self.x + u * c - v * s, self.y + u * s + v * c, 0.0, float(np.arctan2(dx, -dy))), abs(walked)


@dataclass(frozen=True)
class Walker:
    """A person of a clip: one body, one set of clothes, one way to go.

    Attributes:
        loop: where the person walks.
        body: row of the bank.
        stature_m: standing height; the body is scaled to it.
        clothes_seed: decides skin, hair and clothes.
        swing: largest angle of the hip, radians.
        phase: of the gait at the first frame, radians.
    """

    loop: Loop
    body: int
    stature_m: float
    clothes_seed: int
    swing: float
    phase: float

    def phase_after(self, walked_m: float) -> float:
        """Return the phase of the gait: two steps a cycle, each as long as the legs reach."""
        step_m = 2 * _LEG_SHARE * self.stature_m * np.sin(self.swing)
        return float(self.phase + np.pi * walked_m / step_m)


def walking_bank(bank: BodyBank, walkers: tuple[Walker, ...], seconds: float) -> tuple[BodyBank, list[Place]]:
    """Return a bank of the walkers as they are at a moment, one row each, and where each is.

    Args:
        bank: bodies; those of the walkers stand.
        walkers: people.
        seconds: since the first frame.
    """
    rows = np.array([walker.body for walker in walkers], np.intp)
    places, posed = [], []
    for walker in walkers:
        place, walked = walker.loop.at(seconds)
        places.append(place)
        body = bank.vertices_m[walker.body].astype(np.float64) * (walker.stature_m / bank.stature_m[walker.body])
        posed.append(walk_pose(body, bank.rest, swing=walker.swing, phase=walker.phase_after(walked)))
    now = bank.subset(rows)
    # Single precision: the bank's own half precision rounds by a millimetre, which trembles from frame to frame.
    stature_m = np.array([walker.stature_m for walker in walkers], np.float32)
    vertices = np.stack(posed).astype(np.float32) if posed else now.vertices_m
    return replace(now, vertices_m=vertices, stature_m=stature_m), places


def walk_pose(
    vertices: NDArray[np.float64], rest: NDArray[np.floating], *, swing: float, phase: float
) -> NDArray[np.float64]:
    """Return a standing body in one phase of the gait, its lowest point on the ground.

    Args:
        vertices: (v, 3) metres, z up, facing -y.
        rest: (v, 3) where on the body at rest each lies.
        swing: largest angle of the hip, radians.
        phase: of the gait, radians: the left leg is foremost at pi / 2.
    """
    x, z = rest[:, 0].astype(np.float64), rest[:, 2].astype(np.float64)
    out = vertices.copy()
    arm_like = (np.abs(x) > _SHOULDER[0] + 0.02) & (z > _HIP_Z - 0.015)
    for side, at in ((1.0, phase), (-1.0, phase + np.pi)):
        mine = side * x
        leg = _ramp(mine, -0.008, 0.008) * (1 - _ramp(z, _HIP_Z - 0.05, _HIP_Z + 0.02)) * ~arm_like
        shin = leg * (1 - _ramp(z, _KNEE_Z - 0.02, _KNEE_Z + 0.02))
        foot = leg * (1 - _ramp(z, _ANKLE_Z - 0.012, _ANKLE_Z + 0.012))
        arm = _ramp(mine, _SHOULDER[0] - 0.012, _SHOULDER[0] + 0.02) * (z < 0.86) * (z > _HIP_Z)
        forearm = arm * _ramp(mine, _ELBOW_X - 0.012, _ELBOW_X + 0.012)
        hip = _joint(vertices, leg * (np.abs(z - _HIP_Z + 0.04) < 0.02))
        knee = _joint(vertices, leg * (np.abs(z - _KNEE_Z) < 0.015))
        ankle = _joint(vertices, leg * (np.abs(z - _ANKLE_Z) < 0.012))
        shoulder = _joint(vertices, (np.abs(mine - _SHOULDER[0]) < 0.02) * (np.abs(z - _SHOULDER[1]) < 0.04))
        elbow = _joint(vertices, arm * (np.abs(mine - _ELBOW_X) < 0.015))
        # The leg goes forward while the cosine is positive: then the knee bends, and the foot is free of the ground.
        forward = max(0.0, float(np.cos(at + 0.45)))
        flexion, bend = swing * np.sin(at) + 0.06, 0.08 + 0.95 * forward**2
        pitch = (1.0 - 0.6 * forward) * (bend - flexion)
        out = _turned(out, foot, ankle, -pitch)
        out = _turned(out, shin, knee, bend)
        out = _turned(out, leg, hip, -flexion)
        out = _turned(out, forearm, elbow, -0.15 * max(0.0, float(-np.sin(at))))
        out = _turned(out, arm, shoulder, 0.75 * swing * np.sin(at))
    out[:, 2] -= out[z < 0.1, 2].min()
    return out


def _arc_table(along_m: float, across_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return angles of an ellipse and the length of its arc up to each."""
    angle = np.linspace(0, 2 * np.pi, _TABLE + 1)
    points = np.stack([along_m * np.cos(angle), across_m * np.sin(angle)], 1)
    return angle, np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def _ramp(value: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return 0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _joint(vertices: NDArray[np.float64], weight: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weighted mean of vertices: the middle of a ring of skin lies near the joint within."""
    return (vertices * weight[:, None]).sum(0) / max(float(weight.sum()), 1e-9)


def _turned(
    vertices: NDArray[np.float64], weight: NDArray[np.float64], joint: NDArray[np.float64], angle: float
) -> NDArray[np.float64]:
    """Turn vertices about an axis along x through a joint, each as far as its weight; positive angles turn back."""
    turn = weight * angle
    c, s = np.cos(turn), np.sin(turn)
    y, z = vertices[:, 1] - joint[1], vertices[:, 2] - joint[2]
    return np.stack([vertices[:, 0], joint[1] + y * c - z * s, joint[2] + y * s + z * c], 1)
