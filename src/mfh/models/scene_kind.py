"""Classification of a photo: an ordinary scene a person could stand in, a distant view, or a close-up.

ImageNet's EfficientNet-Lite0 encoder computes features of the photo, and a linear layer fitted to labelled photos
(``mfh_lab.pocket.train.scene_kind``) scores each kind. Offline, a few hundredths of a second.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.models.protocols import Rgb
from mfh.models.sessions import cpu_session, input_size, mirrored_input
from mfh.weights import EMBEDDED, check_embedded

ENCODER = EMBEDDED / "scene.onnx"
HEAD = ENCODER.with_name("scene.npz")
KINDS = ("ordinary", "far", "near")
_INPUT_PIXELS = 192 * 256


@dataclass(frozen=True)
class SceneKind:
    """Scores of the kinds of a photo: each about 0 to 1, summing to 1.

    Attributes:
        ordinary: a room, a street, a garden: the surroundings are informative about the size of a person there.
        far: a distant view: aerial, a skyline, a landscape, a tower.
        near: a close-up: an object, food, a flower.
    """

    ordinary: float
    far: float
    near: float


class SceneClassifier:
    """Scores the kinds of a photo."""

    def __init__(self, encoder: Path = ENCODER, head: Path = HEAD) -> None:
        """Load the encoder and the linear layer."""
        self._encoder = SceneEncoder(encoder)
        check_embedded(head, "scene head")
        with np.load(head, allow_pickle=False) as stored:
            self._weight, self._bias = stored["weight"].astype(np.float64), stored["bias"].astype(np.float64)

    def predict(self, photo: Rgb) -> SceneKind:
        """Return the scores of a photo of any size."""
        return SceneKind(*(self._encoder(photo) @ self._weight + self._bias).tolist())


class SceneEncoder:
    """Global features of a photo, the input of the linear layer."""

    def __init__(self, weights: Path = ENCODER) -> None:
        """Load the network."""
        self._session = cpu_session(weights, "scene network")

    def __call__(self, photo: Rgb) -> np.ndarray:
        """Return (1280,) features: the mean over the photo and its mirror image."""
        height, width = photo.shape[:2]
        views = mirrored_input(photo, *input_size(height, width, _INPUT_PIXELS))
        (features,) = self._session.run(["features"], {"rgb": views})
        return np.asarray(features, np.float64).mean(0)
