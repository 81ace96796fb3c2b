"""The weights of HMR 2.0: from the published training checkpoint to safetensors once, and from there to the network.

The published file is a zip archive with a pickle of Python objects, among them the training configuration. The pickle
is read with nothing run (:mod:`restricted_pickle`), the numbers straight from the archive.
"""

import json
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfh.errors import InputError, WeightsError
from mfh.io.atomic import atomic_path
from mfh.models.human_mesh.restricted_pickle import PLAIN, load_restricted

if TYPE_CHECKING:
    from torch import Tensor

    from mfh.models.human_mesh.hmr2_network import Hmr2Network, NetworkSizes

DROPPED = ("smpl.", "discriminator.", "initialized")
"""What the checkpoint holds besides the network: the body model (its users register for it), training aids."""
SIZES_KEY = "mfh_hmr2_sizes"
_INERT = frozenset({"yacs", "omegaconf", "pytorch_lightning", "lightning", "lightning_fabric", "typing", "pathlib"})
# Storage classes as the pickle names them -> torch dtypes.
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


@dataclass(frozen=True)
class _StorageClass:
    dtype: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str


@dataclass(frozen=True)
class _Stored:
    """A tensor that has not been read yet: where in the archive its numbers are."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def convert_hmr2_checkpoint(
    source: str | Path, destination: str | Path, *, sizes: "NetworkSizes | None" = None
) -> Path:
    """Convert the published HMR 2.0 checkpoint to safetensors.

    Args:
        source: the checkpoint as published (epoch=35-step=1000000.ckpt).
        destination: the .safetensors file to write; its folder is made where it is missing.
        sizes: of the network in it; None for the published.

    Returns:
        The destination.

    Raises:
        InputError: for a source that is not there, or a destination that cannot be written.
        WeightsError: where it is no such checkpoint, or wants to load what is no part of one, by name.
    """
    from safetensors.torch import save_file

    from mfh.models.human_mesh.hmr2_network import PUBLISHED

    source, destination = Path(source), Path(destination)
    if not source.is_file():
        raise InputError(f"no file {source}: expected the HMR 2.0 checkpoint (epoch=35-step=1000000.ckpt)")
    sizes = sizes or PUBLISHED
    state = read_checkpoint(source)
    check_names(state, sizes, label=str(source))
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {destination.parent}: {error.strerror or error}") from error
    with atomic_path(destination) as temporary:
        whole = {name: tensor.contiguous() for name, tensor in state.items()}
        save_file(whole, temporary, metadata={SIZES_KEY: json.dumps(asdict(sizes))})
    return destination


def read_checkpoint(path: Path) -> "dict[str, Tensor]":
    """Return the network's tensors of a training checkpoint; the body model and training aids are left out.

    Args:
        path: a checkpoint written by torch.save, with the tensors under "state_dict".

    Raises:
        WeightsError: where it is none, or wants to load what is no part of one, by name.
    """
    if not zipfile.is_zipfile(path):
        raise WeightsError(f"{path} is not a checkpoint (no zip archive): expected epoch=35-step=1000000.ckpt")
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise WeightsError(f"{path} holds {len(pickles)} pickles: expected the one of a torch checkpoint")
        folder = pickles[0].removesuffix("data.pkl")
        with archive.open(pickles[0]) as stream:
            content = load_restricted(
                stream, source=str(path), allowed=_ALLOWED, inert_packages=_INERT, persistent=_storage
            )
        state = content.get("state_dict") if isinstance(content, Mapping) else None
        if not isinstance(state, Mapping):
            raise WeightsError(f"{path} has no state_dict: expected the HMR 2.0 training checkpoint")
        kept = {name: stored for name, stored in state.items() if not str(name).startswith(DROPPED)}
        wrong = [name for name, stored in kept.items() if not isinstance(stored, _Stored)]
        if wrong:
            raise WeightsError(f"{wrong[0]} in {path} is no tensor: expected the HMR 2.0 training checkpoint")
        if _member(archive, f"{folder}byteorder", path, default=b"little") != b"little":
            raise WeightsError(f"{path} was written on a big-endian machine: expected the published checkpoint")
        return {str(name): _read(archive, folder, stored, path) for name, stored in kept.items()}


def check_names(state: "Mapping[str, Tensor]", sizes: "NetworkSizes", *, label: str) -> None:
    """Compare names and shapes with the network's.

    Args:
        state: name -> tensor.
        sizes: of the network.
        label: where the tensors come from.

    Raises:
        WeightsError: for the first that is missing, unknown or of the wrong shape.
    """
    expected = network_shapes(sizes)
    fix = "get the published HMR 2.0 checkpoint again and run 'mfh weights convert hmr2 CHECKPOINT'"
    for name, shape in expected.items():
        if name not in state:
            raise WeightsError(f"{label} has no {name}: expected {shape}; {fix}")
        if tuple(state[name].shape) != shape:
            raise WeightsError(f"{name} in {label} is {tuple(state[name].shape)}, expected {shape}; {fix}")
    unknown = [name for name in state if name not in expected]
    if unknown:
        raise WeightsError(f"{label} has {unknown[0]}, which HMR 2.0 does not; {fix}")


def network_shapes(sizes: "NetworkSizes") -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's tensors; no memory is taken for them.

    Args:
        sizes: of the network.
    """
    import torch

    from mfh.models.human_mesh.hmr2_network import Hmr2Network

    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Hmr2Network(sizes).state_dict().items()}


