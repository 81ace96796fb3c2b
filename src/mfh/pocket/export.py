"""Export trained weights to the ONNX file the package runs.

``python -m mfh.pocket.export --weights depth.safetensors --out src/mfh/pocket/weights/depth.onnx``
"""

import argparse
import os
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file

from mfh.pocket.network import PocketDepth

INPUT, OUTPUT = "rgb", "disparity"


def load_network(weights: Path) -> PocketDepth:
    """Return the network with trained weights, ready to predict."""
    network = PocketDepth()
    network.load_state_dict(load_file(weights))
    return network.eval()


def export_onnx(network: PocketDepth, path: Path) -> None:
    """Write the network as ONNX with free batch size, height and width (multiples of 32 give the trained geometry)."""
    example = torch.rand(1, 3, 160, 224)
    axes = {0: "batch", 2: "height", 3: "width"}
    unfinished = path.with_suffix(".tmp.onnx")
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated but needs no further package and handles the free sizes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), (example,), str(unfinished), input_names=[INPUT], output_names=[OUTPUT], opset_version=17,
            dynamic_axes={INPUT: axes, OUTPUT: {0: "batch", 1: "height", 2: "width"}}, dynamo=False,
        )  # fmt: skip
    os.replace(unfinished, path)


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    export_onnx(load_network(args.weights), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
