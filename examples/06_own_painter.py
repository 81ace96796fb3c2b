"""A painter of one's own in one file: grey figures on a level floor, seen by a level camera held at 1.5 m.

It keeps the contract ``mfh.models.protocols.Painter``. The horizon is the middle row, so a figure whose feet are n rows
below it stands where n pixels cover 1.5 m. That assumption is all its sense of size; ``provenance`` reports it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman, MfhError
from mfh.models.protocols import PaintMask, Rgb
from mfh.types import PaintedPhoto, PastedSprite

CAMERA_M, STATURE_M, NEAREST_ROWS = 1.5, 1.7, 24


class FloorPainter:
    """Samples a foot point below the horizon, inside the mask, and draws a figure that stands there."""

    name = "floor"
    provenance = "figures stand on a level floor, seen by a level camera held at 1.5 m: an assumption"
    shared_log_sigma = 0.3

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one figure per mask; a painting depends on its own mask, prompt and seed alone."""
        return [paint_figure(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]


def paint_figure(photo: Rgb, paint_mask: PaintMask, prompt: str, seed: int) -> PaintedPhoto:
    """Draw one figure; outside the returned mask the photo is unchanged."""
    rows, columns = np.indices(paint_mask.shape)
    horizon = (len(photo) - 1) / 2
    free = np.argwhere(paint_mask & (rows > horizon + NEAREST_ROWS))
    if not len(free):
        return PaintedPhoto(photo, np.zeros_like(paint_mask), prompt, seed)
    foot_y, foot_x = free[np.random.default_rng(seed).integers(len(free))]
    px_per_m = (foot_y - horizon) / CAMERA_M
    up, across = (foot_y - rows) / px_per_m / STATURE_M, (columns - foot_x) / px_per_m / STATURE_M
    body = (np.abs(across) < 0.12) & (up >= 0) & (up < 0.85)
    sprite_mask = paint_mask & (body | (np.hypot(across, up - 0.93) < 0.07))
    rgb = np.where(sprite_mask[..., None], np.float32(0.45), photo)
    sprite = PastedSprite(sprite_mask, (float(foot_x), float(foot_y)), px_per_m, STATURE_M, log_size_sigma=0.2)
    return PaintedPhoto(rgb, sprite_mask, prompt, seed, sprite)


def main(photo: Path, out: Path) -> None:
    """Measure a photo by painted figures alone, as if the photo showed no person."""
    result = MetricFromHuman.from_preset("pocket", models={"painter": FloorPainter()}, people="paint")(photo)
    print(result)
    result.save(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-06"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
