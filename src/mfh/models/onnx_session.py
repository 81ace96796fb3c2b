"""Networks of the package under onnxruntime, on the CPU."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.errors import WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def cpu_session(weights: Path, what: str) -> "InferenceSession":
    """Open a network of the package.

    Args:
        weights: ONNX file.
        what: what it is, for the error.

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
