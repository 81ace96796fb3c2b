from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.models.human_mesh.body_translation import (
    BACK_LOG_DEPTH,
    PARTS,
    READING_LOG_SIGMA,
    STATURE_LOG_SIGMA,
    facing,
    facing_factor,
    log_depth_sigma,
    pixels_per_metre,
    place_body,
    ray_rotation,
    stature_from_joints,
)
from mfh.types import Camera, PoseLandmarks

CAMERA = Camera(fx=620.0, fy=600.0, cx=250.0, cy=310.0, width=640, height=480)
# Without the network's habits: what follows then is geometry alone.
EXACT_PARTS = tuple(replace(part, log_offset=0.0) for part in PARTS)


def _seen(camera: Camera, points_m: np.ndarray) -> np.ndarray:
    return np.stack(
        [
            camera.fx * points_m[:, 0] / points_m[:, 2] + camera.cx,
            camera.fy * points_m[:, 1] / points_m[:, 2] + camera.cy,
        ],
        1,
    )


def _pose_at(body_m: np.ndarray, camera: Camera, hips_m: np.ndarray) -> PoseLandmarks:
    """Put a body's hips at a place in front of the camera, its axes those of the viewing ray, and take its picture."""
    hips_px = _seen(camera, hips_m[None])[0]
    R_camera_ray = ray_rotation(camera, hips_px)
    return PoseLandmarks(_seen(camera, body_m @ R_camera_ray.T + hips_m), body_m, np.ones(33))


@pytest.fixture
def flat_m(standing_m: np.ndarray) -> np.ndarray:
    return standing_m * [1, 1, 0]


@pytest.mark.parametrize("hips_m", [(0.0, 0.0, 3.0), (0.6, -0.1, 3.5), (-0.9, 0.2, 6.0)])
def test_a_known_person_is_found_where_they_stand(flat_m: np.ndarray, hips_m: tuple[float, float, float]):
    # The principal point is off centre and the pixels are not square; the body lies across its viewing ray.
    pose = _pose_at(flat_m, CAMERA, np.array(hips_m))
    placement = place_body(pose, CAMERA, parts=EXACT_PARTS)
    assert placement is not None
    np.testing.assert_allclose(placement.T_camera_body, hips_m, rtol=1e-6, atol=1e-6)
    assert placement.reprojection_px < 1e-3
    expected = flat_m @ placement.R_camera_body.T + hips_m
    np.testing.assert_allclose(placement.joints_m, expected, atol=1e-5)
    np.testing.assert_allclose(_seen(CAMERA, placement.joints_m), pose.image_px, atol=1e-6)


@pytest.mark.slow
@given(st.floats(-0.35, 0.35), st.floats(2.5, 8.0), st.floats(-0.5, 0.5))
def test_a_body_with_depth_of_its_own_is_placed_within_two_percent(lean: float, distance_m: float, x: float):
    body = np.random.default_rng(0).normal(0, 0.03, (33, 3)) + _standing()
    c, s = np.cos(lean), np.sin(lean)
    body = body @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
    hips_m = np.array([x, 0.1, distance_m])
    wide = replace(CAMERA, width=4000, height=4000, cx=2000.0, cy=1900.0)
    placement = place_body(_pose_at(body, wide, hips_m), wide, parts=EXACT_PARTS)
    assert placement is not None
    assert abs(np.log(placement.T_camera_body[2] / distance_m)) < 0.02
    np.testing.assert_allclose(_seen(wide, placement.joints_m), _pose_at(body, wide, hips_m).image_px, atol=1e-6)


def _standing() -> np.ndarray:
    body = np.zeros((33, 3))
    for side, sign in ((0, 1), (1, -1)):
        for landmark, (x, y) in {
            11: (0.16, -0.49), 13: (0.18, -0.22), 15: (0.19, 0.02), 17: (0.2, 0.1), 19: (0.2, 0.1), 21: (0.2, 0.1),
            23: (0.1, 0.0), 25: (0.1, 0.38), 27: (0.1, 0.75), 29: (0.1, 0.81), 31: (0.12, 0.82), 7: (0.07, -0.68),
            1: (0.03, -0.7), 2: (0.03, -0.7), 9: (0.03, -0.62),
        }.items():  # fmt: skip
            body[landmark + side, :2] = (sign * x, y)
    body[[0, 3, 4, 5, 6], 1] = -0.68
    return body


