"""The backend from end to end, with small networks whose answer is known."""

import cv2
import numpy as np
import pytest
import torch

from mfh.errors import WeightsError
from mfh.geometry.camera import project
from mfh.models.human_mesh.hmr2 import Hmr2, converted_path
from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint
from mfh.models.human_mesh.hmr2_network import Hmr2Network
from mfh.models.human_mesh.smpl import posed_body, stature_m
from mfh.models.protocols import HumanMeshModel
from mfh.models.registry import load_models
from mfh.types import Camera, Person
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint, seeing_ahead
from tests.models.human_mesh.placed_bodies import explaining_cam
from tests.models.human_mesh.smpl_fixtures import made_up_smpl, save_npz

FLAT = made_up_smpl(flat=True)
CAMERA = Camera(600.0, 600.0, 250.0, 330.0, 800, 600)


def _person(box, score: float = 0.9) -> Person:
    instance_mask = np.zeros((600, 800), bool)
    instance_mask[100:300, 200:300] = True
    return Person(np.array(box, float), instance_mask, score)


def _answering(cam, *, betas=(0.0,) * 10, turn=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)) -> Hmr2Network:
    """A network that gives the same answer to every crop, through its last layers' biases."""
    network = random_network(TINY)
    state = network.state_dict()
    for name, answer in (
        ("decpose", torch.tensor([*turn] + [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] * 23)),
        ("decshape", torch.tensor(betas)),
        ("deccam", torch.tensor(cam)),
    ):
        state[f"smpl_head.{name}.weight"].zero_()
        # Half of the answer in the bias, half in the mean it is added to.
        state[f"smpl_head.{name}.bias"].copy_(answer / 2)
    state["smpl_head.init_body_pose"].copy_(state["smpl_head.decpose.bias"][None])
    state["smpl_head.init_betas"].copy_(state["smpl_head.decshape.bias"][None])
    state["smpl_head.init_cam"].copy_(state["smpl_head.deccam.bias"][None])
    return network


@pytest.fixture
def backend(tmp_path):
    """Make a backend the way its users do: a converted checkpoint and an SMPL file."""

    def make(network: Hmr2Network, *, smpl=FLAT, **options) -> Hmr2:
        checkpoint = save_training_checkpoint(dict(network.state_dict()), tmp_path / "hmr2.ckpt")
        (tmp_path / "hmr2.safetensors").unlink(missing_ok=True)
        converted = convert_hmr2_checkpoint(checkpoint, tmp_path / "hmr2.safetensors", sizes=TINY)
        return Hmr2(converted, smpl=save_npz(smpl, tmp_path / "SMPL_NEUTRAL.npz"), device="cpu", **options)

    return make


@pytest.mark.parametrize("place", [(0.0, 0.0, 3.0), (2.4, -0.5, 4.0), (-1.1, 0.9, 7.5)])
@pytest.mark.parametrize("principal_point", [(250.0, 330.0), (399.5, 299.5), (-40.0, 700.0)])
def test_a_body_comes_back_where_it_stands(backend, place, principal_point):
    camera = Camera(600.0, 600.0, *principal_point, 800, 600)
    turn = (np.cos(0.4), np.sin(0.4), 0.0, -np.sin(0.4), np.cos(0.4), 0.0)
    betas = (0.5, -1.0, 0.3, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0)
    rotations = np.tile(np.eye(3), (24, 1, 1))
    rotations[0] = [[turn[0], turn[3], 0], [turn[1], turn[4], 0], [0, 0, 1]]
    body = posed_body(FLAT, np.array(betas), rotations)
    truth = body + np.array(place)
    pixels = project(camera, truth)
    low, high = pixels.min(0), pixels.max(0)
    # What a perfect network says.
    cam = explaining_cam(body, pixels, np.array([*low, *high]), aspect=(192, 256))
    model = backend(_answering(cam, betas=betas, turn=turn))
    (mesh,) = model.measure(np.zeros((600, 800, 3), np.float32), [_person([*low, *high])], camera)
    np.testing.assert_allclose(mesh.vertices_m, truth, atol=1e-3)
    np.testing.assert_array_equal(mesh.faces, FLAT.faces)
    assert mesh.source == "hmr2"
    assert mesh.stature_m == pytest.approx(stature_m(FLAT, np.array(betas)), abs=1e-5)


