"""Classification of a photo: an ordinary scene a person could stand in, a distant view, or a close-up.

ImageNet's EfficientNet-Lite0 encoder computes features of the photo, and a linear layer fitted to labelled photos
(``mfh_lab.pocket.train.scene_kind``) scores each kind. Offline, a few hundredths of a second.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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
        self._head = KindLayer(head)

    def predict(self, photo: Rgb) -> SceneKind:
        """Return the scores of a photo of any size."""
        return self._head(self._encoder(photo))


class KindLayer:
    """The linear layer from features to scores."""

    def __init__(self, weights: Path = HEAD) -> None:
        """Load the layer."""
        check_embedded(weights, "scene head")
        with np.load(weights, allow_pickle=False) as stored:
            self._weight, self._bias = stored["weight"].astype(np.float64), stored["bias"].astype(np.float64)

    def __call__(self, features: Float[ndarray, "f"]) -> SceneKind:
        """Return the scores of a photo with these features."""
        return SceneKind(*(features @ self._weight + self._bias).tolist())


class SceneEncoder:
    """Features of a photo: the input of linear layers."""

    def __init__(self, weights: Path = ENCODER) -> None:
        """Load the network."""
        self._session = cpu_session(weights, "scene network")

    def __call__(self, photo: Rgb) -> Float[ndarray, "f"]:
        """Return (1280,) features of the photo as a whole: the mean over it and its mirror image."""
        (features,) = self._run(photo, "features")
        return features.mean(0)

    def with_rows(self, photo: Rgb) -> tuple[Float[ndarray, "f"], Float[ndarray, "g"]]:
        """Return the same features, and (1888,) others that know above from below.

        Those are the means of the maps at strides 32, 16 and 8 over the upper, middle and lower third and the whole.
        """
        features, *maps = self._run(photo, "features", "stride_32", "stride_16", "stride_8")
        return features.mean(0), np.concatenate([_means_of_thirds(one) for one in maps])

    def _run(self, photo: Rgb, *outputs: str) -> list[ndarray]:
        height, width = photo.shape[:2]
        views = mirrored_input(photo, *input_size(height, width, _INPUT_PIXELS))
        return [np.asarray(one, np.float64) for one in self._session.run(list(outputs), {"rgb": views})]


def _means_of_thirds(maps: Float[ndarray, "2 c h w"]) -> Float[ndarray, "4*c"]:
    """Return the mean of each channel over the thirds of the rows, at least one row each, and over all."""
    height = maps.shape[2]
    starts = [round(k * height / 3) for k in range(4)]
    thirds = [maps[:, :, min(a, height - 1) : max(b, a + 1)] for a, b in itertools.pairwise(starts)]
    return np.concatenate([one.mean((0, 2, 3)) for one in (*thirds, maps)])
