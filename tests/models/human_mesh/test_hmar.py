"""The backend from end to end, with small networks whose answer is known."""

import numpy as np
import pytest
import torch

from mfh.errors import WeightsError
from mfh.geometry.camera import project
from mfh.models.human_mesh import hmar
from mfh.models.human_mesh.hmar import Hmar, converted_path
from mfh.models.human_mesh.hmar_checkpoint import convert_hmar_checkpoint
from mfh.models.human_mesh.hmar_network import HmarNetwork
from mfh.models.human_mesh.smpl import posed_body, stature_m
from mfh.models.protocols import HumanMeshModel
from mfh.models.registry import load_models
from mfh.types import Camera, Person
from tests.models.human_mesh.hmar_fixtures import TINY, random_network, save_phalp, save_t3dp, seeing_ahead
from tests.models.human_mesh.placed_bodies import explaining_cam
from tests.models.human_mesh.smpl_fixtures import made_up_smpl, save_npz

FLAT = made_up_smpl(flat=True)
CAMERA = Camera(600.0, 600.0, 250.0, 330.0, 800, 600)
PHOTO = np.zeros((600, 800, 3), np.float32)


def _person(box, *, mask=(100, 300, 200, 300)) -> Person:
    top, bottom, left, right = mask
    instance_mask = np.zeros((600, 800), bool)
    instance_mask[top:bottom, left:right] = True
    return Person(np.array(box, float), instance_mask, 0.9)


def _answering(cam, *, betas=(0.0,) * 10, turn=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)) -> HmarNetwork:
    """A network that gives the same answer to every crop: half in the mean, a sixth in each of three steps."""
    network = random_network()
    state = network.state_dict()
    for layer, mean, answer in (
        ("decpose", "init_body_pose", [*turn] + [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] * 23),
        ("decshape", "init_betas", betas),
        ("deccam", "init_cam", cam),
    ):
        state[f"smpl_head.{layer}.weight"].zero_()
        state[f"smpl_head.{layer}.bias"].copy_(torch.tensor(answer) / 6)
        state[f"smpl_head.{mean}"].copy_(torch.tensor(answer)[None] / 2)
    return network


@pytest.fixture
def backend(tmp_path):
    """Make a backend the way its users do: a converted checkpoint and an SMPL file."""

    def make(network: HmarNetwork, *, smpl=FLAT, save=save_phalp, **options) -> Hmar:
        checkpoint = save(dict(network.state_dict()), tmp_path / "hmar_v2_weights.pth")
        (tmp_path / "hmar.safetensors").unlink(missing_ok=True)
        converted = convert_hmar_checkpoint(checkpoint, tmp_path / "hmar.safetensors", sizes=TINY)
        return Hmar(converted, smpl=save_npz(smpl, tmp_path / "SMPL_NEUTRAL.npz"), device="cpu", **options)

    return make


@pytest.mark.parametrize("place", [(0.0, 0.0, 3.0), (2.4, -0.5, 4.0), (-1.1, 0.9, 7.5)])
@pytest.mark.parametrize("principal_point", [(250.0, 330.0), (180.0, 500.0)])
def test_a_body_comes_back_where_it_stands(backend, place, principal_point):
    camera = Camera(600.0, 600.0, *principal_point, 800, 600)
    turn = (np.cos(0.4), np.sin(0.4), 0.0, -np.sin(0.4), np.cos(0.4), 0.0)
    betas = (0.5, -1.0, 0.3, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0)
    rotations = np.tile(np.eye(3), (24, 1, 1))
    rotations[0] = [[turn[0], turn[3], 0], [turn[1], turn[4], 0], [0, 0, 1]]
    body = posed_body(FLAT, np.array(betas), rotations)
    truth = body + np.array(place)
    pixels = project(camera, truth)
    box = np.array([*pixels.min(0), *pixels.max(0)])
    cam = explaining_cam(body, pixels, box, aspect=(1, 1))
    model = backend(_answering(cam, betas=betas, turn=turn))
    (mesh,) = model.measure(PHOTO, [_person(box, mask=(0, 600, 0, 800))], camera)
    np.testing.assert_allclose(mesh.vertices_m, truth, atol=1e-3)
    assert mesh.source == "hmar" and mesh.stature_m == pytest.approx(stature_m(FLAT, np.array(betas)), abs=1e-5)


