"""Conversion of a TensorFlow.js graph model to ONNX, for the 17 kinds of operation that a detector consists of.

TensorFlow puts channels last and ONNX puts them second. A value is therefore kept as a stored tensor and a permutation
of its axes: transpositions change the permutation alone, operations on single elements ignore it, and a Transpose is
written only where an operation needs an order that the stored tensor does not have. All shapes are known beforehand.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.io.reading import reading
from mfh.weights.tfjs import Graph, Node, checked_shape, read_graph

if TYPE_CHECKING:
    import onnx

_OPSET = 17
_IR_VERSION = 8
_TO_NCHW = (0, 3, 1, 2)
_TO_NHWC = (0, 2, 3, 1)
_MAX_ALONG = 1 << 16
"""Largest stride, dilation or window."""


@dataclass(frozen=True)
class _Value:
    """A tensor: axis i of the value is axis ``axes[i]`` of the stored tensor ``name``, whose shape is ``stored``."""

    name: str
    stored: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return tuple(self.stored[axis] for axis in self.axes)


def convert_to_onnx(topology: Path, weights: Path) -> bytes:
    """Return a graph model as an ONNX file; the same files give the same bytes.

    Constants that are stored in half precision stay so, and are converted to single precision when the network is
    loaded.

    Args:
        topology: its model.json.
        weights: its one file of constants.

    Raises:
        WeightsError: where a file is damaged, or has an operation that is not converted here.
        ModuleNotFoundError: where ``onnx`` is not installed.
    """
    graph = read_graph(topology, weights)
    with reading(topology, what="", expected="a graph model that can be converted", error=WeightsError):
        return _Conversion(graph).model().SerializeToString(deterministic=True)


class _Conversion:
    """The state of one conversion: ONNX nodes and constants so far, and the values of graph nodes."""

    def __init__(self, graph: Graph) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper = helper, numpy_helper
        self._graph = graph
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._written: dict[tuple[str, tuple[int, ...]], str] = {}
        self._values: dict[tuple[str, int], _Value | ndarray] = {
            (name, 0): array for name, array in graph.constants.items()
        }
        shape = graph.input_shape
        self._values[graph.input_name, 0] = _Value(graph.input_name, shape, tuple(range(len(shape))))

    def model(self) -> "onnx.ModelProto":
        """Convert every node, and return the model."""
        for node in self._graph.nodes:
            convert = _OPERATIONS.get(node.op)
            if convert is None:
                raise ValueError(f"the operation {node.op[:80]!r} is not converted")
            results = convert(self, node)
            for index, value in enumerate(results):
                checked_shape(value.shape)
                self._values[node.name, index] = value
        outputs = []
        for number, reference in enumerate(self._graph.outputs):
            value = self._tensor(reference)
            (name,) = self.emit("Identity", [self.ordered(value, range(len(value.axes)))], name=f"output_{number}")
            outputs.append(self._helper.make_tensor_value_info(name, 1, value.shape))
        given = self._helper.make_tensor_value_info(self._graph.input_name, 1, self._graph.input_shape)
        graph = self._helper.make_graph(self._nodes, "graph", [given], outputs, self._initializers)
        return self._helper.make_model(
            graph, opset_imports=[self._helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )

    def emit(
        self, op: str, inputs: Sequence[str], *, outputs: int = 1, name: str | None = None, **attributes: Any
    ) -> list[str]:
        """Write an ONNX node, and return the names of its outputs."""
        names = [name or f"{op}_{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(self._helper.make_node(op, inputs, names, **attributes))
        return names

    def constant(self, array: ndarray) -> str:
        """Write a constant, and return its name; one in half precision is converted to single precision."""
        name = f"constant_{len(self._initializers)}"
        self._initializers.append(self._numpy_helper.from_array(np.ascontiguousarray(array), name))
        return self.emit("Cast", [name], to=1)[0] if array.dtype == np.float16 else name

    def tensor(self, node: Node, index: int) -> _Value:
        """Return an input that is computed, by its index."""
        return self._tensor(node.inputs[index])

    def array(self, node: Node, index: int) -> ndarray:
        """Return an input that is a constant, by its index."""
        found = self._values[node.inputs[index]]
        if isinstance(found, _Value):
            raise ValueError(f"an input of {node.op} {node.name[:80]!r} is not constant")
        return found

    def is_constant(self, node: Node, index: int) -> bool:
        """Return whether an input is a constant."""
        return not isinstance(self._values[node.inputs[index]], _Value)

    def ordered(self, value: _Value, axes: Sequence[int]) -> str:
        """Return a stored tensor whose axis k is axis ``axes[k]`` of the value."""
        order = tuple(value.axes[axis] for axis in axes)
        if order == tuple(range(len(order))):
            return value.name
        key = value.name, order
        if key not in self._written:
            self._written[key] = self.emit("Transpose", [value.name], perm=order)[0]
        return self._written[key]

    def _tensor(self, reference: tuple[str, int]) -> _Value:
        found = self._values[reference]
        if not isinstance(found, _Value):
            raise ValueError(f"{reference[0][:80]!r} is constant")
        return found


def _along(attribute: Any) -> tuple[int, int]:
    """Return (y, x) of a list of four with channels last: strides, dilations or a window."""
    batch, y, x, channels = attribute
    if batch != 1 or channels != 1 or not (0 < y <= _MAX_ALONG and 0 < x <= _MAX_ALONG):
        raise ValueError(f"strides, dilations or a window are {attribute}")
    return y, x


def _nhwc(value: _Value, node: Node) -> tuple[int, int, int, int]:
    """Return batch, height, width and channels of the input of an operation on images."""
    if node.attributes.get("data_format", "NHWC") != "NHWC" or len(value.axes) != 4:
        raise ValueError(f"the input of {node.op} {node.name[:80]!r} is no image with channels last")
    batch, height, width, channels = value.shape
    return batch, height, width, channels


def _window(node: Node, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """Return the output's size along one axis, and the padding before and after, as TensorFlow has them."""
    reach = (kernel - 1) * dilation + 1
    padding = node.attributes.get("padding")
    if padding == "SAME":
        count = math.ceil(size / stride)
        total = max((count - 1) * stride + reach - size, 0)
        return count, total // 2, total - total // 2
    if padding != "VALID" or size < reach:
        raise ValueError(f"{node.op} {node.name[:80]!r} has padding {padding!r} and a window of {reach} on {size}")
    return (size - reach) // stride + 1, 0, 0


