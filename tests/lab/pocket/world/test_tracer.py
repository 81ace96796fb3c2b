"""The path tracer's depth is ground truth, so it is held against geometry that can be computed by hand."""

import numpy as np
import pytest

from mfh_lab.pocket.world.bvh import build_triangles, trace
from mfh_lab.pocket.world.cameras import look
from mfh_lab.pocket.world.scene_builder import Place, SceneBuilder
from mfh_lab.pocket.world.textures import Texture
from mfh_lab.pocket.world.tracer import CameraPose, Environment, trace_image

pytestmark = pytest.mark.slow

_SKY = Environment(
    np.array([0, 0, 1], np.float32),
    np.ones(3, np.float32),
    np.ones(3, np.float32),
    np.ones(3, np.float32),
    0.0,
    0.3,
)


def _ray_triangle(origin, direction, corners):
    """Distance along the ray by solving the 3x3 system of plane coordinates."""
    a, b, c = corners.astype(np.float64)
    try:
        t, u, v = np.linalg.solve(np.stack([-direction, b - a, c - a], 1), origin - a)
    except np.linalg.LinAlgError:
        return np.inf
    return t if t > 1e-4 and u >= 0 and v >= 0 and u + v <= 1 else np.inf


def test_hierarchy_finds_the_same_hit_as_testing_every_triangle():
    rng = np.random.default_rng(0)
    corners = (rng.uniform(-1, 1, (300, 1, 3)) + rng.normal(0, 0.3, (300, 3, 3))).astype(np.float32)
    triangles = build_triangles(corners)
    hits = 0
    for _ in range(200):
        origin, direction = rng.uniform(-2, 2, 3), rng.normal(0, 1, 3)
        direction /= np.linalg.norm(direction)
        distances = [_ray_triangle(origin, direction, c) for c in corners]
        distance, stored = trace(triangles, *origin, *direction, 1e9, False)
        if np.isinf(min(distances)):
            assert stored == -1
        else:
            hits += 1
            assert triangles.order[stored] == int(np.argmin(distances))
            assert distance == pytest.approx(min(distances), rel=1e-4)
    assert hits > 20


def test_depth_of_a_floor_is_exact_at_pixel_centres():
    b = SceneBuilder()
    grey = b.material(Texture.PLAIN, (0.5, 0.5, 0.5))
    b.box(Place(0, 0), (0, 50, -0.5), (100, 200, 1), grey, 1)
    axes = look(np.zeros(3), 0.3, -0.2, 0.05)
    view = CameraPose(50.0, 31.5, 23.5, axes, np.array([0, 0, 1.5], np.float32))
    _, depth, ids, _, _ = trace_image(b.build(_SKY), view, 64, 48, 1, 0)
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    rays = np.stack([(columns - 31.5) / 50, (rows - 23.5) / 50, np.ones((48, 64))], -1) @ axes.astype(np.float64)
    down = rays[..., 2] < -0.03
    np.testing.assert_allclose(depth[down], -1.5 / rays[down][:, 2], rtol=1e-5)
    assert (ids[down] == 1).all()
    assert (depth[rays[..., 2] > 0] == 0).all() and (ids[rays[..., 2] > 0] == 0).all()


def test_the_same_seed_gives_the_same_picture_and_another_seed_another():
    b = SceneBuilder()
    red = b.material(Texture.FIBRE, (0.8, 0.1, 0.1))
    b.ball((0, 3, 1), 0.7, red, 2)
    b.box(Place(0, 0), (0, 5, -0.05), (20, 20, 0.1), red, 1)
    scene = b.build(_SKY)
    view = CameraPose(40.0, 15.5, 11.5, look(np.zeros(3), 0, 0), np.array([0, 0, 1], np.float32))
    first, again, other = (trace_image(scene, view, 32, 24, 2, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_red_stays_red():
    b = SceneBuilder()
    b.ball((0, 3, 1), 0.7, b.material(Texture.PLAIN, (0.8, 0.05, 0.05)), 2)
    view = CameraPose(40.0, 15.5, 11.5, look(np.zeros(3), 0, 0), np.array([0, 0, 1], np.float32))
    rgb = trace_image(b.build(_SKY), view, 32, 24, 4, 0)[0]
    assert rgb[12, 16, 0] > 3 * rgb[12, 16, 2]
