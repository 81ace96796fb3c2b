"""The painter's truth moves with its picture, its likelihood is one, and training can stop and go on."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from mfh.errors import InputError  # noqa: E402
from mfh_lab.pocket.train.augment import Window  # noqa: E402
from mfh_lab.pocket.train.export import export_onnx, load_network  # noqa: E402
from mfh_lab.pocket.train.network import COMPONENTS, PainterNetwork  # noqa: E402
from mfh_lab.pocket.train.painter import (  # noqa: E402
    PainterTask,
    Room,
    draw_odds,
    draw_sample,
    mixture_nll,
    painter_loss,
    window_log_size,
)
from mfh_lab.pocket.train.painter import make_task as make_task_from_shards  # noqa: E402
from mfh_lab.pocket.train.training import Run, Schedule, load_start, run_training  # noqa: E402
from mfh_lab.pocket.world.dataset import Shard  # noqa: E402

_PLANE = np.array([0.02, 0.9, -40.0])


def _rooms() -> dict[tuple[int, int], Room]:
    rng = np.random.default_rng(0)
    free = np.zeros((6, 168, 224), bool)
    free[:, 100:] = True
    rgb = rng.integers(0, 255, (6, 168, 224, 3)).astype(np.uint8)
    return {(168, 224): Room(rgb, free, np.tile(_PLANE, (6, 1)))}


def make_task() -> PainterTask:
    return PainterTask(_rooms())


def test_size_of_a_metre_follows_crop_resize_and_mirror():
    whole = window_log_size(_PLANE, Window(0, 0, 224, 168, False), (56, 42), (224, 168))
    u, v = (np.arange(56) + 0.5) * 4 - 0.5, (np.arange(42) + 0.5) * 4 - 0.5
    px_per_m = _PLANE[0] * u + _PLANE[1] * v[:, None] + _PLANE[2]
    usable = np.isfinite(whole)
    np.testing.assert_allclose(whole[usable], np.log(px_per_m[usable] / 168), atol=1e-6)
    assert usable[20:].all() and not usable[:10].any()
    mirrored = window_log_size(_PLANE, Window(0, 0, 224, 168, True), (56, 42), (224, 168))
    np.testing.assert_allclose(mirrored[:, ::-1][usable], whole[usable], atol=1e-6)
    # A metre is a larger part of a picture that is cut smaller.
    half = window_log_size(_PLANE, Window(0, 84, 224, 84, False), (56, 21), (224, 84))
    np.testing.assert_allclose(half, whole[21:] + np.log(2), atol=1e-6)


def test_samples_are_seeded_and_blank_a_full_height_strip():
    room = _rooms()[(168, 224)]
    for seed in range(8):
        drawn = [
            draw_sample(room.rgb[0], room.free_mask[0], _PLANE, (192, 144), np.random.default_rng(seed))
            for _ in range(2)
        ]
        for one, same in zip(*drawn, strict=True):
            np.testing.assert_array_equal(one, same)
        rgb, blank, free, log_size = drawn[0]
        assert rgb.shape == (144, 192, 3) and free.shape == log_size.shape == (36, 48)
        assert set(np.unique(blank)) == {0, 1} and (blank == blank[0]).all()
        assert np.isfinite(log_size[free > 0]).all()


def test_pictures_without_a_ground_plane_are_left_out(tmp_path: Path):
    with pytest.raises(InputError, match="render them"):
        make_task_from_shards(tmp_path)
    room = _rooms()[(168, 224)]
    plane = room.plane.copy()
    plane[1] = np.nan
    shard = Shard(
        rgb=room.rgb,
        depth_m=np.ones((6, 168, 224), np.float16),
        person=np.zeros((6, 168, 224), bool),
        f_px=np.full(6, 200, np.float32),
        plane=plane,
        free_mask=room.free_mask,
    )
    np.savez(tmp_path / "train_00000.npz", **{one.name: getattr(shard, one.name) for one in fields(Shard)})
    task = make_task_from_shards(tmp_path)
    assert len(task.rooms[(168, 224)].rgb) == 5
    rgb, blank, free, log_size = task.batch(Schedule(steps=1, batch=3), 0, 0)
    assert rgb.shape[0] == blank.shape[0] == free.shape[0] == 3
    assert free.shape == log_size.shape and torch.isfinite(log_size).any()


def test_batches_come_in_both_sizes_and_all_workers_agree_on_them():
    task, schedule = make_task(), Schedule(steps=8, batch=1)
    sizes = [task.batch(schedule, step, 0)[0].shape[2:] for step in range(8)]
    assert {tuple(size) for size in sizes} == {(144, 192), (192, 256)}
    assert sizes == [task.batch(schedule, step, 1)[0].shape[2:] for step in range(8)]


def test_pictures_of_low_cameras_are_drawn_twice_as_often():
    # A level camera h above the ground: a metre covers f / z = (v - horizon) / h pixels; the last one is rolled.
    height_m = np.array([1.6, 0.7, 1.19, 1.21])
    plane = np.stack([0 * height_m, 1 / height_m, -84 / height_m], 1)
    plane = np.vstack([plane, [np.sin(0.2) / 0.9, np.cos(0.2) / 0.9, -90.0]])
    np.testing.assert_allclose(draw_odds(plane), np.array([1, 2, 2, 1, 2]) / 8)


def test_mixture_likelihood_equals_numerical_integration():
    log_weight = torch.log_softmax(torch.randn(1, COMPONENTS, 1, 1), 1)
    mean, log_sigma = torch.randn(1, COMPONENTS, 1, 1), 0.3 * torch.randn(1, COMPONENTS, 1, 1)
    x = torch.linspace(-12, 12, 4001)
    density = torch.exp(-mixture_nll(x.view(1, -1, 1).expand(1, -1, 1), log_weight, mean, log_sigma))
    assert torch.trapezoid(density.flatten(), x).item() == pytest.approx(1.0, abs=1e-3)


def test_loss_prefers_the_truth():
    free = torch.zeros(1, 4, 4)
    free[:, 2:] = 1
    log_size = torch.full((1, 4, 4), -1.0)
    log_size[:, 0] = torch.nan
    flat = torch.zeros(1, COMPONENTS, 4, 4)
    right = ((free * 2 - 1) * 6, flat - np.log(COMPONENTS), flat - 1.0, flat - 2.0)
    blind = (right[0] * 0, right[1], right[2], right[3])
    small = (right[0], right[1], right[2] - 1.0, right[3])
    assert painter_loss(right, free, log_size) < painter_loss(blind, free, log_size) - 1
    assert painter_loss(right, free, log_size) < painter_loss(small, free, log_size) - 1


@pytest.mark.slow
def test_training_goes_on_where_it_stopped(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("mfh_lab.pocket.train.training._SAVE_EVERY", 1)
    monkeypatch.setattr(PainterTask, "network", lambda self, start: PainterNetwork())
    run_training(make_task, Run(Schedule(3, batch=2), tmp_path / "whole.safetensors"))

    class Stop(Exception):
        pass

    def stop_early(self, schedule, step, rank, batch=PainterTask.batch):
        if step == 2:
            raise Stop
        return batch(self, schedule, step, rank)

    with monkeypatch.context() as patch:
        patch.setattr(PainterTask, "batch", stop_early)
        with pytest.raises(Stop):
            run_training(make_task, Run(Schedule(3, batch=2), tmp_path / "parts.safetensors"))
    run_training(make_task, Run(Schedule(3, batch=2), tmp_path / "parts.safetensors"))
    whole, parts = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert not torch.equal(whole["head.weight"], PainterNetwork().head.weight)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


@pytest.mark.slow
def test_start_takes_what_fits_and_refuses_strangers(tmp_path: Path):
    from mfh_lab.pocket.train.network import PocketDepth

    depth = PocketDepth()
    save_file(depth.state_dict(), tmp_path / "depth.safetensors")
    painter = PainterNetwork()
    load_start(painter, tmp_path / "depth.safetensors")
    assert torch.equal(painter.encoder._conv_stem.weight, depth.encoder._conv_stem.weight)
    assert torch.equal(painter.decoder.refine["8"][0].weight, depth.decoder.refine["8"][0].weight)
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no weights of this network"):
        load_start(painter, tmp_path / "other.safetensors")


@pytest.mark.slow
def test_exported_painter_equals_the_training_code(tmp_path: Path):
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    save_file(PainterNetwork().state_dict(), tmp_path / "random.safetensors")
    network = load_network("painter", tmp_path / "random.safetensors")
    export_onnx("painter", network, tmp_path / "painter.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "painter.onnx"), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for height, width in ((96, 128), (128, 64)):
        rgb = rng.random((2, 3, height, width), np.float32)
        blank = (rng.random((2, 1, height, width)) > 0.5).astype(np.float32)
        ours = session.run(None, {"rgb": rgb, "blank": blank})
        with torch.no_grad():
            theirs = network(torch.from_numpy(rgb), torch.from_numpy(blank))
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other.numpy(), atol=1e-4)
