import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.models.human_mesh.pose_landmarks import (
    INPUT_PX,
    OUTSIDE,
    Roi,
    crop_tensor,
    read_pose,
    refine_with_heatmap,
    roi_around,
    roi_box,
    spread_over_photo,
)


def _fake_network(points: np.ndarray, world: np.ndarray, mask: np.ndarray | None = None):
    """A landmark network that says the same whatever it sees, sure of everything; no heatmap peaks."""
    rows = np.full((39, 5), 100, np.float32)
    rows[:, :2] = points
    mask = np.full((256, 256), -5, np.float32) if mask is None else mask
    heatmap = np.full((64, 64, 39), -20, np.float32)
    return lambda tensor: (rows.ravel(), 0.9, mask, heatmap, np.asarray(world, np.float32).ravel())


def test_an_upright_person_needs_no_turn_and_a_margin():
    roi = roi_around(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    assert roi.turn == 0
    np.testing.assert_allclose(roi.size_px, 2 * 1.25 * 80)
    photo_from_crop = roi.photo_from_crop()
    np.testing.assert_allclose(photo_from_crop @ [127.5, 127.5, 1], [100, 200])
    np.testing.assert_allclose(photo_from_crop @ [127.5, 255.5, 1], [100, 300])


@pytest.mark.slow
@given(st.floats(-3.1, 3.1), st.floats(20, 900))
def test_the_crop_stands_the_person_up(angle: float, radius: float):
    centre = np.array([333.0, 222.0])
    circle = centre + radius * np.array([np.sin(angle), -np.cos(angle)])
    roi = roi_around(centre, circle)
    # The circle's point is straight above the middle, at 1/1.25 of the half side.
    up = np.array([127.5, 127.5 - 128 / 1.25, 1])
    np.testing.assert_allclose(roi.photo_from_crop() @ up, circle, atol=1e-6 * radius)


def test_red_stays_red_at_the_networks_input():
    photo = np.zeros((300, 300, 3), np.float32)
    photo[..., 0] = 1
    tensor = crop_tensor(photo, Roi(np.array([150.0, 150.0]), 200.0, 0.3))
    np.testing.assert_allclose(tensor[0, 100, 100], [1, 0, 0], atol=1e-6)


def test_a_crop_of_its_own_size_is_the_photo_itself_and_edges_are_repeated():
    photo = np.random.default_rng(0).random((256, 256, 3), np.float32)
    np.testing.assert_array_equal(crop_tensor(photo, Roi(np.array([127.5, 127.5]), 256.0, 0.0))[0], photo)
    shifted = crop_tensor(photo, Roi(np.array([127.5 - 100, 127.5]), 256.0, 0.0))[0]
    np.testing.assert_array_equal(shifted[:, :100], np.repeat(photo[:, :1], 100, axis=1))


@pytest.mark.parametrize("size_px", [100.0, 400.0, 1500.0])
def test_crop_pixels_show_what_their_map_says(size_px: float):
    rows, columns = np.mgrid[:1200, :1600]
    photo = np.stack([columns / 1600, rows / 1200, 0 * rows], -1).astype(np.float32)
    roi = Roi(np.array([800.0, 600.0]), size_px, 0.4)
    tensor = crop_tensor(photo, roi)[0]
    for u, v in [(128, 128), (100, 150), (160, 90)]:
        x, y = roi.photo_from_crop() @ [u, v, 1]
        np.testing.assert_allclose(tensor[v, u, :2], [x / 1600, y / 1200], atol=1.5e-3)


def test_points_and_metres_turn_back_with_the_crop():
    rng = np.random.default_rng(0)
    points, world = rng.uniform(20, 230, (39, 2)), rng.normal(0, 0.4, (39, 3))
    points[33], points[34] = (128, 140), (128, 60)
    photo = np.zeros((400, 500, 3), np.float32)
    roi = Roi(np.array([250.0, 180.0]), 320.0, 0.7)
    reading = read_pose(photo, roi, _fake_network(points, world))
    photo_from_crop = roi.photo_from_crop()
    for k in range(33):
        np.testing.assert_allclose(reading.image_px[k], photo_from_crop @ [*points[k], 1], rtol=1e-5)
    c, s = np.cos(0.7), np.sin(0.7)
    turned = world[:33] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    np.testing.assert_allclose(reading.world_m, turned, atol=1e-6)
    np.testing.assert_allclose(reading.visibility, 1)
    assert reading.presence == 0.9
    np.testing.assert_allclose(reading.next_roi.centre_px, photo_from_crop @ [128, 140, 1])
    np.testing.assert_allclose(reading.next_roi.turn, 0.7, atol=1e-6)
    np.testing.assert_allclose(reading.next_roi.size_px, 2 * 1.25 * 80 * 320 / 256, rtol=1e-6)


def test_a_confident_heatmap_moves_a_point_to_its_peak_and_another_does_not():
    heatmap = np.full((64, 64, 3), -20.0)
    heatmap[31, 21, 0] = 10
    heatmap[31, 21, 1] = -0.5  # below an even chance
    heatmap[31, 21, 2] = 10
    points = np.array([[80.0, 120.0], [80.0, 120.0], [300.0, 120.0]])
    refined = refine_with_heatmap(points, heatmap)
    np.testing.assert_allclose(refined[0], [21 * 4, 31 * 4], atol=1e-3)
    np.testing.assert_array_equal(refined[1:], points[1:])


def test_visibility_is_the_chance_of_being_inside_and_not_hidden():
    rows = np.zeros((39, 5), np.float32)
    rows[:, :2] = 100
    rows[33:35, :2] = [[128, 128], [128, 50]]
    rows[0, 3:] = [2, -1]
    photo = np.zeros((50, 50, 3), np.float32)
    empty = np.full((64, 64, 39), -20, np.float32)
    world = np.zeros(117, np.float32)
    reading = read_pose(
        photo,
        Roi(np.array([25.0, 25.0]), 50.0, 0.0),
        lambda _: (rows.ravel(), 1.0, np.zeros((256, 256), np.float32), empty, world),
    )
    np.testing.assert_allclose(reading.visibility[0], 1 / (1 + np.exp(-2)) / (1 + np.exp(1)), rtol=1e-6)
    np.testing.assert_allclose(reading.visibility[1], 0.25)


@pytest.mark.parametrize("centre", [(200.0, 150.0), (-40.0, 100.0), (390.0, 290.0)])
def test_a_map_spread_over_a_box_is_that_part_of_the_map_spread_over_the_photo(centre: tuple[float, float]):
    in_crop = np.random.default_rng(0).normal(0, 3, (INPUT_PX, INPUT_PX)).astype(np.float32)
    roi = Roi(np.array(centre), 180.0, 0.5)
    whole = cv2.warpAffine(in_crop, roi.photo_from_crop(), (400, 300), flags=cv2.INTER_LINEAR, borderValue=OUTSIDE)
    left, top, right, bottom = box = roi_box(roi, (300, 400))
    np.testing.assert_allclose(spread_over_photo(in_crop, roi, box), whole[top:bottom, left:right], atol=0.3)
    elsewhere = whole.copy()
    elsewhere[top:bottom, left:right] = OUTSIDE
    np.testing.assert_array_equal(elsewhere, OUTSIDE)


def test_a_crop_beside_the_photo_reaches_none_of_it():
    left, top, right, bottom = roi_box(Roi(np.array([-500.0, 100.0]), 200.0, 0.0), (300, 400))
    assert left >= right or top >= bottom
