"""One estimate of the focal length for all photos of a camera."""

import numpy as np
import pytest

from mfh.io.photo import photo_from_array
from mfh.pipeline.inference import pooled_focal


class Guesser:
    """Says another field of view each time."""

    name = "guesser"
    relative_sigma = 0.1

    def __init__(self, *degrees: float) -> None:
        self._degrees = list(degrees)

    def fov_x_deg(self, rgb) -> float:
        return self._degrees.pop(0)


def test_the_median_of_the_estimates_is_given_to_all_photos():
    photos = [photo_from_array(np.full((48, 64, 3), level, np.uint8)) for level in (10, 20, 30)]
    shared = pooled_focal(photos, Guesser(50.0, 60.0, 140.0))
    assert shared.over_long_side == pytest.approx(0.5 / np.tan(np.radians(30)))
    given = [shared.given_to(photo) for photo in photos]
    assert len({one.camera.fx for one in given}) == 1
    # The error of one estimate: a model is wrong alike about all photos of a camera.
    assert all(one.focal.relative_sigma == 0.1 and one.focal.source == "estimated" for one in given)
    assert "from 3 pictures" in given[0].focal.detail
