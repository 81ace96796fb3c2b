"""Answers on disk: one npz per photo, with metric depth, its space and the interval where there is one."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder, plain_name
from mfh.io.reading import MAX_ARRAY_BYTES, array_names, open_zip, read_npz, reading
from mfh_lab.evaluation.methods.method import Levels, Prediction

_WRITTEN = "an answer that mfh evaluate wrote; delete it and run again"
_ARRAYS = ("depth_m", "space")


def prediction_path(folder: Path, name: str) -> Path:
    """Return where the answer for a photo is kept: inside the folder, whatever the name.

    Args:
        folder: of all answers.
        name: of the sample; slashes are folders, and what no file may be called is written otherwise.
    """
    *folders, last = (plain_name(part) for part in name.split("/"))
    return folder.joinpath(*folders, f"{last}.npz")


def write_prediction(path: Path, prediction: Prediction) -> None:
    """Write an answer; the same answer gives the same bytes.

    Args:
        path: npz file; its folder is made. An answer that is there is replaced, and nothing else is.
        prediction: the answer.

    Raises:
        InputError: where it cannot be written, or another file is there.
    """
    arrays: dict[str, Any] = {
        "depth_m": prediction.depth_m.astype(np.float32, copy=False),
        "space": np.str_(prediction.space),
    }
    for name, level in (("level_80", prediction.level_80), ("level_95", prediction.level_95)):
        if level is not None:
            arrays[name] = np.array(level, np.float64)
    if os.path.lexists(path) and not is_stored(path):
        raise InputError(
            f"{path} is there already, and mfh evaluate did not write it: choose another folder with --out"
        )
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_prediction(path: Path) -> Prediction:
    """Read what :func:`write_prediction` wrote.

    Args:
        path: npz file.

    Raises:
        InputError: where it is missing, damaged, or of another program.
    """
    arrays = read_npz(path, what="", expected=_WRITTEN, names=_ARRAYS, optional=("level_80", "level_95"))
    with reading(path, what="", expected=_WRITTEN):
        depth_m, space = arrays["depth_m"], str(arrays["space"])
        if space not in ("disparity", "depth"):
            raise InputError(f"{path} has the space {space!r}: expected disparity or depth")
        if depth_m.ndim != 2 or depth_m.size == 0 or depth_m.dtype.kind != "f":
            raise ValueError(f"its depth is {depth_m.dtype} of shape {depth_m.shape}")
        levels = {name: _level(arrays[name]) for name in ("level_80", "level_95") if name in arrays}
        return Prediction(depth_m, "disparity" if space == "disparity" else "depth", **levels)


def is_stored(path: Path) -> bool:
    """Return whether a file is an answer this project wrote, rather than another program's map.

    Args:
        path: npz file.
    """
    if not os.path.isfile(path):
        return False
    try:
        with open_zip(path, what="", expected=_WRITTEN, max_bytes=MAX_ARRAY_BYTES) as archive:
            return set(_ARRAYS) <= set(array_names(archive))
    except InputError:
        return False


def _level(values: np.ndarray) -> Levels:
    low, high = (float(value) for value in values)
    if not (0 <= low <= high and math.isfinite(low)):
        raise ValueError(f"an interval from {low:g} to {high:g}")
    return low, high
