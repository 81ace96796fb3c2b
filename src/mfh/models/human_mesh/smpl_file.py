"""Finding and reading the SMPL model file the user has registered for: SMPL_NEUTRAL.pkl or .npz, without chumpy.

The published pickle was written by Python 2 and holds chumpy expressions and a scipy sparse matrix. It is read with
nothing of either loaded, and nothing in it is run (:mod:`restricted_pickle`).
"""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models import weights
from mfh.models.human_mesh.restricted_pickle import Inert, load_restricted
from mfh.models.human_mesh.smpl import SmplModel
from mfh.models.weights_table import artefact

ENVIRONMENT = "MFH_SMPL"
HOW_TO_GET = (
    "register at https://smplify.is.tue.mpg.de (or https://smpl.is.tue.mpg.de), download the neutral body model, "
    f"and name the file in {ENVIRONMENT} or put it there as SMPL_NEUTRAL.pkl"
)
_INERT = frozenset({"chumpy", "scipy"})
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


def smpl_folder() -> Path:
    """Return the folder SMPL files are looked for in."""
    return weights.path("smpl")


def find_smpl() -> Path:
    """Return the user's SMPL model file: $MFH_SMPL (a file, or a folder with one), else the weights cache.

    Raises:
        WeightsError: where there is none, with where to get it and where to put it.
    """
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        place = Path(chosen).expanduser()
        if place.is_file():
            return place
        folder = place
    else:
        folder = smpl_folder()
    supplied = artefact("smpl").supplied
    for name in supplied.any_of if supplied is not None else ():
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"no SMPL body model at {folder}: {HOW_TO_GET}")


def load_smpl(path: str | Path) -> SmplModel:
    """Read an SMPL model file.

    Args:
        path: .pkl as published (with chumpy and scipy objects, or plain arrays), or .npz with the same keys.

    Returns:
        The body model in float64.

    Raises:
        WeightsError: for a file that is missing, is none of the two, lacks an array or has one of the wrong shape.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no SMPL body model at {path}: {HOW_TO_GET}")
    content = _read_npz(path) if zipfile.is_zipfile(path) else _read_pickle(path)
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise WeightsError(f"{path} has no {', '.join(missing)}: expected an SMPL model file; {HOW_TO_GET}")
    array = {key: _plain_array(content[key], f"{key} of {path}") for key in _KEYS}
    parents = array["kintree_table"][0].astype(np.int64)
    # The root's parent is written as 2^32 - 1.
    parents[0] = -1
    vertices, joints = len(array["v_template"]), len(parents)
    shapes = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, array["shapedirs"].shape[-1]),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "f": (len(array["f"]), 3),
    }
    for key, expected in shapes.items():
        if array[key].shape != expected:
            raise WeightsError(
                f"{key} of {path} is {array[key].shape}, expected {expected}: not an SMPL model file; {HOW_TO_GET}"
            )
    if not all(0 <= parent < child for child, parent in enumerate(parents[1:], start=1)):
        raise WeightsError(f"kintree_table of {path} has a joint before its parent: not an SMPL model file")
    return SmplModel(
        template_m=array["v_template"].astype(np.float64),
        shape_directions=array["shapedirs"].astype(np.float64),
        pose_directions=array["posedirs"].astype(np.float64),
        joint_regressor=array["J_regressor"].astype(np.float64),
        skinning_weights=array["weights"].astype(np.float64),
        parents=parents,
        faces=array["f"].astype(np.int64),
    )


def _read_npz(path: Path) -> Mapping[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files if key in _KEYS}
    except ValueError as error:
        raise WeightsError(f"{path} holds Python objects ({error}): expected plain arrays") from error


def _read_pickle(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as stream:
        content = load_restricted(stream, source=str(path), inert_packages=_INERT)
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected an SMPL model file; {HOW_TO_GET}")
    return content


def _plain_array(value: Any, label: str) -> ndarray:
    """Evaluate what an SMPL file holds in place of an array: chumpy nodes and sparse matrices."""
    if isinstance(value, ndarray):
        return value
    if not isinstance(value, Inert) or not isinstance(value.state, dict):
        raise WeightsError(f"{label} is a {type(value).__name__}: expected an array")
    kind, state = value.class_name.rpartition(".")[2], value.state
    if value.class_name.startswith("chumpy."):
        if kind == "Ch" and "x" in state:
            return _plain_array(state["x"], label)
        if kind == "Select" and {"a", "idxs", "preferred_shape"} <= state.keys():
            chosen = _plain_array(state["a"], label).ravel()[_plain_array(state["idxs"], label)]
            return chosen.reshape(state["preferred_shape"])
    if kind in ("csc_matrix", "csr_matrix"):
        return _dense(state, by_column=kind == "csc_matrix", label=label)
    raise WeightsError(f"{label} is a {value.class_name}: expected an array, chumpy's Ch or Select, or a sparse matrix")


def _dense(state: Mapping[str, Any], *, by_column: bool, label: str) -> ndarray:
    """Return a compressed sparse matrix as an array; values at one place add up."""
    shape = state.get("_shape", state.get("shape"))
    if shape is None or not {"indptr", "indices", "data"} <= state.keys():
        raise WeightsError(f"{label} is a sparse matrix without its parts: expected shape, indptr, indices and data")
    major = np.repeat(np.arange(len(state["indptr"]) - 1), np.diff(state["indptr"]))
    rows, columns = (state["indices"], major) if by_column else (major, state["indices"])
    dense = np.zeros(tuple(int(n) for n in shape))
    np.add.at(dense, (rows, columns), state["data"])
    return dense