@pytest.mark.slow
@given(st.floats(0.5, 4.0))
def test_distance_is_proportional_to_the_focal_length(factor: float):
    body = _standing()
    pose = _pose_at(body, CAMERA, np.array([0.0, 0.0, 4.0]))
    longer = replace(CAMERA, fx=CAMERA.fx * factor, fy=CAMERA.fy * factor)
    near, far = place_body(pose, CAMERA), place_body(pose, longer)
    assert near is not None and far is not None
    np.testing.assert_allclose(far.T_camera_body[2], factor * near.T_camera_body[2], rtol=1e-6)


@pytest.mark.slow
@given(st.floats(0.5, 2.0))
def test_distance_is_proportional_to_the_persons_size(factor: float):
    pose = _pose_at(_standing(), CAMERA, np.array([0.3, 0.0, 4.0]))
    one, other = place_body(pose, CAMERA), place_body(pose, CAMERA, scale=factor)
    assert one is not None and other is not None
    np.testing.assert_allclose(other.T_camera_body, factor * one.T_camera_body, rtol=1e-9)
    np.testing.assert_allclose(other.reprojection_px, one.reprojection_px, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@given(st.integers(0, 1000))
def test_what_is_hidden_has_no_say(seed: int):
    rng = np.random.default_rng(seed)
    pose = _pose_at(_standing(), CAMERA, np.array([0.2, 0.0, 4.0]))
    hidden = [13, 15, 17, 19, 25, 27, 29, 31, 7, 1]
    visibility = np.ones(33)
    visibility[hidden] = 0
    image_px = pose.image_px.copy()
    image_px[hidden] = rng.uniform(0, 480, (len(hidden), 2))
    clean = place_body(replace(pose, visibility=visibility), CAMERA)
    spoilt = place_body(replace(pose, image_px=image_px, visibility=visibility), CAMERA)
    assert clean is not None and spoilt is not None
    np.testing.assert_allclose(spoilt.T_camera_body, clean.T_camera_body, atol=1e-6)
    np.testing.assert_allclose(spoilt.reprojection_px, clean.reprojection_px, rtol=1e-5, atol=1e-6)


def test_landmarks_outside_the_photo_have_no_say(flat_m: np.ndarray):
    # Legs below the lower edge: the network guesses them.
    pose = _pose_at(flat_m, CAMERA, np.array([0.0, 0.35, 1.6]))
    cut_off = pose.image_px[:, 1] > 480
    assert cut_off[[27, 28]].all() and not cut_off[[11, 12, 23, 24]].any()
    image_px = pose.image_px.copy()
    image_px[cut_off] += 60
    placement = place_body(replace(pose, image_px=image_px), CAMERA, parts=EXACT_PARTS)
    assert placement is not None
    np.testing.assert_allclose(placement.T_camera_body[2], 1.6, rtol=1e-6)


def test_one_part_that_contradicts_the_others_counts_less(flat_m: np.ndarray):
    pose = _pose_at(flat_m, CAMERA, np.array([0.0, 0.0, 4.0]))
    image_px = pose.image_px.copy()
    # One ankle found near the knee: the shank looks four times too short, and the sum of lengths a tenth.
    image_px[27] = image_px[25] + (image_px[27] - image_px[25]) / 4
    placement = place_body(replace(pose, image_px=image_px), CAMERA, parts=EXACT_PARTS)
    assert placement is not None
    assert abs(np.log(placement.T_camera_body[2] / 4.0)) < 0.02


def test_nobody_is_placed_by_what_is_not_seen(flat_m: np.ndarray):
    pose = _pose_at(flat_m, CAMERA, np.array([0.0, 0.0, 4.0]))
    assert place_body(replace(pose, visibility=np.zeros(33)), CAMERA) is None
    assert place_body(replace(pose, image_px=pose.image_px - 5000), CAMERA) is None
    on_one_point = replace(pose, image_px=np.full((33, 2), 200.0))
    assert place_body(on_one_point, CAMERA) is None


@pytest.mark.parametrize(("turn_deg", "cosine"), [(0, 1.0), (60, 0.5), (90, 0.0), (180, -1.0), (270, 0.0)])
def test_facing_is_the_cosine_of_the_turn_however_the_photo_is_held(flat_m: np.ndarray, turn_deg: int, cosine: float):
    turn = np.radians(turn_deg)
    upright = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    turned = flat_m @ upright.T
    np.testing.assert_allclose(facing(turned), cosine, atol=1e-9)
    tilted = turned @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).T
    np.testing.assert_allclose(facing(tilted), cosine, atol=1e-9)
    np.testing.assert_allclose(np.log(facing_factor(turned)), BACK_LOG_DEPTH * (1 - cosine) / 2, atol=1e-9)


