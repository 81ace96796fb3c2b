"""Relative depth of hub models on tiny random-weight copies, loaded as from the hub, with no way to a network."""

import cv2
import numpy as np
import pytest

from mfh.errors import InputError, WeightsError
from mfh.models.registry import REGISTRY, load_models
from mfh.models.relative_depth.hub_depth import limit_aspect, space_of, without_zoedepth_padding
from mfh.weights.hub import cached_folder, parse_source

torch = pytest.importorskip("torch")
tiny_depth = pytest.importorskip("tests.models.tiny_depth")

pytestmark = pytest.mark.slow

NAMES = sorted(set(REGISTRY["relative_depth"]) - {"pocket"})
RNG = np.random.default_rng(0)
PHOTO = RNG.random((60, 90, 3)).astype(np.float32)


def load(name):
    return load_models({"relative_depth": name})["relative_depth"]


@pytest.mark.parametrize("name", NAMES)
def test_photos_of_any_size_come_back_at_their_own(name, tiny_weights):
    tiny_weights(name)
    model = load(name)
    assert model.name == name
    shapes = [(60, 90), (33, 21), (20, 200)] if name != "marigold" else [(60, 90), (33, 21)]
    photos = [RNG.random((*shape, 3)).astype(np.float32) for shape in shapes]
    together = model.predict(photos)
    for photo, relative in zip(photos, together, strict=True):
        assert relative.values.shape == photo.shape[:2] and relative.values.dtype == np.float32
        assert np.isfinite(relative.values).all() and relative.values.std() > 0
        assert relative.space == ("depth" if name == "marigold" else "disparity")
        np.testing.assert_array_equal(model.predict([photo])[0].values, relative.values)


def test_depth_anything_is_what_the_library_computes(tiny_weights):
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    tiny_weights("depth-anything-v1-small")
    folder = cached_folder(parse_source("hf:LiheYoung/depth-anything-small-hf"))
    pixels = np.rint(PHOTO * 255).astype(np.uint8)
    inputs = AutoImageProcessor.from_pretrained(folder)(images=[pixels], return_tensors="pt")
    with torch.no_grad():
        depth = AutoModelForDepthEstimation.from_pretrained(folder).eval()(**inputs).predicted_depth[None]
    expected = torch.nn.functional.interpolate(depth, PHOTO.shape[:2], mode="bilinear")[0, 0].numpy()
    np.testing.assert_allclose(load("depth-anything-v1-small").predict([PHOTO])[0].values, expected, atol=1e-4)


