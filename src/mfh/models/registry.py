"""Names of models and where their classes live; nothing is imported before it is asked for.

To add a model: one file with a class of a zero-argument constructor, and one line here.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mfh.errors import BackendError, InputError

Role = Literal["painter", "relative_depth", "person_segmenter", "human_mesh"]


@dataclass(frozen=True)
class Entry:
    """Where a model's class is.

    Attributes:
        target: "module:Class".
        install: command that installs the packages it needs.
    """

    target: str
    install: str


_HUB = "pip install 'metric-from-human[hub]'"

REGISTRY: dict[Role, dict[str, Entry]] = {
    "painter": {
        "sprite": Entry("mfh.models.painters.sprite:SpritePainter", "pip install onnxruntime"),
    },
    "relative_depth": {
        "pocket": Entry("mfh.models.relative_depth.pocket:PocketRelativeDepth", "pip install onnxruntime"),
    },
    "person_segmenter": {
        "blazepose": Entry("mfh.models.human_mesh.blazepose:BlazePose", "pip install ai-edge-litert"),
        "mask2former": Entry("mfh.models.segmentation.mask2former:Mask2Former", _HUB),
        "mask_rcnn": Entry("mfh.models.segmentation.mask_rcnn:MaskRcnn", "pip install 'metric-from-human[gpu]'"),
    },
    "human_mesh": {
        "blazepose": Entry("mfh.models.human_mesh.blazepose:BlazePose", "pip install ai-edge-litert"),
        "hmr2": Entry("mfh.models.human_mesh.hmr2:Hmr2", _HUB),
    },
}


def find_model(role: Role, name: str) -> Entry:
    """Return where the model of this name is.

    Args:
        role: what the model does.
        name: its name.

    Returns:
        The entry.

    Raises:
        InputError: for a name nobody has, listing those there are.
    """
    known = REGISTRY[role]
    if name not in known:
        names = ", ".join(sorted(known)) or "none yet"
        raise InputError(f"unknown {role.replace('_', ' ')} model {name!r}: expected one of: {names}")
    return known[name]


def load_models(names: Mapping[Role, str]) -> dict[Role, Any]:
    """Make one model for each role; a class that is named in several roles is made once and serves them all.

    Args:
        names: role -> name of the model.

    Returns:
        role -> model.

    Raises:
        InputError: for an unknown name.
        BackendError: where a package is missing, with the command that installs it.
        WeightsError: where a model's files are missing or not the ones expected.
    """
    entries: dict[Role, Entry] = {role: find_model(role, name) for role, name in names.items()}
    made: dict[str, Any] = {}
    for role, entry in entries.items():
        if entry.target not in made:
            made[entry.target] = _make(role, names[role], entry)
    return {role: made[entry.target] for role, entry in entries.items()}


def _make(role: Role, name: str, entry: Entry) -> Any:
    module, _, attribute = entry.target.partition(":")
    try:
        # Backends import their heavy library in the constructor, so both lines can find it missing.
        return getattr(importlib.import_module(module), attribute)()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "mfh":
            raise
        raise BackendError(
            f"the {role.replace('_', ' ')} model {name!r} needs the package {error.name!r}, which is not installed: "
            f"{entry.install}"
        ) from error