def test_an_empty_mask_is_no_body(backend):
    model = backend(_answering((0.8, 0.0, 0.0)))
    box = [100, 100, 250, 400]
    people = [_person(box), _person(box, mask=(0, 0, 0, 0)), _person(box, mask=(500, 600, 700, 800))]
    assert [mesh is None for mesh in model.measure(PHOTO, people, CAMERA)] == [False, True, True]
    # The older network has no mask, so it does not matter.
    older = backend(_answering((0.8, 0.0, 0.0)), save=save_t3dp)
    assert [mesh is None for mesh in older.measure(PHOTO, people, CAMERA)] == [False] * 3


@pytest.mark.slow
def test_people_keep_their_order_whatever_the_batch(backend):
    photo = np.random.default_rng(0).random((600, 800, 3)).astype(np.float32)
    everywhere = (0, 600, 0, 800)
    boxes = [[50, 50, 150, 350], [5, 5, 5, 5], [300, 100, 420, 500], [600, 200, 700, 420], [10, 300, 400, 580]]
    people = [_person(box, mask=everywhere) for box in boxes]
    people.insert(3, _person([10, 10, 90, 90], mask=(500, 600, 700, 800)))
    network = seeing_ahead(random_network())
    results = [backend(network, smpl=made_up_smpl(), batch=batch).measure(photo, people, CAMERA) for batch in (1, 2, 8)]
    for meshes in results:
        assert [mesh is None for mesh in meshes] == [False, True, False, True, False, False]
        for k in (0, 2, 4, 5):
            np.testing.assert_allclose(meshes[k].vertices_m, results[0][k].vertices_m, rtol=1e-5, atol=1e-4)
    assert np.abs(results[0][0].vertices_m - results[0][2].vertices_m).max() > 1e-3
    assert backend(network).measure(photo, [], CAMERA) == []


@pytest.mark.slow
@pytest.mark.parametrize("cam", [(-0.8, 0.0, 0.0), (30.0, 0.0, 0.0)])
def test_who_is_not_in_front_of_the_camera_is_not_measured(backend, cam):
    assert backend(_answering(cam), smpl=made_up_smpl()).measure(PHOTO, [_person([100, 100, 250, 400])], CAMERA) == [
        None
    ]


@pytest.mark.slow
def test_the_network_sees_the_crop_and_the_mask(backend, monkeypatch):
    seen = []
    forward = HmarNetwork.forward
    monkeypatch.setattr(
        HmarNetwork, "forward", lambda self, crops, masks: seen.append((crops, masks)) or forward(self, crops, masks)
    )
    photo = np.full((600, 800, 3), 0.6, np.float32)
    photo[100:400, 100:250] = (0.8, 0.2, 0.4)
    backend(_answering((0.8, 0.0, 0.0))).measure(
        photo, [_person([100, 100, 249, 399], mask=(100, 400, 100, 250))], CAMERA
    )
    ((crops, masks),) = seen
    assert crops.shape == (1, 3, 256, 256) and masks.shape == (1, 256, 256) and masks.dtype == torch.uint8
    centre = crops[0, :, 128, 128].numpy() * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(centre, (0.8, 0.2, 0.4), atol=1e-5)
    assert masks[0, 128, 128] == 255 and masks[0, 128, 20] == 0


def test_it_is_registered_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    for name in ("MFH_HMAR", "MFH_SMPL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WeightsError, match="no HMAR network at .*'mfh weights convert hmar CHECKPOINT'"):
        load_models({"human_mesh": "hmar"})
    checkpoint = save_phalp(dict(random_network().state_dict()), tmp_path / "hmar_v2_weights.pth")
    convert_hmar_checkpoint(checkpoint, converted_path(), sizes=TINY)
    with pytest.raises(WeightsError, match="no SMPL body model at .*register at") as caught:
        load_models({"human_mesh": "hmar"})
    assert "\n" not in str(caught.value)
    (tmp_path / "smpl").mkdir()
    save_npz(FLAT, tmp_path / "smpl" / "SMPL_NEUTRAL.npz")
    model = load_models({"human_mesh": "hmar"})["human_mesh"]
    assert isinstance(model, HumanMeshModel) and model.name == "hmar"
    monkeypatch.setenv("MFH_HMAR", str(tmp_path / "hmar"))
    assert hmar.converted_path() == tmp_path / "hmar" / "hmar.safetensors"


def test_the_file_of_another_network_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"backbone.pos_embed": torch.zeros(3)}, tmp_path / "hmar.safetensors")
    smpl = save_npz(FLAT, tmp_path / "SMPL_NEUTRAL.npz")
    with pytest.raises(
        WeightsError, match=r"has no backbone\.conv1\.weight: expected \(64, 3, 7, 7\).*convert hmar"
    ) as e:
        Hmar(tmp_path / "hmar.safetensors", smpl=smpl, device="cpu")
    assert "\n" not in str(e.value)
