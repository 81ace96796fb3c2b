"""A tiny made-up graph model with every kind of operation that is converted, and its meaning in plain numpy."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (1, 3, 11, 14)
"""Channels second, as the real network's input."""


def _text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def _ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


class TinyGraph:
    """Nodes and constants, as model.json and a file of constants have them."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.constants: dict[str, np.ndarray] = {}
        self.outputs: list[str] = []

    def const(self, name: str, values: Any, dtype: str = "int32") -> str:
        self.constants[name] = np.asarray(values, dtype)
        self.nodes.append({"name": name, "op": "Const"})
        return name

    def node(self, name: str, op: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def content(self) -> dict[str, Any]:
        """Return model.json."""
        weights: list[dict[str, Any]] = []
        for name, array in self.constants.items():
            one: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
            if array.dtype == np.float16:
                one |= {"dtype": "float32", "quantization": {"dtype": "float16", "original_dtype": "float32"}}
            weights.append(one)
        return {
            "format": "graph-model",
            "signature": {"outputs": {f"{name}:0": {} for name in self.outputs}},
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["tiny.bin"], "weights": weights}],
        }

    def binary(self) -> bytes:
        return b"".join(array.tobytes() for array in self.constants.values())

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both files, and return their paths."""
        topology, weights = folder / "tiny.json", folder / "tiny.bin"
        topology.write_text(json.dumps(self.content()))
        weights.write_bytes(self.binary())
        return topology, weights


def tiny_graph() -> TinyGraph:
    """Return the graph that :func:`run_tiny` computes."""
    graph, random = TinyGraph(), np.random.default_rng(3)
    const, node = graph.const, graph.node

    def kernel(name: str, *shape: int) -> str:
        return const(name, random.normal(size=shape), "float16")

    dims = [{"size": str(size)} for size in SHAPE]
    # Used before the constants it takes are listed.
    node("dense", "SparseToDense", "places", "length", "values", "rest")
    node("target", "AddV2", "dense", "partial")
    node("image", "Placeholder", shape={"shape": {"dim": dims}})
    const("places", [[1]])
    const("length", [3])
    const("values", [4])
    const("rest", 0)
    const("partial", [1, -5, 5])
    nhwc, nchw = const("nhwc", [0, 2, 3, 1]), const("nchw", [0, 3, 1, 2])
    node("padded", "Pad", "image", const("around", [[0, 0], [0, 0], [1, 1], [2, 0]]))
    node("last", "Transpose", "padded", nhwc)
    node(
        "conv",
        "Conv2D",
        "last",
        kernel("wide kernel", 3, 3, 3, 6),
        strides=_ints(1, 2, 2, 1),
        padding=_text("VALID"),
        data_format=_text("NHWC"),
    )
    node("biased", "Add", "conv", const("bias", random.normal(size=6), "float32"))
    node("leaky", "LeakyRelu", "biased", alpha={"f": 0.1})
    node("grouped", "Conv2D", "leaky", kernel("groups", 3, 2, 2, 9), strides=_ints(1, 1, 2, 1), padding=_text("SAME"))
    node("first", "Transpose", "grouped", nchw)
    node("low", "PadV2", "first", const("below", [[0, 0], [0, 0], [0, 1], [1, 0]]), const("least", -9.0, "float32"))
    node("low last", "Transpose", "low", nhwc)
    node("pooled", "MaxPool", "low last", ksize=_ints(1, 3, 3, 1), strides=_ints(1, 2, 2, 1), padding=_text("VALID"))
    node("larger", "ResizeBilinear", "pooled", const("size", [5, 4]), half_pixel_centers={"b": True})
    node("larger first", "Transpose", "larger", nchw)
    node("low cut", "SplitV", "low", const("rows", [5, 2]), const("height axis", 2))
    node("cut", "SplitV", "low cut:0", const("columns", [4, 1]), const("width axis", -1))
    node("sum", "Add", "cut:0", "larger first")
    node("sum last", "Transpose", "sum", nhwc)
    node("both", "ConcatV2", "sum last", "larger", const("channel axis", 3))
    node("probable", "Sigmoid", "both")
    node("flat", "Reshape", "probable", "target")
    node("swapped", "Transpose", "flat", const("swap", [0, 2, 1]))
    node("Identity", "Identity", "swapped")
    node("Identity_1", "Identity", "low cut:1")
    graph.outputs = ["Identity_1", "Identity"]
    return graph


