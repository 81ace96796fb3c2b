"""What landmarks look like: the mask over the box, and the body as a coarser surface of the same place and size."""

import numpy as np
import pytest

from mfh.landmarks.bodies import Sighting, judge_people
from mfh.landmarks.figures import CELL_M, LONG_SIDE, coarse_surface, figure_of, mask_in_box
from mfh.models.human_mesh.body_mesh import tapered_capsule
from mfh.types import Camera, HumanMesh, Person


@pytest.fixture
def capsule():
    """A body of one part, 1.5 m tall, 3 m away."""
    vertices_m, faces = tapered_capsule(np.array([0.2, -0.6, 3.0]), np.array([0.2, 0.6, 3.0]), 0.15, 0.15)
    return HumanMesh(vertices_m, faces, "made-up", stature_m=1.5)


def test_a_mask_is_sampled_over_its_box():
    mask = np.zeros((400, 600), bool)
    mask[100:300, 200:260] = True
    grid = mask_in_box(mask, (199.5, 99.5, 319.5, 299.5))
    assert grid.shape == (LONG_SIDE, round(LONG_SIDE * 120 / 200))
    # The left half of the box is the mask.
    assert grid[:, : grid.shape[1] // 2 - 1].all() and not grid[:, grid.shape[1] // 2 + 1 :].any()


def test_outside_the_picture_nothing_is_seen():
    grid = mask_in_box(np.ones((50, 80), bool), (-40.0, 0.0, 40.0, 100.0))
    wide = grid.shape[1]
    assert not grid[:, : wide // 2 - 1].any() and grid[: grid.shape[0] // 2 - 1, wide // 2 + 1 :].all()
    assert not grid[grid.shape[0] // 2 + 1 :].any()


def test_a_coarse_surface_is_where_the_fine_one_is(capsule):
    corners, faces = coarse_surface(capsule.vertices_m, capsule.faces, cell_m=0.1)
    assert len(corners) < len(capsule.vertices_m) and corners.dtype == np.float32
    np.testing.assert_allclose(corners.min(0), capsule.vertices_m.min(0), atol=0.1)
    np.testing.assert_allclose(corners.max(0), capsule.vertices_m.max(0), atol=0.1)
    assert 0 <= faces.min() and faces.max() < len(corners)
    # No face is a line, and none is there twice.
    assert (np.diff(np.sort(faces, 1), axis=1) > 0).all()
    assert len(np.unique(np.sort(faces, 1), axis=0)) == len(faces)


def test_nothing_is_lost_below_the_size_of_a_cell(capsule):
    corners, faces = coarse_surface(capsule.vertices_m, capsule.faces, cell_m=1e-6)
    area = [
        np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1).sum()
        for v, f in ((capsule.vertices_m, capsule.faces), (corners.astype(float), faces))
    ]
    assert area[1] == pytest.approx(area[0], rel=1e-4)


def test_without_pixels_or_a_box_there_is_no_figure(capsule):
    assert figure_of((1.0, 2.0, 5.0, 9.0), None, capsule) is None
    assert figure_of((1.0, 2.0, 1.0, 9.0), np.ones((20, 20), bool), capsule) is None
    only = figure_of((1.0, 2.0, 5.0, 9.0), np.ones((20, 20), bool))
    assert only is not None and only.mask.all() and only.vertices_m.shape == only.faces.shape == (0, 3)


def test_a_body_moves_and_grows_with_its_landmark(capsule):
    figure = figure_of((1.0, 2.0, 5.0, 9.0), np.ones((20, 20), bool), capsule)
    np.testing.assert_allclose(figure.scaled(1.1).vertices_m, figure.vertices_m * 1.1, rtol=1e-6)
    np.testing.assert_allclose(
        figure.farther(0.5).vertices_m - figure.vertices_m, [[0, 0, 0.5]] * len(figure.vertices_m)
    )
    assert figure.farther(0.5).vertices_m.dtype == np.float32


def test_of_who_is_rejected_there_is_the_mask_alone(capsule):
    camera = Camera(fx=300.0, fy=300.0, cx=99.5, cy=149.5, width=200, height=300)
    mask = np.zeros((300, 200), bool)
    mask[80:220, 105:135] = True
    person = Person(np.array([105.0, 80.0, 135.0, 220.0]), mask, 0.9)

    def seen(score: float):
        sighting = Sighting([person], [capsule], "photo", "finder", "measurer", min_score=score)
        (landmark,) = judge_people(sighting, camera, max_depth_m=50.0).landmarks
        return landmark

    used, rejected = seen(0.5), seen(0.95)
    assert used.verdict == "used" and len(used.figure.vertices_m) > 20
    spans = np.ptp(used.figure.vertices_m, axis=0)
    np.testing.assert_allclose(spans, np.ptp(capsule.vertices_m, axis=0), atol=2 * CELL_M)
    assert rejected.verdict == "rejected" and not len(rejected.figure.vertices_m)
    assert used.figure.mask.all() and rejected.figure.mask.all()
