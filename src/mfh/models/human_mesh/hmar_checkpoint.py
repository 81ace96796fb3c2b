"""The weights of HMAR: conversion of a published checkpoint to safetensors, and loading of the result.

Two are published: hmar_v2_weights.pth of PHALP, whose names have a prefix that no public code spells out, and
t3dp_hmar.pt of T3DP, an older network that takes no mask. Both are read without executing anything
(:mod:`mfh.weights.torch_tensors`). Neither was seen here: the layout is what the published loaders do with it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mfh.errors import WeightsError, shown
from mfh.io.reading import read_npz
from mfh.models.human_mesh import network_files
from mfh.models.human_mesh.network_files import NetworkFile
from mfh.weights.torch_tensors import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from mfh.models.human_mesh.hmar_network import HmarNetwork, HmarSizes

SIZES_KEY = "mfh_hmar_sizes"
MEANS_NAME = "smpl_mean_params.npz"
_PUBLISHED_NAME = "hmar_v2_weights.pth"
_FIRST = "backbone.conv1.weight"
_MEANS = {"init_body_pose": "pose", "init_betas": "shape", "init_cam": "cam"}
"""Mean of the regressor -> its array in smpl_mean_params.npz."""
_MAX_MEANS_BYTES = 1 << 20
_INERT = frozenset({"argparse", "yacs", "omegaconf", "typing", "pathlib", "phalp"})


def _form(sizes: "HmarSizes | None" = None) -> NetworkFile:
    """Return the form of the network's file; sizes None for the published ones."""
    from mfh.models.human_mesh.hmar_network import CROP_AND_MASK, PUBLISHED, HmarNetwork

    return NetworkFile(
        "hmar",
        "HMAR",
        "'mfh weights convert hmar CHECKPOINT'",
        _PUBLISHED_NAME,
        SIZES_KEY,
        sizes or PUBLISHED,
        build=HmarNetwork,
        fits=lambda sizes: sizes.inputs <= CROP_AND_MASK and sizes.width <= 1 << 10,
    )


def convert_hmar_checkpoint(
    source: str | Path, destination: str | Path, *, means: Path | None = None, sizes: "HmarSizes | None" = None
) -> Path:
    """Convert hmar_v2_weights.pth (PHALP) or t3dp_hmar.pt (T3DP) to safetensors, and return the destination.

    A checkpoint without the means that the regressor starts from takes them from ``means``, by default the
    smpl_mean_params.npz beside it, or where the tracker of PHALP has put it.

    The destination's folder is created. An existing file is never replaced, and is an error unless it already has the
    same content.

    Raises:
        InputError: for a missing source, or a destination that cannot be written or has other content.
        WeightsError: where it is no such checkpoint, or its pickle names a class that is not allowed.
    """
    form = _form(sizes)
    return network_files.convert_network(
        form, Path(source), Path(destination), read=lambda path: _read(path, form.sizes, means)
    )


def _read(path: Path, sizes: "HmarSizes", means: Path | None) -> "tuple[dict[str, Tensor], HmarSizes]":
    """Return the network's tensors under this project's names, and its sizes, ``sizes`` but for the inputs."""
    from mfh.models.human_mesh.hmar_network import CROP_ALONE

    expected = f"the HMAR checkpoint ({_PUBLISHED_NAME}), as published; download it again"
    wanted = network_shapes(sizes)
    without_masks = False

    def pick(content: Any) -> Mapping[Any, Any]:
        nonlocal without_masks
        state = content.get("model") if isinstance(content, Mapping) else None
        if not isinstance(state, Mapping):
            raise WeightsError(f"{shown(path)} has no model: expected {expected}")
        names = [name for name in state if isinstance(name, str)]
        prefix = _prefix(names, path, expected)
        # T3DP's own names: without a prefix, and beside the loss it was trained with.
        without_masks = not prefix and any("perceptual_loss" in name for name in names)
        own = {
            name.removeprefix(prefix).replace("smplx_head.", "smpl_head."): stored
            for name, stored in state.items()
            if isinstance(name, str) and name.startswith(prefix)
        }
        return {name: stored for name, stored in own.items() if name in wanted}

    state = read_tensors(path, pick=pick, expected=expected, inert_packages=_INERT)
    absent = [name for name in _MEANS if f"smpl_head.{name}" not in state]
    if absent:
        state |= _means(absent, means or _beside(path), path)
    return state, replace(sizes, inputs=CROP_ALONE) if without_masks else sizes


def _prefix(names: list[str], path: Path, expected: str) -> str:
    """Return what precedes the names of the network."""
    found = sorted((name.removesuffix(_FIRST) for name in names if name.endswith(_FIRST)), key=len)
    if not found:
        raise WeightsError(f"{shown(path)} has no {_FIRST} under any prefix: expected {expected}")
    return found[0]


def _beside(checkpoint: Path) -> Path:
    """Return the file of means that belongs to a checkpoint: beside it, or in the layout of PHALP's cache."""
    cached = checkpoint.absolute().parent.parent / "3D" / MEANS_NAME
    beside = checkpoint.absolute().parent / MEANS_NAME
    return cached if cached.is_file() and not beside.is_file() else beside


def _means(absent: list[str], place: Path, checkpoint: Path) -> "dict[str, Tensor]":
    """Return the means that a checkpoint lacks, from a file of them."""
    import torch

    expected = f"the {MEANS_NAME} that PHALP fetches, with pose, shape and cam"
    if not place.is_file():
        raise WeightsError(
            f"{shown(checkpoint)} has no smpl_head.{absent[0]}, and there is no {shown(place)}: put {expected} beside "
            "it, or name the file with --means"
        )
    arrays = read_npz(
        place,
        what="",
        expected=expected,
        names=[_MEANS[name] for name in absent],
        max_bytes=_MAX_MEANS_BYTES,
        error=WeightsError,
    )
    return {
        f"smpl_head.{name}": torch.from_numpy(arrays[_MEANS[name]].astype("float32")).reshape(1, -1) for name in absent
    }


def load_network(path: Path) -> "HmarNetwork":
    """Load a network that :func:`convert_hmar_checkpoint` wrote, on the CPU.

    Raises:
        WeightsError: where the file is of another kind, or its tensors are not the network's.
    """
    return cast("HmarNetwork", network_files.load_network(_form(), path))


def network_shapes(sizes: "HmarSizes") -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's tensors, without allocating them."""
    return network_files.network_shapes(_form(sizes), sizes)
