"""MoGe's intrinsics as a field of view, with a stand-in for its package (tests/models/stand_ins)."""

import math

import numpy as np
import pytest

from mfh.config import PRESETS
from mfh.errors import BackendError, WeightsError
from mfh.io.photo import photo_from_array
from mfh.models.protocols import FieldOfViewModel
from mfh.models.registry import load_models
from mfh.pipeline.inference import with_estimated_camera
from mfh.weights.hub import Source, cached_folder
from tests.models import stand_ins

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")


@pytest.fixture
def weights_folder(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    folder = cached_folder(Source(repo="Ruicheng/moge-2-vitl"))
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def moge(weights_folder, monkeypatch):
    """Load MoGe by name, its package a stand-in that answers with these normalised focal lengths."""
    stand_ins.install(monkeypatch, "moge")

    def load(fx: float, fy: float, *, part: float = 0.9, version: str = "v2"):
        network = {"encoder": {}, "neck": {}} if version == "v2" else {"encoder": "dinov2_vitl14", "dim_proj": 512}
        state = {"focal": torch.tensor([fx, fy]), "part": torch.tensor(part)}
        torch.save({"model_config": network, "model": state}, weights_folder / "model.pt")
        return load_models({"field_of_view": "moge"})["field_of_view"]

    return load


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("height", "width", "fx", "degrees"),
    [
        (60, 60, 0.5, 90.0),  # the edges are half a unit from the axis
        (60, 90, 0.5, 90.0),  # normalised by the width, whatever the height
        (90, 60, math.sqrt(3) / 2, 60.0),
        (48, 160, 1.0, 53.13010235415598),
    ],
)
def test_normalised_intrinsics_become_a_horizontal_field_of_view(moge, version, height, width, fx, degrees):
    # Square pixels: fy in units of the height.
    model = moge(fx, fx * width / height, version=version)
    assert isinstance(model, FieldOfViewModel) and model.name == "moge" and model.relative_sigma == 0.25
    assert type(model._model).__module__ == f"moge.model.{version}"
    rgb = np.random.default_rng(0).random((height, width, 3)).astype(np.float32)
    assert model.fov_x_deg(rgb) == pytest.approx(degrees, abs=1e-4)
    # In pixels the focal length is fx times the width, both ways.
    photo = with_estimated_camera(photo_from_array(rgb), model)
    assert photo.camera.fx == photo.camera.fy == pytest.approx(fx * width, rel=1e-5)
    assert photo.focal.source == "estimated"


def test_red_is_red_where_the_network_sees_it(moge):
    model = moge(0.5, 0.5)
    photo = np.zeros((6, 4, 3), np.float32)
    photo[..., 0], photo[..., 2], photo[0, 0, 1] = 0.9, 0.1, 1.4
    model.fov_x_deg(photo)
    (seen,) = model._model.seen
    assert seen.shape == (3, 6, 4)
    np.testing.assert_allclose(seen[:, 3, 2].numpy(), [0.9, 0.0, 0.1], atol=1e-6)
    assert seen.max() == 1


def test_a_focal_length_made_up_for_want_of_surfaces_is_no_answer(moge):
    with pytest.raises(BackendError, match=r"MoGe sees surfaces in 0\.5% of the photo: .*give --fov-x-deg"):
        moge(1.0, 1.0, part=0.0051).fov_x_deg(np.zeros((100, 100, 3), np.float32))


def test_broken_answers_are_errors(moge):
    photo = photo_from_array(np.zeros((40, 40, 3), np.float32))
    for focal in (math.nan, 0.0, -1.0):
        with pytest.raises(BackendError, match="moge says that array has a field of view of"):
            with_estimated_camera(photo, moge(focal, 1.0))


def test_a_checkpoint_may_be_named(moge, weights_folder, tmp_path):
    from mfh.models.field_of_view.moge import Moge

    moge(0.5, 0.5)
    copy = tmp_path / "mine.pt"
    (weights_folder / "model.pt").rename(copy)
    assert Moge(copy).fov_x_deg(np.zeros((8, 8, 3), np.float32)) == pytest.approx(90)
    with pytest.raises(WeightsError, match=r"no file .*model\.pt: expected a checkpoint of MoGe"):
        Moge(weights_folder)
    torch.save([1, 2], tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"MoGe cannot be loaded from .*other\.pt"):
        Moge(tmp_path / "other.pt")


def test_without_the_package_the_message_has_the_command(weights_folder, monkeypatch):
    stand_ins.forget(monkeypatch, "moge")
    with pytest.raises(
        BackendError,
        match=r"'moge' needs the package 'moge', which is not installed: pip install git\+https://github\.com/micro",
    ):
        load_models({"field_of_view": "moge"})


def test_without_the_weights_the_message_has_the_command(weights_folder, monkeypatch):
    stand_ins.install(monkeypatch, "moge")
    with pytest.raises(WeightsError, match="'?mfh weights fetch moge'?"):
        load_models({"field_of_view": "moge"})


def test_its_licence_permits_commercial_use():
    from dataclasses import replace

    from mfh.models.needs import needs_of, permitted

    config = replace(PRESETS["pocket"], field_of_view="moge")
    assert permitted(config) == (config, ())
    needs = needs_of(config)
    assert "moge" in needs.models and needs.modules == {"moge": "pip install git+https://github.com/microsoft/MoGe.git"}
