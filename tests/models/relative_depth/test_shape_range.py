from dataclasses import replace

import numpy as np
import pytest

from mfh.models.relative_depth.range_head import with_likely_range
from mfh.types import LogRange, RelativeDepth

HEIGHT, WIDTH, FOCAL = 144, 192, 170.0


def level_street() -> np.ndarray:
    """Depth of level ground 1.6 m below the camera, walls 6 m to either side, and sky (infinity) between them."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    down, across = (rows - 60) / FOCAL, (columns - WIDTH / 2) / FOCAL
    with np.errstate(divide="ignore"):
        ground = np.where(down > 0, 1.6 / np.maximum(down, 0), np.inf)
        wall = np.where(down > -0.35 * np.abs(across), 6.0 / np.abs(across), np.inf)
    return np.minimum(ground, wall)


def room() -> np.ndarray:
    """Depth of a room 3.4 m wide and 2.6 m high, its far wall at 6 m."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    down, across = (rows - 60) / FOCAL, (columns - WIDTH / 2) / FOCAL
    with np.errstate(divide="ignore"):
        floor, ceiling = np.where(down > 0, 1.5 / np.abs(down), np.inf), np.where(down < 0, 1.1 / np.abs(down), np.inf)
        walls = 1.7 / np.abs(across)
    return np.minimum.reduce([floor, ceiling, walls, np.full((HEIGHT, WIDTH), 6.0)])


def true_log_range(depth_m: np.ndarray) -> float:
    near, far = np.percentile(depth_m[np.isfinite(depth_m) & (depth_m < 50 * depth_m.min())], (5, 95))
    return float(np.log(far / near))


@pytest.mark.parametrize("scene", [level_street, room])
def test_the_shape_of_a_scene_never_rendered_tells_its_range(scene):
    depth_m = scene()
    relative = RelativeDepth((3 / depth_m - 0.4).astype(np.float32), "disparity")
    told = with_likely_range(relative, shape_log_sigma=0.02).log_range
    assert told is not None
    mean, sigma = told.moments()
    assert abs(mean - true_log_range(depth_m)) < 2 * sigma
    # The mixture of rooms and streets that holds without it is a unit wide.
    assert sigma < 0.75


def test_a_street_reaches_farther_than_a_room():
    means = []
    for depth_m in (level_street(), room()):
        told = with_likely_range(RelativeDepth(1 / depth_m, "disparity"), shape_log_sigma=0.02).log_range
        assert told is not None
        means.append(told.moments()[0])
    assert means[0] > means[1] + 0.8


def test_worse_maps_tell_less():
    relative = RelativeDepth(1 / level_street(), "disparity")
    sigmas = []
    for shape_log_sigma in (0.0, 0.2):
        told = with_likely_range(relative, shape_log_sigma=shape_log_sigma).log_range
        assert told is not None
        sigmas.append(told.moments()[1])
    assert sigmas[1] > sigmas[0] + 0.3


def test_what_a_model_says_itself_depth_and_constant_maps_are_left_alone():
    relative = RelativeDepth(1 / room(), "disparity", LogRange(((1.0, 1.5, 0.4),)))
    assert with_likely_range(relative, shape_log_sigma=0.1) is relative
    in_depth = replace(relative, space="depth", log_range=None)
    assert with_likely_range(in_depth, shape_log_sigma=0.1) is in_depth
    constant = RelativeDepth(np.ones((20, 30)), "disparity")
    assert with_likely_range(constant, shape_log_sigma=0.1) is constant
