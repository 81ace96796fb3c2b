import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.geometry import camera as camera_module
from mfh.geometry.camera import (
    camera_from_focal_35mm,
    camera_from_focal_px,
    camera_from_fov_x,
    camera_matrix,
    check_camera,
    crop_camera,
    project,
    resize_camera,
    subsample_camera,
    unproject,
    view_of,
    view_shape,
)
from mfh.types import Camera, FocalProvenance, Photo

sizes = st.integers(1, 5000)
focals = st.floats(1.0, 1e4)


@st.composite
def cameras(draw: st.DrawFn) -> Camera:
    width, height = draw(sizes), draw(sizes)
    return Camera(
        fx=draw(focals),
        fy=draw(focals),
        cx=draw(st.floats(-width, 2 * width)),
        cy=draw(st.floats(-height, 2 * height)),
        width=width,
        height=height,
    )


def values(camera: Camera) -> list[float]:
    return [camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height]


def test_focal_in_pixels_puts_the_principal_point_at_the_centre_of_the_pixel_grid():
    assert values(camera_from_focal_px(500.0, width=640, height=481)) == [500, 500, 319.5, 240, 640, 481]


def test_field_of_view_spans_the_outer_edges_of_the_image():
    camera = camera_from_fov_x(90.0, width=640, height=480)
    edges = unproject(camera, np.array([[-0.5, 0.0], [639.5, 0.0]]), np.ones(2))
    assert edges[:, 0] == pytest.approx([-1, 1])


@pytest.mark.parametrize(("width", "height"), [(3600, 2400), (2400, 3600)])
def test_full_frame_is_36_mm_along_the_long_side(width: int, height: int):
    assert camera_from_focal_35mm(50.0, width=width, height=height).fx == pytest.approx(5000)


def test_matrix_projects_like_project():
    camera = Camera(500.0, 510.0, 300.0, 250.0, 640, 480)
    point = np.array([0.3, -0.2, 2.5])
    homogeneous = camera_matrix(camera) @ point
    assert project(camera, point) == pytest.approx(homogeneous[:2] / homogeneous[2])


@given(cameras(), sizes, sizes, sizes, sizes)
def test_resizes_compose(camera: Camera, w1: int, h1: int, w2: int, h2: int):
    twice = resize_camera(resize_camera(camera, width=w1, height=h1), width=w2, height=h2)
    once = resize_camera(camera, width=w2, height=h2)
    # An intermediate one-pixel image puts coordinates of order 1 where the answer may be of order 1e4.
    assert values(twice) == pytest.approx(values(once), rel=1e-9, abs=1e-6)


@given(cameras(), sizes, sizes)
def test_resize_keeps_every_ray(camera: Camera, width: int, height: int):
    resized = resize_camera(camera, width=width, height=height)
    corner = np.array([[-0.5, -0.5], [camera.width - 0.5, camera.height - 0.5]])
    moved = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    np.testing.assert_allclose(
        unproject(resized, moved, np.ones(2)), unproject(camera, corner, np.ones(2)), rtol=1e-9, atol=1e-9
    )


@given(cameras(), st.integers(-50, 50), st.integers(-50, 50), st.floats(0.1, 100), st.floats(-9, 9), st.floats(-9, 9))
def test_crop_moves_pixels_by_its_corner(camera: Camera, left: int, top: int, z: float, x: float, y: float):
    point = np.array([x, y, z])
    cropped = crop_camera(camera, left=left, top=top, width=10, height=20)
    assert (cropped.width, cropped.height) == (10, 20)
    np.testing.assert_allclose(project(cropped, point) + [left, top], project(camera, point), rtol=1e-9, atol=1e-6)


@given(cameras(), st.integers(1, 7))
def test_subsampled_pixels_see_the_rays_of_the_pixels_they_were_taken_from(camera: Camera, step: int):
    small = subsample_camera(camera, step=step)
    image = np.zeros((camera.height, camera.width), np.uint8)[::step, ::step]
    assert image.shape == (small.height, small.width)
    pixel = np.array([small.width - 1, small.height - 1])
    np.testing.assert_allclose(
        unproject(small, pixel, np.array(1.0)), unproject(camera, pixel * step, np.array(1.0)), rtol=1e-9, atol=1e-9
    )


@given(cameras(), st.floats(0.01, 1e3), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_project_undoes_unproject(camera: Camera, depth_m: float, column: float, row: float):
    pixel = np.array([column, row])
    back = project(camera, unproject(camera, pixel, np.array(depth_m)))
    np.testing.assert_allclose(back, pixel, rtol=1e-9, atol=1e-6)


def test_points_that_are_not_in_front_have_no_pixel():
    camera = camera_from_focal_px(500.0, width=640, height=480)
    pixels = project(camera, np.array([[0.0, 0.0, 0.0], [1.0, 1.0, -1.0], [0.0, 0.0, 1.0]]))
    assert np.isnan(pixels[:2]).all()
    assert pixels[2] == pytest.approx([319.5, 239.5])


@pytest.mark.parametrize("focal", [0.0, -5.0, math.nan, math.inf])
def test_focal_lengths_that_cannot_be_are_refused(focal: float):
    with pytest.raises(InputError, match="focal_px is"):
        camera_from_focal_px(focal, width=640, height=480)
    with pytest.raises(InputError, match="focal_35mm is"):
        camera_from_focal_35mm(focal, width=640, height=480)
    with pytest.raises(InputError, match="fov_x_deg is"):
        camera_from_fov_x(focal, width=640, height=480)
    with pytest.raises(InputError, match="fy is"):
        check_camera(Camera(500.0, focal, 0.0, 0.0, 640, 480))


def test_other_cameras_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="fov_x_deg is 180"):
        camera_from_fov_x(180.0, width=640, height=480)
    with pytest.raises(InputError, match="image size is 0x480"):
        camera_from_focal_px(500.0, width=0, height=480)
    with pytest.raises(InputError, match="cx is nan"):
        check_camera(Camera(500.0, 500.0, math.nan, 0.0, 640, 480))
    with pytest.raises(InputError, match="step is 0"):
        subsample_camera(camera_from_focal_px(500.0, width=64, height=48), step=0)


def test_a_good_camera_passes_the_check():
    camera = camera_from_focal_px(500.0, width=640, height=480)
    assert check_camera(camera) is camera


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
    assert 1 <= tall <= height and 1 <= wide <= width and tall * wide <= camera_module.WHOLE_PIXELS


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_photo_is_the_mean_over_blocks(monkeypatch, kind, channels):
    monkeypatch.setattr(camera_module, "WHOLE_PIXELS", 60 * 90 - 1)
    monkeypatch.setattr(camera_module, "VIEW_PIXELS", 20 * 30)
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
