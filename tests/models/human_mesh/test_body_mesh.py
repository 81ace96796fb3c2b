import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.geometry.rasterize import rasterize_depth
from mfh.models.human_mesh.body_mesh import body_mesh, tapered_capsule
from mfh.types import Camera


def _assert_closed(faces: np.ndarray) -> None:
    """Every edge joins exactly two faces, which run along it in opposite directions."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    one_way = edges[:, 0] << 32 | edges[:, 1]
    other_way = edges[:, 1] << 32 | edges[:, 0]
    assert len(np.unique(one_way)) == len(one_way), "two faces run the same way along an edge"
    assert np.isin(other_way, one_way).all(), "an edge has one face only"


def test_the_check_of_closedness_finds_a_hole_and_a_turned_face():
    _, faces = tapered_capsule(np.zeros(3), np.ones(3), 0.1, 0.2)
    _assert_closed(faces)
    with pytest.raises(AssertionError, match="one face only"):
        _assert_closed(faces[1:])
    with pytest.raises(AssertionError, match="same way"):
        _assert_closed(np.concatenate([faces[:1, ::-1], faces[1:]]))


def _parts(faces: np.ndarray) -> list[np.ndarray]:
    """Split faces into parts: each part's vertices come after those of the part before."""
    highest = np.maximum.accumulate(faces.max(1))
    starts = np.flatnonzero(faces[1:].min(1) > highest[:-1]) + 1
    return np.split(faces, starts)


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def test_a_body_is_closed_and_faces_outward_in_every_part(standing_m: np.ndarray):
    vertices, faces = body_mesh(standing_m, stature_m=1.69)
    _assert_closed(faces)
    volumes = [_volume(vertices, part) for part in _parts(faces)]
    assert len(volumes) == 17  # torso, head, neck, and seven parts a side
    assert min(volumes) > 0
    # Parts overlap, so their sum is more than the 60 to 80 litres of a person.
    assert 0.06 < sum(volumes) < 0.14


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_whatever_the_landmarks_the_parts_stay_closed_solid_and_finite(seed: int):
    landmarks = np.random.default_rng(seed).normal(0, 0.4, (33, 3))
    vertices, faces = body_mesh(landmarks, stature_m=1.7)
    _assert_closed(faces)
    assert np.isfinite(vertices).all()
    # The torso of a jumbled skeleton may twist through itself; tubes and the head may not.
    assert all(_volume(vertices, part) > 0 for part in _parts(faces)[1:])


def test_landmarks_on_one_point_still_make_a_body():
    vertices, faces = body_mesh(np.zeros((33, 3)), stature_m=1.7)
    _assert_closed(faces)
    assert np.isfinite(vertices).all()


def test_a_capsule_has_the_volume_of_a_capsule_up_to_its_facets():
    vertices, faces = tapered_capsule(np.zeros(3), np.array([0, 0.5, 0.2]), 0.05, 0.05)
    length = np.hypot(0.5, 0.2)
    exact = np.pi * 0.05**2 * length + 4 / 3 * np.pi * 0.05**3
    assert 0.9 * exact < _volume(vertices, faces) < exact


def test_a_body_grows_with_its_landmarks_and_turns_with_them(standing_m: np.ndarray):
    vertices, _ = body_mesh(standing_m, stature_m=1.69)
    twice, _ = body_mesh(2 * standing_m, stature_m=2 * 1.69)
    np.testing.assert_allclose(twice, 2 * vertices, atol=1e-12)
    angle = 0.6
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    moved, _ = body_mesh(standing_m @ turn.T + [1, 2, 3], stature_m=1.69)
    low, high = (vertices @ turn.T + [1, 2, 3]).min(0), (vertices @ turn.T + [1, 2, 3]).max(0)
    # The ring's first vertex may start elsewhere around a limb, so extents are compared, not vertices.
    np.testing.assert_allclose(moved.min(0), low, atol=0.01)
    np.testing.assert_allclose(moved.max(0), high, atol=0.01)


def test_a_body_has_human_extents(standing_m: np.ndarray):
    vertices, _ = body_mesh(standing_m, stature_m=1.69)
    height = np.ptp(vertices[:, 1])
    assert 1.60 < height < 1.75
    # Feet reach furthest forward; shoulders and arms make the breadth.
    assert 0.45 < np.ptp(vertices[:, 0]) < 0.6


@pytest.mark.parametrize("distance_m", [2.0, 5.0])
def test_the_surface_seen_is_nearer_than_the_skeleton_by_half_a_chest(standing_m: np.ndarray, distance_m: float):
    vertices, faces = body_mesh(standing_m + [0, 0, distance_m], stature_m=1.69)
    depth = rasterize_depth(vertices, faces, Camera(500.0, 500.0, 160.0, 160.0, 320, 320))
    chest_row = round(160 + 500 * standing_m[11, 1] * 0.75 / distance_m)
    assert 0.10 < distance_m - depth[chest_row, 160] < 0.15