def test_a_person_from_behind_is_placed_farther_than_the_same_landmarks_from_the_front(flat_m: np.ndarray):
    mirrored = flat_m * [-1, 1, 1]
    front, back = (
        place_body(_pose_at(body, CAMERA, np.array([0.0, 0.0, 4.0])), CAMERA, parts=EXACT_PARTS)
        for body in (flat_m, mirrored)
    )
    assert front is not None and back is not None
    np.testing.assert_allclose(back.T_camera_body[2] / front.T_camera_body[2], np.exp(BACK_LOG_DEPTH), rtol=1e-6)


def test_nobody_without_a_trunk_faces_anywhere():
    assert facing(np.zeros((33, 3))) == 0


@given(st.floats(0, 639), st.floats(0, 479))
@settings(max_examples=30)
def test_the_ray_rotation_turns_the_axis_onto_the_pixels_ray(x: float, y: float):
    rotation = ray_rotation(CAMERA, np.array([x, y]))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    ray = rotation @ [0, 0, 1]
    np.testing.assert_allclose(_seen(CAMERA, ray[None])[0], [x, y], atol=1e-9)


def test_pixels_per_metre_is_the_focal_length_over_the_distance(flat_m: np.ndarray):
    square = replace(CAMERA, fy=CAMERA.fx, cx=320.0, cy=240.0)
    pose = _pose_at(flat_m, square, np.array([0.0, 0.0, 4.0]))
    np.testing.assert_allclose(pixels_per_metre(pose.image_px, flat_m), 620 / 4)


def test_stature_follows_the_parts_that_are_seen(flat_m: np.ndarray):
    np.testing.assert_allclose(stature_from_joints(flat_m, np.ones(33)), 1.69, rtol=1e-3)
    np.testing.assert_allclose(stature_from_joints(1.1 * flat_m, np.ones(33)), 1.1 * 1.69, rtol=1e-3)
    folded = flat_m.copy()
    folded[[25, 26, 27, 28]] = folded[[23, 24, 23, 24]]
    hidden = np.ones(33)
    hidden[[25, 26, 27, 28]] = 0
    np.testing.assert_allclose(stature_from_joints(folded, hidden), 1.69, rtol=0.01)


def test_the_error_bar_starts_at_stature_and_reading_and_grows_with_what_is_missing(flat_m: np.ndarray):
    pose = _pose_at(flat_m, CAMERA, np.array([0.0, 0.0, 4.0]))
    full = place_body(pose, CAMERA, parts=EXACT_PARTS)
    assert full is not None
    least = float(np.hypot(STATURE_LOG_SIGMA, READING_LOG_SIGMA))
    np.testing.assert_allclose(log_depth_sigma(full), least, rtol=1e-6)
    upper_body = pose.visibility.copy()
    upper_body[25:] = 0
    half = place_body(replace(pose, visibility=upper_body), CAMERA, parts=EXACT_PARTS)
    assert half is not None
    assert log_depth_sigma(half) > least + 0.005
    strange = replace(full, reprojection_px=0.2 * full.size_px)
    assert log_depth_sigma(strange) > 0.2
