import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.geometry import rasterize
from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera

CAMERA = Camera(fx=40.0, fy=42.0, cx=15.2, cy=11.9, width=32, height=24)


def pixel_rays(camera: Camera) -> np.ndarray:
    """(h, w, 3) rays through the pixel centres, with z = 1."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return unproject(camera, np.stack([columns, rows], -1), np.ones((camera.height, camera.width)))


def ray_trace(
    vertices_m: np.ndarray, faces: np.ndarray, camera: Camera, near_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Naive twin: one triangle against one pixel's ray at a time (Moeller-Trumbore); knows nothing of projection.

    Also returns how close to some edge each ray passes (barycentric), to leave out pixels that rounding decides.
    """
    depth_m = np.full((camera.height, camera.width), np.inf)
    margin = np.full((camera.height, camera.width), np.inf)
    rays = pixel_rays(camera)
    for face in faces:
        a, b, c = vertices_m[face]
        for row in range(camera.height):
            for column in range(camera.width):
                ray = rays[row, column]
                across = np.cross(ray, c - a)
                volume = (b - a) @ across
                if abs(volume) < 1e-14:
                    continue
                v = -a @ across / volume
                other = np.cross(-a, b - a)
                w = ray @ other / volume
                z = (c - a) @ other / volume
                corner_margin = min(v, w, 1 - v - w)
                if z > 0:
                    margin[row, column] = min(margin[row, column], abs(corner_margin), abs(z - near_m))
                if corner_margin >= 0 and z >= near_m:
                    depth_m[row, column] = min(depth_m[row, column], z)
    return depth_m, margin


def box_mesh(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6]]
    return low + corners * (high - low), np.array([*faces, [0, 6, 4], [1, 5, 7], [1, 7, 3]])


def sphere_mesh(centre: np.ndarray, radius: float, *, rings: int) -> tuple[np.ndarray, np.ndarray]:
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(around), -np.cos(polar), np.sin(polar) * np.sin(around)], -1)
    index = np.arange(unit[..., 0].size).reshape(polar.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return centre + radius * unit.reshape(-1, 3), faces


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.8]))
def test_equals_ray_tracing_also_across_the_near_plane(seed: int, near_m: float):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-2, -2, -1], [2, 2, 5], (9, 3))
    faces = rng.integers(0, 9, (6, 3))
    small = Camera(fx=12.0, fy=13.0, cx=5.3, cy=4.1, width=12, height=9)
    expected, margin = ray_trace(vertices, faces, small, near_m)
    clear = margin > 1e-9
    np.testing.assert_allclose(
        rasterize_depth(vertices, faces, small, near_m=near_m)[clear], expected[clear], rtol=1e-8
    )


def test_a_plane_gets_its_analytic_depth_everywhere():
    normal, offset = np.array([0.2, -0.3, 1.0]), 3.0
    rays = pixel_rays(CAMERA)
    expected = offset / (rays @ normal)
    corners = np.array([[-60.0, -60.0], [90.0, -60.0], [90.0, 90.0], [-60.0, 90.0]])
    directions = unproject(CAMERA, corners, np.ones(4))
    vertices = directions * (offset / (directions @ normal))[:, None]
    assert (vertices[:, 2] > 0).all()
    depth_m = rasterize_depth(vertices, np.array([[0, 1, 2], [0, 2, 3]]), CAMERA)
    np.testing.assert_allclose(depth_m, expected, rtol=1e-12)


def test_a_floor_under_the_camera_reaches_from_the_near_plane_to_the_horizon():
    # The floor passes under the camera and behind it: both triangles cross the near plane.
    floor = np.array([[-1e4, 1.5, -50.0], [1e4, 1.5, -50.0], [1e4, 1.5, 5e3], [-1e4, 1.5, 5e3]])
    camera = camera_from_focal_px(200.0, width=64, height=81)
    depth_m = rasterize_depth(floor, np.array([[0, 1, 2], [0, 2, 3]]), camera)
    down = pixel_rays(camera)[..., 1]
    assert np.isinf(depth_m[down < 1e-6]).all()
    np.testing.assert_allclose(depth_m[down > 1e-2], 1.5 / down[down > 1e-2], rtol=1e-9)


def test_a_sphere_gets_its_analytic_depth():
    centre, radius = np.array([0.1, -0.05, 3.0]), 0.8
    depth_m = rasterize_depth(*sphere_mesh(centre, radius, rings=200), CAMERA)
    rays = pixel_rays(CAMERA)
    along, squared = rays @ centre, (rays**2).sum(-1)
    discriminant = along**2 - squared * (centre @ centre - radius**2)
    surely_hit, surely_missed = discriminant > 0.1, discriminant < 0
    exact = (along - np.sqrt(np.maximum(discriminant, 0))) / squared
    assert surely_hit.sum() > 100
    np.testing.assert_allclose(depth_m[surely_hit], exact[surely_hit], rtol=2e-4)
    assert np.isinf(depth_m[surely_missed]).all()


def test_around_the_camera_a_box_is_seen_from_inside_without_cracks():
    depth_m = rasterize_depth(*box_mesh(np.array([-2.0, -1.0, -3.0]), np.array([2.0, 1.5, 4.0])), CAMERA)
    rays = pixel_rays(CAMERA)
    walls = np.stack([4.0 / rays[..., 2], 2.0 / abs(rays[..., 0]), np.where(rays[..., 1] > 0, 1.5, -1) / rays[..., 1]])
    np.testing.assert_allclose(depth_m, walls.min(0), rtol=1e-10)


