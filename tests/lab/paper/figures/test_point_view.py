"""Splats: points land where geometry says, the nearest is seen, and the photo's own view gives the photo back."""

import numpy as np
import pytest

from mfh.geometry.camera import camera_from_focal_px
from mfh.types import HumanMesh
from mfh_lab.paper.figures.point_view import Body, Cloud, Viewpoint, cloud_of, cropped, draw, orbit, untorn

CAMERA = camera_from_focal_px(50.0, width=40, height=30)
STILL = Viewpoint(np.eye(3), np.zeros(3), CAMERA)


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    return rng.random((30, 40, 3)).astype(np.float32), rng.uniform(2, 4, (30, 40)).astype(np.float32)


def test_from_where_the_photo_was_taken_it_is_the_photo(photo):
    rgb, depth_m = photo
    cloud = cloud_of(rgb, depth_m, CAMERA, mask=np.ones((30, 40), bool))
    # One pixel a point, so that nothing covers its neighbours.
    seen = draw(Cloud(cloud.points_m, cloud.colors, np.zeros(1200)), [], STILL)
    np.testing.assert_array_equal(seen, np.rint(rgb * 255).astype(np.uint8))


def test_the_nearest_of_two_points_is_seen_whatever_their_order():
    points, colors = np.array([[0.0, 0, 2], [0, 0, 5]]), np.array([[255, 0, 0], [0, 255, 0]], np.uint8)
    for order in ([0, 1], [1, 0]):
        seen = draw(Cloud(points[order], colors[order], np.full(2, 0.1)), [], STILL)
        assert tuple(seen[15, 20]) == (255, 0, 0)


def test_points_behind_and_outside_are_not_drawn():
    points = np.array([[0.0, 0, -1], [50, 0, 1], [0, -50, 1]])
    assert (draw(Cloud(points, np.zeros((3, 3), np.uint8), np.full(3, 0.1)), [], STILL) == 255).all()


def test_a_body_hides_what_is_behind_it_and_is_hidden_by_what_is_before(photo):
    rgb, _ = photo
    square = np.array([[-1.0, -1, 3], [1, -1, 3], [1, 1, 3], [-1, 1, 3]])
    body = Body(HumanMesh(square, np.array([[0, 1, 2], [0, 2, 3]]), "test"), (0, 0, 250))
    depth_m = np.full((30, 40), 5.0, np.float32)
    depth_m[:, 20:] = 2.0
    cloud = cloud_of(rgb, depth_m, CAMERA, mask=np.ones((30, 40), bool))
    seen = draw(Cloud(cloud.points_m, cloud.colors, np.zeros(1200)), [body], STILL)
    assert (seen[15, 10, :2] == 0).all() and seen[15, 10, 2] > 80
    np.testing.assert_array_equal(seen[15, 30], np.rint(rgb[15, 30] * 255).astype(np.uint8))


def test_a_grazing_floor_has_wide_splats():
    rows = np.arange(30) - 14.5
    depth_m = np.where(rows > 1, 75 / np.maximum(rows, 1e-9), 75.0)[:, None] * np.ones((1, 40))
    cloud = cloud_of(np.ones((30, 40, 3), np.float32), depth_m, CAMERA, mask=np.ones((30, 40), bool))
    width = (cloud.footprint_m * 50 / cloud.points_m[:, 2]).reshape(30, 40)
    assert width.min() >= 1 - 1e-9 and width.max() <= 5 + 1e-9
    assert width[28, 20] < width[22, 20], "the farther floor is seen at a smaller angle"


def test_orbit_keeps_the_cloud_in_sight_and_goes_up(photo):
    rgb, depth_m = photo
    cloud = cloud_of(rgb, depth_m, CAMERA, mask=np.ones((30, 40), bool))
    for yaw, pitch in ((0.0, 0.0), (30.0, 20.0), (0.0, 90.0)):
        view = orbit(cloud, yaw_deg=yaw, pitch_deg=pitch, size=(80, 60))
        np.testing.assert_allclose(view.R_view_photo @ view.R_view_photo.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(view.R_view_photo) == pytest.approx(1)
        seen = view.see(cloud.points_m)
        x, y = (view.camera.fx * seen[:, k] / seen[:, 2] + c for k, c in ((0, 39.5), (1, 29.5)))
        assert (seen[:, 2] > 0).all() and ((x > -4) & (x < 84) & (y > -4) & (y < 64)).mean() > 0.95
    down = orbit(cloud, yaw_deg=0.0, pitch_deg=90.0, size=(80, 60))
    # Looking straight down: up in the room is towards the camera, and what is far in the photo is up in the picture.
    np.testing.assert_allclose(down.R_view_photo @ [0, -1, 0], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(down.R_view_photo @ [0, 0, 1], [0, -1, 0], atol=1e-12)


def test_pixels_between_two_surfaces_are_left_out():
    depth_m = np.full((10, 10), 2.0, np.float32)
    depth_m[:, 5:] = 4.0
    kept = untorn(depth_m, np.ones((10, 10), bool))
    assert not kept[:, 4:6].any() and kept[:, :4].all() and kept[:, 6:].all()


def test_cropping_keeps_everything_that_was_drawn():
    picture = np.full((60, 80, 3), 255, np.uint8)
    picture[20:25, 40:50] = 7
    assert cropped(picture, margin_px=3).shape == (11, 16, 3)
    assert (cropped(picture) == 7).sum() == (picture == 7).sum()
    assert cropped(picture * 0 + 255).shape == picture.shape
