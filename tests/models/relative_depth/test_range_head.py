from pathlib import Path

import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.relative_depth.pocket import LEAST_RANGE_SIGMA, RANGE_WEIGHTS, PocketRelativeDepth
from mfh.models.relative_depth.range_head import load_range_head
from tests.photos import TruePhoto, rooms


def test_two_layers_by_hand(tmp_path: Path):
    np.savez(
        tmp_path / "range.npz",
        weight_0=np.array([[1.0, -1.0], [0.0, 2.0]], np.float16),
        bias_0=np.array([0.5, 0.0], np.float32),
        # Logits of two Gaussians, means, log deviations.
        weight_1=np.array([[1.0, 0.0, 2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.25, 0.0]], np.float32),
        bias_1=np.array([0.0, 0.0, 0.25, 4.0, -0.5, -3.0], np.float32),
    )
    head = load_range_head(tmp_path / "range.npz", least_sigma=0.3)
    # Features (1, 2): hidden (1.5, 3); logits (1.5, 0), mean 2·1.5 + 3 + .25, log sigma .75 - .5.
    # Features (-1, 0): hidden (0, 1); logits (0, 0), mean 1 + .25, log sigma .25 - .5.
    said = head(np.array([[1.0, 2.0], [-1.0, 0.0]], np.float32))
    first = np.exp(1.5) / (1 + np.exp(1.5))
    expected = [
        (first / 2, 6.25, np.exp(0.25)),
        ((1 - first) / 2, 4.0, 0.3),
        (0.25, 1.25, np.exp(-0.25)),
        (0.25, 4.0, 0.3),
    ]
    np.testing.assert_allclose(said.parts, expected, rtol=1e-5)


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(WeightsError, match="no range head at"):
        load_range_head(tmp_path / "range.npz", least_sigma=0.3)


def test_it_is_never_surer_than_photos_differ():
    head = load_range_head(RANGE_WEIGHTS, least_sigma=LEAST_RANGE_SIGMA)
    for seed in range(5):
        said = head(np.random.default_rng(seed).random((2, 960), np.float32) * 5)
        assert min(sigma for _, _, sigma in said.parts) >= LEAST_RANGE_SIGMA
        assert sum(weight for weight, _, _ in said.parts) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "photo", rooms("pcl_five_people", "pcl_office1", "pcl_region_growing", "promptda_arkit"), ids=str
)
def test_real_rooms_reach_as_far_as_they_do(photo: TruePhoto):
    (relative,) = PocketRelativeDepth().predict([load_photo(photo.rgb_path).rgb])
    depth_m = photo.depth_m
    near, far = np.percentile(depth_m[depth_m > 0], (5, 95))
    assert relative.log_range is not None
    mean, sigma = relative.log_range.moments()
    assert abs(mean - np.log(far / near)) < 2 * sigma