def _conv(to: _Conversion, node: Node) -> list[_Value]:
    value, kernel = to.tensor(node, 0), to.array(node, 1)
    batch, height, width, channels = _nhwc(value, node)
    tall, wide, inner, outer = kernel.shape
    if not (inner and outer and channels % inner == 0 and outer % (channels // inner) == 0):
        raise ValueError(f"a kernel of shape {kernel.shape} is applied to {channels} channels")
    (sy, sx), (dy, dx) = _along(node.attributes["strides"]), _along(node.attributes.get("dilations", (1, 1, 1, 1)))
    rows, top, bottom = _window(node, height, tall, sy, dy)
    columns, left, right = _window(node, width, wide, sx, dx)
    (name,) = to.emit(
        "Conv",
        [to.ordered(value, _TO_NCHW), to.constant(kernel.transpose(3, 2, 0, 1))],
        group=channels // inner,
        strides=[sy, sx],
        dilations=[dy, dx],
        pads=[top, left, bottom, right],
    )
    return [_Value(name, (batch, outer, rows, columns), _TO_NHWC)]


def _max_pool(to: _Conversion, node: Node) -> list[_Value]:
    value = to.tensor(node, 0)
    batch, height, width, channels = _nhwc(value, node)
    (tall, wide), (sy, sx) = _along(node.attributes["ksize"]), _along(node.attributes["strides"])
    rows, top, bottom = _window(node, height, tall, sy, 1)
    columns, left, right = _window(node, width, wide, sx, 1)
    (name,) = to.emit(
        "MaxPool",
        [to.ordered(value, _TO_NCHW)],
        kernel_shape=[tall, wide],
        strides=[sy, sx],
        pads=[top, left, bottom, right],
    )
    return [_Value(name, (batch, channels, rows, columns), _TO_NHWC)]


def _resize(to: _Conversion, node: Node) -> list[_Value]:
    value = to.tensor(node, 0)
    batch, _, _, channels = _nhwc(value, node)
    rows, columns = checked_shape(to.array(node, 1).tolist(), least=1)
    half, corners = node.attributes.get("half_pixel_centers", False), node.attributes.get("align_corners", False)
    mode = "half_pixel" if half else "align_corners" if corners else "asymmetric"
    stored = (batch, channels, rows, columns)
    sizes = to.constant(np.array(stored, np.int64))
    (name,) = to.emit(
        "Resize",
        [to.ordered(value, _TO_NCHW), "", "", sizes],
        mode="linear",
        coordinate_transformation_mode=mode,
    )
    return [_Value(name, stored, _TO_NHWC)]


def _pad(to: _Conversion, node: Node) -> list[_Value]:
    value = to.tensor(node, 0)
    before_after = [checked_shape(pair) for pair in to.array(node, 1).tolist()]
    if [len(pair) for pair in before_after] != [2] * len(value.axes):
        raise ValueError(f"the paddings of {node.name[:80]!r} are {before_after}")
    pairs = [before_after[value.axes.index(axis)] for axis in range(len(value.axes))]
    filled = float(to.array(node, 2)) if len(node.inputs) > 2 else 0.0
    pads = np.array([pair[0] for pair in pairs] + [pair[1] for pair in pairs], np.int64)
    (name,) = to.emit("Pad", [value.name, to.constant(pads), to.constant(np.array(filled, np.float32))])
    stored = tuple(size + sum(pair) for size, pair in zip(value.stored, pairs, strict=True))
    return [_Value(name, stored, value.axes)]


def _add(to: _Conversion, node: Node) -> list[_Value | ndarray]:
    constant = [to.is_constant(node, index) for index in (0, 1)]
    if all(constant):
        a, b = to.array(node, 0), to.array(node, 1)
        checked_shape(np.broadcast_shapes(a.shape, b.shape))
        return [a + b]
    first, second = (1, 0) if constant[0] else (0, 1)
    value = to.tensor(node, first)
    inverse = [value.axes.index(axis) for axis in range(len(value.axes))]
    if constant[second]:
        array = to.array(node, second)
        if np.broadcast_shapes(array.shape, value.shape) != value.shape:
            raise ValueError(f"{array.shape} is added to {value.shape}")
        array = array.reshape((1,) * (len(value.axes) - array.ndim) + array.shape)
        other = to.constant(array.transpose(inverse))
    else:
        added = to.tensor(node, second)
        if added.shape != value.shape:
            raise ValueError(f"{added.shape} is added to {value.shape}")
        other = to.ordered(added, inverse)
    (name,) = to.emit("Add", [value.name, other])
    return [_Value(name, value.stored, value.axes)]


def _concat(to: _Conversion, node: Node) -> list[_Value]:
    values = [to.tensor(node, index) for index in range(len(node.inputs) - 1)]
    first = values[0]
    axis = _axis(to.array(node, len(node.inputs) - 1), first)
    for value in values:
        if [*value.shape[:axis], *value.shape[axis + 1 :]] != [*first.shape[:axis], *first.shape[axis + 1 :]]:
            raise ValueError(f"{value.shape} is joined to {first.shape} along axis {axis}")
    inverse = [first.axes.index(one) for one in range(len(first.axes))]
    along = first.axes[axis]
    (name,) = to.emit("Concat", [to.ordered(value, inverse) for value in values], axis=along)
    joined = sum(value.shape[axis] for value in values)
    return [_Value(name, (*first.stored[:along], joined, *first.stored[along + 1 :]), first.axes)]


def _split(to: _Conversion, node: Node) -> list[_Value]:
    value, sizes = to.tensor(node, 0), checked_shape(to.array(node, 1).tolist(), least=1)
    axis = _axis(to.array(node, 2), value)
    if sum(sizes) != value.shape[axis]:
        raise ValueError(f"{value.shape} is split into {sizes} along axis {axis}")
    along = value.axes[axis]
    names = to.emit("Split", [value.name, to.constant(np.array(sizes, np.int64))], outputs=len(sizes), axis=along)
    shapes = [(*value.stored[:along], size, *value.stored[along + 1 :]) for size in sizes]
    return [_Value(name, shape, value.axes) for name, shape in zip(names, shapes, strict=True)]


def _axis(array: ndarray, value: _Value) -> int:
    """Return an axis of a value; negative ones count from the last."""
    axis = int(array)
    if not -len(value.axes) <= axis < len(value.axes):
        raise ValueError(f"there is no axis {axis} in {value.shape}")
    return axis % len(value.axes)


def _transpose(to: _Conversion, node: Node) -> list[_Value]:
    value, order = to.tensor(node, 0), to.array(node, 1).tolist()
    if sorted(order) != list(range(len(value.axes))):
        raise ValueError(f"{value.shape} is transposed to {order}")
    return [_Value(value.name, value.stored, tuple(value.axes[axis] for axis in order))]


def _reshape(to: _Conversion, node: Node) -> list[_Value]:
    value, wanted = to.tensor(node, 0), [int(size) for size in to.array(node, 1)]
    rest = math.prod(size for size in wanted if size != -1)
    total = math.prod(value.shape)
    if wanted.count(-1) == 1 and rest and total % rest == 0:
        wanted[wanted.index(-1)] = total // rest
    if math.prod(checked_shape(wanted)) != total:
        raise ValueError(f"{value.shape} is reshaped to {wanted}")
    whole = to.ordered(value, range(len(value.axes)))
    (name,) = to.emit("Reshape", [whole, to.constant(np.array(wanted, np.int64))])
    return [_Value(name, tuple(wanted), tuple(range(len(wanted))))]


def _sigmoid(to: _Conversion, node: Node) -> list[_Value]:
    value = to.tensor(node, 0)
    return [_Value(to.emit("Sigmoid", [value.name])[0], value.stored, value.axes)]


def _leaky_relu(to: _Conversion, node: Node) -> list[_Value]:
    value, alpha = to.tensor(node, 0), float(node.attributes.get("alpha", 0.2))  # pyright: ignore[reportArgumentType]
    return [_Value(to.emit("LeakyRelu", [value.name], alpha=alpha)[0], value.stored, value.axes)]


def _identity(to: _Conversion, node: Node) -> list[_Value]:
    return [to.tensor(node, 0)]


def _sparse_to_dense(to: _Conversion, node: Node) -> list[ndarray]:
    """Evaluate it: all inputs are constants."""
    places, shape, values, rest = (to.array(node, index) for index in range(4))
    dense = np.full(checked_shape(shape.tolist()), rest.item(), values.dtype)
    places = places.reshape(-1, dense.ndim)
    if ((places < 0) | (places >= dense.shape)).any():
        raise ValueError(f"places of {node.name[:80]!r} are outside {dense.shape}")
    dense[tuple(places.T)] = values
    return [dense]


_OPERATIONS: dict[str, Callable[[_Conversion, Node], Any]] = {
    "Add": _add,
    "AddV2": _add,
    "ConcatV2": _concat,
    "Conv2D": _conv,
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "Sigmoid": _sigmoid,
    "SparseToDense": _sparse_to_dense,
    "SplitV": _split,
    "Transpose": _transpose,
}
"""Kind of operation -> its conversion; Const and Placeholder are in the graph."""
