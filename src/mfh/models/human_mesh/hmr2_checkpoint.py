"""The weights of HMR 2.0: conversion of the published training checkpoint to safetensors, and loading of the result.

The published file is a zip archive with a pickle of Python objects, among them the training configuration (of yacs or
omegaconf). The pickle is read without executing anything (:mod:`mfh.weights.pickles`). Tensors are read directly from
the archive, and their size is limited by that of the file.
"""

import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfh.errors import InputError, WeightsError, kind_and_message, shown
from mfh.io.atomic import atomic_path
from mfh.io.reading import check_file, open_zip, parse_json, reading
from mfh.weights.pickle_format import inert_class
from mfh.weights.pickles import CONFIGURATION, load_restricted
from mfh.weights.torch_files import MAX_PICKLE_BYTES, STORAGES

if TYPE_CHECKING:
    from torch import Tensor

    from mfh.models.human_mesh.hmr2_network import Hmr2Network, NetworkSizes

DROPPED = ("smpl.", "discriminator.", "initialized")
"""Prefixes of what is not converted: the body model (users register for it) and training state."""
SIZES_KEY = "mfh_hmr2_sizes"
"""Where a file states the sizes of its network; one that does not must have the published ones."""
_EXPECTED = "the HMR 2.0 training checkpoint (epoch=35-step=1000000.ckpt), as published; download it again"
_CONVERTED = "a network that 'mfh weights fetch hmr2' or 'convert' wrote; move it away and run that again"
_MAX_DIMENSIONS = 8
_MAX_DEPTH, _MAX_WIDTH = 200, 1 << 16
"""Largest sizes accepted for an HMR 2.0 network; the published one has 32 blocks of width 1280."""
_OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first pickle of a file of PyTorch before 1.6."""
_INERT = frozenset({"yacs", "omegaconf", "pytorch_lightning", "lightning", "lightning_fabric", "typing", "pathlib"})


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
class _Stored:
    """A tensor that is not read yet: the place of its values in the archive."""

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


def convert_hmr2_checkpoint(
    source: str | Path, destination: str | Path, *, sizes: "NetworkSizes | None" = None
) -> Path:
    """Convert the published HMR 2.0 checkpoint (epoch=35-step=1000000.ckpt) to safetensors, and return the destination.

    The destination's folder is created. An existing file is never replaced, and is an error unless it already has the
    same content. ``sizes`` are those of the network; None for what the checkpoint states, else the published ones.

    Raises:
        InputError: for a missing source, or a destination that cannot be written or has other content.
        WeightsError: where it is no such checkpoint, or its pickle names a class that is not allowed.
    """
    source, destination = Path(source), Path(destination)
    if not source.is_file():
        raise InputError(f"no file {shown(source)}: expected the HMR 2.0 checkpoint (epoch=35-step=1000000.ckpt)")
    if destination.exists() and destination.samefile(source):
        raise InputError(f"{shown(destination)} is the checkpoint itself: expected another file to write")
    if os.path.lexists(destination) and not destination.is_file():
        raise InputError(f"{shown(destination)} is no file: expected the name of one to write, as hmr2.safetensors")
    state, stated = _read_checkpoint(source)
    sizes = sizes or stated
    check_names(state, sizes, label=str(source))
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > 2 * source.stat().st_size:
        raise WeightsError(f"{shown(source)} is far smaller than its tensors: expected {_EXPECTED}")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {shown(destination.parent)}: {error.strerror or error}") from error
    if destination.exists():
        if _is_network(destination, state, sizes):
            return destination
        raise InputError(
            f"{shown(destination)} is there already, and is another network or none: move it away, or name another "
            "file with --out"
        )
    with atomic_path(destination) as temporary:
        _write_network(state, sizes, temporary)
    return destination


def sizes_of(path: Path) -> "NetworkSizes":
    """Return the sizes of the network in a file that :func:`convert_hmr2_checkpoint` wrote.

    Raises:
        WeightsError: where the file is of another kind.
    """
    from safetensors import safe_open

    with reading(path, what="", expected=_CONVERTED, error=WeightsError), safe_open(path, framework="pt") as file:
        return _sizes((file.metadata() or {}).get(SIZES_KEY), tensors=len(file.keys()))


def _is_network(path: Path, state: "Mapping[str, Tensor]", sizes: "NetworkSizes") -> bool:
    """Return whether a file has the content that would be written."""
    import torch
    from safetensors import safe_open

    try:
        with reading(path, what="", expected=_CONVERTED, error=WeightsError), safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get(SIZES_KEY)
            if written != json.dumps(asdict(sizes)) or set(file.keys()) != set(state):
                return False
            return all(torch.equal(file.get_tensor(name), tensor) for name, tensor in state.items())
    except WeightsError:
        return False


def _write_network(state: "Mapping[str, Tensor]", sizes: "NetworkSizes", path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {name: tensor.contiguous() for name, tensor in state.items()}
    try:
        save_file(whole, path, metadata={SIZES_KEY: json.dumps(asdict(sizes))})
    except SafetensorError as error:
        raise InputError(f"cannot write {shown(path.parent)} ({kind_and_message(error)}): free some space") from error


def read_checkpoint(path: Path) -> "dict[str, Tensor]":
    """Return the network's tensors of a training checkpoint, without the body model and training state.

    Raises:
        WeightsError: where it is no such checkpoint, is damaged, or its pickle names a class that is not allowed.
    """
    return _read_checkpoint(path)[0]


def _read_checkpoint(path: Path) -> "tuple[dict[str, Tensor], NetworkSizes]":
    """Return the network's tensors, and the sizes that the checkpoint states, else the published ones."""
    check_file(path, what="", expected=_EXPECTED, error=WeightsError)
    with reading(path, what="", expected=_EXPECTED, error=WeightsError):
        if not zipfile.is_zipfile(path):
            with path.open("rb") as stream:
                old = stream.read(len(_OLD_MAGIC)) == _OLD_MAGIC
            why = "it is in PyTorch's format before 1.6" if old else "no zip archive"
            raise WeightsError(f"{shown(path)} is not a checkpoint ({why}): expected {_EXPECTED}")
    # Torch does not compress: content larger than the file is rejected.
    room = path.stat().st_size
    with open_zip(path, what="", expected=_EXPECTED, max_bytes=room, error=WeightsError) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise WeightsError(f"{shown(path)} holds {len(pickles)} pickles: expected the one of a torch checkpoint")
        if archive.getinfo(pickles[0]).file_size > MAX_PICKLE_BYTES:
            raise ValueError(f"its pickle has {archive.getinfo(pickles[0]).file_size:,} bytes")
        content = load_restricted(
            archive.read(pickles[0]), source=str(path), allowed=_ALLOWED, inert_packages=_INERT, persistent=_storage
        )
        state = content.get("state_dict") if isinstance(content, Mapping) else None
        if not isinstance(state, Mapping):
            raise WeightsError(f"{shown(path)} has no state_dict: expected {_EXPECTED}")
        if not all(isinstance(name, str) for name in state):
            raise ValueError("a tensor whose name is no text")
        kept = {name: stored for name, stored in state.items() if not name.startswith(DROPPED)}
        wrong = [name for name, stored in kept.items() if not isinstance(stored, _Stored)]
        if wrong:
            raise WeightsError(f"{wrong[0][:100]} in {shown(path)} is no tensor: expected {_EXPECTED}")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise WeightsError(f"{shown(path)} was written on a big-endian machine: expected the published checkpoint")
        if sum(stored.needed_bytes for stored in kept.values()) > 2 * room:
            raise ValueError("its tensors take far more numbers than it has")
        stated = content.get(SIZES_KEY)
        sizes = _sizes(stated if isinstance(stated, str) else None, tensors=len(kept))
        return {name: _read(archive, folder, stored, path) for name, stored in kept.items()}, sizes


