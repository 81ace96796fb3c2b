"""Export trained weights to the ONNX file the package runs.

``python -m mfh_lab.pocket.train.export depth --weights depth.safetensors --out src/mfh/weights/data/depth.onnx``

Weights are rounded to half precision and stored so, which halves the file; the arithmetic stays single precision. The
encoder of the scene judge, ImageNet's as it is (``scene``, without --weights), is stored in 8 bits with a scale a
channel: its features only say what kind of picture it is, and where the sky is.
"""

import argparse
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from mfh_lab.pocket.train.network import PainterNetwork, PooledDepth, SceneFeatures, SkyDecoder
from mfh_lab.pocket.train.training import HALF, read_weights


@dataclass(frozen=True)
class Interface:
    """Names and example shapes of an exported network; a shape's free sizes are named."""

    network: type[nn.Module]
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, dict[int, str]]


_SIZE = {0: "batch", 2: "height", 3: "width"}
_MAPS = {0: "batch", 2: "cells_high", 3: "cells_wide"}
_FEATURES = {"stride_4": (4, 24), "stride_8": (8, 40), "stride_16": (16, 112), "stride_32": (32, 320)}
_FEATURE_AXES = {name: {0: "batch", 2: f"{name}_high", 3: f"{name}_wide"} for name in _FEATURES}
INTERFACES = {
    "depth": Interface(
        PooledDepth,
        {"rgb": (1, 3, 160, 224)},
        {"disparity": {0: "batch", 1: "height", 2: "width"}, "pooled": {0: "batch"}},
    ),
    "painter": Interface(
        PainterNetwork,
        {"rgb": (1, 3, 160, 224), "blank": (1, 1, 160, 224)},
        {
            "stand": {0: "batch", 1: "cells_high", 2: "cells_wide"},
            "log_weight": _MAPS,
            "mean": _MAPS,
            "log_sigma": _MAPS,
        },
    ),
    "scene": Interface(
        SceneFeatures,
        {"rgb": (1, 3, 160, 224)},
        {"features": {0: "batch"}, **_FEATURE_AXES},
    ),
    "sky": Interface(
        SkyDecoder,
        {name: (1, channels, 160 // stride, 224 // stride) for name, (stride, channels) in _FEATURES.items()},
        {"log_odds": {0: "batch", 1: "cells_high", 2: "cells_wide"}},
    ),
}


def load_network(kind: str, weights: Path) -> nn.Module:
    """Return a network with trained weights (safetensors or ONNX), rounded as they are shipped, ready to predict."""
    network = INTERFACES[kind].network()
    known = network.state_dict()
    # Counters of batch norm, which inference does not need, are not in ONNX files.
    kept = {name: value for name, value in known.items() if name.endswith("num_batches_tracked")}
    network.load_state_dict({**kept, **{name: rounded(value) for name, value in read_weights(weights).items()}})
    return network.eval()


def imagenet_scene_features() -> nn.Module:
    """Return the features of the scene judge: ImageNet's encoder, which is not trained further."""
    network = SceneFeatures()
    network.encoder.load_imagenet()
    return network.eval()


def rounded(value: Tensor) -> Tensor:
    """Return a weight rounded to half precision, as it is stored; vectors as they are.

    Batch-norm statistics span too many orders of magnitude for half precision.
    """
    return value.half().float() if value.ndim >= 2 else value


def export_onnx(kind: str, network: nn.Module, path: Path) -> None:
    """Write a network as ONNX with free batch, height and width (multiples of 32 give the trained geometry)."""
    interface = INTERFACES[kind]
    axes = {**{name: _FEATURE_AXES.get(name, _SIZE) for name in interface.inputs}, **interface.outputs}
    unfinished = path.with_suffix(".tmp.onnx")
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated but needs no further package and handles the free sizes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), tuple(torch.rand(shape) for shape in interface.inputs.values()), str(unfinished),
            input_names=list(interface.inputs), output_names=list(interface.outputs), opset_version=17,
            dynamic_axes=axes, dynamo=False,
            # Batch norm stays apart, so that the weights are still those that were rounded; onnxruntime merges it.
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        )  # fmt: skip
    store = _store_bytes if kind == "scene" else _store_half
    onnx.save(store(onnx.load(unfinished)), unfinished)
    os.replace(unfinished, path)


def _store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in half precision, each behind a cast (onnxruntime folds it when it loads the file)."""
    graph, casts = model.graph, []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        stored = weight.name + HALF
        casts.append(onnx.helper.make_node("Cast", [stored], [weight.name], to=onnx.TensorProto.FLOAT))
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    return model


def _store_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in 8 bits, each behind a node that scales its output channels."""
    graph, scaled = model.graph, []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        stored, scale_name = weight.name + "_bytes", weight.name + "_scale"
        scale = np.abs(values).reshape(len(values), -1).max(1) / 127 + 1e-12
        whole = np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        scaled.append(onnx.helper.make_node("DequantizeLinear", [stored, scale_name], [weight.name], axis=0))
        weight.CopyFrom(numpy_helper.from_array(whole, stored))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), scale_name))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(scaled + nodes)
    return model


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(INTERFACES))
    parser.add_argument("--weights", type=Path, help="trained weights; none for scene, whose are ImageNet's")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if (args.weights is None) != (args.kind == "scene"):
        parser.error("--weights is needed, but for scene, whose weights are ImageNet's")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    network = imagenet_scene_features() if args.weights is None else load_network(args.kind, args.weights)
    export_onnx(args.kind, network, args.out)
    args.out.chmod(0o644)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
