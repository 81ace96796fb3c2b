"""The pocket relative-depth network under onnxruntime: offline, a fraction of a second on one core."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb, RgbOfAnySize
from mfh.models.relative_depth.range_head import load_range_head
from mfh.models.sessions import cpu_session
from mfh.types import RelativeDepth
from mfh.weights import EMBEDDED

WEIGHTS = EMBEDDED / "depth.onnx"
RANGE_WEIGHTS = WEIGHTS.with_name("range.npz")
LEAST_RANGE_SIGMA = 0.3
"""Rooms and photos differ from renders by more than the spread over renders alone."""
# It was trained on pictures of the first two sizes; at the third, edges are sharper.
_INPUT_PIXELS = (144 * 192, 192 * 256, 240 * 320)
_TRAINED_SIZES = 2
_STRIDE = 32  # the network's coarsest
_MAX_ASPECT = 4.0


def input_size(height: int, width: int, pixels: int, *, stride: int = _STRIDE) -> tuple[int, int]:
    """Return the (height, width) a network sees: same aspect (up to 4:1), about ``pixels``, multiples of ``stride``."""
    aspect = float(np.clip(width / height, 1 / _MAX_ASPECT, _MAX_ASPECT))
    tall = np.sqrt(pixels / aspect)
    return max(1, round(tall / stride)) * stride, max(1, round(tall * aspect / stride)) * stride


class PocketRelativeDepth:
    """Affine-invariant disparity from the pocket network: mean over three sizes and their mirror images."""

    name = "pocket"
    # About what an affine fit leaves of depth on held-out renders (model card).
    shape_log_sigma = 0.15

    def __init__(self, weights: Path = WEIGHTS, range_weights: Path = RANGE_WEIGHTS) -> None:
        """Load the network and the head that tells a photo's depth range.

        Raises:
            WeightsError: when a weight file is missing.
        """
        self._session = cpu_session(weights, "pocket network")
        self._range_head = load_range_head(range_weights, least_sigma=LEAST_RANGE_SIGMA)

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return disparity for each photo at its own size, with its likely depth range; photos are independent."""
        maps = []
        for photo in photos:
            disparity, pooled = self.look(photo)
            maps.append(RelativeDepth(disparity, "disparity", self._range_head(pooled)))
        return maps

    def look(self, rgb: Rgb) -> tuple[Float[ndarray, "h w"], Float[ndarray, "sizes features"]]:
        """Return disparity at the photo's own size, and the network's features of the picture as a whole.

        Returns:
            (h, w) the mean over three input sizes; (2, features) at the sizes it was trained on.
        """
        total = np.zeros(rgb.shape[:2], np.float32)
        pooled = []
        # Added up as they come: maps have the photo's size.
        for pixels in _INPUT_PIXELS:
            disparity, features = self._at_size(rgb, pixels)
            total += disparity
            pooled.append(features)
        total /= np.float32(len(_INPUT_PIXELS))
        return total, np.stack(pooled[:_TRAINED_SIZES])

    def _at_size(self, rgb: Rgb, pixels: int) -> tuple[Float[ndarray, "h w"], Float[ndarray, "features"]]:
        """Return disparity seen at one input size, with median 0 and mean absolute deviation 1, and the features."""
        height, width = rgb.shape[:2]
        tall, wide = input_size(height, width, pixels)
        method = cv2.INTER_AREA if tall * wide < height * width else cv2.INTER_LINEAR
        small = cv2.resize(rgb, (wide, tall), interpolation=method).transpose(2, 0, 1)
        views = np.ascontiguousarray(np.stack([small, small[..., ::-1]]), np.float32)
        disparity, pooled = (np.asarray(out) for out in self._session.run(["disparity", "pooled"], {"rgb": views}))
        mean = (disparity[0] + disparity[1][:, ::-1]) / 2
        centred = mean - np.median(mean)
        normal = centred / max(float(np.abs(centred).mean()), 1e-6)
        return cv2.resize(normal, (width, height), interpolation=cv2.INTER_LINEAR), pooled.mean(0)
