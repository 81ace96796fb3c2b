"""The registry of models: name -> "module:Class", imported on first use.

To add a model: one file with a class whose constructor needs no arguments, or a function that returns the model, and
one line here. Painters and relative-depth models can also be given as "hf:org/name", or a folder.
"""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

from mfh.config import Config
from mfh.errors import BackendError, InputError, WeightsError

Role = Literal[
    "painter", "relative_depth", "person_segmenter", "human_mesh", "field_of_view", "object_detector", "scale_prior"
]

CONFIG_FIELDS: dict[Role, str] = {
    "relative_depth": "relative_depth",
    "person_segmenter": "person_segmenter",
    "human_mesh": "human_mesh",
    "painter": "painter",
    "field_of_view": "field_of_view",
    "object_detector": "object_detector",
    "scale_prior": "scale_prior",
}
"""Role -> the field of a configuration that names its model."""

OPTIONAL_ROLES: tuple[Role, ...] = ("object_detector",)
"""Roles without whose model a configuration can still run, with less evidence."""

_HUB = "pip install 'metric-from-human[hub]'"
_ADAPTER = "pip install 'metric-from-human[hub,lora]'"
_GPU = "pip install 'metric-from-human[gpu]'"
# Packages that are on no package index: users install them from source.
_MOGE = "pip install git+https://github.com/microsoft/MoGe.git"
_MULTI_HMR2 = "pip install git+https://github.com/naver/multi-hmr2.git"
_TOKEN_HMR = 'pip install -r "$MFH_TOKENHMR/requirements.txt"'
_SAM_3D_BODY = (
    "git clone https://github.com/facebookresearch/sam-3d-body, install what its INSTALL.md names, and put the folder "
    "on PYTHONPATH"
)


@dataclass(frozen=True)
class Entry:
    """One model of the registry: its class and its requirements.

    Attributes:
        target: "module:Class", or "module:function" that returns the model.
        install: command that installs the packages it needs.
        weights: model files it loads, by their names in ``mfh weights list``.
        packages: distributions it needs beside the core.
        gpu_gb: approximate GPU memory, activations included; 0 for models that run on the CPU.
        argument: passed to the target; None for none.
        module: import name of the package the model was published with, whose distribution name is not fixed; empty
            for models implemented here.
    """

    target: str
    install: str
    weights: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    gpu_gb: float = 0.0
    argument: str | None = None
    module: str = ""


_TORCH = ("torch", "transformers", "safetensors")
_DIFFUSERS = (*_TORCH, "diffusers", "accelerate")
_PAINTERS = "mfh.models.painters.diffusers_inpainting"
_DEPTH = "mfh.models.relative_depth.hub_depth"


def _painter(name: str, *weights: str, gpu_gb: float) -> Entry:
    adapter = len(weights) > 1
    packages = (*_DIFFUSERS, "peft") if adapter else _DIFFUSERS
    return Entry(f"{_PAINTERS}:from_catalog", _ADAPTER if adapter else _HUB, weights, packages, gpu_gb, name)


def _depth(name: str, *, gpu_gb: float) -> Entry:
    return Entry(f"{_DEPTH}:from_catalog", _HUB, (name,), _TORCH, gpu_gb, name)


REGISTRY: dict[Role, dict[str, Entry]] = {
    "painter": {
        "sprite": Entry(
            "mfh.models.painters.sprite:SpritePainter", "pip install onnxruntime", ("pocket-painter", "pocket-depth")
        ),
        "sd2": _painter("sd2", "sd2", gpu_gb=6.0),
        "sd15": _painter("sd15", "sd15", gpu_gb=5.0),
        "sdxl": _painter("sdxl", "sdxl", gpu_gb=12.0),
        "sd15-lcm": _painter("sd15-lcm", "sd15", "lcm-sd15", gpu_gb=5.0),
        "sdxl-lcm": _painter("sdxl-lcm", "sdxl", "lcm-sdxl", gpu_gb=12.0),
    },
    "relative_depth": {
        "pocket": Entry(
            "mfh.models.relative_depth.pocket:PocketRelativeDepth", "pip install onnxruntime", ("pocket-depth",)
        ),
        "depth-anything-v1-small": _depth("depth-anything-v1-small", gpu_gb=1.0),
        "depth-anything-v1-base": _depth("depth-anything-v1-base", gpu_gb=1.0),
        "depth-anything-v1-large": _depth("depth-anything-v1-large", gpu_gb=2.0),
        "depth-anything-v2-small": _depth("depth-anything-v2-small", gpu_gb=1.0),
        "depth-anything-v2-base": _depth("depth-anything-v2-base", gpu_gb=1.0),
        "depth-anything-v2-large": _depth("depth-anything-v2-large", gpu_gb=2.0),
        "zoedepth": _depth("zoedepth", gpu_gb=2.0),
        "marigold": Entry(f"{_DEPTH}:from_catalog", _HUB, ("marigold",), (*_DIFFUSERS, "scipy"), 5.0, "marigold"),
    },
    "person_segmenter": {
        "blazepose": Entry("mfh.models.human_mesh.blazepose:BlazePose", "pip install ai-edge-litert", ("blazepose",)),
        "mask_rcnn": Entry(
            "mfh.models.segmentation.mask_rcnn:MaskRcnn", _GPU, ("mask_rcnn",), ("torch", "torchvision"), 2.0
        ),
        "mask2former": Entry("mfh.models.segmentation.mask2former:Mask2Former", _HUB, ("mask2former",), _TORCH, 3.0),
    },
    "human_mesh": {
        "blazepose": Entry("mfh.models.human_mesh.blazepose:BlazePose", "pip install ai-edge-litert", ("blazepose",)),
        "hmr2": Entry("mfh.models.human_mesh.hmr2:Hmr2", _HUB, ("hmr2", "smpl"), ("torch", "safetensors"), 4.0),
        "hmar": Entry("mfh.models.human_mesh.hmar:Hmar", _HUB, ("hmar", "smpl"), ("torch", "safetensors"), 1.0),
        "token-hmr": Entry(
            "mfh.models.human_mesh.token_hmr:TokenHmr", _TOKEN_HMR, ("token-hmr",), ("torch", "yacs"), 4.0
        ),
        "sam-3d-body": Entry(
            "mfh.models.human_mesh.sam_3d_body:Sam3dBody",
            _SAM_3D_BODY,
            ("sam-3d-body",),
            ("torch",),
            6.0,
            module="sam_3d_body",
        ),
        "multi-hmr2": Entry(
            "mfh.models.human_mesh.multi_hmr2:MultiHmr2",
            _MULTI_HMR2,
            ("multi-hmr2",),
            ("torch",),
            4.0,
            module="multihmr2",
        ),
    },
    "field_of_view": {
        "depth-pro": Entry("mfh.models.field_of_view.depth_pro:DepthPro", _HUB, ("depth-pro",), _TORCH, 4.0),
        "moge": Entry("mfh.models.field_of_view.moge:Moge", _MOGE, ("moge",), ("torch",), 4.0, module="moge"),
    },
    "object_detector": {
        "nanodet": Entry("mfh.models.objects.nanodet:NanoDetObjects", "pip install onnxruntime", ("nanodet",)),
    },
    "scale_prior": {
        "scene": Entry("mfh.models.scale_prior:SceneScalePrior", "pip install onnxruntime", ("scale-prior",)),
    },
}

