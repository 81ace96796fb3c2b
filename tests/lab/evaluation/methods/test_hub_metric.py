"""Published metric models as methods, on tiny copies."""

import sys

import numpy as np
import pytest

from mfh.errors import BackendError, InputError
from mfh_lab.evaluation.methods.hub_metric import hub_contender
from mfh_lab.evaluation.methods.method import Method
from tests.lab.evaluation.made_up import photo_of

pytest.importorskip("torch")
tiny_depth = pytest.importorskip("tests.models.tiny_depth")

PHOTO = photo_of(np.random.default_rng(0).random((60, 90, 3)).astype(np.float32))


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch):
    monkeypatch.setenv("MFH_DEVICE", "cpu")


@pytest.mark.slow
def test_a_metric_model_of_a_folder_answers(tmp_path):
    tiny_depth.depth_anything(tmp_path / "model", metric=True)
    contender = hub_contender(str(tmp_path / "model"))
    assert contender.settings["model_type"] == "depth_anything" and "focal" not in contender.settings
    method = contender.load()
    assert isinstance(method, Method)
    answer = method.predict(PHOTO, name="a")
    assert answer.space == "depth" and answer.depth_m.shape == (60, 90) and answer.level_80 is None
    # Another model in the same place is another method.
    (tmp_path / "model" / "extra.txt").write_text("x")
    assert hub_contender(str(tmp_path / "model")).settings != contender.settings
    with pytest.raises(InputError, match="is for Depth Pro alone"):
        hub_contender(f"{tmp_path / 'model'}?focal=given")


@pytest.mark.slow
def test_depth_pro_is_told_whose_focal_length_to_go_by(tmp_path):
    tiny_depth.depth_pro(tmp_path / "model")
    own, given = (hub_contender(f"{tmp_path / 'model'}{how}") for how in ("", "?focal=given"))
    assert (own.settings["focal"], given.settings["focal"]) == ("estimated", "given")
    one, other = (contender.load().predict(PHOTO, name="a") for contender in (own, given))
    assert one.space == "disparity"
    inside = (one.depth_m > 1e-2) & (one.depth_m < 1e2)
    assert inside.any() and np.median((other.depth_m / one.depth_m)[inside]) != pytest.approx(1, abs=0.01)
    with pytest.raises(InputError, match=r"expected \?focal=given or \?focal=estimated"):
        hub_contender(f"{tmp_path / 'model'}?focal=35")


def test_a_place_that_is_none_is_refused():
    with pytest.raises(InputError, match="no folder 'nowhere'"):
        hub_contender("nowhere")


def test_without_the_hubs_libraries_it_says_what_to_install(tmp_path, monkeypatch):
    tiny_depth.depth_anything(tmp_path / "model", metric=True)
    contender = hub_contender(str(tmp_path / "model"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BackendError, match=r"needs the package 'transformers', which is not installed: pip install"):
        contender.load()
