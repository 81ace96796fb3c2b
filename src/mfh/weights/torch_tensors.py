"""Tensors of a file that PyTorch wrote, read without PyTorch's reader: nothing in the file is executed.

The pickle is read by :mod:`mfh.weights.pickles`. Tensors are then read directly from the file, and their size is
limited by that of the file. Both forms are read: the zip archive, and the bare pickles of PyTorch before 1.6.
"""

import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfh.errors import WeightsError, shown
from mfh.io.reading import check_file, open_zip, reading
from mfh.weights.pickle_format import inert_class
from mfh.weights.pickles import CONFIGURATION, check_pickle, load_restricted
from mfh.weights.torch_files import MAX_PICKLE_BYTES, OLD_PICKLES, STORAGES

if TYPE_CHECKING:
    from torch import Tensor

_MAX_DIMENSIONS = 8
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_COUNT_BYTES = 8  # before the values of each storage of an old file


@dataclass(frozen=True)
class _StorageClass:
    dtype: str
    item_bytes: int


@dataclass(frozen=True)
class _Storage:
    dtype: str
    item_bytes: int
    key: str


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that is not read yet: the place of its values in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def end(self) -> int:
        """One past the last value of the storage that it uses."""
        return self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)) + 1

    @property
    def needed_bytes(self) -> int:
        """Bytes of the storage that it uses."""
        return 0 if 0 in self.shape else self.end * self.storage.item_bytes


Pick = Callable[[Any], Mapping[Any, Any]]
"""From the object of a file to its mapping of names to tensors; raises where there is none."""
_Values = Callable[[StoredTensor], bytes]
"""From a tensor to the bytes of its storage that it uses."""


def read_tensors(
    path: Path, *, pick: Pick, expected: str, inert_packages: frozenset[str] = frozenset()
) -> "dict[str, Tensor]":
    """Return the tensors that ``pick`` chooses of a file's object, by their names.

    Objects of ``inert_packages`` become placeholders; ``expected`` ends the messages.

    Raises:
        WeightsError: where it is no such file, is damaged, or its pickle names a class that is not allowed.
    """
    check_file(path, what="", expected=expected, error=WeightsError)
    with reading(path, what="", expected=expected, error=WeightsError):
        archived = zipfile.is_zipfile(path)
        if not archived and not _is_old(path):
            raise WeightsError(
                f"{shown(path)} is not a checkpoint (neither a zip archive nor PyTorch's older form): expected "
                f"{expected}"
            )

    def load(content: bytes, resolve: Callable[[Any], Any]) -> Any:
        return load_restricted(
            content, source=str(path), allowed=_ALLOWED, inert_packages=inert_packages, persistent=resolve
        )

    def chosen(content: Any, room: int) -> dict[str, StoredTensor]:
        return _chosen(pick(content), room, path=path, expected=expected)

    if not archived:
        with reading(path, what="", expected=expected, error=WeightsError):
            return _read_old(path, load, chosen)
    # Torch does not compress: content larger than the file is rejected.
    room = path.stat().st_size
    with open_zip(path, what="", expected=expected, max_bytes=room, error=WeightsError) as archive:
        return _read_archive(archive, path, load, chosen)


def _chosen(found: Mapping[Any, Any], room: int, *, path: Path, expected: str) -> dict[str, StoredTensor]:
    """Return the tensors of a mapping, which may not take far more bytes than the file has."""
    if not all(isinstance(name, str) for name in found):
        raise ValueError("a tensor whose name is no text")
    wrong = [name for name, stored in found.items() if not isinstance(stored, StoredTensor)]
    if wrong:
        raise WeightsError(f"{wrong[0][:100]} in {shown(path)} is no tensor: expected {expected}")
    if sum(stored.needed_bytes for stored in found.values()) > 2 * room:
        raise ValueError("its tensors take far more numbers than it has")
    return dict(found)


