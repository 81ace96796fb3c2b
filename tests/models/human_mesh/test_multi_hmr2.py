"""Multi-HMR 2's people brought into the photo's camera, with a stand-in for its package (tests/models/stand_ins)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.config import PRESETS
from mfh.errors import BackendError, InputError, WeightsError
from mfh.geometry.camera import project
from mfh.landmarks.gates import mesh_gate
from mfh.models.human_mesh.multi_hmr2 import matched, network_input, placed, triangles
from mfh.models.needs import needs_of, permitted
from mfh.models.protocols import HumanMeshModel
from mfh.models.registry import load_models
from mfh.types import Camera, HumanMesh
from tests.models import stand_ins
from tests.models.human_mesh.placed_bodies import QUADS, TRIANGLES, box_body, seen_person

PLACES = ((0.0, 0.0, 4.0), (1.4, -0.3, 4.5), (-1.5, 0.3, 6.5))


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, no_network):
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")
    for name, value in (("MFH_WEIGHTS", "weights"), ("TORCH_HOME", "torch")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    monkeypatch.delenv("MFH_MULTI_HMR2", raising=False)
    stand_ins.put_into_hub_cache(tmp_path / "torch", "dinov3_vitl16")
    file = tmp_path / "weights" / "multi-hmr2" / "multihmr2.pt"
    file.parent.mkdir(parents=True)
    torch.save({"model_state_dict": {"faces": torch.tensor(QUADS)}}, file)
    return file


@pytest.fixture
def model(checkpoint, monkeypatch):
    stand_ins.install(monkeypatch, "multihmr2")
    return load_models({"human_mesh": "multi-hmr2"})["human_mesh"]


def perfect(truth, camera: Camera):
    """Return what a network without error finds, in its own camera, from the definition.

    The root is seen at the pixel where it is, brought into the picture shown (the photo in its middle, its longer side
    768); the body is as large there as it is, so it is nearer in proportion to the focal length.
    """

    def find(rows: int, columns: int, focal: float):
        ratio = 768 / max(camera.width, camera.height)
        width, height = round(camera.width * ratio), round(camera.height * ratio)
        found = []
        for body, root in truth:
            column, row = project(camera, root)
            u = (column + 0.5) * width / camera.width + (columns - width) // 2
            v = (row + 0.5) * height / camera.height + (rows - height) // 2
            across, down = width / camera.width, height / camera.height
            z = root[2] * focal / np.sqrt(camera.fx * across * camera.fy * down)
            there = np.array([(u - columns / 2) / focal * z, (v - rows / 2) / focal * z, z])
            found.append((body - root + there, there))
        return found

    return find


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 400), (1000, 700), (96, 33)])
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.3, 0.7), (-0.1, 1.2)])
def test_bodies_come_back_where_they_stand(model, width, height, centre):
    camera = Camera(1.1 * width, 1.1 * width, centre[0] * width, centre[1] * height, width, height)
    # Off to the sides of the photo, wherever its principal point is.
    middle = np.array([(width / 2 - camera.cx) / camera.fx, (height / 2 - camera.cy) / camera.fy, 0])
    roots = [np.array(place) + middle * place[2] for place in PLACES]
    truth = [(box_body(height=1.6 + 0.1 * k) + root, root) for k, root in enumerate(roots)]
    people = [seen_person(body, camera) for body, _ in truth]
    # Found in another order than asked for.
    model._session.find = perfect([truth[2], truth[0], truth[1]], camera)
    assert isinstance(model, HumanMeshModel) and model.name == "multi-hmr2"
    meshes = model.measure(np.zeros((height, width, 3), np.float32), people, camera)
    for mesh, (body, _) in zip(meshes, truth, strict=True):
        assert mesh is not None
        np.testing.assert_allclose(mesh.vertices_m, body, atol=1e-3)
        assert mesh.faces.shape == (12, 3) and mesh.source == "multi-hmr2"


def test_pixels_that_are_not_square(model):
    camera = Camera(380.0, 440.0, 170.0, 160.0, 400, 300)
    root = np.array([0.8, -0.2, 4.0])
    model._session.find = perfect([(box_body() + root, root)], camera)
    person = seen_person(box_body() + root, camera)
    (mesh,) = model.measure(np.zeros((300, 400, 3), np.float32), [person], camera)
    np.testing.assert_allclose(mesh.vertices_m, box_body() + root, atol=1e-3)


def test_metres_follow_the_focal_length_and_the_networks_own_does_not_matter(model):
    camera = Camera(420.0, 420.0, 150.0, 190.0, 400, 300)
    root = np.array([0.6, -0.2, 4.0])
    person = seen_person(box_body() + root, camera)
    photo = np.zeros((300, 400, 3), np.float32)
    for fov_x_deg in (30.0, 100.0):
        model._session.fov_x_deg = fov_x_deg
        model._session.find = perfect([(box_body() + root, root)], camera)
        (mesh,) = model.measure(photo, [person], camera)
        np.testing.assert_allclose(mesh.vertices_m, box_body() + root, atol=1e-3)
    (far,) = model.measure(photo, [person], replace(camera, fx=840.0, fy=840.0))
    np.testing.assert_allclose(far.vertices_m.mean(0)[2] - mesh.vertices_m.mean(0)[2], 4.0, atol=1e-3)


def test_who_is_not_found_is_rejected_with_a_reason_and_nobody_gets_anothers_body(model):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    roots = [np.array(place) for place in PLACES]
    people = [seen_person(box_body() + root, camera) for root in roots]
    model._session.find = perfect([(box_body() + roots[1], roots[1])], camera)
    photo = np.zeros((300, 400, 3), np.float32)
    meshes = model.measure(photo, people, camera)
    assert [mesh is None for mesh in meshes] == [True, False, True]
    assert mesh_gate(meshes[0], camera, 100.0).reason == "could not be measured"
    # Twice the same person: one body is one person's.
    twice = model.measure(photo, [people[1], people[1]], camera)
    assert sorted(mesh is None for mesh in twice) == [False, True]
    model._session.find = lambda rows, columns, focal: []
    assert model.measure(photo, people, camera) == [None] * 3
    assert model.measure(photo, [], camera) == []


def test_a_body_behind_the_camera_is_nobodys(model):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    person = seen_person(box_body() + PLACES[0], camera)
    photo = np.zeros((300, 400, 3), np.float32)
    for z in (-3.0, 0.01, 0.1):
        root = np.array([0.0, 0.0, z])
        model._session.find = lambda rows, columns, focal, root=root: [(box_body() + root, root)]
        assert model.measure(photo, [person], camera) == [None]


def test_red_is_red_where_the_network_sees_it(model):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 290)
    photo = np.full((290, 400, 3), 0.5, np.float32)
    photo[100:200, 150:250] = (0.9, 0.1, 0.2)
    model._session.find = lambda rows, columns, focal: []
    model.measure(photo, [seen_person(box_body() + PLACES[0], camera)], camera)
    (seen,) = model._session.seen
    # 290 rows become 557, in the middle of 560: 1 black above, 2 below.
    assert seen.shape == (560, 768, 3)
    np.testing.assert_allclose(seen[1 + 557 // 2, 384], [229.5, 25.5, 51], atol=1)
    assert seen[0].max() == 0 and seen[558:].max() == 0
    np.testing.assert_allclose(seen[1, 0], 127.5, atol=1)


@pytest.mark.slow
@given(width=st.integers(32, 900), height=st.integers(32, 900), seed=st.integers(0, 99))
def test_the_place_of_a_pixel_is_known_in_the_picture_shown(width, height, seed):
    """The network's camera in photo pixels sees what the network sees, at the pixel it is at in the photo."""
    seen = network_input(np.zeros((height, width, 3), np.float32), side_px=96, patch_px=16)
    rows, columns = seen.rgb.shape[:2]
    assert max(rows, columns) == 96 and rows % 16 == columns % 16 == 0
    assert 0 <= columns - seen.width < 16 and abs(columns - seen.width - 2 * seen.left) <= 1
    intrinsics = np.array([[80.0, 0, columns / 2], [0, 80.0, rows / 2], [0, 0, 1]])
    own = seen.own_camera(intrinsics, Camera(1.0, 1.0, 0.0, 0.0, width, height))
    point = np.random.default_rng(seed).uniform([-1, -1, 2], [1, 1, 5])
    u, v = (intrinsics @ point / point[2])[:2]
    expected = [(u - seen.left) * width / seen.width - 0.5, (v - seen.top) * height / seen.height - 0.5]
    np.testing.assert_allclose(project(own, point), expected, rtol=1e-9, atol=1e-9)


