"""SAM 3D Body's answers in the photo's camera, with a stand-in for its package (tests/models/stand_ins)."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from mfh.config import PRESETS
from mfh.errors import BackendError, WeightsError
from mfh.geometry.camera import project
from mfh.landmarks.gates import mesh_gate
from mfh.models.needs import needs_of, permitted
from mfh.models.protocols import HumanMeshModel
from mfh.models.registry import load_models
from mfh.types import Camera, Person
from mfh.weights.hub import Source, cached_folder
from tests.models import stand_ins
from tests.models.human_mesh.placed_bodies import TRIANGLES, box_body, seen_person

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")

PLACES = ((0.0, 0.0, 3.0), (1.4, -0.3, 4.0), (-1.6, 0.4, 6.5))
PHOTO = np.zeros((300, 400, 3), np.float32)


@pytest.fixture
def weights_folder(tmp_path, monkeypatch, no_network):
    for name, value in (("MFH_WEIGHTS", "weights"), ("HF_HOME", "huggingface"), ("TORCH_HOME", "torch")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    folder = cached_folder(Source(repo="facebook/sam-3d-body-dinov3"))
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "mhr_model.pt").write_bytes(b"a body model")
    (folder / "model_config.yaml").write_text("MODEL:\n  DECODER:\n    USE_INTRIN_CENTER: true\n")
    stand_ins.put_into_hub_cache(tmp_path / "torch", "dinov3_vith16plus")
    return folder


@pytest.fixture
def sam(weights_folder, monkeypatch):
    """Load SAM 3D Body by name, its package a stand-in that answers with these bodies and crop cameras."""
    stand_ins.install(monkeypatch, "sam_3d_body")

    def load(cams, bodies=None, **extra):
        bodies = [box_body()] * len(cams) if bodies is None else bodies
        state = {
            "bodies": torch.tensor(np.stack(bodies), dtype=torch.float32),
            "cams": torch.tensor(np.array(cams, float)),
            "faces": torch.tensor(TRIANGLES),
        }
        torch.save({"state_dict": state, **extra}, weights_folder / "model.ckpt")
        return load_models({"human_mesh": "sam-3d-body"})["human_mesh"]

    return load


def perfect_cam(place, person: Person, *, focal_px, centre_px) -> tuple[float, float, float]:
    """Return the (s, tx, ty) a network without error says of a crop, from the definition of the published camera."""
    width, height = person.box_xyxy[2:] - person.box_xyxy[:2]
    side = 1.25 * max(height, width / 0.75)
    s = 2 * np.sqrt(focal_px[0] * focal_px[1]) / (side * place[2])
    middle = (person.box_xyxy[:2] + person.box_xyxy[2:]) / 2
    # Metres from where the crop's middle looks at the body's depth, to the body.
    looks_at = (middle - centre_px) / focal_px * place[2]
    return (float(s), *(np.array(place[:2]) - looks_at))


@pytest.mark.slow
@pytest.mark.parametrize("principal_point", [(199.5, 149.5), (150.0, 190.0), (-30.0, 340.0)])
@pytest.mark.parametrize("focal", [(420.0, 420.0), (400.0, 440.0)])
def test_bodies_come_back_where_they_stand(sam, principal_point, focal):
    camera = Camera(*focal, *principal_point, 400, 300)
    truth = [box_body(height=1.5 + 0.1 * k) + place for k, place in enumerate(PLACES)]
    people = [seen_person(one, camera) for one in truth]
    cams = [
        perfect_cam(place, person, focal_px=np.array(focal), centre_px=np.array(principal_point))
        for place, person in zip(PLACES, people, strict=True)
    ]
    model = sam(cams, [one - place for one, place in zip(truth, PLACES, strict=True)])
    assert isinstance(model, HumanMeshModel) and model.name == "sam-3d-body"
    for mesh, vertices in zip(model.measure(PHOTO, people, camera), truth, strict=True):
        np.testing.assert_allclose(mesh.vertices_m, vertices, atol=1e-3)
        np.testing.assert_array_equal(mesh.faces, TRIANGLES)
        assert mesh.source == "sam-3d-body" and mesh.stature_m is None


def test_boxes_masks_and_red_arrive_as_the_package_reads_them(sam):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    person = seen_person(box_body() + PLACES[0], camera)
    photo = PHOTO.copy()
    photo[person.instance_mask] = (0.9, 0.1, 0.2)
    photo[0, 0] = (1.2, -0.1, 0.5)
    model = sam([(0.5, 0.0, 0.0)])
    model.measure(photo, [person], camera)
    ((rgb, boxes, masks),) = model._estimator.seen
    assert rgb.dtype == np.uint8 and rgb[0, 0].tolist() == [255, 0, 128]
    assert {tuple(colour) for colour in rgb[person.instance_mask].tolist()} == {(230, 26, 51)}
    np.testing.assert_allclose(boxes, person.box_xyxy[None], rtol=1e-6)
    np.testing.assert_array_equal(masks[0, ..., 0], person.instance_mask)


def test_people_keep_their_order_whatever_the_batch(sam):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    person = seen_person(box_body() + PLACES[0], camera)
    nobody = replace(person, box_xyxy=np.array([50.0, 50.0, 50.0, 90.0]))
    people = [person, nobody, person, person, person]
    cams = [(0.4 + 0.1 * k, 0.0, 0.0) for k in range(4)]
    results = []
    for batch in (1, 3, 8):
        model = sam(cams)
        model._batch = batch
        results.append(model.measure(PHOTO, people, camera))
    depths = [[None if mesh is None else mesh.vertices_m[:, 2].mean() for mesh in meshes] for meshes in results]
    assert depths[0] == depths[1] == depths[2] and depths[0][1] is None
    assert depths[0][0] > depths[0][2] > depths[0][3] > depths[0][4]
    assert sam(cams).measure(PHOTO, [], camera) == []


@pytest.mark.parametrize("cam", [(-0.5, 0.0, 0.0), (60.0, 0.0, 0.0), (np.nan, 0.0, 0.0)])
def test_who_is_not_in_front_of_the_camera_is_rejected_with_a_reason(sam, cam):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    person = seen_person(box_body() + PLACES[0], camera)
    (mesh,) = sam([cam]).measure(PHOTO, [person], camera)
    assert mesh is None and mesh_gate(mesh, camera, 100.0).reason == "could not be measured"


def test_a_checkpoint_with_more_than_numbers_is_refused(sam, tmp_path):
    from tests.models.test_restricted_loading import Malicious

    with pytest.raises(WeightsError, match="holds more than numbers.*refused.*SAM 3D Body"):
        sam([(0.5, 0.0, 0.0)], callbacks=Malicious(tmp_path / "it ran"))
    assert not (tmp_path / "it ran").exists()


def test_the_backbones_code_is_not_fetched(sam, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(WeightsError, match="SAM 3D Body wants code of github.com/facebookresearch/dinov3.*git clone"):
        sam([(0.5, 0.0, 0.0)])


def test_a_model_that_ignores_the_principal_point_is_refused(sam, weights_folder):
    (weights_folder / "model_config.yaml").write_text("MODEL:\n  DECODER: {}\n")
    with pytest.raises(WeightsError, match="takes the photo's middle for the principal point: expected USE_INTRIN"):
        sam([(0.5, 0.0, 0.0)])


def test_what_is_missing_is_said(weights_folder, monkeypatch):
    stand_ins.forget(monkeypatch, "sam_3d_body")
    with pytest.raises(BackendError, match="needs the package 'sam_3d_body', .*git clone https://.*INSTALL.md"):
        load_models({"human_mesh": "sam-3d-body"})
    stand_ins.install(monkeypatch, "sam_3d_body")
    with pytest.raises(WeightsError, match="mfh weights fetch sam-3d-body"):
        load_models({"human_mesh": "sam-3d-body"})
    (weights_folder / "assets" / "mhr_model.pt").unlink()
    torch.save({}, weights_folder / "model.ckpt")
    with pytest.raises(WeightsError, match=r"no file .*mhr_model\.pt: expected the files of facebook/sam-3d-body"):
        load_models({"human_mesh": "sam-3d-body"})


def test_a_package_that_fails_is_one_line(sam, monkeypatch):
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    person = seen_person(box_body() + PLACES[0], camera)
    model = sam([(0.5, 0.0, 0.0)])
    estimator = sys.modules["sam_3d_body"].SAM3DBodyEstimator

    def no_cuda(self, img, **options):
        # As the published code on a machine without CUDA.
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(estimator, "process_one_image", no_cuda)
    with pytest.raises(BackendError, match=r"failed in its own package \(AssertionError: Torch not compiled") as caught:
        model.measure(PHOTO, [person], camera)
    assert "\n" not in str(caught.value)


def test_its_licence_permits_commercial_use_and_its_files_are_gated():
    config = replace(PRESETS["pocket"], human_mesh="sam-3d-body")
    assert permitted(config) == (config, ())
    from mfh.weights.catalog import catalog_model

    assert "sam-3d-body" in needs_of(config).models and catalog_model("sam-3d-body").gated


def test_projection_of_the_crops_middle_is_the_principal_rule():
    """The test's own camera: a body whose crop middle is the principal point has tx = x, ty = y."""
    camera = Camera(420.0, 420.0, 199.5, 149.5, 400, 300)
    body = box_body() - box_body().mean(0) + (0.0, 0.0, 3.0)
    person = seen_person(body, camera)
    np.testing.assert_allclose(project(camera, np.array([0.0, 0.0, 3.0])), [199.5, 149.5])
    s, tx, ty = perfect_cam((0.0, 0.0, 3.0), person, focal_px=np.array([420.0, 420.0]), centre_px=[199.5, 149.5])
    assert s > 0 and tx == pytest.approx(0, abs=1e-12) and ty == pytest.approx(0, abs=1e-12)
