"""TokenHMR's bodies in the photo's camera, with a stand-in for a clone of its code (tests/models/stand_ins)."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mfh.config import PRESETS
from mfh.errors import BackendError, InputError, WeightsError
from mfh.geometry.camera import project
from mfh.landmarks.gates import mesh_gate
from mfh.models.needs import permitted
from mfh.models.protocols import HumanMeshModel
from mfh.models.registry import load_models
from mfh.types import Camera, Person
from tests.models import stand_ins
from tests.models.human_mesh.placed_bodies import TRIANGLES, box_body, explaining_cam, seen_person
from tests.models.human_mesh.smpl_fixtures import Bomb, foreign_classes

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")

LOAD = torch.load
CAMERA = Camera(420.0, 420.0, 150.0, 190.0, 400, 300)
PHOTO = np.zeros((300, 400, 3), np.float32)
FLAT = box_body(depth=0.0) * [1, 1, 0]
SETTINGS = {
    "SMPL.DATA_DIR": "data/body_models",
    "SMPL.MODEL_PATH": "data/body_models/smpl",
    "SMPL.MEAN_PARAMS": "data/body_models/smpl_mean_params.npz",
    "MODEL.TOKENIZER_CHECKPOINT_PATH": "data/checkpoints/tokenizer.pth",
}


@pytest.fixture
def clone(tmp_path, monkeypatch, no_network):
    """A clone with its data, in which everything but the numbers of the checkpoint is there."""
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    monkeypatch.setenv("PYOPENGL_PLATFORM", "egl")
    root = tmp_path / "TokenHMR"
    monkeypatch.setenv("MFH_TOKENHMR", str(root))
    shutil.copytree(stand_ins.FOLDER / "token_hmr", root)
    (root / "data" / "checkpoints").mkdir(parents=True)
    (root / "data" / "body_models" / "smpl").mkdir(parents=True)
    np.savez(root / "data" / "body_models" / "smpl_mean_params.npz", pose=np.zeros(144))
    (root / "data" / "checkpoints" / "model_config.yaml").write_text(
        "".join(f"{key}: {value}\n" for key, value in SETTINGS.items())
    )
    stand_ins.install(monkeypatch, "yacs")
    stand_ins.forget(monkeypatch, "lib")
    from yacs.config import CfgNode

    hparams = CfgNode({"ARCH": CfgNode({"CODE_DIM": 256})})
    torch.save(
        {"net": {"decoder.weight": torch.zeros(2, 2)}, "hparams": hparams},
        root / "data" / "checkpoints" / "tokenizer.pth",
    )
    return root


@pytest.fixture
def load(clone):
    """Load TokenHMR by name, its clone a stand-in that answers with these bodies and crop cameras."""

    def make(cams, bodies=None, **extra):
        bodies = [FLAT] * len(cams) if bodies is None else bodies
        state = {
            "backbone.pos_embed": torch.zeros(1),
            "smpl_head.bodies": torch.tensor(np.stack(bodies), dtype=torch.float32),
            "smpl_head.cams": torch.tensor(np.array(cams), dtype=torch.float32),
            "smpl_head.faces": torch.tensor(TRIANGLES),
            "smpl.lbs_weights": torch.zeros(2),
        }
        # As training saves it: the configuration beside the tensors, of a library that is not installed.
        with foreign_classes({"omegaconf.dictconfig.DictConfig": dict}) as classes:
            settings = classes["omegaconf.dictconfig.DictConfig"](MODEL=1)
            content = {"state_dict": state, "hyper_parameters": {"cfg": settings}, **extra}
            torch.save(content, clone / "data" / "checkpoints" / "tokenhmr_model_latest.ckpt")
        return load_models({"human_mesh": "token-hmr"})["human_mesh"]

    return make


@pytest.mark.parametrize("principal_point", [(199.5, 149.5), (-30.0, 340.0)])
def test_bodies_come_back_where_they_stand(load, principal_point):
    camera = Camera(420.0, 420.0, *principal_point, 400, 300)
    truth = [FLAT + place for place in ((0.0, 0.0, 3.0), (1.4, -0.3, 4.0), (-1.6, 0.4, 6.5))]
    people, cams = [], []
    for body in truth:
        pixels = project(camera, body)
        box = np.array([*pixels.min(0), *pixels.max(0)])
        people.append(Person(box, np.ones((300, 400), bool), 0.9))
        cams.append(explaining_cam(FLAT, pixels, box, aspect=(192, 256)))
    model = load(cams)
    assert isinstance(model, HumanMeshModel) and model.name == "token-hmr"
    for mesh, vertices in zip(model.measure(PHOTO, people, camera), truth, strict=True):
        np.testing.assert_allclose(mesh.vertices_m, vertices, atol=1e-3)
        assert mesh.source == "token-hmr" and mesh.faces.max() == 7


def test_the_crop_is_that_of_hmr2_and_people_keep_their_order(load):
    photo = np.random.default_rng(0).random((300, 400, 3)).astype(np.float32)
    photo[100:200, 150:250] = (0.9, 0.1, 0.2)
    camera = CAMERA
    people = [
        Person(np.array(box, float), np.ones((300, 400), bool), 0.9)
        for box in ([150, 100, 249, 199], [5, 5, 5, 5], [20, 20, 90, 290], [300, 40, 380, 280])
    ]
    model = load([(0.8, 0.0, 0.0), (0.7, 0.0, 0.0), (-0.5, 0.0, 0.0)])
    model._batch = 2
    meshes = model.measure(photo, people, camera)
    assert [mesh is None for mesh in meshes] == [False, True, False, True]
    assert mesh_gate(meshes[1], camera, 100.0).reason == "could not be measured"
    assert [len(crops) for crops in model._model.seen] == [2, 1]
    centre = model._model.seen[0][0, :, 128, 128].numpy() * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(centre, (0.9, 0.1, 0.2), atol=1e-5)
    # s = 0.8 in a crop of 132 px: twice the focal length over both.
    height = 99 * 256 / 192
    assert meshes[0].vertices_m[:, 2].mean() == pytest.approx(2 * 420 / (0.8 * height), rel=1e-5)
    assert model.measure(photo, [], camera) == []


def test_only_the_networks_tensors_reach_the_clones_code(load):
    model = load([(0.8, 0.0, 0.0)])
    assert model._model.names == ["backbone.pos_embed", "smpl_head.bodies", "smpl_head.cams", "smpl_head.faces"]
    assert model._model.code_dim == 256
    assert not [place for place in sys.path if place.endswith("TokenHMR/tokenhmr")]


def test_nothing_in_its_files_is_run(load, clone, tmp_path):
    mark = tmp_path / "ran"
    with pytest.raises(WeightsError, match=r"tokenhmr_model_latest\.ckpt wants to load posix\.system.*refused"):
        load([(0.8, 0.0, 0.0)], callbacks=Bomb(f"touch {mark}"))
    torch.save({"net": {}, "hparams": Bomb(f"touch {mark}")}, clone / "data" / "checkpoints" / "tokenizer.pth")
    with pytest.raises(WeightsError, match=r"tokenizer\.pth wants to load posix\.system.*refused"):
        load([(0.8, 0.0, 0.0)])
    for content, message in (
        ({"net": {}, "hparams": Path("x")}, r"tokenizer\.pth is damaged .*a configuration of pathlib\.PosixPath"),
        ({"hparams": {}}, r"tokenizer\.pth has no net"),
    ):
        torch.save(content, clone / "data" / "checkpoints" / "tokenizer.pth")
        with pytest.raises(WeightsError, match=message):
            load([(0.8, 0.0, 0.0)])
    assert not mark.exists() and torch.load is LOAD


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("tokenhmr", r"no file .*tokenhmr/lib/models/__init__\.py: .*; clone https://github\.com/saidwivedi/TokenHMR"),
        (
            "data/checkpoints/model_config.yaml",
            r"no file .*model_config\.yaml: .*; run fetch_demo_data\.sh in the clone",
        ),
        (
            "data/checkpoints/tokenizer.pth",
            r"no .*tokenizer\.pth, which .*model_config\.yaml names: run fetch_demo_data",
        ),
        ("data/body_models/smpl", r"no .*smpl, which .*model_config\.yaml names: run fetch_demo_data\.sh"),
    ],
)
def test_what_is_missing_of_the_clone_is_named_with_what_to_do(load, clone, missing, message):
    place = clone / missing
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(WeightsError, match=message) as caught:
        load([(0.8, 0.0, 0.0)])
    assert "\n" not in str(caught.value)


def test_without_a_clone_it_says_where_to_register_and_what_to_name(clone, monkeypatch):
    message = r"token-hmr is not in .*: register at tokenhmr\.is\.tue\.mpg\.de .*name the clone in MFH_TOKENHMR"
    with pytest.raises(WeightsError, match=message):
        load_models({"human_mesh": "token-hmr"})
    monkeypatch.delenv("MFH_TOKENHMR")
    with pytest.raises(WeightsError, match=message):
        load_models({"human_mesh": "token-hmr"})


def test_without_its_packages_it_says_how_to_install_them(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "yacs.config", None)
    with pytest.raises(
        BackendError, match=r"needs the package 'yacs.*pip install -r .\$MFH_TOKENHMR/requirements\.txt"
    ):
        load([(0.8, 0.0, 0.0)])


def test_another_package_of_that_name_is_named(load, monkeypatch):
    other = ModuleType("lib")
    other.__file__ = "/elsewhere/lib/__init__.py"
    monkeypatch.setitem(sys.modules, "lib", other)
    with pytest.raises(BackendError, match=r"called lib, and so is /elsewhere/lib/__init__\.py"):
        load([(0.8, 0.0, 0.0)])


def test_an_error_of_its_code_is_one_line(load, monkeypatch):
    model = load([(0.8, 0.0, 0.0)])
    person = seen_person(box_body() + [0.0, 0.0, 4.0], CAMERA)
    monkeypatch.setattr(type(model._model), "forward", lambda self, batch: 1 / 0)
    with pytest.raises(BackendError, match=r"TokenHMR failed in its own package \(ZeroDivisionError"):
        model.measure(PHOTO, [person], CAMERA)
    odd = {"pred_vertices": torch.zeros(1, 8, 2), "pred_cam": torch.zeros(1, 3)}
    monkeypatch.setattr(type(model._model), "forward", lambda self, batch: odd)
    with pytest.raises(BackendError, match=r"gave vertices \(1, 8, 2\) and cameras \(1, 3\) for 1 crops"):
        model.measure(PHOTO, [person], CAMERA)


def test_it_may_not_be_used_commercially():
    from dataclasses import replace

    config, sentences = permitted(replace(PRESETS["pocket"], human_mesh="token-hmr"))
    assert config.human_mesh == "blazepose" and "token-hmr" in sentences[0]
    with pytest.raises(InputError):
        permitted(replace(PRESETS["pocket"], human_mesh="token-hmr-2"))
