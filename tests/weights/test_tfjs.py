"""Graph models are read and converted exactly, and damaged ones are one line."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from mfh.errors import WeightsError
from mfh.weights.tfjs import read_graph
from mfh.weights.tfjs_onnx import convert_to_onnx
from tests.weights.tiny_graph import SHAPE, TinyGraph, run_tiny, tiny_graph

OPERATIONS = (
    *("Add", "AddV2", "ConcatV2", "Const", "Conv2D", "Identity", "LeakyRelu", "MaxPool", "Pad", "PadV2"),
    *("Placeholder", "Reshape", "ResizeBilinear", "Sigmoid", "SparseToDense", "SplitV", "Transpose"),
)


@pytest.fixture
def graph() -> TinyGraph:
    return tiny_graph()


def _converted(graph: TinyGraph, folder) -> bytes:
    return convert_to_onnx(*graph.write(folder))


def test_the_converted_graph_computes_what_the_graph_does(graph, tmp_path):
    content = _converted(graph, tmp_path)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    for found, expected in zip(session.run(None, {"image": image}), run_tiny(graph, image), strict=True):
        assert found.shape == expected.shape and found.std() > 0
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_kind_of_operation_is_in_the_tiny_graph(graph):
    assert {node["op"] for node in graph.nodes} == set(OPERATIONS)


def test_transpositions_there_and_back_are_not_written(graph, tmp_path):
    kinds = [node.op_type for node in onnx.load_from_string(_converted(graph, tmp_path)).graph.node]
    # Of seven, that of the reshaped value, and the one before its reshape.
    assert kinds.count("Transpose") == 2


def test_the_same_files_give_the_same_bytes(graph, tmp_path):
    assert _converted(graph, tmp_path) == _converted(graph, tmp_path)


def test_constants_in_half_precision_stay_so(graph, tmp_path):
    model = onnx.load_from_string(_converted(graph, tmp_path))
    halves = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
    assert len(halves) == sum(array.dtype == np.float16 for array in graph.constants.values())


def test_outputs_are_in_the_order_of_their_numbers(graph, tmp_path):
    assert [name for name, _ in read_graph(*graph.write(tmp_path)).outputs] == ["Identity", "Identity_1"]


def _without_constant(graph):
    del graph.constants["bias"]


def _changed(wanted, **entries):
    def change(graph):
        (node,) = (one for one in graph.nodes if one["name"] == wanted)
        node.update(entries)

    return change


def _constant(name, values):
    def change(graph):
        graph.constants[name] = np.asarray(values, graph.constants[name].dtype)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_constant, "KeyError: 'bias'"),
        (_changed("leaky", op="Softmax"), "the operation 'Softmax' is not converted"),
        (_changed("leaky", input=["nowhere"]), "there is no operation 'nowhere'"),
        (_changed("leaky", input=["probable"]), "operations depend on each other"),
        (_changed("leaky", input=["bias"]), "'bias' is constant"),
        (_changed("sum", input=["cut:7", "larger first"]), "KeyError"),
        (_changed("leaky", name="biased"), "two operations have the same name"),
        (_changed("conv", attr={}), "KeyError: 'strides'"),
        (_changed("conv", input=["last", "image"]), "is not constant"),
        (_changed("pooled", attr={}), "KeyError"),
        (_changed("image", attr={}), "KeyError"),
        (_changed("swapped", input=["flat", "nhwc"]), "is transposed to"),
        (_constant("partial", [1 << 20, 1 << 20, 1 << 20]), "a tensor has|a shape is"),
        (_constant("partial", [1, 3, 5]), "is reshaped to"),
        (_constant("around", [[0, 0], [0, 0], [1 << 30, 1 << 30], [2, 0]]), "a tensor has"),
        (_constant("around", [[0, 0], [0, 0], [-5, 1], [2, 0]]), "a shape is"),
        (_constant("size", [1 << 16, 1 << 16]), "a tensor has"),
        (_constant("size", [0, 4]), "a shape is"),
        (_constant("places", [[9]]), "are outside"),
        (_constant("length", [1 << 30]), "a tensor has"),
        (_constant("columns", [4, 3]), "is split into"),
        (_constant("width axis", 9), "there is no axis 9"),
        (_changed("both", input=["sum last", "low last", "channel axis"]), "is joined to"),
        (_constant("bias", [1.0, 2.0]), "shape mismatch|is added to|broadcast"),
        (_constant("bias", [np.nan] * 6), "values that are not finite"),
        (_constant("wide kernel", np.zeros((3, 3, 5, 6))), "is applied to 3 channels"),
        (_constant("wide kernel", np.zeros((30, 3, 3, 6))), "a window of 30 on 13"),
    ],
)
def test_what_cannot_be_converted_is_one_line(graph, tmp_path, change, message):
    change(graph)
    with pytest.raises(WeightsError, match=message) as caught:
        _converted(graph, tmp_path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_a_file_of_constants_that_is_cut_or_too_long_is_one_line(graph, tmp_path):
    topology, weights = graph.write(tmp_path)
    whole = weights.read_bytes()
    for content, message in ((whole[:-1], "it ends inside"), (whole + b"x", "are listed"), (b"", "is empty")):
        weights.write_bytes(content)
        with pytest.raises(WeightsError, match=message):
            convert_to_onnx(topology, weights)


def test_any_damage_of_the_graph_is_one_line(graph, tmp_path):
    """Single values replaced by others, anywhere in model.json: the conversion succeeds, or reports one line."""
    topology, weights = graph.write(tmp_path)
    random = np.random.default_rng(0)
    odd = [None, -1, 1 << 40, 1.5, "x", "", [], {}, [-1], True]
    for _ in range(60):
        content = json.loads(topology.read_text())
        place, key = _drawn(content, random)
        place[key] = odd[random.integers(len(odd))]
        damaged = tmp_path / "damaged.json"
        damaged.write_text(json.dumps(content))
        try:
            convert_to_onnx(damaged, weights)
        except WeightsError as error:
            assert "\n" not in str(error)


def _drawn(content, random):
    """Return a container somewhere in a JSON value, and one of its keys."""
    place, key = content, "modelTopology"
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[random.integers(len(keys))]
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.1:
            return place, key
        place = inner
