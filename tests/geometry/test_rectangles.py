"""Borders around people: found where they are, and not where somebody reaches out of them or a side is missing."""

import cv2
import numpy as np
import pytest

from mfh.geometry.rectangles import find_rectangle, holds

SHAPE = (360, 480)
UPRIGHT = np.array([[150, 90], [330, 90], [330, 230], [150, 230]], np.float64)
ASLANT = np.array([[150, 80], [330, 105], [330, 215], [150, 235]], np.float64)


def wall_with_picture(corners: np.ndarray, *, sides: int = 4) -> np.ndarray:
    """Draw a soft wall with a busy picture in a dark border: the first so many of its top, right, left and bottom."""
    rng = np.random.default_rng(0)
    shade = np.linspace(0.75, 0.6, SHAPE[1], dtype=np.float32)
    rgb = np.repeat(np.repeat(shade[None, :, None], SHAPE[0], 0), 3, 2)
    busy = cv2.resize(rng.random((20, 26, 3), np.float32), SHAPE[::-1], interpolation=cv2.INTER_LINEAR)
    inside = np.zeros(SHAPE, np.uint8)
    cv2.fillConvexPoly(inside, corners.astype(np.int32), 1)
    rgb = np.where(inside[..., None] > 0, 0.3 + 0.5 * busy, rgb).astype(np.float32)
    order = [(0, 1), (1, 2), (3, 0), (2, 3)]
    for start, end in order[:sides]:
        ends = [tuple(int(x) for x in corners[k]) for k in (start, end)]
        cv2.line(rgb, *ends, (0.05, 0.05, 0.05), 4, cv2.LINE_AA)
    return rgb


def somebody(box: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(SHAPE, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return np.array(box, np.float64), mask


@pytest.mark.parametrize("corners", [UPRIGHT, ASLANT])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_border_around_somebody_is_found_where_it_is(corners: np.ndarray, scale: int):
    rgb = cv2.resize(wall_with_picture(corners), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    box, mask = somebody((215, 120, 255, 215))
    mask = cv2.resize(mask.astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST) > 0
    found = find_rectangle(rgb, box * scale, mask)
    assert found is not None
    assert np.abs(found.corners_px / scale - corners).max() < 5
    assert found.coverage.min() > 0.9
    assert found.overshoot < 0.2 and found.roughness < 0.08
    assert holds(found, mask)


def test_who_reaches_out_of_a_border_is_not_in_the_picture():
    rgb = wall_with_picture(UPRIGHT)
    box, mask = somebody((215, 120, 255, 290))
    found = find_rectangle(rgb, box, mask)
    assert found is None or not holds(found, mask) or np.abs(found.corners_px - UPRIGHT).max() > 20
    inside = find_rectangle(rgb, *somebody((215, 120, 255, 215)))
    assert inside is not None and not holds(inside, mask)


def test_three_sides_are_no_border():
    """A doorway: what is seen through it goes on below."""
    opening = UPRIGHT + [[0, 0], [0, 0], [0, 200], [0, 200]]
    box, mask = somebody((215, 120, 255, 225))
    found = find_rectangle(wall_with_picture(opening, sides=3), box, mask)
    whole = find_rectangle(wall_with_picture(UPRIGHT), box, mask)
    assert whole is not None and whole.coverage.min() > 0.9
    assert found is None or found.coverage.min() < 0.8


def test_the_border_of_the_photo_itself_is_none():
    corners = np.array([[14, 14], [465, 14], [465, 345], [14, 345]], np.float64)
    found = find_rectangle(wall_with_picture(corners), *somebody((190, 80, 290, 300)))
    assert found is None or np.abs(found.corners_px - corners).max() > 20


def test_the_outline_of_somebody_is_no_border():
    box, mask = somebody((150, 90, 330, 230))
    found = find_rectangle(wall_with_picture(UPRIGHT), box, mask)
    assert found is None or np.abs(found.corners_px - UPRIGHT).max() > 20


def test_of_the_smallest_people_nothing_is_said():
    rgb = cv2.resize(wall_with_picture(UPRIGHT), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    mask = np.zeros(rgb.shape[:2], bool)
    mask[30:53, 54:63] = True
    assert find_rectangle(rgb, np.array([54.0, 30.0, 62.0, 52.0]), mask) is None


def test_an_even_wall_has_no_border():
    rgb = np.full((*SHAPE, 3), 0.6, np.float32)
    assert find_rectangle(rgb, *somebody((215, 120, 255, 215))) is None


def test_holding_agrees_with_a_naive_twin():
    found = find_rectangle(wall_with_picture(ASLANT), *somebody((215, 120, 255, 215)))
    assert found is not None
    grown = found.corners_px.mean(0) + (found.corners_px - found.corners_px.mean(0)) * 1.02
    for box in ((215, 120, 255, 215), (120, 120, 200, 215), (300, 150, 420, 220), (160, 100, 320, 225)):
        _, mask = somebody(box)
        inside = [
            cv2.pointPolygonTest(grown.astype(np.float32), (float(x), float(y)), False) >= 0
            for y, x in zip(*np.nonzero(mask), strict=True)
        ]
        assert holds(found, mask) == (np.mean(inside) >= 0.92)
