"""Surfaces of depth maps: normals of known planes, edges told from grazing floors, triangles that turn one way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.geometry.camera import camera_from_focal_px, resize_camera, unproject
from mfh.geometry.surface import edge_window, flying, grid_triangles, normals, rows_around, torn

CAMERA = camera_from_focal_px(300.0, width=120, height=90)


def rays(camera):
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return unproject(camera, np.stack([columns, rows], -1), np.ones(columns.shape))


def plane(camera, normal, distance_m):
    """z of the plane normal·P = -distance, which faces the camera."""
    z = -distance_m / (rays(camera) @ np.asarray(normal, float))
    return np.where((z > 0) & (z < 100), z, np.nan).astype(np.float32)


def blurred_step(camera, near_m=2.0, far_m=4.0, *, ramp=0.03):
    """A person before a wall, as a network sees it: a ramp over three percent of the width, in inverse depth."""
    at = (np.arange(camera.width) + 0.5) / camera.width
    share = 1 / (1 + np.exp(-(at - 0.5) / ramp * 5))
    inverse = (1 - share) / near_m + share / far_m
    return np.tile(1 / inverse, (camera.height, 1)).astype(np.float32)


@given(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6), st.floats(1, 20))
def test_planes_have_their_normals(x, y, distance_m):
    normal = np.array([x, y, -1]) / np.linalg.norm([x, y, 1])
    depth_m = plane(CAMERA, normal, distance_m)
    found = normals(depth_m, CAMERA)
    whole = ~np.isnan(found[..., 0])
    assert whole[~np.isnan(depth_m)].mean() > 0.99
    assert ((found[whole] * normal).sum(-1)).min() > 0.9999
    assert (found[whole] * (rays(CAMERA) * depth_m[..., None])[whole]).sum(-1).max() < 0, "towards the camera"


def test_they_are_the_cross_products_of_points():
    """The naive twin on a bent surface: what inverse depth gives is what points in space give."""
    z = (3 + 0.3 * np.sin(np.arange(120) / 15)[None] + 0.2 * np.cos(np.arange(90) / 12)[:, None]).astype(np.float32)
    points = rays(CAMERA) * z[..., None].astype(float)
    right, below = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    naive = np.cross(below, right)
    naive /= np.linalg.norm(naive, axis=-1, keepdims=True)
    found = normals(z, CAMERA)[1:-1, 1:-1]
    assert np.degrees(np.arccos(np.clip((found * naive).sum(-1), -1, 1))).max() < 1


def test_rows_of_a_map_give_the_normals_of_the_whole():
    rng = np.random.default_rng(0)
    depth_m = blurred_step(CAMERA) + rng.normal(0, 0.001, (90, 120)).astype(np.float32)
    depth_m[:20, :50] = np.nan
    around, window = rows_around(depth_m.shape), edge_window(depth_m.shape)
    first = 40 - around
    part = normals(depth_m[first : 50 + around], CAMERA, first_row=first, window=window)
    np.testing.assert_array_equal(part[around : around + 10], normals(depth_m, CAMERA)[40:50])


@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_edge_is_torn_at_any_size_and_a_floor_is_not(times):
    camera = resize_camera(CAMERA, width=120 * times, height=90 * times)
    window = edge_window((camera.height, camera.width))
    cut = torn(blurred_step(camera), focal_px=camera.fx, window=window)
    middle = cut.shape[1] // 2
    assert cut[:, middle - 1 : middle + 1].all(), "the ramp"
    assert not cut[:, : round(0.4 * cut.shape[1])].any() and not cut[:, round(0.6 * cut.shape[1]) :].any()
    # 1.5 m below: at 9 m it is seen at less than ten degrees, at 30 m at three.
    floor = plane(camera, (0, -1, 0), 1.5)
    floor[floor > 30] = np.nan
    both = np.isfinite(floor[1:]) & np.isfinite(floor[:-1])
    assert both.sum() > 0.2 * both.size
    assert not torn(floor.T, focal_px=camera.fy, window=window).T[both].any()


def test_noise_is_no_edge_and_a_pole_is_one():
    rng = np.random.default_rng(1)
    camera = resize_camera(CAMERA, width=960, height=720)
    wall = (3 * np.exp(rng.normal(0, 0.004, (720, 960)))).astype(np.float32)
    window = edge_window(wall.shape)
    assert torn(wall, focal_px=camera.fx, window=window).mean() < 0.001
    wall[:, 500:505] = 2.0
    cut = torn(wall, focal_px=camera.fx, window=window)
    assert cut[:, 499].all() and cut[:, 504].all() and not cut[:, 501:503].any()


def test_points_between_surfaces_are_flying_and_those_at_a_step_are_not():
    found = flying(blurred_step(CAMERA), CAMERA)
    middle = CAMERA.width // 2
    assert found[:, middle].all() and not found[:, :48].any() and not found[:, 72:].any()
    step = np.full((90, 120), 2.0, np.float32)
    step[:, 60:] = 4.0
    step[:, :5] = np.nan
    assert not flying(step, CAMERA).any()
    assert not flying(step[:, :2], CAMERA).any() and not flying(step[:1, :1], CAMERA).any()


def test_triangles_face_the_camera_and_leave_edges_and_holes_out():
    depth_m = np.full((90, 120), 2.0, np.float32)
    depth_m[30:60, 40:80] = 1.0
    depth_m[:10] = np.nan
    faces = grid_triangles(depth_m, CAMERA)
    points = (rays(CAMERA) * depth_m[..., None]).reshape(-1, 3)[faces]
    assert np.isfinite(points).all()
    turn = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    assert ((turn * points[:, 0]).sum(-1) < 0).all()
    z = points[..., 2]
    assert (z.max(1) == z.min(1)).all(), "none reaches from one surface to the other"
    # Of a cell with one corner of the box a triangle is left.
    cells = 2 * (79 * 119) - 2 * (31 * 41) + 2 * (29 * 39) + 4
    assert len(faces) == cells


def test_three_of_four_pixels_make_a_triangle():
    depth_m = np.full((2, 2), 2.0, np.float32)
    for number in range(4):
        part = depth_m.copy()
        part.flat[number] = np.nan
        (face,) = grid_triangles(part, CAMERA)
        assert number not in face.tolist()
    assert len(grid_triangles(depth_m, CAMERA)) == 2
    assert grid_triangles(depth_m[:1], CAMERA).shape == (0, 3)
