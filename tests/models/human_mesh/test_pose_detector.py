import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.models.human_mesh.pose_detector import (
    INPUT_PX,
    Crop,
    Detection,
    anchors,
    crop_around,
    decode,
    detect_people,
    letterbox,
    merge_duplicates,
    search_crops,
    weighted_suppression,
)


def test_anchors_are_cell_centres_in_the_networks_order():
    centres = anchors()
    assert centres.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    np.testing.assert_allclose(centres[:3], [[0.5 / 28, 0.5 / 28], [0.5 / 28, 0.5 / 28], [1.5 / 28, 0.5 / 28]])
    np.testing.assert_allclose(centres[1568 + 2], [1.5 / 14, 0.5 / 14])
    np.testing.assert_allclose(centres[-1], [6.5 / 7, 6.5 / 7])


def test_red_stays_red_at_the_networks_input():
    red = np.zeros((60, 90, 3), np.float32)
    red[..., 0] = 1
    tensor, _ = letterbox(red)
    middle = tensor[0, INPUT_PX // 2, INPUT_PX // 2]
    np.testing.assert_allclose(middle, [1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(tensor[0, 2, 100], [-1, -1, -1], atol=1e-6, err_msg="the border is black")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(480, 640), (640, 480), (50, 20), (1700, 2300), (2300, 500)])
def test_letterbox_puts_photo_pixels_where_its_map_says(size: tuple[int, int]):
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    rgb = np.stack([columns / width, rows / height, np.zeros(size)], -1).astype(np.float32)
    tensor, to_input = letterbox(rgb)
    photo = np.array([[0.3 * width, 0.4 * height], [0.5 * width, 0.5 * height], [0.7 * width, 0.6 * height]])
    inside = photo @ to_input[:, :2].T + to_input[:, 2]
    for (x, y), (u, v) in zip(photo, inside, strict=True):
        i, j = int(np.floor(v)), int(np.floor(u))
        a, b = v - i, u - j
        seen = (tensor[0, i : i + 2, j : j + 2, :2] * np.outer([1 - a, a], [1 - b, b])[..., None]).sum((0, 1))
        np.testing.assert_allclose((seen + 1) / 2, [x / width, y / height], atol=0.6 / INPUT_PX)


def test_decode_agrees_with_the_formula_written_out():
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 30, (2254, 12)).astype(np.float32)
    logits = rng.normal(-3, 2, 2254).astype(np.float32)
    logits[7] = 1e9  # clipped, no overflow
    scores, boxes, points = decode(raw, logits, min_score=0.5)
    expected = [k for k in range(2254) if 1 / (1 + np.exp(-min(float(logits[k]), 100))) > 0.5]
    assert len(scores) == len(expected) > 10
    for got, k in enumerate(expected):
        x, y = raw[k, :2] + anchors()[k] * 224
        w, h = raw[k, 2:4]
        np.testing.assert_allclose(boxes[got], [x - w / 2, y - h / 2, x + w / 2, y + h / 2], rtol=1e-5, atol=1e-3)
        for p in range(4):
            np.testing.assert_allclose(
                points[got, p], raw[k, 4 + 2 * p : 6 + 2 * p] + anchors()[k] * 224, rtol=1e-5, atol=1e-3
            )


def test_suppression_is_the_weighted_mean_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [100, 0, 110, 10], [1, 0, 11, 10]], float)
    points = np.arange(24, dtype=float).reshape(3, 4, 2)
    scores = np.array([0.6, 0.7, 0.9])
    found = weighted_suppression(scores, boxes, points)
    assert [one.score for one in found] == [0.9, 0.7]
    np.testing.assert_allclose(found[0].box_xyxy, (0.9 * boxes[2] + 0.6 * boxes[0]) / 1.5)
    np.testing.assert_allclose(found[0].points_px, (0.9 * points[2] + 0.6 * points[0]) / 1.5)
    np.testing.assert_allclose(found[1].points_px, points[1])


