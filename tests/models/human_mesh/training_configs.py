"""Configurations of a training run as two libraries pickle them, written without either: the same classes and states.

``OMEGACONF`` and ``YACS`` are the globals that pickles of the libraries themselves name at protocol 2 (omegaconf 2.4,
yacs 0.1.8): Python 3's int and str are Python 2's long and unicode there, and ``Optional[str]`` is a call.
"""

import typing
from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

YACS = {"yacs.config CfgNode", "__builtin__ set"}
OMEGACONF = {
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ long",
    "__builtin__ type",
    "__builtin__ unicode",
    "_operator getitem",
    "collections defaultdict",
    "omegaconf.base ContainerMetadata",
    "omegaconf.base Metadata",
    "omegaconf.dictconfig DictConfig",
    "omegaconf.listconfig ListConfig",
    "omegaconf.nodes AnyNode",
    "omegaconf.nodes StringNode",
    "pathlib PurePosixPath",
    "typing Any",
    "typing Union",
}
YACS_CLASSES: dict[str, type] = {"yacs.config.CfgNode": dict}
OMEGACONF_CLASSES: dict[str, type] = {
    name: object
    for name in (
        "omegaconf.base.ContainerMetadata",
        "omegaconf.base.Metadata",
        "omegaconf.dictconfig.DictConfig",
        "omegaconf.listconfig.ListConfig",
        "omegaconf.nodes.AnyNode",
        "omegaconf.nodes.StringNode",
    )
}
HMR2_CONFIG: dict[str, Any] = {
    "task_name": "train",
    "paths": {"output_dir": PurePosixPath("/logs/train")},
    "MODEL": {"IMAGE_SIZE": 256, "IMAGE_MEAN": [0.485, 0.456, 0.406], "BACKBONE": {"TYPE": "vit"}},
    "SMPL": {"GENDER": "neutral", "NUM_BODY_JOINTS": 23},
    "TRAIN": {"LR": 1e-5, "NUM_GPUS": None},
}
"""A few values of the published configuration."""


def yacs_config(classes: dict[str, type], values: dict[str, Any] = HMR2_CONFIG, name: str = "yacs.config.CfgNode"):
    """A frozen CfgNode: a dictionary with attributes beside it."""

    def node(content: dict[str, Any]) -> object:
        made = classes[name](
            {
                key: node(value) if isinstance(value, dict) else str(value) if key == "output_dir" else value
                for key, value in content.items()
            }
        )
        made.__dict__.update(__immutable__=True, __deprecated_keys__=set(), __renamed_keys__={}, __new_allowed__=True)
        return made

    return node(values)


def omegaconf_config(classes: dict[str, type], values: dict[str, Any] = HMR2_CONFIG):
    """A DictConfig: nodes that know their parents, each with its metadata."""

    def made(name: str, state: dict[str, Any]) -> Any:
        node = classes[f"omegaconf.{name}"]()
        node.__dict__.update(state)
        return node

    def metadata(kind: str, key: object, object_type: type | None, **more: object) -> object:
        shared = {"ref_type": typing.Any, "object_type": object_type, "optional": True, "key": key, "flags": {}}
        return made(f"base.{kind}", shared | {"flags_root": False, "resolver_cache": defaultdict(dict)} | more)

    def node(value: Any, key: object, parent: object) -> object:
        if isinstance(value, dict):
            types: dict[str, object] = {"key_type": typing.Any, "element_type": typing.Any}
            state: dict[str, Any] = {"_metadata": metadata("ContainerMetadata", key, dict, **types), "_parent": parent}
            whole = made("dictconfig.DictConfig", state)
            whole._content = {name: node(one, name, whole) for name, one in value.items()}
            return whole
        if isinstance(value, list):
            # int, and Optional[str], which is pickled as a call.
            types = {"key_type": int, "element_type": typing.Optional[str]}  # noqa: UP045
            state = {"_metadata": metadata("ContainerMetadata", key, list, **types), "_parent": parent}
            whole = made("listconfig.ListConfig", state)
            whole._content = [node(one, k, whole) for k, one in enumerate(value)]
            return whole
        kind, of = ("nodes.StringNode", str) if key == "GENDER" else ("nodes.AnyNode", None)
        return made(kind, {"_metadata": metadata("Metadata", key, of), "_parent": parent, "_val": value})

    return node(values, None, None)
