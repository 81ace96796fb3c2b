"""Stand-ins that paint when they are told to: what a page shows can then be waited for, one painting after another."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mfh.pipeline.request import PaintingSoFar, Request
from mfh.pipeline.solve import DepthSoFar
from mfh.types import Landmark, MeasuredPainting, Photo

BEFORE = DepthSoFar(3.1, (1.2, 7.5))


def so_far(
    number: int, used: bool, *, usable: int, wanted: int = 8, size: tuple[int, int] = (48, 64), reason: str = ""
) -> PaintingSoFar:
    """Return a painting of one colour with one person in its middle, and an interval that narrows with the usable."""
    height, width = size
    rgb = np.full((height, width, 3), (number % 5) / 5, np.float32)
    box = (width / 4 - 0.5, height / 4 - 0.5, width / 2 - 0.5, height - 0.5)
    verdict = "used" if used else "rejected"
    words = reason or ("painted at a known size" if used else f"hidden: {number} <b>of</b> the sprite")
    landmark = Landmark(f"painting {number}", "cards", box, 1.0, 2.0, 1.7, 9, verdict, words)
    painting = MeasuredPainting(number, rgb, np.ones((height, width), bool), (landmark,), (None,))
    factor = 1 + 1 / (usable + 1)
    depth = DepthSoFar(2.4, (2.4 / factor, 2.4 * factor)) if usable else None
    return PaintingSoFar(painting, usable, number + 1, wanted, 2 * wanted, depth, BEFORE)


@dataclass
class Emitting:
    """Paints one painting for each :meth:`let`, of the verdicts given, then waits to be let go on."""

    verdicts: Sequence[bool] = (True, False, True)
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: threading.Event = field(default_factory=threading.Event)

    def let(self) -> None:
        """Let it paint one more, or go on after the last."""
        self.go.release()

    def __call__(self, photo: Photo, request: Request) -> None:
        assert request.progress is not None and request.on_painting is not None
        usable = 0
        try:
            for number, used in enumerate([*self.verdicts, None]):
                while not self.go.acquire(timeout=0.05):
                    request.progress("painting", 0.3 + 0.1 * number)
                if used is not None:
                    usable += used
                    request.on_painting(so_far(number, used, usable=usable))
        finally:
            self.ended.set()
