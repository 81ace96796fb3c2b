"""Feet on a floor whose relative depth is known everywhere: a level camera 1.5 m above it."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.errors import Rejected
from mfh.geometry.camera import camera_from_focal_px
from mfh.geometry.rasterize import rasterize_depth
from mfh.landmarks.contact import Contact, ground_contact

CAMERA = camera_from_focal_px(200.0, width=240, height=240)
FLOOR_M = 1.5
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)


def floor_disparity() -> np.ndarray:
    """1/z of the floor under an affine map; a wall at 12 m above it."""
    rows = np.arange(CAMERA.height)[:, None] - CAMERA.cy
    inverse_z = np.maximum(rows / (CAMERA.fy * FLOOR_M), 1 / 12.0)
    return 5 * np.broadcast_to(inverse_z, (CAMERA.height, CAMERA.width)) - 0.7


@dataclass
class Walker:
    """Two box legs under a box trunk, feet on the floor at depths of their own."""

    vertices_m: np.ndarray
    faces: np.ndarray
    seen: np.ndarray


def box(x: float, z: float, top: float, bottom: float, width: float) -> np.ndarray:
    low, high = np.array([x - width / 2, top, z - 0.1]), np.array([x + width / 2, bottom, z + 0.1])
    return low + np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]) * (high - low)


def walker(x: float, z: float, *, step_m: float = 0.0, lift_m: float = 0.0) -> Walker:
    parts = [
        box(x - 0.15, z + step_m / 2, 0.7, FLOOR_M, 0.1),
        box(x + 0.15, z - step_m / 2, 0.7, FLOOR_M - lift_m, 0.1),
        box(x, z, FLOOR_M - 1.7, 0.75, 0.4),
    ]
    vertices = np.concatenate(parts)
    faces = np.concatenate([BOX_FACES + 8 * k for k in range(3)])
    return Walker(vertices, faces, np.isfinite(rasterize_depth(vertices, faces, CAMERA)))


def contact_of(one: Walker, relative: np.ndarray, **options) -> Contact:
    found = ground_contact(one.vertices_m, one.seen, relative, CAMERA, **options)
    assert isinstance(found, Contact), found
    return found


def assert_on_the_floor(found: Contact, *, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose((found.relative + 0.7) / 5, 1 / found.depth_m, rtol=rtol)


@settings(max_examples=15)
@given(x=st.floats(-1, 1), z=st.floats(3.1, 7), step_m=st.floats(-0.6, 0.6))
def test_painted_feet_get_exactly_the_floor_they_stand_on(x: float, z: float, step_m: float):
    found = contact_of(walker(x, z, step_m=step_m), floor_disparity())
    assert_on_the_floor(found)
    # The front of each foot, a tenth of a metre before its middle.
    fronts = np.array([z + step_m / 2, z - step_m / 2]) - 0.1
    assert set(np.round(found.depth_m, 6)) <= set(np.round(fronts, 6))
    assert fronts.min() == pytest.approx(found.depth_m.min())
    assert found.readings >= 35


@pytest.mark.slow
@settings(max_examples=15)
@given(x=st.floats(-0.8, 0.8), z=st.floats(3, 6), step_m=st.floats(-0.4, 0.4))
def test_real_feet_are_read_beside_the_shoes(x: float, z: float, step_m: float):
    one = walker(x, z, step_m=step_m)
    # The person's own relative depth is badly wrong: nothing of it may be read.
    relative = np.where(one.seen, 100.0, floor_disparity())
    assert_on_the_floor(contact_of(one, relative, occupied=one.seen))


def test_an_affine_map_of_relative_depth_maps_the_readings():
    one = walker(0.2, 4.0, step_m=0.3)
    plain, mapped = contact_of(one, floor_disparity()), contact_of(one, -3 * floor_disparity() + 8)
    np.testing.assert_allclose(mapped.relative, -3 * plain.relative + 8)
    np.testing.assert_array_equal(mapped.depth_m, plain.depth_m)


def test_clutter_in_less_than_half_the_patch_does_not_matter():
    one = walker(0.0, 4.0)
    plain = contact_of(one, floor_disparity(), occupied=one.seen)
    cluttered = floor_disparity()
    cluttered[:, : int(CAMERA.cx) - 16] = 3.0
    found = contact_of(one, cluttered, occupied=one.seen)
    np.testing.assert_allclose(found.relative, plain.relative, rtol=0.02)


def test_other_people_beside_the_feet_are_not_read():
    one = walker(0.0, 4.0)
    columns = np.arange(CAMERA.width)
    beside = np.broadcast_to(columns > CAMERA.cx + 14, one.seen.shape)
    relative = np.where(beside, 50.0, floor_disparity())
    assert_on_the_floor(contact_of(one, relative, occupied=one.seen | beside))


def test_a_raised_foot_is_left_out():
    found = contact_of(walker(0.0, 4.0, lift_m=0.2), floor_disparity())
    np.testing.assert_allclose(found.depth_m, 3.9)
    assert_on_the_floor(found)


def reason_of(one: Walker, seen: np.ndarray, **options) -> str:
    found = ground_contact(one.vertices_m, seen, floor_disparity(), CAMERA, **options)
    assert isinstance(found, Rejected)
    return found.reason


def test_why_there_is_no_contact():
    near, whole = walker(0.0, 2.3), walker(0.0, 4.0)
    assert reason_of(near, near.seen) == "feet not visible: cut off by the image's border"
    behind_a_table = whole.seen.copy()
    behind_a_table[180:] = False
    assert reason_of(whole, behind_a_table) == "feet not visible: the mask does not end at the soles"
    elsewhere = np.zeros_like(whole.seen)
    elsewhere[20:60, 5:30] = True
    assert reason_of(whole, elsewhere) == "feet not visible: the mask does not end at the soles"
    everybody = np.ones_like(whole.seen)
    assert reason_of(whole, whole.seen, occupied=everybody) == "no ground is seen beside the feet"
    inside_the_camera = Walker(whole.vertices_m - [0, 0, 4.0], whole.faces, whole.seen)
    assert "behind the camera" in reason_of(inside_the_camera, whole.seen)


def test_a_mask_that_goes_on_to_the_border_hides_the_feet():
    one = walker(0.0, 2.75)
    row = FLOOR_M / 2.65 * 200 + CAMERA.cy
    assert CAMERA.height - 8 < row < CAMERA.height - 3, "the premise: soles are just inside"
    seen = one.seen.copy()
    seen[-1] = True
    assert reason_of(one, seen) == "feet not visible: cut off by the image's border"


@pytest.mark.parametrize("off_px", [-5, -2, 3])
def test_the_mask_says_where_feet_end_when_the_body_is_off_by_pixels(off_px: int):
    one = walker(0.0, 4.0)
    shifted = one.vertices_m + [0, off_px / 200 * 4.0, 0]
    found = ground_contact(shifted, one.seen, floor_disparity(), CAMERA)
    assert isinstance(found, Contact)
    # One row of 77 at most.
    assert_on_the_floor(found, rtol=1 / 75)


def test_feet_beside_hidden_ones_still_count():
    one = walker(0.0, 4.0, step_m=0.5)
    seen = one.seen.copy()
    seen[180:, : int(CAMERA.cx)] = False
    found = contact_of(Walker(one.vertices_m, one.faces, seen), floor_disparity())
    np.testing.assert_allclose(found.depth_m, [4.0 - 0.25 - 0.1])


def test_holes_are_not_read_nor_what_mirrors_them():
    one = walker(0.0, 4.0)
    row = int(round(CAMERA.cy + CAMERA.fy * FLOOR_M / 3.9))
    relative = floor_disparity().copy()
    relative[row + 1 :, int(CAMERA.cx) :] = np.nan
    found = contact_of(one, relative)
    assert_on_the_floor(found)
    assert found.readings < contact_of(one, floor_disparity()).readings


def test_feet_on_a_hole_give_no_contact():
    one = walker(0.0, 4.0)
    relative = floor_disparity().copy()
    relative[150:] = np.nan
    for options in ({}, {"occupied": one.seen}):
        found = ground_contact(one.vertices_m, one.seen, relative, CAMERA, **options)
        assert found == Rejected("no ground is seen beside the feet")
