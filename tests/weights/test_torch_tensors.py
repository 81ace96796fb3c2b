"""Tensors of files as PyTorch writes them, in both of its forms, and of files that claim what they do not have."""

import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")

from mfh.errors import WeightsError  # noqa: E402
from mfh.weights.torch_tensors import read_tensors  # noqa: E402
from tests.models.human_mesh.smpl_fixtures import Bomb  # noqa: E402


def _read(path: Path):
    return read_tensors(path, pick=lambda content: content["model"], expected="the checkpoint")


def _saved(path: Path, content: object, *, archived: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=archived)
    return path


def _state() -> dict[str, object]:
    whole = torch.arange(24.0).reshape(2, 3, 4)
    return {
        "plain": whole,
        "turned": whole.permute(2, 0, 1),
        "part": whole[1, 1:],
        "parameter": torch.nn.Parameter(torch.tensor([0.5, -2.0])),
        "half": torch.tensor([0.25, 3.0], dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "none": torch.zeros(0, 3),
    }


@pytest.mark.parametrize("archived", [True, False])
def test_every_tensor_comes_back(tmp_path, archived):
    path = _saved(tmp_path / "a.pth", {"model": _state(), "epoch": 3, "text": "é"}, archived=archived)
    found = _read(path)
    assert list(found) == list(_state())
    for name, tensor in _state().items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("archived", [True, False])
def test_nothing_is_run(tmp_path, archived):
    mark = tmp_path / "ran"
    path = _saved(tmp_path / "a.pth", {"model": {}, "more": Bomb(f"touch {mark}")}, archived=archived)
    with pytest.raises(WeightsError, match=r"wants to load posix\.system, which is no part of a model: refused"):
        _read(path)
    assert not mark.exists()


def _old(tmp_path: Path) -> bytes:
    path = _saved(tmp_path / "old.pth", {"model": {"x": torch.arange(4.0)}}, archived=False)
    return path.read_bytes()


def _refused(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "forged.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"forged\.pth") as caught:
        _read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_old_file_that_ends_early_is_one_line(tmp_path):
    content = _old(tmp_path)
    assert "numbers should follow" in _refused(tmp_path, content[:-4])
    for end in range(40, len(content) - 30, 17):
        _refused(tmp_path, content[:end])


def test_an_old_file_that_claims_more_than_it_has_is_one_line(tmp_path):
    content = _old(tmp_path)
    # The shape (4,) as a one-tuple of a byte; the strides are (1,).
    assert content.count(b"K\x04\x85") == 1
    assert "a tensor reaches beyond its 4 numbers" in _refused(tmp_path, content.replace(b"K\x04\x85", b"K\x08\x85"))
    # The number of values stands before them.
    more = content[:-24] + (10**9).to_bytes(8, "little") + content[-16:]
    assert "1,000,000,000 numbers should follow" in _refused(tmp_path, more)
    # Each tensor fits; together they are far more than the file.
    one = torch.zeros(10_000)
    many = {"model": {str(k): one for k in range(100)}}
    path = _saved(tmp_path / "many.pth", many, archived=False)
    assert "far more numbers than it has" in _refused(tmp_path, path.read_bytes())


def test_what_is_no_file_of_torch_is_named(tmp_path):
    for content in (b"<html>not found</html>", pickle.dumps({"model": {}}), pickle.dumps(5), b"\x80\x02" * 40):
        assert "is not a checkpoint (neither a zip archive nor PyTorch's older form)" in _refused(tmp_path, content)


@pytest.mark.parametrize("archived", [True, False])
def test_what_is_no_tensor_is_named(tmp_path, archived):
    path = _saved(tmp_path / "a.pth", {"model": {"x": "text"}}, archived=archived)
    with pytest.raises(WeightsError, match=r"x in .*a\.pth is no tensor: expected the checkpoint"):
        _read(path)
    path = _saved(tmp_path / "b.pth", {"model": {5: torch.zeros(1)}}, archived=archived)
    with pytest.raises(WeightsError, match="a tensor whose name is no text"):
        _read(path)
