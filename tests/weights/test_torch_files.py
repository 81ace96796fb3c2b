"""PyTorch's files: what PyTorch reads passes, what would bring it down does not get there."""

import io
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")
from mfh.errors import WeightsError  # noqa: E402  after the check that it is there
from mfh.models.restricted_loading import loading_restricted  # noqa: E402
from mfh.models.torch_loading import loading  # noqa: E402
from mfh.weights.torch_files import check_torch_file  # noqa: E402

CONTENT = {
    "state_dict": {"a": torch.zeros(3, 4), "b": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))},
    "complex": torch.zeros(2, dtype=torch.complex64),
    "shape": torch.Size([1, 2]),
    "kind": torch.float16,
    "epoch": 3,
    "names": ["x", ("y", 2.5)],
}


def rewritten(source: Path, change) -> Path:
    target = source.with_name("changed.pt")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name.endswith("data.pkl") else old.read(name))
    return target


@pytest.fixture
def saved(tmp_path) -> Path:
    torch.save(CONTENT, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_files_of_torch_pass(saved, tmp_path):
    check_torch_file(saved, expected="a model")
    torch.save(CONTENT, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    check_torch_file(tmp_path / "old.pt", expected="a model")
    torch.jit.script(torch.nn.Linear(3, 2)).save(str(tmp_path / "script.pt"))  # pyright: ignore[reportPrivateImportUsage]
    check_torch_file(tmp_path / "script.pt", expected="a model")
    torch.save(torch.nn.Linear(3, 2), tmp_path / "whole.pt")
    # What it asks for is torch's to refuse.
    check_torch_file(tmp_path / "whole.pt", expected="a model")


def test_a_storage_that_claims_more_than_the_file_has_is_refused(saved):
    # 12 numbers become 200: K\x0c is the pickle of the count.
    forged = rewritten(saved, lambda content: content.replace(b"K\x0ct", b"K\xc8t"))
    assert forged.read_bytes() != saved.read_bytes()
    with pytest.raises(WeightsError, match="a storage of 200 numbers, of which 12 are there.*: expected a model"):
        check_torch_file(forged, expected="a model")


DEEP = b"\x80\x02}(t" + b"\x85" * 3000 + b"Ns."
"""A dictionary whose key is a tuple in a tuple, and so on: hashing one that is deep enough overflows the stack."""


@pytest.mark.slow
def test_a_key_that_would_bring_the_process_down_is_refused(saved, tmp_path):
    with pytest.raises(WeightsError, match="changed.pt is damaged .*a tuple as a key"):
        check_torch_file(rewritten(saved, lambda content: DEEP), expected="a model")
    old = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, old, _use_new_zipfile_serialization=False)
    start = old.getvalue().index(b".", old.getvalue().index(b"little_endian")) + 1
    (tmp_path / "old.pt").write_bytes(old.getvalue()[:start] + DEEP)
    with pytest.raises(WeightsError, match="old.pt is damaged .*a tuple as a key"):
        check_torch_file(tmp_path / "old.pt", expected="a model")


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"PK\x03\x04" + bytes(60), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_file_of_torch_is_one_line(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    try:
        check_torch_file(tmp_path / "model.pt", expected="a model")
    except WeightsError as error:
        assert "model.pt" in str(error) and "expected a model" in str(error) and "\n" not in str(error)
    else:
        # An archive of nothing has no pickle to refuse; torch says the rest.
        assert content.startswith(b"PK\x05\x06")


@pytest.mark.slow
def test_it_is_looked_at_before_any_package_loads_it(saved, tmp_path):
    forged = rewritten(saved, lambda content: DEEP)
    with pytest.raises(WeightsError, match="a tuple as a key.*the file of X"), loading_restricted(forged, "X"):
        raise AssertionError("a package was asked to load it")
    pytest.importorskip("transformers")
    (tmp_path / "hub" / "unet").mkdir(parents=True)
    forged.rename(tmp_path / "hub" / "unet" / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin is damaged .*part of a painter"):
        with loading(tmp_path / "hub", "painter"):
            raise AssertionError("a library was asked to load it")
    # Beside safetensors nobody reads it.
    (tmp_path / "hub" / "unet" / "model.safetensors").touch()
    with loading(tmp_path / "hub", "painter"):
        pass


def test_any_failure_of_a_library_is_one_line(tmp_path):
    pytest.importorskip("transformers")
    for error in (
        RecursionError("deep"),
        ZeroDivisionError(),
        MemoryError(),
        TypeError("a\nb"),
    ):
        with pytest.raises(WeightsError, match="is no painter that can be loaded") as caught:
            with loading(tmp_path, "painter"):
                raise error
        assert "\n" not in str(caught.value)
        with pytest.raises(WeightsError, match="X cannot be loaded from"), loading_restricted(tmp_path, "X"):
            raise error
    with pytest.raises(ImportError), loading(tmp_path, "painter"):
        raise ImportError
