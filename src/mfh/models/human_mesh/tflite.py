"""A tflite file under LiteRT, on one thread."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numpy import ndarray


class TfliteNetwork:
    """One tflite file: a tensor in, the output tensors out."""

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

    def __call__(self, tensor: ndarray) -> list[ndarray]:
        """Return the outputs for one input."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep LiteRT's native greeting off the screen; its errors come as exceptions."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