def check_names(state: "Mapping[str, Tensor]", sizes: "NetworkSizes", *, label: str) -> None:
    """Compare names and shapes of tensors with the network's.

    Raises:
        WeightsError: for the first tensor that is missing, unknown or of the wrong shape.
    """
    _check_shapes({name: tuple(tensor.shape) for name, tensor in state.items()}, sizes, label=label)


def _check_shapes(shapes: Mapping[str, tuple[int, ...]], sizes: "NetworkSizes", *, label: str) -> None:
    expected = network_shapes(sizes)
    fix = "get the published HMR 2.0 checkpoint again ('mfh weights fetch hmr2', or 'mfh weights convert hmr2 FILE')"
    for name, shape in expected.items():
        if name not in shapes:
            raise WeightsError(f"{label} has no {name}: expected {shape}; {fix}")
        if shapes[name] != shape:
            raise WeightsError(f"{name} in {label} is {shapes[name]}, expected {shape}; {fix}")
    unknown = [name for name in shapes if name not in expected]
    if unknown:
        raise WeightsError(f"{label} has {unknown[0][:100]}, which HMR 2.0 does not; {fix}")


def network_shapes(sizes: "NetworkSizes") -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's tensors, without allocating them."""
    import torch

    from mfh.models.human_mesh.hmr2_network import Hmr2Network

    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Hmr2Network(sizes).state_dict().items()}


