"""The pocket relative-depth network under onnxruntime: offline, a fraction of a second on one core."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models.protocols import Rgb, RgbOfAnySize
from mfh.types import RelativeDepth

WEIGHTS = Path(__file__).parents[2] / "pocket" / "weights" / "depth.onnx"
# It was trained on pictures of the first size; seeing each photo at both is better than at either one (model card).
_INPUT_PIXELS = (144 * 192, 192 * 256)
_STRIDE = 32  # the network's coarsest
_MAX_ASPECT = 4.0


def input_size(height: int, width: int, pixels: int) -> tuple[int, int]:
    """Return the (height, width) the network sees: same aspect (up to 4:1), about ``pixels``, multiples of 32."""
    aspect = float(np.clip(width / height, 1 / _MAX_ASPECT, _MAX_ASPECT))
    tall = np.sqrt(pixels / aspect)
    return max(1, round(tall / _STRIDE)) * _STRIDE, max(1, round(tall * aspect / _STRIDE)) * _STRIDE


class PocketRelativeDepth:
    """Affine-invariant disparity from the network of ``mfh.pocket``: mean over two sizes and their mirror images."""

    name = "pocket"

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Load the network.

        Raises:
            WeightsError: when the weight file is missing.
        """
        import onnxruntime

        if not weights.is_file():
            raise WeightsError(f"no pocket network at {weights}: reinstall metric-from-human, the file is part of it")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return disparity for each photo at its own size; photos are independent of each other."""
        return [RelativeDepth(self._disparity(photo), "disparity") for photo in photos]

    def _disparity(self, rgb: Rgb) -> Float[ndarray, "h w"]:
        height, width = rgb.shape[:2]
        total = np.zeros((height, width), np.float32)
        for pixels in _INPUT_PIXELS:
            view = self._at_size(rgb, *input_size(height, width, pixels))
            total += cv2.resize(view, (width, height), interpolation=cv2.INTER_LINEAR)
        return total / len(_INPUT_PIXELS)

    def _at_size(self, rgb: Rgb, tall: int, wide: int) -> Float[ndarray, "tall wide"]:
        """Return disparity at one input size, normalised to median 0 and mean absolute deviation 1."""
        method = cv2.INTER_AREA if tall * wide < rgb.shape[0] * rgb.shape[1] else cv2.INTER_LINEAR
        small = cv2.resize(rgb, (wide, tall), interpolation=method).transpose(2, 0, 1)
        both = np.ascontiguousarray(np.stack([small, small[..., ::-1]]), np.float32)
        straight, mirrored = np.asarray(self._session.run(None, {"rgb": both})[0])
        mean = (straight + mirrored[:, ::-1]) / 2
        centred = mean - np.median(mean)
        return centred / max(float(np.abs(centred).mean()), 1e-6)
