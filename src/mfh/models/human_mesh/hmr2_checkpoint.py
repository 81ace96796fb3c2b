"""The weights of HMR 2.0: conversion of the published training checkpoint to safetensors, and loading of the result.

The published file is a zip archive with a pickle of Python objects, among them the training configuration (of yacs or
omegaconf). It is read without executing anything (:mod:`mfh.weights.torch_tensors`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mfh.errors import WeightsError, shown
from mfh.models.human_mesh import network_files
from mfh.models.human_mesh.network_files import NetworkFile
from mfh.weights.torch_tensors import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from mfh.models.human_mesh.hmr2_network import Hmr2Network, NetworkSizes

DROPPED = ("smpl.", "discriminator.", "initialized")
"""Prefixes of what is not converted: the body model (users register for it) and training state."""
SIZES_KEY = "mfh_hmr2_sizes"
"""Where a file states the sizes of its network; one that does not must have the published ones."""
_COMMANDS = "'mfh weights fetch hmr2' or 'mfh weights convert hmr2 FILE'"
_PUBLISHED_NAME = "epoch=35-step=1000000.ckpt"
_INERT = frozenset({"yacs", "omegaconf", "pytorch_lightning", "lightning", "lightning_fabric", "typing", "pathlib"})


def _form(sizes: "NetworkSizes | None" = None) -> NetworkFile:
    """Return the form of the network's file; sizes None for the published ones."""
    from mfh.models.human_mesh.hmr2_network import PUBLISHED, Hmr2Network

    return NetworkFile(
        "hmr2", "HMR 2.0", _COMMANDS, _PUBLISHED_NAME, SIZES_KEY, sizes or PUBLISHED, build=Hmr2Network, fits=_fits
    )


def _fits(sizes: "NetworkSizes") -> bool:
    whole = sizes.backbone_dim % sizes.backbone_heads == 0
    return whole and sizes.decoder_heads * sizes.decoder_head_dim <= 1 << 16


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

    def read(path: Path) -> "tuple[dict[str, Tensor], NetworkSizes]":
        state, stated = _read_checkpoint(path)
        return state, sizes or stated

    return network_files.convert_network(_form(sizes), Path(source), Path(destination), read=read)


def sizes_of(path: Path) -> "NetworkSizes":
    """Return the sizes of the network in a file that :func:`convert_hmr2_checkpoint` wrote.

    Raises:
        WeightsError: where the file is of another kind.
    """
    return network_files.sizes_of(_form(), path)


def read_checkpoint(path: Path) -> "dict[str, Tensor]":
    """Return the network's tensors of a training checkpoint, without the body model and training state.

    Raises:
        WeightsError: where it is no such checkpoint, is damaged, or its pickle names a class that is not allowed.
    """
    return _read_checkpoint(path)[0]


def _read_checkpoint(path: Path) -> "tuple[dict[str, Tensor], NetworkSizes]":
    """Return the network's tensors, and the sizes that the checkpoint states, else the published ones."""
    expected = f"the HMR 2.0 training checkpoint ({_PUBLISHED_NAME}), as published; download it again"
    sizes: Any = None

    def pick(content: Any) -> Mapping[Any, Any]:
        nonlocal sizes
        state = content.get("state_dict") if isinstance(content, Mapping) else None
        if not isinstance(state, Mapping):
            raise WeightsError(f"{shown(path)} has no state_dict: expected {expected}")
        kept = {name: one for name, one in state.items() if not (isinstance(name, str) and name.startswith(DROPPED))}
        stated = content.get(SIZES_KEY)
        sizes = network_files.stated_sizes(_form(), stated if isinstance(stated, str) else None, tensors=len(kept))
        return kept

    return read_tensors(path, pick=pick, expected=expected, inert_packages=_INERT), sizes


def check_names(state: "Mapping[str, Tensor]", sizes: "NetworkSizes", *, label: str) -> None:
    """Compare names and shapes of tensors with the network's.

    Raises:
        WeightsError: for the first tensor that is missing, unknown or of the wrong shape.
    """
    network_files.check_names(_form(sizes), state, label=label)


def network_shapes(sizes: "NetworkSizes") -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's tensors, without allocating them."""
    return network_files.network_shapes(_form(sizes), sizes)


def load_network(path: Path) -> "Hmr2Network":
    """Load a network that :func:`convert_hmr2_checkpoint` wrote, on the CPU.

    Raises:
        WeightsError: where the file is of another kind, or its tensors are not the network's.
    """
    return cast("Hmr2Network", network_files.load_network(_form(), path))
