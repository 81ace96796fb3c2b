"""A learned prior of people in photos: P(foot point, size | photo without the paint mask).

The network of ``mfh_lab.pocket.train.painter_network`` takes the photo with the paint mask blanked, so its output
depends on the surroundings alone. For each cell of a grid it predicts the probability that a person could stand with
the feet there, and a mixture of Gaussians over the log of pixels per metre. Painting n samples a foot point and a size
from it.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.models.protocols import PaintMask, Rgb
from mfh.models.sessions import cpu_session, input_size, mirrored_input
from mfh.weights import EMBEDDED

WEIGHTS = EMBEDDED / "painter.onnx"
# The training sizes; the first determines the grid.
_INPUT_PIXELS = (144 * 192, 192 * 256)
# The coarsest features have stride 32; a stride of 16 keeps the aspect of 4:3 (144 rows), as in training.
_INPUT_STRIDE = 16
MIN_PROBABILITY = 0.3
"""No person is painted where the probability is smaller than this everywhere in the mask."""
_USEFUL_HEIGHT = 0.25
"""People smaller than this fraction of the image height are sampled less often: their measurement is less accurate."""
_STATURE_M = 1.69
# Weight of people whose head is above the picture: their measurement is less accurate, or fails.
_HEADLESS = 0.1
# Half the width of a standing person, who would be cut nearer to the side of the mask.
_HALF_WIDTH_M = 0.3


@dataclass(frozen=True)
class PersonSample:
    """The sampled place and size of a person to paint.

    Attributes:
        foot_xy_px: (x, y) pixel between the feet.
        px_per_m: pixels per metre of an upright person there.
        probability: that a person could stand there.
        log_size_sigma: standard deviation of the log of px_per_m under the prior.
    """

    foot_xy_px: tuple[float, float]
    px_per_m: float
    probability: float
    log_size_sigma: float


@dataclass(frozen=True)
class PlacementPrior:
    """The prior of one photo and paint mask, on a grid of cells.

    Attributes:
        probability: (h, w), that a person could stand with the feet in the cell.
        weight: (k, h, w) mixture weights.
        mean: (k, h, w) means of log(px_per_m / image height).
        sigma: (k, h, w) standard deviations of the same.
        height: image height, pixels.
        width: image width, pixels.
    """

    probability: Float[ndarray, "h w"]
    weight: Float[ndarray, "k h w"]
    mean: Float[ndarray, "k h w"]
    sigma: Float[ndarray, "k h w"]
    height: int
    width: int

    def median_px_per_m(self) -> Float[ndarray, "h w"]:
        """Return pixels per metre at each cell: the exponential of the mixture's mean."""
        return np.exp((self.weight * self.mean).sum(0)) * self.height

    def sample(self, paint_mask: Bool[ndarray, "a b"], rng: np.random.Generator) -> PersonSample | None:
        """Sample a foot point inside the mask and a size; None where no person could stand."""
        cells = cv2.resize(paint_mask.astype(np.float32), self.probability.shape[::-1], interpolation=cv2.INTER_AREA)
        probability = np.where(cells > 0.5, self.probability, 0)
        if probability.max() < MIN_PROBABILITY:
            return None
        px_per_m = self.median_px_per_m()
        useful = np.clip(px_per_m * _STATURE_M / self.height / _USEFUL_HEIGHT, 0, 1)
        room = _side_room(cells > 0.5) * (self.width / self.probability.shape[1]) / (px_per_m * _HALF_WIDTH_M)
        head_row = (np.arange(len(probability))[:, None] + 0.5) * self.height / len(probability) - px_per_m * _STATURE_M
        whole = np.where(head_row >= 0, 1, _HEADLESS)
        wish = (
            np.where(probability >= MIN_PROBABILITY / 2, probability, 0)
            * useful**2
            * np.clip(room, 0.05, 1) ** 2
            * whole
        )
        cell = int(rng.choice(wish.size, p=(wish / wish.sum()).ravel()))
        row, column = divmod(cell, wish.shape[1])
        part = int(rng.choice(len(self.weight), p=self.weight[:, row, column] / self.weight[:, row, column].sum()))
        log_size = rng.normal(self.mean[part, row, column], self.sigma[part, row, column])
        tall, wide = self.probability.shape
        x = (column + rng.random()) / wide * self.width - 0.5
        y = (row + rng.random()) / tall * self.height - 0.5
        return PersonSample(
            (x, y),
            float(np.exp(log_size)) * self.height,
            float(self.probability[row, column]),
            self._sigma_at(row, column),
        )

    def _sigma_at(self, row: int, column: int) -> float:
        """Return the standard deviation of a cell's mixture."""
        weight, mean, sigma = (maps[:, row, column] for maps in (self.weight, self.mean, self.sigma))
        middle = (weight * mean).sum() / weight.sum()
        return float(np.sqrt((weight * (sigma**2 + (mean - middle) ** 2)).sum() / weight.sum()))


def _side_room(inside: Bool[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """Return each cell's distance along its row to the nearest cell outside, in cells; the border is outside."""
    run = np.zeros((2, *inside.shape))
    for side, mask in enumerate((inside, inside[:, ::-1])):
        count = np.zeros(len(inside))
        for column in range(inside.shape[1]):
            count = np.where(mask[:, column], count + 1, 0)
            run[side, :, column] = count
    return np.minimum(run[0], run[1][:, ::-1]) - 0.5


class PersonPrior:
    """The network of the prior under onnxruntime."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Load the network."""
        self._session = cpu_session(weights, "painter network")

    def predict(self, photo: Rgb, paint_mask: PaintMask) -> PlacementPrior:
        """Return the prior of a photo without the pixels under the mask.

        Test-time augmentation: the mirror image and a second input size. The mixtures are concatenated, because their
        components have no common order; the probability is that of the mean logit.
        """
        height, width = paint_mask.shape
        outputs = [self._at_size(photo, paint_mask, pixels) for pixels in _INPUT_PIXELS]
        cells = outputs[0][0].shape[1:]
        stand, weight, mean, sigma = (
            np.concatenate([_resampled(maps, cells) for maps in sizes]) for sizes in zip(*outputs, strict=True)
        )
        probability = 1 / (1 + np.exp(-stand.mean(0)))
        return PlacementPrior(probability, weight / len(stand), mean, sigma, height, width)

    def _at_size(self, photo: Rgb, paint_mask: PaintMask, pixels: int) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Return logits (2, h, w), weights, means and standard deviations (2 k, h, w), of photo and mirror image."""
        height, width = paint_mask.shape
        tall, wide = input_size(height, width, pixels, stride=_INPUT_STRIDE)
        blank = cv2.resize(paint_mask.astype(np.float32), (wide, tall), interpolation=cv2.INTER_NEAREST_EXACT)[None]
        both = {"rgb": mirrored_input(photo, tall, wide), "blank": np.stack([blank, blank[..., ::-1]])}
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
    """Return maps resampled to a grid of (h, w) cells."""
    if maps.shape[1:] == cells:
        return maps
    return cv2.resize(maps.transpose(1, 2, 0), cells[::-1], interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
