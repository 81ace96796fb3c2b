"""Reading a TensorFlow.js graph model: its operations from model.json, its constants from one binary file.

Both files come from outside: sizes, types and shapes are checked before anything is made of them, and no operation is
run. :mod:`mfh.weights.tfjs_onnx` converts the graph.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.io.reading import check_file, read_json, reading

MAX_DIMENSIONS = 6
MAX_ELEMENTS = 1 << 26
"""Largest number of elements of one tensor."""
_MAX_JSON_BYTES = 4 << 20
_MAX_WEIGHTS_BYTES = 256 << 20
_MAX_NODES = 10_000
_DTYPES = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}
_EXPECTED = "a TensorFlow.js graph model"

Attribute = bool | int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        name: unique in the graph.
        op: kind of operation.
        inputs: (name of the node, index of its output) of each input.
        attributes: those of the kinds in :data:`Attribute`; others are left out.
    """

    name: str
    op: str
    inputs: tuple[tuple[str, int], ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Graph:
    """A graph model with one input.

    Attributes:
        nodes: each after those it takes as inputs, without the constants.
        constants: name -> array; float16 where the file stores that, else float32 or int32.
        input_name: node of the input.
        input_shape: its shape.
        outputs: (name of the node, index) of each output; ``Identity_10`` follows ``Identity_9``.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Shaped[ndarray, "..."]]
    input_name: str
    input_shape: tuple[int, ...]
    outputs: tuple[tuple[str, int], ...]


def read_graph(topology: Path, weights: Path) -> Graph:
    """Read a graph model.

    Args:
        topology: its model.json.
        weights: its one file of constants.

    Raises:
        WeightsError: where either file cannot be read or is not what it should be.
    """
    content = read_json(topology, what="", expected=_EXPECTED, max_bytes=_MAX_JSON_BYTES, error=WeightsError)
    check_file(weights, what="", expected="constants", max_bytes=_MAX_WEIGHTS_BYTES, error=WeightsError)
    with reading(weights, what="", expected="the constants that model.json lists", error=WeightsError):
        stored = _constants(content["weightsManifest"], weights.read_bytes())
    with reading(topology, what="", expected=_EXPECTED, error=WeightsError):
        return _graph(content, stored)


def checked_shape(shape: Any, *, least: int = 0) -> tuple[int, ...]:
    """Return a shape whose tensor has a size that can be held.

    Raises:
        ValueError: for any other.
    """
    sizes = tuple(shape)
    if not all(type(size) is int and size >= least for size in sizes) or len(sizes) > MAX_DIMENSIONS:
        raise ValueError(f"a shape is {str(sizes)[:80]}")
    if math.prod(sizes) > MAX_ELEMENTS:
        raise ValueError(f"a tensor has {math.prod(sizes):,} elements, at most {MAX_ELEMENTS:,} are read")
    return sizes


def _constants(manifest: Any, content: bytes) -> dict[str, ndarray]:
    """Return the arrays of the weights manifest, which must cover the file exactly."""
    (group,) = manifest
    found: dict[str, ndarray] = {}
    offset = 0
    if len(group["weights"]) > _MAX_NODES:
        raise ValueError(f"{len(group['weights']):,} constants are listed")
    for one in group["weights"]:
        name, shape, dtype = str(one["name"]), checked_shape(one["shape"]), _DTYPES[one["dtype"]]
        if "quantization" in one:
            if (one["dtype"], one["quantization"]["dtype"]) != ("float32", "float16"):
                raise ValueError(f"{name[:80]!r} is quantized to {str(one['quantization']['dtype'])[:20]!r}")
            dtype = np.dtype("<f2")
        count = math.prod(shape)
        if offset + count * dtype.itemsize > len(content):
            raise ValueError(f"it ends inside {name[:80]!r}")
        array = np.frombuffer(content, dtype, count, offset).reshape(shape)
        # A constant to pad with may be minus infinity.
        if dtype.kind == "f" and not (np.isfinite(array) | (np.isinf(array) & (array.ndim == 0))).all():
            raise ValueError(f"{name[:80]!r} has values that are not finite")
        if name in found:
            raise ValueError(f"{name[:80]!r} is listed twice")
        found[name] = array
        offset += array.nbytes
    if offset != len(content):
        raise ValueError(f"it has {len(content):,} bytes, and {offset:,} are listed")
    return found


def _graph(content: Any, stored: Mapping[str, ndarray]) -> Graph:
    entries = content["modelTopology"]["node"]
    if len(entries) > _MAX_NODES:
        raise ValueError(f"it has {len(entries):,} operations")
    nodes = {node.name: node for node in map(_node, entries)}
    if len(nodes) < len(entries):
        raise ValueError("two operations have the same name")
    constants = {name: stored[name] for name, node in nodes.items() if node.op == "Const"}
    (given,) = (node for node in nodes.values() if node.op == "Placeholder")
    (shape,) = (one["attr"]["shape"]["shape"]["dim"] for one in entries if one["name"] == given.name)
    outputs = tuple(_reference(name) for name in sorted(content["signature"]["outputs"], key=lambda n: (len(n), n)))
    if not outputs:
        raise ValueError("it has no outputs")
    ordered = _ordered(nodes, [name for name, _ in outputs])
    return Graph(
        nodes=tuple(node for node in ordered if node.op not in ("Const", "Placeholder")),
        constants=constants,
        input_name=given.name,
        input_shape=checked_shape([int(one["size"]) for one in shape], least=1),
        outputs=outputs,
    )


def _node(entry: Any) -> Node:
    """Return an operation; inputs that only order operations ("^name") are left out."""
    inputs = tuple(_reference(one) for one in entry.get("input", []) if not one.startswith("^"))
    read = {name: _attribute(one) for name, one in entry.get("attr", {}).items()}
    known = {name: value for name, value in read.items() if value is not None}
    return Node(str(entry["name"]), str(entry["op"]), inputs, known)


def _reference(text: str) -> tuple[str, int]:
    """Return the node and output index of "name:1", or of "name", which is "name:0"."""
    name, _, index = text.partition(":")
    return name, int(index or 0)


def _attribute(entry: Any) -> Attribute | None:
    """Return the value of an attribute; None for kinds that no conversion needs (types, shapes, tensors)."""
    if "i" in entry:
        return int(entry["i"])
    if "f" in entry:
        return float(entry["f"])
    if "b" in entry:
        return bool(entry["b"])
    if "s" in entry:
        return base64.b64decode(entry["s"], validate=True).decode("ascii")
    if "list" in entry:
        return tuple(int(one) for one in entry["list"].get("i", []))
    return None


def _ordered(nodes: Mapping[str, Node], wanted: list[str]) -> list[Node]:
    """Return the nodes that outputs depend on, each after its inputs.

    Raises:
        ValueError: where an input does not exist, or nodes form a cycle.
    """
    done: dict[str, Node] = {}
    open_: set[str] = set()
    stack = [(name, False) for name in reversed(wanted)]
    while stack:
        name, entered = stack.pop()
        if entered:
            open_.discard(name)
            done[name] = nodes[name]
        elif name not in done:
            if name not in nodes:
                raise ValueError(f"there is no operation {name[:80]!r}")
            if name in open_:
                raise ValueError(f"operations depend on each other: {name[:80]!r}")
            open_.add(name)
            stack.append((name, True))
            stack.extend((one, False) for one, _ in reversed(nodes[name].inputs))
    return list(done.values())