def _read_archive(
    archive: zipfile.ZipFile,
    path: Path,
    load: Callable[[bytes, Callable[[Any], Any]], Any],
    chosen: Callable[[Any, int], dict[str, StoredTensor]],
) -> "dict[str, Tensor]":
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise WeightsError(f"{shown(path)} holds {len(pickles)} pickles: expected the one of a torch checkpoint")
    if archive.getinfo(pickles[0]).file_size > MAX_PICKLE_BYTES:
        raise ValueError(f"its pickle has {archive.getinfo(pickles[0]).file_size:,} bytes")
    stored = chosen(load(archive.read(pickles[0]), _storage), path.stat().st_size)
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError(f"{shown(path)} was written on a big-endian machine: expected the published checkpoint")

    def values(one: StoredTensor) -> bytes:
        name = f"{folder}data/{one.storage.key}"
        if name not in archive.namelist():
            raise WeightsError(f"{shown(path)} is incomplete (no {name[:100]}): download it again")
        _check_end(one, archive.getinfo(name).file_size // one.storage.item_bytes, path)
        with archive.open(name) as stream:
            return stream.read(one.needed_bytes)

    return {name: _tensor(one, values) for name, one in stored.items()}


def _is_old(path: Path) -> bool:
    """Return whether a file begins with the magic number of PyTorch's older form."""
    with path.open("rb") as stream:
        beginning = stream.read(64)
    try:
        return load_restricted(beginning, source=str(path)) == _OLD_MAGIC
    except WeightsError:
        return False


def _read_old(
    path: Path,
    load: Callable[[bytes, Callable[[Any], Any]], Any],
    chosen: Callable[[Any, int], dict[str, StoredTensor]],
) -> "dict[str, Tensor]":
    """Read a file of PyTorch before 1.6: magic number, version, system, object and keys as pickles, then the values."""
    room = path.stat().st_size
    with path.open("rb") as stream:
        content = stream.read(MAX_PICKLE_BYTES)
        ends = [0]
        for _ in range(OLD_PICKLES):
            ends.append(check_pickle(content, start=ends[-1], persistent=lambda reference: None))
        sizes: dict[str, int] = {}

        def resolve(reference: Any) -> _Storage:
            storage = _storage(reference)
            if sizes.setdefault(storage.key, storage.item_bytes) != storage.item_bytes:
                raise ValueError("a storage of two types of numbers")
            if len(reference) > 5 and reference[5] is not None:
                raise ValueError("a part of a storage, as PyTorch before 0.4 wrote it")
            return storage

        stored = chosen(load(content[ends[3] : ends[4]], resolve), room)
        keys = load(content[ends[4] : ends[5]], resolve)
        if not isinstance(keys, list) or not all(isinstance(key, str | int) and str(key) in sizes for key in keys):
            raise ValueError("a list of storages that it does not use")
        places: dict[str, tuple[int, int]] = {}
        at = ends[-1]
        for key in map(str, keys):
            stream.seek(at)
            count = int.from_bytes(stream.read(_COUNT_BYTES), "little")
            places[key] = (at + _COUNT_BYTES, count)
            at += _COUNT_BYTES + count * sizes[key]
            if at > room:
                raise ValueError(f"it ends where {count:,} numbers should follow")

        def values(one: StoredTensor) -> bytes:
            if one.storage.key not in places:
                raise WeightsError(
                    f"{shown(path)} is incomplete (no storage {one.storage.key[:100]}): download it again"
                )
            start, count = places[one.storage.key]
            _check_end(one, count, path)
            stream.seek(start)
            return stream.read(one.needed_bytes)

        return {name: _tensor(one, values) for name, one in stored.items()}


def _check_end(stored: StoredTensor, there: int, path: Path) -> None:
    if stored.end > there:
        raise WeightsError(f"{shown(path)} is damaged: a tensor reaches beyond its {there} numbers; download it again")


def _tensor(stored: StoredTensor, values: _Values) -> "Tensor":
    import torch

    dtype = getattr(torch, stored.storage.dtype)
    if 0 in stored.shape:
        return torch.zeros(stored.shape, dtype=dtype)
    # A writable copy: torch warns about read-only buffers.
    numbers = torch.frombuffer(bytearray(values(stored)), dtype=dtype)
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)


def _storage(reference: Any) -> _Storage:
    """Resolve ("storage", class, key, device, count), torch's reference to values beside the pickle."""
    if not isinstance(reference, tuple) or len(reference) < 3:
        raise ValueError("a reference to something outside that is no storage")
    kind, storage_class, key = reference[:3]
    if kind != "storage" or not isinstance(storage_class, _StorageClass) or not isinstance(key, str | int):
        raise ValueError("a reference to something outside that is no storage")
    return _Storage(storage_class.dtype, storage_class.item_bytes, str(key))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *training: Any) -> StoredTensor:
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor without its numbers")
    sides, steps = _whole_numbers(shape), _whole_numbers(strides)
    if len(sides) != len(steps) or math.prod(sides) >= 2**40 or not (type(offset) is int and 0 <= offset < 2**40):
        raise ValueError(f"a tensor of shape {sides} whose strides or offset are none")
    return StoredTensor(storage, offset, sides, steps)


def _whole_numbers(values: Any) -> tuple[int, ...]:
    numbers = tuple(values) if isinstance(values, tuple | list) else (-1,)
    if len(numbers) > _MAX_DIMENSIONS or not all(type(value) is int and 0 <= value < 2**40 for value in numbers):
        raise ValueError("a tensor whose shape or strides are none")
    return numbers


def _rebuild_parameter(stored: Any, *training: Any) -> Any:
    return stored


_ALLOWED = {
    **CONFIGURATION,
    # In states of training, which are not read.
    **{("torch", name): inert_class("torch", name) for name in ("device", "Size", *dict(STORAGES.values()))},
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): _StorageClass(*facts) for name, facts in STORAGES.items()},
}