def load_network(path: Path) -> "Hmr2Network":
    """Read a converted network.

    Args:
        path: .safetensors file that :func:`convert_hmr2_checkpoint` wrote.

    Returns:
        The network on the CPU, ready to run.

    Raises:
        WeightsError: where the file is none of those, or its tensors are not the network's.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from mfh.models.human_mesh.hmr2_network import PUBLISHED, Hmr2Network, NetworkSizes

    try:
        with safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get(SIZES_KEY)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read ({error}): run 'mfh weights convert hmr2 CHECKPOINT' again"
        ) from error
    sizes = PUBLISHED if written is None else NetworkSizes(**json.loads(written))
    check_names(state, sizes, label=str(path))
    with torch.device("meta"):
        network = Hmr2Network(sizes)
    # Assigned, not copied: the numbers are in memory once.
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _storage(reference: Any) -> _Storage:
    """Resolve ("storage", class, key, device, count), torch's way to point at numbers beside the pickle."""
    kind, storage_class, key = reference[0], reference[1], reference[2]
    if kind != "storage" or not isinstance(storage_class, _StorageClass):
        raise ValueError(f"a reference of kind {kind!r}")
    return _Storage(storage_class.dtype, str(key))


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *training: Any
) -> _Stored:
    return _Stored(storage, int(offset), tuple(shape), tuple(strides))


def _rebuild_parameter(stored: _Stored, *training: Any) -> _Stored:
    return stored


def _read(archive: zipfile.ZipFile, folder: str, stored: _Stored, path: Path) -> "Tensor":
    import torch

    dtype = getattr(torch, stored.storage.dtype)
    if 0 in stored.shape:
        return torch.zeros(stored.shape, dtype=dtype)
    # A copy that may be written to, because torch warns of others.
    numbers = torch.frombuffer(bytearray(_member(archive, f"{folder}data/{stored.storage.key}", path)), dtype=dtype)
    last = stored.offset + sum((n - 1) * step for n, step in zip(stored.shape, stored.strides, strict=True))
    if min(stored.offset, *stored.strides, 0) < 0 or last >= len(numbers):
        raise WeightsError(f"{path} is damaged: a tensor reaches beyond its {len(numbers)} numbers; download it again")
    return numbers.as_strided(stored.shape, stored.strides, stored.offset)


def _member(archive: zipfile.ZipFile, name: str, path: Path, *, default: bytes | None = None) -> bytes:
    try:
        return archive.read(name)
    except KeyError as error:
        if default is not None:
            return default
        raise WeightsError(f"{path} is incomplete (no {name}): download it again") from error
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{path} is damaged ({error}): download it again") from error


_ALLOWED = {
    **PLAIN,
    ("collections", "defaultdict"): lambda *arguments: OrderedDict(),
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): _StorageClass(dtype) for name, dtype in _STORAGES.items()},
}
