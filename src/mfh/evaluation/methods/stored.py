"""Answers on disk: one npz a photo, with metres, their space and the interval where there is one."""

import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mfh.errors import InputError
from mfh.evaluation.methods.method import Levels, Prediction
from mfh.io.atomic import atomic_path


def prediction_path(folder: Path, name: str) -> Path:
    """Return where the answer for a photo is kept.

    Args:
        folder: of all answers.
        name: of the sample; slashes are folders.

    Raises:
        InputError: for a name that leads out of the folder.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise InputError(f"sample {name!r} is no name of a file inside {folder}: rename it")
    return folder / f"{parts}.npz"


def write_prediction(path: Path, prediction: Prediction) -> None:
    """Write an answer; the same answer gives the same bytes.

    Args:
        path: npz file; its folder is made.
        prediction: the answer.

    Raises:
        InputError: where it cannot be written.
    """
    arrays: dict[str, Any] = {
        "depth_m": prediction.depth_m.astype(np.float32, copy=False),
        "space": np.str_(prediction.space),
    }
    for name, level in (("level_80", prediction.level_80), ("level_95", prediction.level_95)):
        if level is not None:
            arrays[name] = np.array(level, np.float64)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {path.parent}: {error.strerror or error}; choose another with --out") from error
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def read_prediction(path: Path) -> Prediction:
    """Read what :func:`write_prediction` wrote.

    Args:
        path: npz file.

    Raises:
        InputError: where it is missing, damaged, or of another program.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            space = str(stored["space"])
            if space not in ("disparity", "depth"):
                raise InputError(f"{path} says its space is {space!r}: expected disparity or depth")
            depth_m = stored["depth_m"]
            levels = {name: _level(stored[name]) for name in ("level_80", "level_95") if name in stored}
        return Prediction(depth_m, "disparity" if space == "disparity" else "depth", **levels)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no answer that mfh evaluate wrote: delete it and run again") from error


def is_stored(path: Path) -> bool:
    """Say whether a file is an answer this project wrote, rather than another program's map.

    Args:
        path: npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {"depth_m.npy", "space.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _level(values: np.ndarray) -> Levels:
    low, high = (float(value) for value in values)
    return low, high
