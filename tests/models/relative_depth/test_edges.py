"""Maps enlarged along the photo's edges: steps where colour and depth change, nothing where colour alone does."""

import numpy as np
import pytest

import mfh.models.relative_depth.edges as edges
from mfh.models.relative_depth.edges import enlarged_along_edges

MAP, PHOTO = (60, 80), (240, 320)
NEAR, FAR = 2.0, 1.0
# The true edge of the photo, off the middle of the map's ramp by some pixels.
EDGE = 165


def ramp(width: float = 4.0) -> np.ndarray:
    """Return a map whose near left half falls to the far right one over some cells."""
    column = (np.arange(MAP[1]) - (MAP[1] - 1) / 2) / width
    return np.broadcast_to(FAR + (NEAR - FAR) * np.clip(0.5 - column, 0, 1), MAP).astype(np.float32)


def two_colours(left: float, right: float, *, noise: float = 0.02, shape: tuple[int, int] = PHOTO) -> np.ndarray:
    """Return a photo of two colours, with noise."""
    rgb = np.full((*shape, 3), right, np.float32)
    rgb[:, : EDGE * shape[1] // PHOTO[1]] = left
    return np.clip(rgb + np.random.default_rng(0).normal(0, noise, rgb.shape), 0, 1).astype(np.float32)


def bilinear(values: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    return edges.cv2.resize(values, rgb.shape[1::-1], interpolation=edges.cv2.INTER_LINEAR)


def between(values: np.ndarray) -> float:
    """Return how many pixels of a row hang between the two sides."""
    return float(((values > FAR + 0.1) & (values < NEAR - 0.1)).sum(1).mean())


def test_a_ramp_becomes_a_step_at_the_edge_of_the_photo():
    rgb = two_colours(0.2, 0.8)
    soft, sharp = bilinear(ramp(), rgb), enlarged_along_edges(ramp(), rgb)
    assert sharp.shape == PHOTO and sharp.dtype == np.float32
    assert between(soft) > 10
    assert between(sharp) < 1
    assert np.abs(sharp[:, : EDGE - 1] - NEAR).max() < 0.05
    assert np.abs(sharp[:, EDGE + 1 :] - FAR).max() < 0.05


def test_an_edge_of_chroma_alone_is_one():
    rgb = two_colours(0.5, 0.5)
    rgb[:, :EDGE] += np.float32([0.1, -0.1, 0.0])
    assert between(enlarged_along_edges(ramp(), rgb)) < 1


def test_without_an_edge_in_the_photo_the_step_stays_in_the_middle_of_the_ramp():
    sharp = enlarged_along_edges(ramp(), two_colours(0.5, 0.5))
    assert between(sharp) < 0.8 * between(bilinear(ramp(), sharp[..., None]))
    middle = (NEAR + FAR) / 2
    assert np.abs((sharp > middle).sum(1) - PHOTO[1] / 2).max() < 6


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.05])
def test_an_edge_of_colour_on_one_surface_leaves_no_trace(slope):
    plane = (1 + slope * np.arange(MAP[0])[:, None] + 0.3 * slope * np.arange(MAP[1])).astype(np.float32)
    rgb = two_colours(0.1, 0.9)
    rgb[100:140] = 1 - rgb[100:140]
    found = enlarged_along_edges(plane, rgb)
    assert np.abs(found - bilinear(plane, rgb)).max() < 1e-3 * np.ptp(plane) + 1e-6


def test_texture_beside_an_edge_is_not_copied():
    rng = np.random.default_rng(1)
    rgb = np.where(rng.random((*PHOTO, 1)) > 0.5, 0.9, 0.1).astype(np.float32) * np.ones(3, np.float32)
    found = enlarged_along_edges(ramp(), rgb)
    away = np.abs(np.arange(PHOTO[1]) - PHOTO[1] / 2) > 24
    np.testing.assert_allclose(found[:, away], bilinear(ramp(), rgb)[:, away], atol=0.02)


def test_a_constant_map_stays():
    for value in (0.0, -3.5):
        found = enlarged_along_edges(np.full(MAP, value, np.float32), two_colours(0.2, 0.8))
        np.testing.assert_array_equal(found, np.float32(value))


@pytest.mark.parametrize(("scale", "shift"), [(0.01, 0.0), (300.0, -7.0)])
def test_scale_and_shift_of_the_map_go_through(scale, shift):
    rng = np.random.default_rng(2)
    values = (ramp() + rng.normal(0, 0.01, MAP)).astype(np.float32)
    rgb = rng.random((*PHOTO, 3), np.float32)
    one = enlarged_along_edges(values, rgb)
    other = enlarged_along_edges(np.float32(scale) * values + np.float32(shift), rgb)
    np.testing.assert_allclose((other - shift) / scale, one, atol=2e-3)


def test_it_stays_within_the_map():
    rng = np.random.default_rng(3)
    values = edges.cv2.blur(rng.random(MAP, np.float32), (5, 5))
    found = enlarged_along_edges(values, rng.random((*PHOTO, 3), np.float32))
    assert values.min() - 1e-5 <= found.min() and found.max() <= values.max() + 1e-5


def test_mirrored_and_turned_photos_give_mirrored_and_turned_maps():
    values, rgb = ramp(), two_colours(0.2, 0.8)
    rgb[60:90] = 0.5
    found = enlarged_along_edges(values, rgb)
    for turn in (np.fliplr, np.flipud, lambda one: np.swapaxes(one, 0, 1)):
        turned = enlarged_along_edges(np.ascontiguousarray(turn(values)), np.ascontiguousarray(turn(rgb)))
        np.testing.assert_allclose(turned, turn(found), atol=1e-3)


def test_what_is_not_finite_stays_where_it_is():
    values = ramp().copy()
    values[10:20, 10:20] = np.nan
    rgb = two_colours(0.2, 0.8)
    np.testing.assert_array_equal(enlarged_along_edges(values, rgb), bilinear(values, rgb))


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (7, 5), (60, 80), (31, 44)])
def test_photos_of_any_shape(shape):
    rgb = np.random.default_rng(4).random((*shape, 3), np.float32)
    found = enlarged_along_edges(ramp(), rgb)
    assert found.shape == shape and np.isfinite(found).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 2)])
def test_maps_of_any_shape(shape):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = enlarged_along_edges(values, two_colours(0.2, 0.8))
    assert found.shape == PHOTO and np.isfinite(found).all()


def test_a_grey_photo_and_black_and_white():
    assert between(enlarged_along_edges(ramp(), two_colours(0.0, 1.0, noise=0))) < 1
    black = np.zeros((*PHOTO, 3), np.float32)
    assert np.isfinite(enlarged_along_edges(ramp(), black)).all()
