from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mfh.models.relative_depth.range_head import load_range_head  # noqa: E402
from mfh_lab.pocket.train.evaluate import aligned_log_range, best_log_range  # noqa: E402
from mfh_lab.pocket.train.range_layers import fit_layers  # noqa: E402
from mfh_lab.pocket.train.shape_range import (  # noqa: E402
    EMPTY_SIZES,
    describe,
    empty_depths,
    shard_depths,
    train_shape_range,
    warped,
)
from mfh_lab.pocket.world.bodies import BodyBank  # noqa: E402

pytestmark = pytest.mark.slow

SHARD = {"train_00000.npz": 0, "train_00001.npz": 1}


def scenes(seed: int) -> np.ndarray:
    """Depths (n, h, w) of slopes that reach from 2 m to 3 to 40 m, half of them under a sky (0)."""
    rng = np.random.default_rng(seed)
    reach = rng.uniform(1.5, 20, 24)
    slope = np.linspace(0, 1, 84)[None, :, None] * np.ones((1, 1, 112))
    depth_m = 2 / (slope + (1 - slope) / reach[:, None, None])
    depth_m[::2, :20] = 0
    return depth_m


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for name, seed in SHARD.items():
        np.savez(tmp_path / name, depth_m=scenes(seed).astype(np.float16))
    return tmp_path


def test_the_label_is_the_range_of_the_best_affine_head():
    depth_m = np.tile(np.geomspace(2.0, 12.0, 80), (60, 1))
    disparity = (3 / depth_m - 0.2).astype(np.float32)
    near, far = np.percentile(depth_m, (5, 95))
    for log_range in (best_log_range, aligned_log_range):
        assert log_range(disparity, depth_m) == pytest.approx(np.log(far / near), abs=0.08)
        assert log_range(disparity, np.zeros_like(depth_m)) is None
    assert aligned_log_range(-disparity, depth_m) is None


def test_layers_learn_what_features_say_and_how_sure_they_are(tmp_path: Path):
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (4000, 3)).astype(np.float32)
    log_range = (2 + features[:, 0] + rng.normal(0, 0.5, 4000)).astype(np.float32)
    options = {"widths": (32, 16), "epochs": 30, "dropout": 0.0, "seed": 0}
    weights = fit_layers(features, log_range, **options)
    np.savez(tmp_path / "range.npz", allow_pickle=False, **weights)
    head = load_range_head(tmp_path / "range.npz", least_sigma=0.1)
    said = np.array([head(one[None]).moments() for one in features])
    assert np.corrcoef(said[:, 0], log_range)[0, 1] > 0.75
    assert np.median(said[:, 1]) == pytest.approx(0.5, abs=0.15)
    again = fit_layers(features, log_range, **options)
    assert set(again) == {"weight_0", "bias_0", "weight_1", "bias_1", "weight_2", "bias_2"}
    for name, value in again.items():
        np.testing.assert_array_equal(value, weights[name])


def test_a_map_is_warped_by_as_much_as_it_says():
    true = 1 / np.maximum(scenes(0)[1], 0.05)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(warped(true, 0.0, rng), true / true.max(), rtol=1e-6)
    off = []
    for _ in range(40):
        ratio = np.log(warped(true, 0.1, rng) / true)
        off.append((ratio - ratio.mean()).std())
    assert 0.03 < np.mean(off) < 0.3
    sky = warped(np.zeros((84, 112)), 0.1, rng)
    assert (sky == 0).all()


def test_descriptions_depend_on_the_seed_alone(shards: Path):
    paths = sorted(shards.glob("train_*.npz"))
    first, again, other = (describe(shard_depths(paths), seed=seed, cuts=2) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[0].shape == (len(first[1]), 168) and len(first[1]) > 80
    assert not np.array_equal(first[0][:50], other[0][:50])


def test_empty_scenes_are_the_same_every_time_and_have_nobody_in_them(bank: BodyBank):
    own = replace(bank, split=np.zeros_like(bank.split))
    depths = list(empty_depths(own, 3))
    for depth_m, again, (width, height) in zip(depths, empty_depths(own, 3), EMPTY_SIZES, strict=False):
        assert depth_m.shape == (height, width)
        np.testing.assert_array_equal(depth_m, again)


def test_training_writes_a_head_that_is_read(shards: Path, bank: BodyBank):
    bank_path, out = shards / "bodies.npz", shards / "shape_range.npz"
    replace(bank, split=np.zeros_like(bank.split)).save(bank_path)
    (shards / "train_00001.npz").unlink()
    seen = []
    train_shape_range(shards, bank_path, out, seed=0, progress=lambda what, fraction: seen.append(fraction))
    assert seen == sorted(seen) and 0 <= seen[0] < seen[-1] < 1
    features, labels = describe(shard_depths([shards / "train_00000.npz"]), seed=0, cuts=4)
    head = load_range_head(out, least_sigma=0.1)
    said = np.array([head(one[None]).moments() for one in features])
    assert np.abs(said[:, 0].mean() - labels.mean()) < labels.std()
    assert np.mean(np.abs(said[:, 0] - labels) < 2 * said[:, 1]) > 0.7
