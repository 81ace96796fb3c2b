"""The size at which models look: small photos as they are, large ones as the mean over blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.geometry import view
from mfh.geometry.camera import project
from mfh.geometry.view import view_of, view_shape
from mfh.types import Camera, FocalProvenance, Photo


def photo_of(pixels: np.ndarray) -> Photo:
    height, width = pixels.shape[:2]
    return Photo(pixels, Camera(70.0, 60.0, 20.0, 30.0, width, height), FocalProvenance("explicit", "given", 0.0))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((480, 640), (480, 640)),
        ((3000, 4000), (3000, 4000)),
        ((4000, 6000), (4000, 6000)),
        ((6336, 9504), (2112, 3168)),
        ((8660, 11547), (2887, 3849)),
    ],
)
def test_photos_of_today_are_looked_at_as_they_are(shape, expected):
    assert view_shape(*shape) == expected


@given(height=st.integers(1, 30_000), width=st.integers(1, 30_000))
def test_never_more_than_is_bearable(height, width):
    tall, wide = view_shape(height, width)
    assert 1 <= tall <= height and 1 <= wide <= width and tall * wide <= view.WHOLE_PIXELS


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_photo_is_the_mean_over_blocks(monkeypatch, kind, channels):
    monkeypatch.setattr(view, "WHOLE_PIXELS", 60 * 90 - 1)
    monkeypatch.setattr(view, "VIEW_PIXELS", 20 * 30)
    pixels = np.random.default_rng(0).random((60, 90, channels))
    pixels = (pixels * (1 if kind is np.float32 else np.iinfo(kind).max)).astype(kind)
    photo = photo_of(pixels)
    smaller = view_of(photo)
    assert smaller.pixels.shape == (20, 30, channels) and smaller.pixels.dtype == kind
    naive = pixels.reshape(20, 3, 30, 3, channels).mean((1, 3))
    np.testing.assert_allclose(smaller.pixels, naive, atol=0.51 if kind is not np.float32 else 1e-6)
    point = np.array([[0.3, -0.2, 2.0]])
    here, there = project(photo.camera, point)[0], project(smaller.camera, point)[0]
    np.testing.assert_allclose((here + 0.5) / 3, there + 0.5)


def test_a_photo_that_is_small_enough_is_its_own_view():
    photo = photo_of(np.zeros((60, 90, 3), np.uint8))
    assert view_of(photo) is photo
