"""The pocket relative-depth network under onnxruntime: offline, a fraction of a second on one core."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb, RgbOfAnySize
from mfh.models.relative_depth.edges import enlarged_along_edges
from mfh.models.relative_depth.range_head import load_range_head
from mfh.models.sessions import cpu_session, input_size, mirrored_input
from mfh.types import RelativeDepth
from mfh.weights import EMBEDDED

WEIGHTS = EMBEDDED / "depth.onnx"
RANGE_WEIGHTS = WEIGHTS.with_name("range.npz")
LEAST_RANGE_SIGMA = 0.3
"""Smallest standard deviation of the range prior: real photos vary more than the training renders."""
RANGE_SHRINKAGE, OUTDOOR_LOG_RANGE = 0.93, 1.8
"""Factor on predicted log ranges below the second number: regression dilution.

The head predicts the true range, and the affine map that fits a noisy disparity best has a smaller one. Chosen on real
photos; renders, whose maps are less noisy, bear no smaller factor.
"""
# It was trained at the first two sizes; at the third, edges are sharper.
_INPUT_PIXELS = (144 * 192, 192 * 256, 240 * 320)
_TRAINED_SIZES = 2


class PocketRelativeDepth:
    """Affine-invariant disparity, averaged over three input sizes and their mirror images, with the photo's edges."""

    name = "pocket"
    # Residual log depth of an affine fit on held-out renders (model card).
    shape_log_sigma = 0.15

    def __init__(self, weights: Path = WEIGHTS, range_weights: Path = RANGE_WEIGHTS) -> None:
        """Load the network and the head that predicts a photo's depth range."""
        self._session = cpu_session(weights, "pocket network")
        self._range_head = load_range_head(range_weights, least_sigma=LEAST_RANGE_SIGMA)

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return disparity for each photo at its own size, with a prior of its depth range; photos are independent."""
        maps = []
        for photo in photos:
            disparity, pooled = self.disparity_and_features(photo)
            log_range = self._range_head(pooled).scaled(RANGE_SHRINKAGE, below=OUTDOOR_LOG_RANGE)
            maps.append(RelativeDepth(disparity, "disparity", log_range))
        return maps

    def disparity_and_features(self, rgb: Rgb) -> tuple[Float[ndarray, "h w"], Float[ndarray, "sizes features"]]:
        """Return disparity at the photo's size, and the pooled features of the training sizes."""
        disparity, pooled = self.small_disparity_and_features(rgb)
        return enlarged_along_edges(disparity, rgb), pooled

    def small_disparity_and_features(self, rgb: Rgb) -> tuple[Float[ndarray, "a b"], Float[ndarray, "sizes features"]]:
        """Return disparity (mean over the input sizes) at the largest input's size, and the pooled features."""
        maps, pooled = zip(*(self._at_size(rgb, pixels) for pixels in _INPUT_PIXELS), strict=True)
        size = maps[-1].shape[::-1]
        same_size = [cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in maps]
        return np.mean(same_size, axis=0), np.stack(pooled[:_TRAINED_SIZES])

    def _at_size(self, rgb: Rgb, pixels: int) -> tuple[Float[ndarray, "a b"], Float[ndarray, "features"]]:
        """Return disparity at one input size, with median 0 and mean absolute deviation 1, and the features."""
        height, width = rgb.shape[:2]
        views = mirrored_input(rgb, *input_size(height, width, pixels))
        disparity, pooled = (np.asarray(out) for out in self._session.run(["disparity", "pooled"], {"rgb": views}))
        mean = (disparity[0] + disparity[1][:, ::-1]) / 2
        centred = mean - np.median(mean)
        return centred / max(float(np.abs(centred).mean()), 1e-6), pooled.mean(0)
