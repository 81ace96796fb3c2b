"""A scene besides its triangles: where people can stand or sit, and what a camera may be directed at."""

from dataclasses import dataclass, field

import numpy as np

from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.tracer import Environment


@dataclass
class Layout:
    """A scene being laid out.

    Attributes:
        builder: geometry so far.
        kind: "living", "street", ...
        environment: sun, sky, ambient light.
        bounds: (x0, y0, x1, y1) metres: the floor people may use.
        ceiling_m: height above which the camera may not be.
        taken: (x, y, radius) of everything that stands on the floor.
        seats: places to sit, facing -y in their own frame.
        targets: points (x, y, z) worth a close look: table tops, desks, shelves, parked cars.
    """

    builder: SceneBuilder
    kind: str
    environment: Environment
    bounds: tuple[float, float, float, float]
    ceiling_m: float
    taken: list[tuple[float, float, float]] = field(default_factory=list)
    seats: list[Place] = field(default_factory=list)
    targets: list[tuple[float, float, float]] = field(default_factory=list)

    def is_free(self, x: float, y: float, radius: float) -> bool:
        """Return whether a disc on the floor is inside the bounds and touches nothing."""
        x0, y0, x1, y1 = self.bounds
        if not (x0 + radius <= x <= x1 - radius and y0 + radius <= y <= y1 - radius):
            return False
        return all((x - a) ** 2 + (y - b) ** 2 >= (radius + r) ** 2 for a, b, r in self.taken)

    def free_spots(self, rng: np.random.Generator, count: int, radius: float) -> list[tuple[float, float]]:
        """Draw up to ``count`` free spots, denser near y = 0 (where cameras stand)."""
        x0, y0, x1, y1 = self.bounds
        x = rng.uniform(x0, x1, count)
        y = y0 + (y1 - y0) * rng.random(count) ** 1.5
        return [(float(a), float(b)) for a, b in zip(x, y, strict=True) if self.is_free(a, b, radius)]
