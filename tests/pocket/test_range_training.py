from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mfh.models.relative_depth.range_head import load_range_head  # noqa: E402
from mfh.pocket.evaluate import best_log_range  # noqa: E402
from mfh.pocket.train_range import Seen, train_head  # noqa: E402


def test_the_label_is_the_range_of_the_best_affine_head():
    depth_m = np.tile(np.geomspace(2.0, 12.0, 80), (60, 1))
    disparity = (3 / depth_m - 0.2).astype(np.float32)
    near, far = np.percentile(depth_m, (5, 95))
    assert best_log_range(disparity, depth_m) == pytest.approx(np.log(far / near), abs=0.08)
    assert best_log_range(disparity, np.zeros_like(depth_m)) is None


def test_it_learns_what_features_say_and_how_sure_they_are(tmp_path: Path):
    rng = np.random.default_rng(0)
    pooled = rng.normal(0, 1, (4000, 2, 12)).astype(np.float32)
    pooled[:, 1] = pooled[:, 0]
    log_range = (2 + pooled[:, 0, 0] + rng.normal(0, 0.5, 4000)).astype(np.float32)
    weights = train_head(Seen(pooled, log_range), seed=0)
    np.savez(tmp_path / "range.npz", allow_pickle=False, **weights)
    head = load_range_head(tmp_path / "range.npz")
    said = np.array([head(one) for one in pooled])
    assert np.corrcoef(said[:, 0], log_range)[0, 1] > 0.6
    assert 0.3 < np.median(said[:, 1]) < 0.9
    again = train_head(Seen(pooled, log_range), seed=0)
    np.testing.assert_array_equal(again["hidden"], weights["hidden"])