def load_network(path: Path) -> "Hmr2Network":
    """Load a network that :func:`convert_hmr2_checkpoint` wrote, on the CPU.

    Raises:
        WeightsError: where the file is of another kind, or its tensors are not the network's.
    """
    import torch
    from safetensors import safe_open

    from mfh.models.human_mesh.hmr2_network import Hmr2Network

    check_file(path, what="", expected=_CONVERTED, error=WeightsError)
    with reading(path, what="", expected=_CONVERTED, error=WeightsError):
        with safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get(SIZES_KEY)
            names = list(file.keys())
            sizes = _sizes(written, tensors=len(names))
            _check_shapes({name: tuple(file.get_slice(name).get_shape()) for name in names}, sizes, label=str(path))
            state = {name: file.get_tensor(name).float() for name in names}
        with torch.device("meta"):
            network = Hmr2Network(sizes)
        # Assigned rather than copied, which would double the memory.
        network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _sizes(written: str | None, *, tensors: int) -> "NetworkSizes":
    """Return the sizes written in a converted file (None for the published ones) of so many tensors.

    Raises:
        ValueError: where they are not those of a network.
    """
    from mfh.models.human_mesh.hmr2_network import PUBLISHED, NetworkSizes

    if written is None:
        return PUBLISHED
    values = parse_json(written[: 1 << 16])
    if not isinstance(values, dict) or set(values) != {one.name for one in fields(NetworkSizes)}:
        raise ValueError(f"its {SIZES_KEY} are not those of a network")
    for name, value in values.items():
        most = min(tensors, _MAX_DEPTH) if name.endswith("_depth") else _MAX_WIDTH
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"its {SIZES_KEY} say {name} {str(value)[:40]}, of {most:,} at most")
    sizes = NetworkSizes(**values)
    if sizes.backbone_dim % sizes.backbone_heads or sizes.decoder_heads * sizes.decoder_head_dim > _MAX_WIDTH:
        raise ValueError(f"its {SIZES_KEY} do not go together")
    return sizes


def _storage(reference: Any) -> _Storage:
    """Resolve ("storage", class, key, device, count), torch's reference to values beside the pickle."""
    if not isinstance(reference, tuple) or len(reference) < 3:
        raise ValueError("a reference to something outside that is no storage")
    kind, storage_class, key = reference[:3]
    if kind != "storage" or not isinstance(storage_class, _StorageClass) or not isinstance(key, str | int):
        raise ValueError("a reference to something outside that is no storage")
    return _Storage(storage_class.dtype, storage_class.item_bytes, str(key))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *training: Any) -> _Stored:
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor without its numbers")
    sides, steps = _whole_numbers(shape), _whole_numbers(strides)
    if len(sides) != len(steps) or math.prod(sides) >= 2**40 or not (type(offset) is int and 0 <= offset < 2**40):
        raise ValueError(f"a tensor of shape {sides} whose strides or offset are none")
    return _Stored(storage, offset, sides, steps)


def _whole_numbers(values: Any) -> tuple[int, ...]:
    numbers = tuple(values) if isinstance(values, tuple | list) else (-1,)
    if len(numbers) > _MAX_DIMENSIONS or not all(type(value) is int and 0 <= value < 2**40 for value in numbers):
        raise ValueError("a tensor whose shape or strides are none")
    return numbers


def _rebuild_parameter(stored: Any, *training: Any) -> Any:
    return stored


def _read(archive: zipfile.ZipFile, folder: str, stored: _Stored, path: Path) -> "Tensor":
    import torch

    dtype = getattr(torch, stored.storage.dtype)
    if 0 in stored.shape:
        return torch.zeros(stored.shape, dtype=dtype)
    name = f"{folder}data/{stored.storage.key}"
    if name not in archive.namelist():
        raise WeightsError(f"{shown(path)} is incomplete (no {name[:100]}): download it again")
    there = archive.getinfo(name).file_size // dtype.itemsize
    if stored.end > there:
        raise WeightsError(f"{shown(path)} is damaged: a tensor reaches beyond its {there} numbers; download it again")
    with archive.open(name) as stream:
        # A writable copy: torch warns about read-only buffers.
        numbers = torch.frombuffer(bytearray(stream.read(stored.needed_bytes)), dtype=dtype)
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)


_ALLOWED = {
    **CONFIGURATION,
    # In states of training, which are not read.
    **{("torch", name): inert_class("torch", name) for name in ("device", "Size", *dict(STORAGES.values()))},
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): _StorageClass(*facts) for name, facts in STORAGES.items()},
}
