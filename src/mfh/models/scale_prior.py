"""The prior on the size of the view: how many metres of the world a photo shows, by its look as a whole.

ImageNet's EfficientNet-Lite0 encoder computes features of the photo, and a linear layer predicts the log of the height
of the view at the photo's median depth. The layer was fitted to photos without depth, in which people and objects of
known size say how large the view is (``mfh_lab.pocket.train.scale_prior``). It needs no focal length: depth follows
from the height by similar triangles. Offline, a few hundredths of a second.
"""

import math
from pathlib import Path

import numpy as np

from mfh.models.protocols import RgbOfAnySize
from mfh.models.scene_kind import KindLayer, SceneEncoder
from mfh.types import ViewSize
from mfh.weights import EMBEDDED, check_embedded

HEAD = EMBEDDED / "scale_prior.npz"
LOG_SIGMA, NEAR_LOG_SIGMA = 0.35, 0.6
"""Standard deviation of the log height in any photo, and per unit of the score of a close-up, added in quadrature.

From real photos with sensor depth: docs/reference/scale_prior_card.md.
"""


class SceneScalePrior:
    """Predicts the size of the view from features of the photo as a whole."""

    name = "scene"

    def __init__(self, head: Path = HEAD) -> None:
        """Load the encoder and the linear layers."""
        self._encoder, self._kind = SceneEncoder(), KindLayer()
        check_embedded(head, "scale prior")
        with np.load(head, allow_pickle=False) as stored:
            self._weight, self._bias = stored["weight"].astype(np.float64), float(stored["bias"])

    def predict(self, photo: RgbOfAnySize) -> ViewSize:
        """Return the size of the view of a photo of any size."""
        features, by_rows = self._encoder.with_rows(photo)
        near = max(0.0, self._kind(features).near)
        return ViewSize(math.exp(by_rows @ self._weight + self._bias), math.hypot(LOG_SIGMA, NEAR_LOG_SIGMA * near))