@pytest.mark.slow
@given(st.permutations(range(6)))
def test_suppression_does_not_depend_on_the_order(order: list[int]):
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 20, (6, 2))
    boxes = np.concatenate([corner, corner + 12], 1)
    points = rng.uniform(0, 200, (6, 4, 2))
    scores = np.linspace(0.5, 0.9, 6)
    straight = weighted_suppression(scores, boxes, points)
    shuffled = weighted_suppression(scores[order], boxes[order], points[order])
    assert len(straight) == len(shuffled)
    for a, b in zip(straight, shuffled, strict=True):
        np.testing.assert_allclose(a.points_px, b.points_px)


@pytest.mark.slow
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_crops_lie_in_the_photo_start_with_all_of_it_and_each_size_covers_it(width: int, height: int):
    crops = search_crops(width, height, min_side_px=96)
    assert crops[0] == Crop(0, 0, width, height)
    for size in {(crop.width, crop.height) for crop in crops}:
        alike = [crop for crop in crops if (crop.width, crop.height) == size]
        columns, rows = np.zeros(width, bool), np.zeros(height, bool)
        for crop in alike:
            assert 0 <= crop.left and crop.left + crop.width <= width
            assert 0 <= crop.top and crop.top + crop.height <= height
            columns[crop.left : crop.left + crop.width] = True
            rows[crop.top : crop.top + crop.height] = True
        assert columns.all() and rows.all()
        assert size == (width, height) or min(size) >= 96
        lefts = sorted({crop.left for crop in alike})
        assert all(b - a <= size[0] / 2 + 1 for a, b in zip(lefts, lefts[1:], strict=False)), "overlap by half"


def test_tiny_photos_are_looked_at_once():
    assert search_crops(100, 80, min_side_px=96) == [Crop(0, 0, 100, 80)]


def _dot_finder(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A detector that finds the brightest pixel: hips on it, the circle's top 50 input pixels above."""
    raw, logits = np.zeros((2254, 12), np.float32), np.full(2254, -50, np.float32)
    brightness = tensor[0].sum(-1)
    row, column = np.unravel_index(np.argmax(brightness), brightness.shape)
    if brightness[row, column] > 0:
        logits[0] = 3
        at = np.array([column, row], np.float32) - anchors()[0] * INPUT_PX
        raw[0] = [*at, 20, 20, *at, *(at - [0, 50]), *at, *at]
    return raw, logits


@pytest.mark.parametrize("at", [(30, 40), (500, 300), (319, 239)])
def test_a_person_seen_in_many_crops_is_one_candidate_at_the_right_place(at: tuple[int, int]):
    rgb = np.zeros((480, 640, 3), np.float32)
    rgb[at[1] - 4 : at[1] + 5, at[0] - 4 : at[0] + 5] = 1
    # All crops of one size: the finder's circle has a fixed size in its input.
    crops = [crop for crop in search_crops(640, 480, min_side_px=96) if (crop.width, crop.height) == (160, 160)]
    found = detect_people(rgb, _dot_finder, crops, min_score=0.5)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].points_px[0], at, atol=5)
    np.testing.assert_allclose(found[0].radius_px, 50 * 160 / INPUT_PX, rtol=1e-5)


def _detection(score: float, hip: tuple[float, float], radius: float) -> Detection:
    points = np.array([hip, (hip[0], hip[1] - radius), (hip[0], hip[1] - radius / 2), (hip[0], hip[1] - radius)])
    return Detection(score, np.zeros(4), points)


def test_duplicates_are_judged_by_the_persons_size():
    near = [_detection(0.9, (100, 100), 100), _detection(0.8, (112, 100), 100)]
    assert [one.score for one in merge_duplicates(near)] == [0.9]
    small = [_detection(0.9, (100, 100), 30), _detection(0.8, (112, 100), 30)]
    assert len(merge_duplicates(small)) == 2


def test_the_crop_around_a_region_is_its_box_with_a_margin_and_stays_in_the_photo():
    region = np.zeros((100, 200), bool)
    region[40:60, 100:110] = True
    assert crop_around(region, margin=0.25) == Crop(95, 35, 20, 30)
    region[0, 195] = True
    assert crop_around(region, margin=0.25) == Crop(76, 0, 124, 84)
    assert crop_around(np.zeros((5, 5), bool), margin=1.5) is None