NAMED_BY_PLACE: dict[Role, Entry] = {
    "painter": Entry(f"{_PAINTERS}:from_source", _HUB, packages=_DIFFUSERS, gpu_gb=6.0),
    "relative_depth": Entry(f"{_DEPTH}:from_source", _HUB, packages=_TORCH, gpu_gb=2.0),
}
"""The loader of models given by their location rather than by a name of the registry."""


def find_model(role: Role, name: str) -> Entry:
    """Return the entry of a model's name; for some roles also of "hf:org/name" or a folder.

    Raises:
        InputError: for an unknown name, listing the known ones.
    """
    known = REGISTRY[role]
    if name in known:
        return known[name]
    if role in NAMED_BY_PLACE and (name.startswith("hf:") or os.sep in name or os.path.isdir(name)):
        return replace(NAMED_BY_PLACE[role], argument=name)
    names = ", ".join(sorted(known)) or "none yet"
    places = ", or hf:org/name, or a folder" if role in NAMED_BY_PLACE else ""
    raise InputError(f"unknown {role.replace('_', ' ')} model {name!r}: expected one of: {names}{places}")


def names_of(config: Config) -> dict[Role, str]:
    """Return role -> name of the models of a configuration; a role without a name has no model."""
    named: dict[Role, str | None] = {role: getattr(config, field) for role, field in CONFIG_FIELDS.items()}
    return {role: name for role, name in named.items() if name is not None}


def load_models(names: Mapping[Role, str]) -> dict[Role, Any]:
    """Load one model per role, and return role -> model; a target named in several roles is loaded once.

    Models of the core whose files are here are loaded at the same time.

    Raises:
        InputError: for an unknown name.
        BackendError: where a package is missing, with the command that installs it.
        WeightsError: where a model's files are missing or not the ones expected.
    """
    entries: dict[Role, Entry] = {role: find_model(role, name) for role, name in names.items()}
    made: dict[tuple[str, str | None], Callable[[], Any]] = {}
    with ThreadPoolExecutor(max(1, len(entries))) as threads:
        for role, entry in entries.items():
            key = (entry.target, entry.argument)
            if key not in made:
                make = partial(_make, role, names[role], entry)
                made[key] = threads.submit(make).result if _loads_at_once(entry) else cache(make)
        try:
            return {role: made[entry.target, entry.argument]() for role, entry in entries.items()}
        except WeightsError as error:
            raise WeightsError(f"{error}{_also_missing(entries.values(), str(error))}") from error


def _also_missing(entries: Iterable[Entry], reported: str) -> str:
    """Return which other model files are missing, so that they are not found out one by one; empty for none."""
    from mfh.weights.store import is_here

    files = dict.fromkeys(name for entry in entries for name in entry.weights)
    others = [name for name in files if name not in reported and not is_here(name)]
    return f"; also missing: {', '.join(others)} ('mfh doctor' says how to get each)" if others else ""


def _loads_at_once(entry: Entry) -> bool:
    """Return whether a model is loaded beside others: torch is not made for it, and Ctrl-C must end a download."""
    from mfh.weights.store import is_here

    return not entry.packages and all(map(is_here, entry.weights))


def load_optional(role: Role, name: str) -> tuple[Any | None, str]:
    """Load a model that a configuration can run without: return (model, ""), or (None, the reason why there is none).

    Raises:
        InputError: for an unknown name.
    """
    try:
        return load_models({role: name})[role], ""
    except (BackendError, WeightsError) as error:
        return None, str(error)


def _make(role: Role, name: str, entry: Entry) -> Any:
    module, _, attribute = entry.target.partition(":")
    try:
        # Backends import their heavy library in the constructor, so both lines can raise.
        make = getattr(importlib.import_module(module), attribute)
        return make() if entry.argument is None else make(entry.argument)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "mfh":
            raise
        raise BackendError(
            f"the {role.replace('_', ' ')} model {name!r} needs the package {error.name!r}, which is not installed: "
            f"{entry.install}"
        ) from error
