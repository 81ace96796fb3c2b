"""Networks of the package under onnxruntime, on the CPU."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from numpy import ndarray

from mfh.errors import WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def cpu_session(weights: Path, what: str) -> "InferenceSession":
    """Open a network of the package.

    Raises:
        WeightsError: when the file is missing.
    """
    # It reads this when it is imported. Else it keeps a mark of the device in the user's cache folder, complains where
    # it cannot, and tells its makers how it is used.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    if not weights.is_file():
        raise WeightsError(f"no {what} at {weights}: reinstall metric-from-human, the file is part of it")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


# The standard error stream belongs to the whole process: one network is opened at a time.
_opening = threading.Lock()


class TfliteNetwork:
    """One tflite file: a tensor in, the output tensors out; several threads may call it, one after the other."""

    def __init__(self, file: Path) -> None:
        """Load the network.

        Raises:
            ModuleNotFoundError: when ai-edge-litert is not installed.
        """
        from ai_edge_litert.interpreter import Interpreter

        with _quiet_stderr():
            self._interpreter = Interpreter(str(file), num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]
        # An interpreter holds its tensors itself: a second caller would overwrite the first one's input.
        self._running = threading.Lock()

    def __call__(self, tensor: ndarray) -> list[ndarray]:
        """Return the outputs for one input."""
        with self._running:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep LiteRT's native greeting off the screen; its errors come as exceptions."""
    with _opening:
        try:
            kept = os.dup(2)
        except OSError:
            # There is no such stream, and nothing to keep clean.
            yield
            return
        try:
            _point_stderr_at_nothing()
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _point_stderr_at_nothing() -> None:
    # Where there is no such device the greeting is seen.
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
