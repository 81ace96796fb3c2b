"""The pocket relative-depth network, Depth Anything V2-Small with random weights, and the whole of ``predict``.

Run: python benchmarks/bench_depth_networks.py [rounds]; 7 without. Everything in one process, in turn, with one thread;
printed are median processor seconds and their ratio to the pocket network. Random weights cost what trained ones do.
Depth Anything runs at 392x518, as published, in torch and, where it can be exported, in onnxruntime.
"""

import os

# Read when the libraries are loaded.
os.environ.update(MFH_THREADS="1", OMP_NUM_THREADS="1")

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from bench_stages import CASES, resized
from mfh.cli.measure import Given, Meter
from mfh.cli.progress import ProgressLine
from mfh.config import changed, preset
from mfh.io.focal import FocalRequest
from mfh.io.photo import load_photo
from mfh.io.results import Place
from mfh.models.relative_depth.pocket import PocketRelativeDepth

if TYPE_CHECKING:
    import onnxruntime
    import torch

HEIGHT, WIDTH = 392, 518


def main() -> None:
    """Print a row for each network and for the whole."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        two, painted = (resized(CASES[case].photo, "0.3", folder) for case in ("two people", "eight painted"))
        photo = load_photo(two).rgb
        pocket = PocketRelativeDepth()
        runs: dict[str, Callable[[], object]] = {
            "pocket relative depth, three sizes and mirrored": lambda: pocket.small_disparity_and_features(photo),
            "the same with edges at 640x480": lambda: pocket.predict([photo]),
            **depth_anything(),
        }
        focal, count = Given(focal=FocalRequest(fov_x_deg=60.0)), iter(range(10**6))
        for case, path in (("two people", two), ("eight painted", painted)):
            meter = Meter(changed(preset("pocket"), people=CASES[case].people), given=focal)
            runs[f"the whole of predict, {case}"] = lambda meter=meter, path=path: meter.measure(
                Place(folder / str(next(count)), path), ProgressLine()
            )
        seconds: dict[str, list[float]] = {what: [] for what in runs}
        for number in range(rounds + 1):
            for what, run in runs.items():
                begin = time.process_time()
                run()
                # The first of each warms up.
                if number:
                    seconds[what].append(time.process_time() - begin)
    floor = statistics.median(next(iter(seconds.values())))
    print("| one thread, 640x480 | s | times |\n|---|---|---|")
    for what, some in seconds.items():
        print(f"| {what} | {statistics.median(some):.2f} | {statistics.median(some) / floor:.1f} |")


def depth_anything() -> dict[str, Callable[[], object]]:
    """Return runs of Depth Anything V2-Small on one input; none without torch and transformers."""
    try:
        import torch
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
    except ImportError as error:
        print(f"without Depth Anything: {error}")
        return {}
    torch.set_num_threads(1)
    small: dict[str, Any] = {
        "hidden_size": 384,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": 14,
        "out_features": ["stage3", "stage6", "stage9", "stage12"],
        "reshape_hidden_states": False,
        "apply_layernorm": True,
    }
    config = DepthAnythingConfig(
        backbone_config=Dinov2Config(**small),
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
        reassemble_hidden_size=384,
    )
    network = DepthAnythingForDepthEstimation(config).eval().requires_grad_(False)
    pixels = torch.rand(1, 3, HEIGHT, WIDTH)
    size = sum(one.numel() for one in network.parameters()) / 1e6

    def in_torch() -> object:
        with torch.inference_mode():
            return network(pixels).predicted_depth

    runs: dict[str, Callable[[], object]] = {f"Depth Anything V2-Small ({size:.0f} M parameters), torch": in_torch}
    if (session := exported(network, pixels)) is not None:
        given = {session.get_inputs()[0].name: np.asarray(pixels)}
        runs["Depth Anything V2-Small, onnxruntime"] = lambda: session.run(None, given)
    return runs


def exported(network: "torch.nn.Module", pixels: "torch.Tensor") -> "onnxruntime.InferenceSession | None":
    """Return a session of the exported network, checked against it; None where it cannot be exported."""
    import onnxruntime
    import torch

    class Alone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.network(pixels).predicted_depth

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "network.onnx")
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")
                torch.onnx.export(Alone(), (pixels,), file, dynamo=False, opset_version=17)
        except Exception as error:
            print(f"not exported: {type(error).__name__}: {error}"[:200])
            return None
        content = Path(file).read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(pixels).predicted_depth.numpy()
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-3, atol=1e-3)
    return session


if __name__ == "__main__":
    main()