@given(
    focal=st.floats(100, 3000),
    own_focal=st.floats(100, 3000),
    x=st.floats(-2, 2),
    y=st.floats(-2, 2),
    z=st.floats(1, 20),
)
def test_a_placed_body_keeps_shape_and_orientation_and_is_seen_where_it_was(focal, own_focal, x, y, z):
    own, camera = Camera(own_focal, own_focal, 100.0, 80.0, 200, 160), Camera(focal, focal, 20.0, 150.0, 200, 160)
    root = np.array([x, y, z])
    body = box_body() + root
    moved = placed(body, root, own=own, camera=camera)
    there = root + (moved - body)[0]
    np.testing.assert_allclose(moved - there, body - root, atol=1e-9)
    np.testing.assert_allclose(project(camera, there), project(own, root), rtol=1e-6, atol=1e-6)
    assert there[2] == pytest.approx(z * focal / own_focal)


def test_pairs_are_taken_by_their_overlap_the_largest_first():
    camera = Camera(200.0, 200.0, 100.0, 60.0, 200, 120)
    here, beside = np.array([0.0, 0.0, 4.0]), np.array([0.2, 0.0, 4.0])
    bodies = [HumanMesh(box_body() + place, TRIANGLES, "x") for place in (beside, here)]
    people = [seen_person(box_body() + place, camera) for place in (here, beside)]
    first, second = matched(bodies, people, camera)
    assert first is bodies[1] and second is bodies[0]
    # Somebody who overlaps with both gets what is left over only where nobody fits better.
    between = seen_person(box_body() + (here + beside) / 2, camera)
    assert matched(bodies, [between, *people], camera) == [None, bodies[1], bodies[0]]
    assert matched([], people, camera) == [None, None] and matched(bodies, [], camera) == []