def test_zoedepth_gives_its_relative_output_not_its_metres(tiny_weights):
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    tiny_weights("zoedepth")
    folder = cached_folder(parse_source("hf:Intel/zoedepth-nyu-kitti"))
    network = AutoModelForDepthEstimation.from_pretrained(folder).eval()
    pixels = np.rint(PHOTO * 255).astype(np.uint8)
    inputs = AutoImageProcessor.from_pretrained(folder)(images=[pixels], return_tensors="pt")
    # The same steps by hand: backbone, neck, relative head.
    with torch.no_grad():
        features = network.backbone(inputs["pixel_values"]).feature_maps
        height, width = (side // network.patch_size for side in inputs["pixel_values"].shape[2:])
        relative, _ = network.relative_head(network.neck(features, height, width)[0])
    # 60 rows are padded by int(3·sqrt(30)) = 16, 90 columns by int(3·sqrt(45)) = 20.
    padded = cv2.resize(relative[0].numpy(), (90 + 40, 60 + 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(load("zoedepth").predict([PHOTO])[0].values, padded[16:76, 20:110], atol=1e-5)


def test_padding_is_taken_off_where_it_was_put_on():
    rows, columns = np.mgrid[:92, :130].astype(np.float32)
    cropped = without_zoedepth_padding(rows * 1000 + columns, 60, 90)
    np.testing.assert_array_equal(cropped, (rows * 1000 + columns)[16:76, 20:110])


@pytest.mark.parametrize("name", ["depth-anything-v1-large", "zoedepth"])
def test_a_red_photo_is_red_where_the_network_sees_it(name, tiny_weights, monkeypatch):
    tiny_weights(name)
    model = load(name)
    seen: list[torch.Tensor] = []
    model._model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    red = np.zeros((60, 60, 3), np.float32)
    red[..., 0] = 1
    model.predict([red])
    mean, sigma = np.array(model._processor.image_mean), np.array(model._processor.image_std)
    np.testing.assert_allclose(seen[0][0].mean((1, 2)).numpy() * sigma + mean, [1, 0, 0], atol=1e-3)


def test_a_red_photo_is_red_where_marigold_sees_it(tiny_weights, monkeypatch):
    tiny_weights("marigold")
    model = load("marigold")
    seen: list[torch.Tensor] = []
    encode = model._pipeline.vae.encode
    monkeypatch.setattr(model._pipeline.vae, "encode", lambda picture: seen.append(picture) or encode(picture))
    red = np.zeros((64, 64, 3), np.float32)
    red[..., 0] = 1
    model.predict([red])
    np.testing.assert_allclose(seen[0][0].mean((1, 2)).numpy(), [1, -1, -1], atol=1e-3)


def test_marigolds_seed_counts_and_its_ensemble_is_not_one_of_its_members(tiny_weights):
    from mfh.models.relative_depth.hub_depth import Marigold, MarigoldOptions

    tiny_weights("marigold")
    folder = cached_folder(parse_source("hf:prs-eth/marigold-depth-v1-1"))

    def predict(**options) -> np.ndarray:
        return Marigold(folder, MarigoldOptions(**options), name="tiny").predict([PHOTO])[0].values

    one, other, ensemble = predict(ensemble_size=1), predict(ensemble_size=1, seed=1), predict(ensemble_size=3)
    assert np.abs(one - other).max() > 1e-3 and np.abs(one - ensemble).max() > 1e-3
    np.testing.assert_array_equal(one, predict(ensemble_size=1))
    with pytest.raises(InputError, match="expected 1, or at least 3"):
        MarigoldOptions(ensemble_size=2)


@pytest.mark.parametrize(
    ("config", "space"),
    [
        ({"model_type": "depth_anything"}, "disparity"),
        ({"model_type": "depth_anything", "depth_estimation_type": "metric"}, "depth"),
        ({"model_type": "zoedepth"}, "disparity"),
        ({"model_type": "glpn"}, "depth"),
    ],
)
def test_every_model_states_its_space(config, space):
    assert space_of(config, "x") == space


def test_a_model_that_does_not_say_what_it_predicts_is_refused_until_the_user_does(tiny_weights, tmp_path):
    import json

    with pytest.raises(InputError, match=r"'dpt' model, which may predict .* as in hf:org/name\?space=disparity"):
        space_of({"model_type": "dpt"}, "hf:org/name")
    tiny_depth.depth_anything(tmp_path, metric=True)
    assert load(str(tmp_path)).space == "depth"
    assert load(f"{tmp_path}?space=disparity").space == "disparity"
    # Marigold says it itself, and by its files it is known whatever it is called.
    tiny_weights("marigold")
    assert load("hf:prs-eth/marigold-depth-v1-1").space == "depth"
    with pytest.raises(InputError, match="says itself that it predicts depth"):
        load("hf:prs-eth/marigold-depth-v1-1?space=disparity")
    index = tmp_path / "config.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "model_type": "nonsense"}))
    with pytest.raises(WeightsError, match="is no depth model that can be loaded"):
        load(f"{tmp_path}?space=depth")


def test_long_photos_are_squeezed():
    assert limit_aspect(PHOTO) is PHOTO
    assert limit_aspect(np.zeros((20, 300, 3), np.float32)).shape == (20, 80, 3)
    assert limit_aspect(np.zeros((300, 1, 3), np.float32)).shape == (4, 1, 3)
