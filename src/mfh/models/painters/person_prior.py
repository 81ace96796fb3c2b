"""A learned prior of people in photos: where somebody could stand, and how large they would appear.

The network of ``mfh_lab.pocket.train.painter_network`` reads the photo with the paint mask blanked, so what it says is
what the surroundings say. For feet at every cell of a grid it gives the odds that somebody could stand there, and a
mixture of Gaussians over the log of the pixels a metre covers there. Painting n draws a foot point and a size from it.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import PaintMask, Rgb
from mfh.models.relative_depth.pocket import input_size
from mfh.models.sessions import cpu_session
from mfh.weights import EMBEDDED

WEIGHTS = EMBEDDED / "painter.onnx"
# The sizes it was trained at; what is said at the first decides the grid.
_INPUT_PIXELS = (144 * 192, 192 * 256)
# The coarsest features are at 32, but heights must not be squashed: 4:3 has 144 rows, as in training.
_INPUT_STRIDE = 16
MIN_ODDS = 0.3
"""Where nobody could stand with more than these odds anywhere in the mask, nobody is painted."""
_USEFUL_HEIGHT = 0.25
"""People who appear smaller than this part of the image height are drawn less often: they measure worse."""
_STATURE_M = 1.69
# How much less often people are drawn whose head is above the picture: they measure worse, or not at all.
_HEADLESS = 0.1
# Half the width of a standing person: nearer to the side of the mask they would be cut.
_HALF_WIDTH_M = 0.3


@dataclass(frozen=True)
class Stand:
    """Somebody about to be painted.

    Attributes:
        foot_xy_px: (x, y) pixel between the feet.
        px_per_m: pixels a metre covers there, upright.
        odds: of somebody being able to stand there.
        log_size_sigma: deviation of the log of px_per_m that was drawn from.
    """

    foot_xy_px: tuple[float, float]
    px_per_m: float
    odds: float
    log_size_sigma: float


@dataclass(frozen=True)
class StandingField:
    """What the network says of one photo and paint mask, on a grid of cells.

    Attributes:
        odds: (h, w) of somebody being able to stand with the feet in the cell.
        weight: (k, h, w) mixture weights.
        mean: (k, h, w) means of log(px_per_m / image height).
        sigma: (k, h, w) deviations of the same.
        height: image height, pixels.
        width: image width, pixels.
    """

    odds: Float[ndarray, "h w"]
    weight: Float[ndarray, "k h w"]
    mean: Float[ndarray, "k h w"]
    sigma: Float[ndarray, "k h w"]
    height: int
    width: int

    def median_px_per_m(self) -> Float[ndarray, "h w"]:
        """Return the pixels a metre covers at each cell: the mixture's mean in the log."""
        return np.exp((self.weight * self.mean).sum(0)) * self.height

    def draw(self, paint_mask: Bool[ndarray, "a b"], rng: np.random.Generator) -> Stand | None:
        """Draw a foot point inside the mask and a size there, or None where nobody could stand."""
        cells = cv2.resize(paint_mask.astype(np.float32), self.odds.shape[::-1], interpolation=cv2.INTER_AREA)
        odds = np.where(cells > 0.5, self.odds, 0)
        if odds.max() < MIN_ODDS:
            return None
        px_per_m = self.median_px_per_m()
        useful = np.clip(px_per_m * _STATURE_M / self.height / _USEFUL_HEIGHT, 0, 1)
        room = _side_room(cells > 0.5) * (self.width / self.odds.shape[1]) / (px_per_m * _HALF_WIDTH_M)
        head_row = (np.arange(len(odds))[:, None] + 0.5) * self.height / len(odds) - px_per_m * _STATURE_M
        whole = np.where(head_row >= 0, 1, _HEADLESS)
        wish = np.where(odds >= MIN_ODDS / 2, odds, 0) * useful**2 * np.clip(room, 0.05, 1) ** 2 * whole
        cell = int(rng.choice(wish.size, p=(wish / wish.sum()).ravel()))
        row, column = divmod(cell, wish.shape[1])
        part = int(rng.choice(len(self.weight), p=self.weight[:, row, column] / self.weight[:, row, column].sum()))
        log_size = rng.normal(self.mean[part, row, column], self.sigma[part, row, column])
        tall, wide = self.odds.shape
        x = (column + rng.random()) / wide * self.width - 0.5
        y = (row + rng.random()) / tall * self.height - 0.5
        return Stand(
            (x, y),
            float(np.exp(log_size)) * self.height,
            float(self.odds[row, column]),
            self._deviation(row, column),
        )

    def _deviation(self, row: int, column: int) -> float:
        """Return the standard deviation of a cell's mixture."""
        weight, mean, sigma = (maps[:, row, column] for maps in (self.weight, self.mean, self.sigma))
        middle = (weight * mean).sum() / weight.sum()
        return float(np.sqrt((weight * (sigma**2 + (mean - middle) ** 2)).sum() / weight.sum()))


