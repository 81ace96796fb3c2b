"""Similarity to training pictures: by a naive twin, and computed once."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh_lab.paper.figures.similarity import FeatureCache, largest_cosine, picture_array, picture_file


class Model:
    """Features that are the picture's mean colours; counts how often it is asked."""

    def __init__(self):
        self.loaded = self.asked = 0

    def load(self):
        self.loaded += 1
        return self

    def __call__(self, rgb):
        self.asked += 1
        mean = rgb.mean(axis=(0, 1))
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def test_largest_cosine_matches_a_naive_twin_in_any_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    tests, training = rng.normal(size=(7, 5)), rng.normal(size=(23, 5))
    naive = [max(t @ r / np.linalg.norm(t) / np.linalg.norm(r) for r in training) for t in tests]
    np.testing.assert_allclose(largest_cosine(tests, training), naive)
    monkeypatch.setattr("mfh_lab.paper.figures.similarity._ROWS_AT_ONCE", 4)
    np.testing.assert_allclose(largest_cosine(tests, training), naive)
    assert largest_cosine(training[:1] * 3, training)[0] == pytest.approx(1)
    with pytest.raises(InputError, match="features of 5 and 4 numbers"):
        largest_cosine(tests, training[:, :4])


def test_features_are_computed_once_and_a_warm_cache_loads_no_model(tmp_path):
    model, pictures = Model(), [picture_array(str(k), np.full((4, 4, 3), k / 5 + 0.1, np.float32)) for k in range(3)]
    cache = FeatureCache(tmp_path, model="m", load_model=model.load)
    first = cache.all_of([*pictures, pictures[0]], "test", progress=lambda what, share: None)
    assert (model.loaded, model.asked, cache.computed) == (1, 3, 3)
    again = FeatureCache(tmp_path, model="m", load_model=model.load)
    np.testing.assert_array_equal(again.all_of(pictures, "test", progress=lambda what, share: None), first[:3])
    assert (model.loaded, model.asked) == (1, 3)
    FeatureCache(tmp_path, model="other", load_model=model.load).of(pictures[0])
    assert model.asked == 4, "another model's features are not taken"


def test_a_picture_is_known_by_its_content(tmp_path):
    Image.new("RGB", (40, 40), (200, 10, 10)).save(tmp_path / "a.png")
    before = picture_file(tmp_path / "a.png")
    assert before.load()[0, 0, 0] == pytest.approx(200 / 255)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert picture_file(tmp_path / "b.png").fingerprint == before.fingerprint
    Image.new("RGB", (40, 40), (10, 10, 10)).save(tmp_path / "a.png")
    assert picture_file(tmp_path / "a.png").fingerprint != before.fingerprint
    with pytest.raises(InputError, match="no such file"):
        picture_file(tmp_path / "nowhere.png")


def test_a_damaged_file_is_named_and_no_pictures_are_refused(tmp_path):
    cache = FeatureCache(tmp_path, model="m", load_model=Model().load)
    picture = picture_array("x", np.ones((4, 4, 3), np.float32))
    cache.of(picture)
    next(tmp_path.rglob("*.npy")).write_bytes(b"")
    with pytest.raises(InputError, match="is empty .*; delete it"):
        cache.of(picture)
    with pytest.raises(InputError, match="no training picture"):
        cache.all_of([], "training", progress=lambda what, share: None)
