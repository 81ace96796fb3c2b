"""DINOv2's features through the hub's code, on a tiny copy with random weights."""

import numpy as np
import pytest

from mfh.errors import InputError, WeightsError
from tests.models import tiny_depth

pytest.importorskip("transformers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")

from mfh_lab.paper.figures.image_features import ImageFeatures, features_digest  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("dino") / "model"
    tiny_depth.dinov2(place)
    return place


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [(rng.random((60, 80, 3)) * share).astype(np.float32) for share in (1.0, 0.4)]


def test_features_are_the_class_token_of_the_prepared_picture(folder, pictures, no_network):
    import torch
    from transformers import Dinov2Model

    got = ImageFeatures(str(folder))(pictures[0])
    assert got.shape == (16,) and got.dtype == np.float32 and np.linalg.norm(got) == pytest.approx(1, abs=1e-6)
    # By hand what its processor does: short side to 64, middle 56 x 56, ImageNet's mean and deviation.
    from PIL import Image

    seen = Image.fromarray(np.rint(pictures[0] * 255).astype(np.uint8)).resize((85, 64), Image.Resampling.BICUBIC)
    middle = np.asarray(seen, np.float32)[4:60, 14:70] / 255
    prepared = (middle - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        pixels = torch.tensor(prepared.transpose(2, 0, 1)[None], dtype=torch.float32)
        token = Dinov2Model.from_pretrained(folder).eval()(pixels).last_hidden_state[0, 0].numpy()
    assert got @ (token / np.linalg.norm(token)) > 0.999


def test_different_pictures_differ_and_the_same_one_does_not(folder, pictures, no_network):
    model = ImageFeatures(str(folder))
    assert model(pictures[0]) @ model(pictures[1]) < 0.99
    np.testing.assert_array_equal(model(pictures[0]), model(pictures[0]))


def test_the_digest_is_of_the_weights(folder, tmp_path):
    tiny_depth.dinov2(tmp_path / "other", seed=1)
    assert features_digest(str(folder)) == features_digest(str(folder)) != features_digest(str(tmp_path / "other"))


def test_what_is_no_dinov2_is_one_line(folder, tmp_path, monkeypatch, no_network):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(InputError, match="is a 'vit' model: expected one of dinov2"):
        ImageFeatures(str(tmp_path))
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with pytest.raises(WeightsError, match="mfh weights fetch hf:facebook/dinov2-base"):
        ImageFeatures()
