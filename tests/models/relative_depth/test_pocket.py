"""The shipped relative-depth network through its real file."""

import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh_lab.pocket.train.evaluate import aligned_score
from tests.photos import rooms

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> PocketRelativeDepth:
    return PocketRelativeDepth()


def test_predicts_disparity_at_the_photos_size_for_any_shape(model):
    rng = np.random.default_rng(0)
    for height, width in ((480, 640), (97, 33), (50, 700), (32, 32)):
        (relative,) = model.predict([rng.random((height, width, 3), np.float32)])
        assert relative.space == "disparity"
        assert relative.values.shape == (height, width) and relative.values.dtype == np.float32
        assert np.isfinite(relative.values).all()


def test_a_batch_is_the_same_as_one_by_one_in_any_order(model):
    rng = np.random.default_rng(1)
    photos = [rng.random((60 + 8 * k, 80, 3), np.float32) for k in range(3)]
    together = model.predict(photos)
    for k in (2, 0, 1):
        np.testing.assert_array_equal(together[k].values, model.predict([photos[k]])[0].values)


def test_a_mirrored_photo_gives_mirrored_depth(model):
    rgb = np.random.default_rng(2).random((96, 128, 3), np.float32)
    straight, mirrored = model.predict([rgb, np.ascontiguousarray(rgb[:, ::-1])])
    np.testing.assert_allclose(straight.values, mirrored.values[:, ::-1], atol=1e-3)


def test_red_stays_red_at_the_networks_input(model, monkeypatch):
    seen = []

    class Spy:
        def run(self, outputs, inputs):
            seen.append(inputs["rgb"])
            return [np.zeros((2, *inputs["rgb"].shape[2:]), np.float32), np.zeros((2, 960), np.float32)]

    monkeypatch.setattr(model, "_session", Spy())
    red = np.zeros((64, 64, 3), np.float32)
    red[..., 0] = 1
    model.predict([red])
    for batch in seen:
        assert batch[:, 0].min() == 1 and batch[:, 1:].max() == 0


@pytest.mark.parametrize(
    "photo", rooms("open3d_tum", "pcl_five_people", "pcl_office1", "pcl_region_growing", "promptda_arkit"), ids=str
)
def test_real_rooms_come_out_nearer_the_truth_than_constant_depth(model, photo):
    rgb = load_photo(photo.rgb_path).rgb
    score = aligned_score(model.predict([rgb])[0].values, photo.depth_m)
    assert score.positive
    assert score.abs_rel < 0.85 * score.constant_abs_rel


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(WeightsError, match="no pocket network"):
        PocketRelativeDepth(tmp_path / "absent.onnx")
