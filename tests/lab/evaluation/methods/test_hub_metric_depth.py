"""Metres of published metric models, on tiny random-weight copies, against the steps their documentation gives."""

import json
import math

import cv2
import numpy as np
import pytest

from mfh.errors import InputError
from mfh.types import Camera
from mfh_lab.evaluation.methods.hub_metric_depth import kind_of, load_metric_depth

torch = pytest.importorskip("torch")
tiny_depth = pytest.importorskip("tests.models.tiny_depth")

PHOTO = np.random.default_rng(0).random((60, 90, 3)).astype(np.float32)
CAMERA = Camera(70.0, 70.0, 44.5, 29.5, 90, 60)


@pytest.fixture
def folders(tmp_path_factory, no_network, monkeypatch):
    """Tiny copies of metric models in folders of their own."""
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    root = tmp_path_factory.mktemp("models")
    return {
        "depth_anything": (root / "a", lambda folder: tiny_depth.depth_anything(folder, metric=True)),
        "zoedepth": (root / "b", tiny_depth.zoedepth),
        "depth_pro": (root / "c", tiny_depth.depth_pro),
        "relative": (root / "d", tiny_depth.depth_anything),
        "glpn": (root / "e", tiny_depth.glpn),
        "dpt": (root / "f", tiny_depth.dpt),
    }


@pytest.fixture
def made(folders):
    """Make one of them."""

    def make(name):
        folder, build = folders[name]
        build(folder)
        return folder

    return make


def predict(folder, **options):
    model = load_metric_depth(folder, kind_of(folder, name="tiny", is_metric=True), **options)
    found = model.predict_m(PHOTO, CAMERA)
    assert found.shape == (60, 90) and found.dtype == np.float32 and (found > 0).all() and found.std() > 0
    return found


def inputs_of(folder):
    from transformers import AutoImageProcessor

    pixels = np.rint(PHOTO * 255).astype(np.uint8)
    return AutoImageProcessor.from_pretrained(folder)(images=[pixels], return_tensors="pt")["pixel_values"]


def network_of(folder):
    from transformers import AutoModelForDepthEstimation

    return AutoModelForDepthEstimation.from_pretrained(folder).eval()


@pytest.mark.parametrize(("name", "most_m"), [("depth_anything", 20), ("glpn", 10), ("dpt", math.inf)])
def test_networks_that_answer_in_metres_give_what_the_library_gives(made, name, most_m):
    folder = made(name)
    assert kind_of(folder, name="tiny", is_metric=True).space == "depth"
    with torch.no_grad():
        depth = network_of(folder)(inputs_of(folder)).predicted_depth[None]
    expected = torch.nn.functional.interpolate(depth, (60, 90), mode="bilinear")[0, 0].numpy()
    np.testing.assert_allclose(predict(folder), expected, atol=1e-4)
    assert expected.max() <= most_m, "metres of a model made for so many"


@pytest.mark.slow
def test_zoedepth_is_the_mean_of_the_photo_and_its_mirror_image_without_padding(made):
    folder = made("zoedepth")
    pixels = inputs_of(folder)
    network = network_of(folder)
    with torch.no_grad():
        one = network(pixels).predicted_depth
        other = torch.flip(network(torch.flip(pixels, [3])).predicted_depth, [2])
    # 60 rows are padded by int(3·sqrt(30)) = 16, 90 columns by int(3·sqrt(45)) = 20.
    mean = ((one + other) / 2)[0].numpy()
    expected = cv2.resize(mean, (90 + 40, 60 + 32), interpolation=cv2.INTER_LINEAR)[16:76, 20:110]
    np.testing.assert_allclose(predict(folder), expected, atol=1e-5)
    assert np.abs(one[0].numpy() - mean).max() > 1e-7, "the mirror image counts"


@pytest.mark.slow
def test_depth_pro_brings_inverse_depth_to_the_focal_length(made):
    folder = made("depth_pro")
    assert kind_of(folder, name="tiny").space == "disparity"
    normal = (torch.from_numpy(PHOTO).permute(2, 0, 1)[None] - 0.5) / 0.5
    pixels = torch.nn.functional.interpolate(normal, size=(128, 128), mode="bilinear", align_corners=False)
    with torch.no_grad():
        outputs = network_of(folder)(pixel_values=pixels)
    # What the library's post_process_depth_estimation does, which needs torchvision to be made.
    focal_px = 0.5 * 90 / math.tan(0.5 * math.radians(float(outputs.field_of_view[0])))
    inverse = outputs.predicted_depth[None] * 90 / focal_px
    inverse = torch.nn.functional.interpolate(inverse, (60, 90), mode="bilinear")[0, 0]
    expected = torch.clamp(inverse, 1e-4, 1e4).numpy()
    # Compared as it is interpolated, with the rounding of the two libraries' weights.
    rounding = 1e-4 * float(expected.max())
    np.testing.assert_allclose(1 / predict(folder), expected, atol=rounding)
    # Metres are proportional to the focal length gone by.
    given = torch.clamp(inverse * (focal_px / 70), 1e-4, 1e4).numpy()
    np.testing.assert_allclose(1 / predict(folder, focal="given"), given, atol=rounding * focal_px / 70)
    assert np.abs(expected - given).max() > 10 * rounding, "the two focal lengths differ"


def test_models_that_do_not_predict_metres_are_refused(made, tmp_path):
    with pytest.raises(InputError, match="predicts relative depth: compare a metric one, or give it a scale with"):
        kind_of(made("relative"), name="hf:org/name")
    for model_type, says, message in (
        ("dpt", False, r"if it predicts metric depth, write hf:org/name\?space=depth"),
        ("prompt_depth_anything", True, "is not known|not known to predict metric depth"),
        ("bert", False, "'bert' model, which is not known to predict metric depth$"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
        with pytest.raises(InputError, match=message):
            kind_of(tmp_path, name="hf:org/name", is_metric=says)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dpt"}))
    assert kind_of(tmp_path, name="x", is_metric=True).space == "depth"
