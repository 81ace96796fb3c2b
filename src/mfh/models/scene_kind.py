"""What kind of picture a photo is: one in which somebody could stand, a view from far away, or a close-up.

ImageNet's EfficientNet-Lite0 encoder sees the photo, and a linear layer fitted to labelled photos
(``mfh_lab.pocket.train.scene_kind``) says how much it is of each kind. Offline, a few hundredths of a second.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mfh.errors import WeightsError
from mfh.models.protocols import Rgb
from mfh.models.relative_depth.pocket import input_size
from mfh.models.sessions import cpu_session
from mfh.weights import EMBEDDED

ENCODER = EMBEDDED / "scene.onnx"
HEAD = ENCODER.with_name("scene.npz")
KINDS = ("ordinary", "far", "near")
_INPUT_PIXELS = 192 * 256


@dataclass(frozen=True)
class SceneKind:
    """How much a photo is of each kind: about 0 to 1 each, 1 together.

    Attributes:
        ordinary: a room, a street, a garden: somebody could stand there, and the photo shows how large.
        far: a view from far away: from the air, a skyline, a landscape, a tower.
        near: a close-up: an object, food, a flower.
    """

    ordinary: float
    far: float
    near: float


class SceneJudge:
    """Tells the kind of a photo."""

    def __init__(self, encoder: Path = ENCODER, head: Path = HEAD) -> None:
        """Load the encoder and the linear layer.

        Raises:
            WeightsError: when a weight file is missing.
        """
        self._encoder = SceneEncoder(encoder)
        if not head.is_file():
            raise WeightsError(f"no scene head at {head}: reinstall metric-from-human, the file is part of it")
        with np.load(head, allow_pickle=False) as stored:
            self._weight, self._bias = stored["weight"].astype(np.float64), stored["bias"].astype(np.float64)

    def look(self, photo: Rgb) -> SceneKind:
        """Say how much a photo is of each kind."""
        return SceneKind(*(self._encoder(photo) @ self._weight + self._bias).tolist())


class SceneEncoder:
    """The features of a photo as a whole that its kind is told from."""

    def __init__(self, weights: Path = ENCODER) -> None:
        """Load the network.

        Raises:
            WeightsError: when the weight file is missing.
        """
        self._session = cpu_session(weights, "scene network")

    def __call__(self, photo: Rgb) -> np.ndarray:
        """Return (1280,) features of a photo, the mean of those of the photo and of its mirror image."""
        height, width = photo.shape[:2]
        tall, wide = input_size(height, width, _INPUT_PIXELS)
        method = cv2.INTER_AREA if tall * wide < height * width else cv2.INTER_LINEAR
        small = cv2.resize(photo, (wide, tall), interpolation=method).transpose(2, 0, 1)
        views = np.ascontiguousarray(np.stack([small, small[..., ::-1]]), np.float32)
        (features,) = self._session.run(["features"], {"rgb": views})
        return np.asarray(features, np.float64).mean(0)