@pytest.mark.slow
def test_metres_follow_the_focal_length(backend):
    model = backend(_answering((0.8, 0.0, 0.0)))
    photo, people = np.zeros((600, 800, 3), np.float32), [_person([100, 100, 250, 400])]
    (near,) = model.measure(photo, people, CAMERA)
    (far,) = model.measure(photo, people, Camera(1200.0, 1200.0, 250.0, 330.0, 800, 600))
    np.testing.assert_allclose(far.vertices_m[:, 2], 2 * near.vertices_m[:, 2])
    np.testing.assert_allclose(far.vertices_m[:, :2], near.vertices_m[:, :2], atol=1e-9)


@pytest.mark.slow
def test_people_keep_their_order_whatever_the_batch(backend):
    rng = np.random.default_rng(0)
    photo = rng.random((600, 800, 3)).astype(np.float32)
    boxes = [[50, 50, 150, 350], [5, 5, 5, 5], [300, 100, 420, 500], [600, 200, 700, 420], [10, 300, 400, 580]]
    people = [_person(box) for box in boxes]
    network = seeing_ahead(random_network(TINY))
    results = [backend(network, smpl=made_up_smpl(), batch=batch).measure(photo, people, CAMERA) for batch in (1, 2, 8)]
    for meshes in results:
        assert [mesh is None for mesh in meshes] == [False, True, False, False, False]
    for k in (0, 2, 3, 4):
        for other in results[1:]:
            np.testing.assert_allclose(other[k].vertices_m, results[0][k].vertices_m, rtol=1e-5, atol=1e-4)
    alone = backend(network, smpl=made_up_smpl()).measure(photo, [people[3]], CAMERA)[0]
    np.testing.assert_allclose(alone.vertices_m, results[0][3].vertices_m, rtol=1e-5, atol=1e-4)
    # The four crops differ, and so do the bodies read from them.
    assert np.abs(results[0][0].vertices_m - results[0][2].vertices_m).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "cam",
    [
        (-0.8, 0.0, 0.0),  # behind the camera
        (30.0, 0.0, 0.0),  # nearer than its own depth
    ],
)
def test_who_is_not_in_front_of_the_camera_is_not_measured(backend, cam):
    model = backend(_answering(cam), smpl=made_up_smpl())
    photo = np.zeros((600, 800, 3), np.float32)
    assert model.measure(photo, [_person([100, 100, 250, 400])], CAMERA) == [None]
    assert model.measure(photo, [], CAMERA) == []


@pytest.mark.slow
def test_red_is_red_where_the_network_sees_it(backend, monkeypatch):
    seen = []
    forward = Hmr2Network.forward
    monkeypatch.setattr(Hmr2Network, "forward", lambda self, crops: seen.append(crops.clone()) or forward(self, crops))
    photo = np.full((600, 800, 3), 0.5, np.float32)
    photo[100:400, 100:250] = (0.9, 0.1, 0.2)
    backend(_answering((0.8, 0.0, 0.0))).measure(photo, [_person([100, 100, 249, 399])], CAMERA)
    (crops,) = seen
    assert crops.shape == (1, 3, 256, 256) and crops.dtype == torch.float32
    centre = crops[0, :, 128, 128].numpy() * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(centre, (0.9, 0.1, 0.2), atol=1e-5)
    beside = crops[0, :, 128, 20].numpy() * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(beside, (0.5, 0.5, 0.5), atol=1e-5)


