"""Free ground and the size of a metre there agree with people who really stand there."""

import numpy as np
import pytest

from mfh_lab.pocket.world.scenes import draw_scene, free_people, render
from mfh_lab.pocket.world.standing import standing_room

pytestmark = pytest.mark.slow

_SIZE = (112, 84)


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_a_metre_at_the_feet_of_a_person_covers_as_many_pixels_as_the_plane_says(bank, seed):
    scene = draw_scene(seed, bank, split="test", size=_SIZE)
    empty = render(scene, bank, samples=1)
    standing = standing_room(scene, empty.depth_m)
    people = free_people(scene, bank, split="test", count=6, seed=0)
    assert people, "the seeds of this test have room for somebody"
    for person in people:
        world = np.array([person.place.x, person.place.y, 0.0])
        x, y, z = scene.view.axes.astype(float) @ (world - scene.view.position)
        u, v = x / z * scene.view.f_px + scene.view.cx, y / z * scene.view.f_px + scene.view.cy
        expected = scene.view.f_px / z
        assert standing.plane @ [u, v, 1] == pytest.approx(expected, rel=1e-4)


def test_free_ground_is_where_nothing_stands(bank):
    checked = 0
    for seed in range(30, 36):
        scene = draw_scene(seed, bank, split="test", size=_SIZE)
        empty = render(scene, bank, samples=1)
        standing = standing_room(scene, empty.depth_m)
        rows, columns = np.nonzero(standing.free_mask)
        for row, column in list(zip(rows, columns, strict=True))[::97]:
            px_per_m = standing.plane @ [column, row, 1]
            z = scene.view.f_px / px_per_m
            ray = np.array([(column - scene.view.cx) / scene.view.f_px, (row - scene.view.cy) / scene.view.f_px, 1])
            x, y, up = (ray * z) @ scene.view.axes.astype(float) + scene.view.position
            assert up == pytest.approx(0, abs=1e-3)
            assert scene.layout.is_free(x, y, 0.27)
            # Whatever is seen at the pixel is the ground, or hides it.
            seen = empty.depth_m[row, column]
            assert seen == 0 or seen < z + 0.15
            checked += 1
    assert checked > 20


def test_nobody_stands_in_a_picture_without_ground(bank):
    scene = draw_scene(3, bank, split="test", size=_SIZE)
    wall = np.full((_SIZE[1], _SIZE[0]), 0.3, np.float32)
    assert not standing_room(scene, wall).free_mask.any()
