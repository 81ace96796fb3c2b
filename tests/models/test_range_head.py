from pathlib import Path

import numpy as np
import pytest

from mfh.errors import WeightsError
from mfh.io.photo import load_photo
from mfh.models.relative_depth.pocket import RANGE_WEIGHTS, PocketRelativeDepth
from mfh.models.relative_depth.range_head import LEAST_SIGMA, load_range_head


def test_two_layers_by_hand(tmp_path: Path):
    np.savez(
        tmp_path / "range.npz",
        weight_0=np.array([[1.0, -1.0], [0.0, 2.0]], np.float16),
        bias_0=np.array([0.5, 0.0], np.float32),
        weight_1=np.array([[2.0, 0.0], [1.0, 0.25]], np.float32),
        bias_1=np.array([0.25, -0.5], np.float32),
    )
    head = load_range_head(tmp_path / "range.npz")
    # Features (1, 2): hidden (1.5, 3); out (2·1.5 + 3 + .25, .75 - .5). Features (-1, 0): hidden (0, 1).
    mean, sigma = head(np.array([[1.0, 2.0], [-1.0, 0.0]], np.float32))
    assert mean == pytest.approx((6.25 + 1.25) / 2)
    assert sigma == pytest.approx(np.exp((0.25 - 0.25) / 2))


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(WeightsError, match="no range head at"):
        load_range_head(tmp_path / "range.npz")


def test_it_is_never_surer_than_photos_differ():
    head = load_range_head(RANGE_WEIGHTS)
    for seed in range(5):
        _, sigma = head(np.random.default_rng(seed).random((2, 960), np.float32) * 5)
        assert sigma >= LEAST_SIGMA


@pytest.mark.parametrize("name", ["pcl_five_people", "pcl_office1", "pcl_region_growing", "promptda_arkit"])
def test_real_rooms_reach_as_far_as_they_do(shared_data, name: str):
    folder = shared_data / "rgbd" / name
    (relative,) = PocketRelativeDepth().predict([load_photo(folder / "rgb.png").rgb])
    depth_m = np.load(folder / "depth.npy")
    near, far = np.percentile(depth_m[depth_m > 0], (5, 95))
    assert relative.log_range is not None
    mean, sigma = relative.log_range
    assert abs(mean - np.log(far / near)) < 2 * sigma