@pytest.mark.slow
def test_spots_in_the_photo_are_where_the_camera_puts_them(backend, monkeypatch):
    """From painted pixels to metres: three coloured spots, found in the network's input, give the place back."""
    seen = []
    forward = Hmr2Network.forward
    monkeypatch.setattr(Hmr2Network, "forward", lambda self, crops: seen.append(crops.clone()) or forward(self, crops))
    place = np.array([0.9, -0.3, 4.0])
    marks = np.array([[0.0, -0.8, 0], [-0.35, 0.1, 0], [0.3, 0.7, 0]])
    pixels = project(CAMERA, marks + place)
    rows, columns = np.mgrid[:600, :800]
    photo = np.stack([np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2)) for x, y in pixels], -1).astype(
        np.float32
    )
    box = [*(pixels.min(0) - 25), *(pixels.max(0) + 25)]
    backend(_answering((0.8, 0.0, 0.0))).measure(photo, [_person(box)], CAMERA)
    crop = seen[0][0].numpy() * np.reshape((0.229, 0.224, 0.225), (3, 1, 1)) + np.reshape(
        (0.485, 0.456, 0.406), (3, 1, 1)
    )
    rows, columns = np.mgrid[:256, :256]
    found = np.array([[(c * columns).sum() / c.sum(), (c * rows).sum() / c.sum()] for c in crop])
    ndc = (found - 128) / 256
    equations = np.zeros((6, 3))
    equations[:3, 0], equations[3:, 0] = marks[:, 0] / 2, marks[:, 1] / 2
    equations[:3, 1] = equations[3:, 2] = 0.5
    s, stx, sty = np.linalg.lstsq(equations, ndc.T.ravel(), rcond=None)[0]
    (mesh,) = backend(_answering((s, stx / s, sty / s))).measure(photo, [_person(box)], CAMERA)
    rest = posed_body(FLAT, np.zeros(10), np.tile(np.eye(3), (24, 1, 1)))
    np.testing.assert_allclose(mesh.vertices_m.mean(0) - rest.mean(0), place, rtol=1e-3, atol=2e-3)


@pytest.mark.slow
def test_it_is_registered_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    for name in ("MFH_HMR2", "MFH_SMPL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WeightsError, match="no HMR 2.0 network at .*'mfh weights fetch hmr2', or get hmr2_data.tar.gz"):
        load_models({"human_mesh": "hmr2"})
    checkpoint = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "hmr2.ckpt")
    convert_hmr2_checkpoint(checkpoint, converted_path(), sizes=TINY)
    with pytest.raises(WeightsError, match="no SMPL body model at .*register at") as caught:
        load_models({"human_mesh": "hmr2"})
    assert "\n" not in str(caught.value)
    (tmp_path / "smpl").mkdir()
    save_npz(FLAT, tmp_path / "smpl" / "SMPL_NEUTRAL.npz")
    model = load_models({"human_mesh": "hmr2"})["human_mesh"]
    assert isinstance(model, HumanMeshModel) and model.name == "hmr2"


@pytest.mark.slow
def test_a_photo_of_any_size_and_a_box_beyond_it(backend):
    model = backend(_answering((0.8, 0.0, 0.0)))
    small = cv2.resize(np.eye(3, dtype=np.float32), (7, 5))
    photo = np.repeat(small[..., None], 3, 2)
    boxes = [[-30.0, -20.0, 40.0, 50.0], [100.0, 100.0, 140.0, 200.0]]
    meshes = model.measure(photo, [Person(np.array(b), np.ones((5, 7), bool), 0.5) for b in boxes], CAMERA)
    assert all(mesh is not None and np.isfinite(mesh.vertices_m).all() for mesh in meshes)


def test_the_network_may_be_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MFH_HMR2", raising=False)
    assert converted_path() == tmp_path / "cache" / "hmr2" / "hmr2.safetensors"
    monkeypatch.setenv("MFH_HMR2", str(tmp_path))
    assert converted_path() == tmp_path / "hmr2.safetensors"
    monkeypatch.setenv("MFH_HMR2", str(tmp_path / "mine.safetensors"))
    assert converted_path() == tmp_path / "mine.safetensors"