def run_tiny(graph: TinyGraph, image: np.ndarray) -> list[np.ndarray]:
    """Return what the graph computes, by loops over single elements where an operation has a window."""
    held = {name: array.astype(np.float64) for name, array in graph.constants.items()}
    padded = np.pad(image.astype(np.float64), ((0, 0), (0, 0), (1, 1), (2, 0)))
    conv = _convolved(padded[0].transpose(1, 2, 0), held["wide kernel"], (2, 2)) + held["bias"]
    leaky = np.where(conv > 0, conv, 0.1 * conv)
    grouped = _convolved(_same(leaky, (3, 2), (1, 2)), held["groups"], (1, 2))
    low = np.pad(grouped, ((0, 1), (1, 0), (0, 0)), constant_values=-9)
    pooled = _windows(low, (3, 3), (2, 2), lambda window: window.max((0, 1)))
    larger = _resized(pooled, 5, 4)
    both = np.concatenate([low[:5, :4] + larger, larger], 2)
    flat = (1 / (1 + np.exp(-both))).reshape(1, -1, 5)
    return [flat.transpose(0, 2, 1), low[None, 5:].transpose(0, 3, 1, 2)]


def _windows(image, size, stride, of_window) -> np.ndarray:
    rows, columns = ((image.shape[i] - size[i]) // stride[i] + 1 for i in (0, 1))
    return np.array(
        [
            [
                of_window(image[y * stride[0] : y * stride[0] + size[0], x * stride[1] : x * stride[1] + size[1]])
                for x in range(columns)
            ]
            for y in range(rows)
        ]
    )


def _convolved(image, kernel, stride) -> np.ndarray:
    """Convolve, each group of outputs with its own group of channels."""
    _, _, inner, outer = kernel.shape
    groups = image.shape[2] // inner
    each = outer // groups

    def of_window(window):
        return np.array(
            [(window[:, :, k // each * inner : (k // each + 1) * inner] * kernel[..., k]).sum() for k in range(outer)]
        )

    return _windows(image, kernel.shape[:2], stride, of_window)


def _same(image, size, stride) -> np.ndarray:
    """Pad so that the output has the input's size over the stride, rounded up; the odd pixel goes behind."""
    pads = []
    for axis in (0, 1):
        count = -(-image.shape[axis] // stride[axis])
        total = max((count - 1) * stride[axis] + size[axis] - image.shape[axis], 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(image, (*pads, (0, 0)))


def _resized(image, rows: int, columns: int) -> np.ndarray:
    """Resize bilinearly between pixel centres, the border continued."""
    out = np.zeros((rows, columns, image.shape[2]))
    for y in range(rows):
        for x in range(columns):
            at = [(y + 0.5) * image.shape[0] / rows - 0.5, (x + 0.5) * image.shape[1] / columns - 0.5]
            at = [min(max(place, 0.0), image.shape[axis] - 1.0) for axis, place in enumerate(at)]
            low = [int(place) for place in at]
            high = [min(low[axis] + 1, image.shape[axis] - 1) for axis in (0, 1)]
            v, u = at[0] - low[0], at[1] - low[1]
            above = (1 - u) * image[low[0], low[1]] + u * image[low[0], high[1]]
            below = (1 - u) * image[high[0], low[1]] + u * image[high[0], high[1]]
            out[y, x] = (1 - v) * above + v * below
    return out