def test_what_is_nearer_than_the_near_plane_or_behind_is_not_drawn():
    behind = box_mesh(np.array([-1.0, -1.0, -3.0]), np.array([1.0, 1.0, -1.0]))
    assert np.isinf(rasterize_depth(*behind, CAMERA)).all()
    near = box_mesh(np.array([-1.0, -1.0, 0.2]), np.array([1.0, 1.0, 0.4]))
    assert np.isinf(rasterize_depth(*near, CAMERA, near_m=0.5)).all()
    assert np.isfinite(rasterize_depth(*near, CAMERA, near_m=0.1)).all()


def test_off_image_and_flat_triangles_draw_nothing():
    vertices = np.array([[9.0, 0, 1], [9, 1, 1], [10, 0, 1], [0, 0, 2], [0.1, 0.1, 2], [0.2, 0.2, 2], [0, 0, -2]])
    faces = np.array([[0, 1, 2], [3, 4, 5], [3, 3, 4], [4, 4, 4], [3, 6, 3]])
    assert np.isinf(rasterize_depth(vertices, faces, CAMERA)).all()
    assert np.isinf(rasterize_depth(vertices, np.zeros((0, 3), int), CAMERA)).all()


def test_a_triangle_smaller_than_a_pixel_counts_only_on_a_pixel_centre():
    camera = Camera(fx=10.0, fy=10.0, cx=4.0, cy=4.0, width=9, height=9)
    tiny = np.array([[-0.02, -0.02, 1.0], [0.03, -0.02, 1.0], [-0.02, 0.03, 1.0]])
    drawn = np.isfinite(rasterize_depth(tiny, np.array([[0, 1, 2]]), camera))
    assert drawn.sum() == 1
    assert drawn[4, 4]
    assert np.isinf(rasterize_depth(tiny + [0.05, 0.05, 0.0], np.array([[0, 1, 2]]), camera)).all()


def test_pixel_centres_on_an_edge_or_a_corner_belong_to_the_triangle():
    camera = Camera(fx=1.0, fy=1.0, cx=0.0, cy=0.0, width=6, height=6)
    square = np.array([[1.0, 1.0, 1.0], [4.0, 1.0, 1.0], [4.0, 4.0, 1.0], [1.0, 4.0, 1.0]])
    drawn = np.isfinite(rasterize_depth(square, np.array([[0, 1, 2], [0, 3, 2]]), camera))
    expected = np.zeros((6, 6), bool)
    expected[1:5, 1:5] = True
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_neighbouring_triangles_leave_no_crack(seed: int):
    # A fan of slivers around a random point covers the whole image, whatever their shapes and orientations.
    rng = np.random.default_rng(seed)
    centre = np.array([*rng.uniform(-0.2, 0.2, 2), 1.0])
    angles = np.sort(rng.uniform(0, 2 * math.pi, 40))
    # Gaps of half a turn or more would leave an open sector.
    angles = np.sort(np.append(angles, [0, 2, 4]))
    rim = np.stack([3 * np.cos(angles), 3 * np.sin(angles), rng.uniform(1, 2, len(angles))], -1)
    fan = np.stack([np.zeros(43, int), 1 + np.arange(43), 1 + (np.arange(43) + 1) % 43], 1)
    flipped = np.where(rng.random((43, 1)) < 0.5, fan, fan[:, ::-1])
    assert np.isfinite(rasterize_depth(np.vstack([centre, rim]), flipped, CAMERA)).all()


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_order_and_orientation_of_faces_do_not_matter(seed: int):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-1, -1, 0.5], [1, 1, 4], (20, 3))
    faces = rng.integers(0, 20, (30, 3))
    shuffled = rng.permuted(faces, axis=1)[rng.permutation(30)]
    first, second = rasterize_depth(vertices, faces, CAMERA), rasterize_depth(vertices, shuffled, CAMERA)
    np.testing.assert_array_equal(np.isfinite(first), np.isfinite(second))
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_cutting_large_boxes_into_bands_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(3)
    vertices, faces = rng.uniform([-2, -2, 0.5], [2, 2, 4], (30, 3)), rng.integers(0, 30, (40, 3))
    whole = rasterize_depth(vertices, faces, CAMERA)
    monkeypatch.setattr(rasterize, "CANDIDATES_AT_ONCE", 50)
    np.testing.assert_array_equal(rasterize_depth(vertices, faces, CAMERA), whole)


def test_float32_vertices_are_drawn_in_float64():
    vertices, faces = box_mesh(np.array([-1.0, -1.0, 2.0]), np.array([1.0, 1.0, 3.0]))
    assert rasterize_depth(vertices.astype(np.float32), faces.astype(np.int32), CAMERA).dtype == np.float64


def test_bad_meshes_are_refused():
    vertices, faces = box_mesh(np.array([-1.0, -1.0, 2.0]), np.array([1.0, 1.0, 3.0]))
    with pytest.raises(InputError, match="not finite"):
        rasterize_depth(np.where(vertices == 3, np.nan, vertices), faces, CAMERA)
    with pytest.raises(InputError, match=r"expected indices within 0\.\.7"):
        rasterize_depth(vertices, faces + 1, CAMERA)
    with pytest.raises(InputError, match="near_m is 0"):
        rasterize_depth(vertices, faces, CAMERA, near_m=0.0)