def _side_room(inside: Bool[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """Return each cell's distance in cells to the nearest cell outside, along its row; the border is outside."""
    run = np.zeros((2, *inside.shape))
    for side, mask in enumerate((inside, inside[:, ::-1])):
        count = np.zeros(len(inside))
        for column in range(inside.shape[1]):
            count = np.where(mask[:, column], count + 1, 0)
            run[side, :, column] = count
    return np.minimum(run[0], run[1][:, ::-1]) - 0.5


class PersonPrior:
    """The network under onnxruntime."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Load the network.

        Raises:
            WeightsError: when the weight file is missing.
        """
        self._session = cpu_session(weights, "painter network")

    def look(self, photo: Rgb, paint_mask: PaintMask) -> StandingField:
        """Return where people could stand in the photo, seen without what is under the mask, and how large.

        The mirror image and another input size are further opinions. Components have no order across them, so all
        mixtures are kept; of the odds, the mean logit.
        """
        height, width = paint_mask.shape
        looks = [self._at_size(photo, paint_mask, pixels) for pixels in _INPUT_PIXELS]
        cells = looks[0][0].shape[1:]
        stand, weight, mean, sigma = (
            np.concatenate([_resampled(maps, cells) for maps in opinions]) for opinions in zip(*looks, strict=True)
        )
        odds = 1 / (1 + np.exp(-stand.mean(0)))
        return StandingField(odds, weight / len(stand), mean, sigma, height, width)

    def _at_size(self, photo: Rgb, paint_mask: PaintMask, pixels: int) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Return standing logits (2, h, w), weights, means and deviations (2 k, h, w), of photo and mirror image."""
        height, width = paint_mask.shape
        tall, wide = input_size(height, width, pixels, stride=_INPUT_STRIDE)
        method = cv2.INTER_AREA if tall * wide < height * width else cv2.INTER_LINEAR
        rgb = cv2.resize(photo, (wide, tall), interpolation=method).transpose(2, 0, 1)
        blank = cv2.resize(paint_mask.astype(np.float32), (wide, tall), interpolation=cv2.INTER_NEAREST_EXACT)[None]
        both = {name: np.ascontiguousarray(np.stack([x, x[..., ::-1]]), np.float32) for name, x in
                (("rgb", rgb), ("blank", blank))}  # fmt: skip
        stand, log_weight, mean, log_sigma = (np.asarray(out) for out in self._session.run(None, both))

        def unmirrored(maps: ndarray) -> ndarray:
            return np.concatenate([maps[0], maps[1, ..., ::-1]])

        return (
            np.stack([stand[0], stand[1, :, ::-1]]),
            np.exp(unmirrored(log_weight)),
            unmirrored(mean),
            np.exp(unmirrored(log_sigma)),
        )


def _resampled(maps: Float[ndarray, "n a b"], cells: tuple[int, ...]) -> Float[ndarray, "n h w"]:
    """Return maps on a grid of so many cells (h, w)."""
    if maps.shape[1:] == cells:
        return maps
    return cv2.resize(maps.transpose(1, 2, 0), cells[::-1], interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
