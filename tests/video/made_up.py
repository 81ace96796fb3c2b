"""Sightings and records that nothing was run for."""

from collections.abc import Sequence

import numpy as np

from mfh.types import Landmark, LogRange, RelativeDepth, Space
from mfh.video.linking import Track
from mfh.video.motion import grid_points
from mfh.video.records import GridReading, Record, Sighting

SIZE = (160, 120)


def sighting(
    relative: float | None = 0.5,
    depth_m: float | None = 2.0,
    *,
    box: tuple[float, float, float, float] = (10.0, 20.0, 40.0, 100.0),
    label: str = "",
    sigma: float | None = 0.1,
    stature_m: float | None = None,
    relative_sigma: float = 0.0,
    reason: str = "measured",
) -> Sighting:
    """Somebody, or something where there is a label; rejected where nothing was measured."""
    landmark = Landmark(
        source="photo",
        measured_by="made-up",
        box_xyxy=box,
        score=0.9,
        distance_m=depth_m,
        stature_m=stature_m,
        pixels=100,
        verdict="rejected" if relative is None else "used",
        reason=reason,
        evidence="object" if label else "body",
        log_distance_sigma=sigma,
        shared_log_sigma=0.05,
        label=label,
        relative_sigma=relative_sigma,
    )
    return Sighting(landmark, relative, depth_m)


def track(*sightings: Sighting, every: int = 1) -> Track:
    """What was seen in frames one after the other."""
    first = sightings[0].landmark
    return Track(first.label, first.box_xyxy, [(every * k, one) for k, one in enumerate(sightings)])


def shifted_grid(dx: float = 0.0, dy: float = 0.0, size: tuple[int, int] = SIZE) -> GridReading:
    """A picture that moved as a whole by so many pixels since the frame before."""
    points = grid_points(*size)
    constant = np.ones(len(points), np.float32)
    was = (points - (dx, dy)).astype(np.float32)
    return GridReading(was, constant, constant, np.ones(len(points), bool))


def record(
    seed: int = 0, space: Space = "disparity", *, holes: bool = False, people: Sequence[Sighting] = ()
) -> Record:
    """A frame with everything in it that a record may have."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    values = rng.normal(3, 2, (height, width)).astype(np.float32)
    valid = rng.random((height, width)) > 0.3 if holes else None
    relative = RelativeDepth(values, space, LogRange(((0.7, 1.2, 0.3), (0.3, 2.0, 0.5))), valid, holes_are_sky=holes)
    sightings = tuple(people) or (sighting(), sighting(None, None, label="chair", reason="cut off"))
    return Record(1.25, relative, shifted_grid(1.5), True, sightings, ((1.0, 2.0, 3.0, 4.5),))