def test_faces_with_four_corners_become_triangles_of_the_same_surface():
    vertices = box_body(1.0, 1.0, 1.0)

    def area(faces):
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2

    assert area(triangles(QUADS)) == pytest.approx(6.0)
    np.testing.assert_array_equal(triangles(TRIANGLES), TRIANGLES)


def test_a_checkpoint_with_more_than_numbers_is_refused(checkpoint, monkeypatch, tmp_path):
    import torch

    from tests.models.test_restricted_loading import Malicious

    stand_ins.install(monkeypatch, "multihmr2")
    torch.save({"model_state_dict": {}, "args": Malicious(tmp_path / "it ran")}, checkpoint)
    with pytest.raises(WeightsError, match="holds more than numbers.*refused.*Multi-HMR 2"):
        load_models({"human_mesh": "multi-hmr2"})
    assert not (tmp_path / "it ran").exists()


def test_the_backbones_code_is_not_fetched(checkpoint, tmp_path, monkeypatch):
    stand_ins.install(monkeypatch, "multihmr2")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(WeightsError, match="Multi-HMR 2 wants code of github.com/facebookresearch/dinov3.*git clone"):
        load_models({"human_mesh": "multi-hmr2"})


def test_what_is_missing_is_said(checkpoint, tmp_path, monkeypatch):
    stand_ins.forget(monkeypatch, "multihmr2")
    command = r"pip install git\+https://github\.com/naver/multi-hmr2\.git"
    with pytest.raises(BackendError, match=f"needs the package 'multihmr2', which is not installed: {command}"):
        load_models({"human_mesh": "multi-hmr2"})
    stand_ins.install(monkeypatch, "multihmr2")
    other = checkpoint.rename(tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"multi-hmr2 is not in .*: read the licence of .*multihmr2\.pt and put it"):
        load_models({"human_mesh": "multi-hmr2"})
    monkeypatch.setenv("MFH_MULTI_HMR2", str(other))
    with pytest.raises(WeightsError, match=r"is no file called multihmr2\.pt: expected the checkpoint under that"):
        load_models({"human_mesh": "multi-hmr2"})
    monkeypatch.setenv("MFH_MULTI_HMR2", str(other.rename(tmp_path / "multihmr2.pt")))
    assert load_models({"human_mesh": "multi-hmr2"})["human_mesh"].name == "multi-hmr2"


def test_its_licence_does_not_permit_commercial_use():
    config = replace(PRESETS["pocket"], human_mesh="multi-hmr2")
    assert needs_of(config).blocked == {"multi-hmr2": "its licence is for non-commercial use"}
    allowed, (sentence,) = permitted(config)
    assert allowed.human_mesh == "blazepose" and "human mesh multi-hmr2, which may not be used" in sentence
    with pytest.raises(InputError):
        needs_of(replace(config, human_mesh="multi-hmr"))
