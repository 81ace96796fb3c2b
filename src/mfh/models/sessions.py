"""Networks that run on the CPU: those of the package under onnxruntime, tflite files under LiteRT."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb
from mfh.weights import check_embedded

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

THREADS = "MFH_THREADS"
"""Environment variable: threads of one network."""
_STRIDE = 32  # of the coarsest features
_MAX_ASPECT = 4.0
_OPEN: "WeakValueDictionary[tuple[str, int, int], InferenceSession]" = WeakValueDictionary()
"""File, time and size -> its session."""
_OPENING: defaultdict[tuple[str, int, int], threading.Lock] = defaultdict(threading.Lock)
"""The same -> held while it is opened: different networks are opened at once."""


def cpu_session(weights: Path, what: str) -> "InferenceSession":
    """Open an ONNX network of the package; ``what`` names it in the message.

    Models that use one network share its session, which may run in several threads, as long as any of them holds it.

    Raises:
        WeightsError: when the file is missing.
    """
    # Read at import. Otherwise onnxruntime stores a device id in the user's cache folder, warns where it cannot, and
    # sends telemetry.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    check_embedded(weights, what)
    facts = weights.stat()
    key = str(weights.resolve()), facts.st_mtime_ns, facts.st_size
    with _OPENING[key]:
        session = _OPEN.get(key)
        if session is None:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.intra_op_num_threads = network_threads()
            session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
            _OPEN[key] = session
    return session


def network_threads() -> int:
    """Return how many threads one network may use: MFH_THREADS, or 0 for onnxruntime's own choice."""
    text = os.environ.get(THREADS, "")
    return int(text) if text.isdecimal() else 0


def input_size(height: int, width: int, pixels: int, *, stride: int = _STRIDE) -> tuple[int, int]:
    """Return the (height, width) of a network's input: the photo's aspect (up to 4:1), multiples of ``stride``."""
    aspect = float(np.clip(width / height, 1 / _MAX_ASPECT, _MAX_ASPECT))
    tall = np.sqrt(pixels / aspect)
    return max(1, round(tall / stride)) * stride, max(1, round(tall * aspect / stride)) * stride


def network_input(photo: Rgb, tall: int, wide: int) -> Float[ndarray, "1 3 tall wide"]:
    """Return a network's input: the resized photo, channels first."""
    method = cv2.INTER_AREA if tall * wide < photo.shape[0] * photo.shape[1] else cv2.INTER_LINEAR
    small = cv2.resize(photo, (wide, tall), interpolation=method)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32)


def mirrored_input(photo: Rgb, tall: int, wide: int) -> Float[ndarray, "2 3 tall wide"]:
    """Return a network's input: the resized photo and its mirror image, channels first."""
    one = network_input(photo, tall, wide)
    return np.concatenate([one, one[..., ::-1]])


# The standard error stream is shared by the whole process: one network is opened at a time.
_opening = threading.Lock()


class TfliteNetwork:
    """One tflite network: one input tensor, a list of output tensors. Calls of several threads are serialized."""

    def __init__(self, file: Path) -> None:
        """Load the network."""
        from ai_edge_litert.interpreter import Interpreter

        with _quiet_stderr():
            self._interpreter = Interpreter(str(file), num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]
        # The interpreter owns its tensors: a second caller would overwrite the first one's input.
        self._running = threading.Lock()

    def __call__(self, tensor: ndarray) -> list[ndarray]:
        """Return the outputs for one input."""
        with self._running:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Suppress LiteRT's native log output; its errors are exceptions."""
    with _opening:
        try:
            kept = os.dup(2)
        except OSError:
            # The process has no standard error stream.
            yield
            return
        try:
            _redirect_stderr_to_null()
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _redirect_stderr_to_null() -> None:
    # Without a null device the output is visible.
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
