"""Loss, augmentation, export and the shipped network agree with what they claim."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mfh.errors import InputError  # noqa: E402
from mfh.models.relative_depth.pocket import WEIGHTS  # noqa: E402
from mfh.models.sessions import input_size  # noqa: E402
from mfh_lab.pocket.train.augment import TrainingSample, augment  # noqa: E402
from mfh_lab.pocket.train.depth import aligned_ratio, depth_loss, make_task, relative_gap  # noqa: E402
from mfh_lab.pocket.train.evaluate import aligned_score  # noqa: E402
from mfh_lab.pocket.train.export import export_onnx, load_network  # noqa: E402
from mfh_lab.pocket.train.network import PocketDepth  # noqa: E402
from mfh_lab.pocket.train.training import Schedule  # noqa: E402
from mfh_lab.pocket.world.dataset import Shard  # noqa: E402


@pytest.fixture(scope="module")
def depth_m() -> np.ndarray:
    rng = np.random.default_rng(0)
    v = np.linspace(0, 1, 48)[:, None] * np.ones((1, 64))
    depth = 8 / (0.5 + 3 * v) + 0.1 * rng.random((48, 64))
    depth[10:40, 20:30] = 2.0
    depth[:6] = 0.0
    return depth.astype(np.float32)


def _loss(predicted: np.ndarray, depth: np.ndarray) -> float:
    person = torch.zeros((1, *depth.shape), dtype=torch.bool)
    return depth_loss(torch.tensor(predicted[None]).float(), torch.tensor(depth[None]), person).item()


def test_loss_is_zero_for_the_truth_and_blind_to_affine_maps(depth_m):
    truth = np.where(depth_m > 0, 1 / np.maximum(depth_m, 0.1), 0)
    assert _loss(truth, depth_m) < 0.02
    wrong = truth + 0.1 * np.random.default_rng(1).standard_normal(truth.shape)
    assert _loss(wrong, depth_m) > 10 * _loss(truth, depth_m)
    assert _loss(7 * wrong + 3, depth_m) == pytest.approx(_loss(wrong, depth_m), rel=0.02)
    assert _loss(-truth, depth_m) > 1.0


def test_a_depth_too_far_costs_more_the_farther_it_is():
    ratio = torch.tensor([1.0, 0.5, 2.0, 0.2500001, 0.2499999, 0.0, -1.0, 100.0], requires_grad=True)
    gap = relative_gap(ratio)
    expected = [0.0, 0.75, 0.75, 1.875, 1.875, 1.875 + 8.5 / 4, 1.875 + 8.5 * 1.25, 2.0]
    np.testing.assert_allclose(gap.detach().numpy(), expected, atol=1e-5)
    gap.sum().backward()
    assert ratio.grad is not None and torch.isfinite(ratio.grad).all()
    # Behind infinity it still pulls back.
    np.testing.assert_allclose(ratio.grad[5:7].numpy(), -8.5, rtol=1e-5)


def test_the_loss_is_taken_under_the_map_of_the_score(depth_m):
    wrong = np.where(depth_m > 0, 1 / np.maximum(depth_m, 0.1), 0)
    wrong[:, :4] -= 0.3
    seen = torch.tensor(depth_m[None] > 0).float()
    ratio = aligned_ratio(torch.tensor(wrong[None]).float(), torch.tensor(depth_m[None]), seen)[0].numpy()
    right = depth_m > 0
    right[:, :4] = False
    # What is seen right stays right; what is not has no say.
    np.testing.assert_allclose(ratio[right], 1, atol=0.05)
    assert ratio[depth_m > 0].min() < -0.5


def test_loss_weighs_people(depth_m):
    truth = np.where(depth_m > 0, 1 / np.maximum(depth_m, 0.1), 0)
    wrong = truth.copy()
    wrong[10:40, 20:30] += 0.3
    person = torch.zeros((1, 48, 64), dtype=torch.bool)
    plain = depth_loss(torch.tensor(wrong[None]).float(), torch.tensor(depth_m[None]), person)
    person[0, 10:40, 20:30] = True
    assert depth_loss(torch.tensor(wrong[None]).float(), torch.tensor(depth_m[None]), person) > 1.1 * plain


def test_augmentation_moves_picture_and_depth_together_and_is_seeded():
    ramp = np.tile(np.linspace(0.2, 0.9, 224, dtype=np.float32), (168, 1))
    sample = TrainingSample(np.repeat(ramp[..., None], 3, -1), 1 + ramp, ramp > 0.5)
    for seed in range(12):
        out = augment(sample, (192, 144), np.random.default_rng(seed))
        again = augment(sample, (192, 144), np.random.default_rng(seed))
        np.testing.assert_array_equal(out.rgb, again.rgb)
        assert out.rgb.shape == (144, 192, 3) and out.depth_m.shape == (144, 192)
        assert 0 <= out.rgb.min() and out.rgb.max() <= 1
        # Flips and crops must hit both: brightness still rises with depth along the row.
        slope = np.corrcoef(out.rgb.mean((0, 2)), out.depth_m.mean(0))[0, 1]
        assert slope > 0.5
        np.testing.assert_array_equal(out.person, out.depth_m > 1.5)


@pytest.mark.slow
def test_batches_come_from_shards_in_every_size_and_people_are_drawn_more_often(tmp_path: Path):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="render them"):
        make_task(tmp_path)
    for number, (height, width) in enumerate([(168, 224), (112, 336)]):
        shard = Shard(
            rgb=rng.integers(0, 255, (4, height, width, 3)).astype(np.uint8),
            depth_m=np.repeat(np.array([1, 2, 3, 4], np.float16), height * width).reshape(4, height, width),
            person=np.zeros((4, height, width), bool),
            f_px=np.full(4, 200, np.float32),
            plane=np.full((4, 3), np.nan),
            free_mask=np.zeros((4, height, width), bool),
        )
        shard.person[0, :50] = True
        np.savez(tmp_path / f"train_{number:05d}.npz", **{one.name: getattr(shard, one.name) for one in fields(Shard)})
    task, schedule = make_task(tmp_path), Schedule(steps=40, batch=2)
    batches = [task.batch(schedule, step, rank) for step in range(40) for rank in (0, 1)]
    sizes = [tuple(rgb.shape[2:]) for rgb, _, _ in batches]
    assert set(sizes) == {(144, 192), (192, 256), (96, 288), (128, 384)}
    assert sizes[::2] == sizes[1::2]
    drawn = np.concatenate([depth[:, 0, 0].numpy() for _, depth, _ in batches])
    assert 0.28 < (drawn == 1).mean() < 0.47  # 1.8 of 4.8, not one in four
    again = task.batch(schedule, 7, 1)
    assert all(torch.equal(one, same) for one, same in zip(batches[15], again, strict=True))


def test_learning_rate_warms_up_and_ends_small():
    schedule = Schedule(steps=1000)
    assert schedule.factor(0) == pytest.approx(0.01, rel=0.01)
    assert schedule.factor(150) > 0.9
    assert schedule.factor(999) < 0.01
    assert Schedule(steps=1000, cosine=False).factor(999) == 1.0


def _random_weights(network, folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(network.state_dict(), folder / "random.safetensors")
    return folder / "random.safetensors"


@pytest.mark.slow
def test_exported_network_equals_the_training_code(tmp_path: Path):
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = load_network("depth", _random_weights(PocketDepth(), tmp_path))
    export_onnx("depth", network, tmp_path / "depth.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "depth.onnx"), providers=["CPUExecutionProvider"])
    for height, width in ((96, 128), (128, 64)):
        rgb = np.random.default_rng(0).random((2, 3, height, width), np.float32)
        disparity, pooled = session.run(None, {"rgb": rgb})
        with torch.no_grad():
            theirs = [each.numpy() for each in network(torch.from_numpy(rgb))]
            plain = PocketDepth()
            plain.load_state_dict(network.state_dict())
            trained = plain.eval()(torch.from_numpy(rgb)).numpy()
        assert disparity.shape == (2, height, width)
        np.testing.assert_allclose(disparity, theirs[0], atol=1e-4)
        np.testing.assert_allclose(disparity, trained, atol=1e-4)
        np.testing.assert_allclose(pooled, theirs[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["depth", "painter"])
def test_shipped_networks_are_the_training_code_s(kind):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = WEIGHTS.with_name(f"{kind}.onnx")
    rgb = np.random.default_rng(0).random((1, 3, 192, 256), np.float32)
    inputs = {"rgb": rgb} if kind == "depth" else {"rgb": rgb, "blank": np.zeros_like(rgb[:, :1])}
    with torch.no_grad():
        theirs = load_network(kind, path)(*(torch.from_numpy(x) for x in inputs.values()))
    ours = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine).max() > 0.01
        np.testing.assert_allclose(mine, other.numpy(), atol=1e-4, rtol=1e-4)


def test_network_input_keeps_the_aspect_in_steps_of_32():
    for height, width in ((480, 640), (640, 480), (375, 1242), (4000, 6000), (40, 4000)):
        tall, wide = input_size(height, width, 192 * 256)
        assert tall % 32 == 0 and wide % 32 == 0
        assert 0.6 < tall * wide / (192 * 256) < 1.5
        if width / height < 4:
            assert abs(np.log(wide / tall * height / width)) < 0.25


def test_aligned_score_is_blind_to_affine_maps_and_sees_errors(depth_m):
    truth = np.where(depth_m > 0, 1 / np.maximum(depth_m, 0.1), 0)
    exact = aligned_score(-3 + 0.2 * truth, depth_m)
    assert exact.abs_rel < 1e-5 and exact.delta1 == 1.0 and exact.positive
    assert not aligned_score(-truth, depth_m).positive
    noisy = aligned_score(truth * np.exp(0.2 * np.random.default_rng(0).standard_normal(truth.shape)), depth_m)
    assert 0.05 < noisy.abs_rel < 0.4
    assert exact.constant_abs_rel > 0.2
    with pytest.raises(ValueError, match="200"):
        aligned_score(truth, np.zeros_like(depth_m))


def test_the_map_of_silog_is_exact_too_and_sends_nothing_to_infinity(depth_m):
    truth = np.where(depth_m > 0, 1 / np.maximum(depth_m, 0.1), 0)
    exact = aligned_score(-3 + 0.2 * truth, depth_m, fit="silog")
    assert exact.abs_rel < 1e-5 and exact.delta1 == 1.0 and exact.positive
    # Far was seen as near: its scale is positive, so nearly constant depth is best.
    turned = aligned_score(-truth, depth_m, fit="silog")
    assert turned.abs_rel == pytest.approx(turned.constant_abs_rel, rel=0.2)
    # An eighth of the picture is seen much too far: the reweighted map is right elsewhere, and puts it at 100 m.
    wrong = truth.copy()
    wrong[:, :8] -= 0.3
    assert aligned_score(wrong, depth_m).abs_rel > 1
    assert aligned_score(wrong, depth_m, fit="silog").abs_rel < 0.3


def test_a_picture_of_nothing_but_sky_does_not_poison_the_weights():
    predicted = torch.randn(2, 48, 64, requires_grad=True)
    depth = torch.zeros(2, 48, 64)
    depth[1] = 300.0
    loss = depth_loss(predicted, depth, torch.zeros(2, 48, 64, dtype=torch.bool))
    loss.backward()
    assert torch.isfinite(loss) and predicted.grad is not None and torch.isfinite(predicted.grad).all()
