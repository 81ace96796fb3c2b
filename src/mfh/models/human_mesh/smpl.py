"""The SMPL body: shape blend, joints, pose blend and linear blend skinning on numpy arrays, and its model file.

The published pickle (SMPL_NEUTRAL.pkl) was written by Python 2 and holds chumpy expressions and a scipy sparse matrix.
It is read without either library, and nothing in it is executed (:mod:`mfh.weights.pickles`).

Reference: Loper et al., SMPL: A Skinned Multi-Person Linear Model, ACM Trans. Graphics 34(6), 2015, Eqs. 2-10.
"""

import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.io.reading import check_file, read_npz, reading
from mfh.weights import store as weights
from mfh.weights.cache import named_place
from mfh.weights.catalog import catalog_model
from mfh.weights.pickles import Inert, load_restricted

JOINTS, SHAPES = 24, 10
"""Of the neutral body as published networks predict it."""


@dataclass(frozen=True)
class SmplModel:
    """The arrays of one SMPL model file.

    Attributes:
        template_m: (v, 3) mean body in rest pose, metres, y up.
        shape_directions: (v, 3, s) vertex offsets in metres per unit of each shape parameter.
        pose_directions: (v, 3, p) vertex offsets in metres per unit of each pose feature; p = 9 (j - 1).
        joint_regressor: (j, v) joints from vertices.
        skinning_weights: (v, j) weight of each joint for a vertex; rows sum to 1.
        parents: (j,) parent of each joint; -1 for the root, which comes first.
        faces: (f, 3) vertex indices.
    """

    template_m: Float[ndarray, "v 3"]
    shape_directions: Float[ndarray, "v 3 s"]
    pose_directions: Float[ndarray, "v 3 p"]
    joint_regressor: Float[ndarray, "j v"]
    skinning_weights: Float[ndarray, "v j"]
    parents: Int[ndarray, "j"]
    faces: Int[ndarray, "f 3"]


def shaped_body(model: SmplModel, betas: Float[ndarray, "b"]) -> Float[ndarray, "v 3"]:
    """Return the body of given shape in rest pose, in metres: template + sum_k beta_k S_k (Eq. 8).

    Raises:
        ValueError: for more shape parameters than the model has.
    """
    known = model.shape_directions.shape[2]
    if len(betas) > known:
        raise ValueError(f"{len(betas)} shape parameters: the body model has {known}")
    return model.template_m + model.shape_directions[:, :, : len(betas)] @ np.asarray(betas, np.float64)


def stature_m(model: SmplModel, betas: Float[ndarray, "b"]) -> float:
    """Return the stature of a body of given shape: its extent along y in rest pose, in metres."""
    return float(np.ptp(shaped_body(model, betas)[:, 1]))


def posed_body(
    model: SmplModel, betas: Float[ndarray, "b"], rotations: Float[ndarray, "j 3 3"]
) -> Float[ndarray, "v 3"]:
    """Return the body of given shape and pose in metres, by linear blend skinning (Eqs. 2-4, 9).

    Rotations are in the parent joint's frame, the root's in the camera's. The root rotates about itself and is not
    moved to the origin, as in the published model.

    Raises:
        ValueError: where the number of rotations is not that of the joints.
    """
    joints_known = len(model.parents)
    if len(rotations) != joints_known:
        raise ValueError(f"{len(rotations)} rotations: the body model has {joints_known} joints")
    rotations = np.asarray(rotations, np.float64)
    rest = shaped_body(model, betas)
    joints = model.joint_regressor @ rest
    pose_feature = (rotations[1:] - np.eye(3)).reshape(-1)
    rest = rest + model.pose_directions @ pose_feature

    T_camera_rest = np.zeros((joints_known, 3, 4))
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            turn, place = rotations[joint], joints[joint]
        else:
            above = T_camera_rest[parent]
            turn = above[:, :3] @ rotations[joint]
            # The parent's transform of this joint's rest position.
            place = above[:, :3] @ joints[joint] + above[:, 3]
        T_camera_rest[joint, :, :3] = turn
        T_camera_rest[joint, :, 3] = place - turn @ joints[joint]
    blended = np.tensordot(model.skinning_weights, T_camera_rest, axes=1)
    return np.einsum("vab,vb->va", blended[:, :, :3], rest) + blended[:, :, 3]


ENVIRONMENT = "MFH_SMPL"
HOW_TO_GET = (
    "register at https://smplify.is.tue.mpg.de (or https://smpl.is.tue.mpg.de), download the neutral body model, "
    f"and name the file in {ENVIRONMENT} or put it there as SMPL_NEUTRAL.pkl"
)
MAX_BYTES = 1 << 30
"""Largest size of the file and of each array; the published file has 39 MB, with all shapes 250 MB."""
_EXPECTED = f"an SMPL model file; {HOW_TO_GET}"
_INERT = frozenset({"chumpy", "scipy"})
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_MAX_NODES = 8
"""Largest depth of a chumpy expression; the published file has two nodes."""


def find_smpl() -> Path:
    """Return the user's SMPL model file: $MFH_SMPL (a file, or a folder with one), else the weights cache.

    Raises:
        WeightsError: where there is none, with the fix.
    """
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        folder = named_place(chosen, ENVIRONMENT)
    else:
        folder = weights.path("smpl")
        weights.check("smpl")
    supplied = catalog_model("smpl").supplied
    with reading(folder, what="", expected=_EXPECTED, error=WeightsError):
        if folder.is_file():
            return folder
        for name in supplied.any_of if supplied is not None else ():
            if (folder / name).is_file():
                return folder / name
    raise WeightsError(f"no SMPL body model at {folder}: {HOW_TO_GET}")


def load_smpl(path: str | Path) -> SmplModel:
    """Read an SMPL model file in float64: .pkl as published (chumpy and scipy objects, or plain arrays), or .npz.

    Raises:
        WeightsError: for a file that is missing or of another kind, lacks an array, or has one of the wrong shape or
            dtype, or with values that are not finite.
    """
    path = Path(path)
    check_file(path, what="SMPL body model", expected=_EXPECTED, max_bytes=MAX_BYTES, error=WeightsError)
    with reading(path, what="", expected=_EXPECTED, error=WeightsError):
        content = _read_npz(path) if zipfile.is_zipfile(path) else _read_pickle(path)
        missing = [key for key in _KEYS if key not in content]
        if missing:
            raise WeightsError(f"{path} has no {', '.join(missing)}: expected {_EXPECTED}")
        array = {key: _numbers(content[key], f"{key} of {path}", whole=key in ("kintree_table", "f")) for key in _KEYS}
        return _model(array, path)


def _model(array: Mapping[str, ndarray], path: Path) -> SmplModel:
    """Return the body model of a file's arrays."""
    parents = _parents(array["kintree_table"], path)
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
    faces = array["f"].astype(np.int64)
    if not faces.size or faces.min() < 0 or faces.max() >= vertices:
        raise WeightsError(f"f of {path} names corners that are none of the {vertices}: not an SMPL model file")
    return SmplModel(
        template_m=array["v_template"].astype(np.float64),
        shape_directions=array["shapedirs"].astype(np.float64),
        pose_directions=array["posedirs"].astype(np.float64),
        joint_regressor=array["J_regressor"].astype(np.float64),
        skinning_weights=array["weights"].astype(np.float64),
        parents=parents,
        faces=faces,
    )


def _parents(tree: ndarray, path: Path) -> ndarray:
    """Return the parent of each joint, -1 for the root, which comes first."""
    if tree.ndim != 2 or len(tree) != 2 or tree.shape[1] < 1:
        raise WeightsError(f"kintree_table of {path} is {tree.shape}, expected two rows: not an SMPL model file")
    parents = tree[0].astype(np.int64)
    # The root's parent is written as 2^32 - 1.
    parents[0] = -1
    if not all(0 <= parent < child for child, parent in enumerate(parents[1:], start=1)):
        raise WeightsError(f"kintree_table of {path} has a joint before its parent: not an SMPL model file")
    return parents


def _read_npz(path: Path) -> Mapping[str, Any]:
    return read_npz(
        path, what="", expected=_EXPECTED, names=(), optional=_KEYS, max_bytes=MAX_BYTES, error=WeightsError
    )


def _read_pickle(path: Path) -> Mapping[str, Any]:
    content = load_restricted(path.read_bytes(), source=str(path), inert_packages=_INERT)
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected {_EXPECTED}")
    return content


def _numbers(value: Any, label: str, *, whole: bool) -> ndarray:
    """Return an array of a file; its values must be real and finite, or integers where ``whole``."""
    array = _plain_array(value, label, nodes=_MAX_NODES)
    kinds, wanted = ("iu", "whole numbers") if whole else ("fiu", "real numbers")
    if array.dtype.kind not in kinds:
        raise WeightsError(f"{label} is an array of {array.dtype}: expected {wanted}")
    if 8 * array.size > MAX_BYTES:
        raise WeightsError(f"{label} has {array.size:,} numbers: more than any array of a body")
    if not np.isfinite(array).all():
        raise WeightsError(f"{label} has numbers that are not finite: expected those of a body; {HOW_TO_GET}")
    return array


def _plain_array(value: Any, label: str, *, nodes: int) -> ndarray:
    """Evaluate chumpy expressions of at most ``nodes`` levels (one can contain itself) and sparse matrices."""
    if isinstance(value, ndarray):
        return value
    if not isinstance(value, Inert) or not isinstance(value.state, dict):
        raise WeightsError(f"{label} is a {type(value).__name__}: expected an array")
    if nodes == 0:
        raise WeightsError(f"{label} is an expression of more than {_MAX_NODES} nodes: expected an array")
    kind, state = value.class_name.rpartition(".")[2], value.state
    if value.class_name.startswith("chumpy."):
        if kind == "Ch" and "x" in state:
            return _plain_array(state["x"], label, nodes=nodes - 1)
        if kind == "Select" and {"a", "idxs", "preferred_shape"} <= state.keys():
            whole = _plain_array(state["a"], label, nodes=nodes - 1).ravel()
            picks = _plain_array(state["idxs"], label, nodes=nodes - 1).ravel()
            return whole[_indices(picks, len(whole), label)].reshape(_shape(state["preferred_shape"], label))
    if kind in ("csc_matrix", "csr_matrix"):
        return _dense(state, by_column=kind == "csc_matrix", label=label)
    raise WeightsError(
        f"{label} is a {value.class_name[:100]}: expected an array, chumpy's Ch or Select, or a sparse matrix"
    )


def _dense(state: Mapping[str, Any], *, by_column: bool, label: str) -> ndarray:
    """Return a compressed sparse matrix as an array; duplicate entries are summed."""
    written = state.get("_shape", state.get("shape"))
    if written is None or not {"indptr", "indices", "data"} <= state.keys():
        raise WeightsError(f"{label} is a sparse matrix without its parts: expected shape, indptr, indices and data")
    shape = _shape(written, label)
    if len(shape) != 2:
        raise WeightsError(f"{label} is a sparse matrix of shape {shape}: expected two sides")
    rows, columns = shape
    majors, minors = (columns, rows) if by_column else (rows, columns)
    data = state["data"]
    if not (isinstance(data, ndarray) and data.ndim == 1 and data.dtype.kind in "fiu"):
        raise WeightsError(f"{label} is a sparse matrix without numbers: expected an array of them as data")
    minor = _indices(state["indices"], minors, label)
    starts = _indices(state["indptr"], len(data) + 1, label)
    lengths = np.diff(starts)
    if len(starts) != majors + 1 or len(minor) != len(data) or starts[-1] != len(data) or (lengths < 0).any():
        raise WeightsError(f"{label} is a sparse matrix of {shape} whose parts do not fit it")
    major = np.repeat(np.arange(majors), lengths)
    dense = np.zeros(shape)
    np.add.at(dense, (minor, major) if by_column else (major, minor), data)
    return dense


def _indices(value: Any, count: int, label: str) -> ndarray:
    """Return an array of indices in [0, count)."""
    if not (isinstance(value, ndarray) and value.ndim == 1 and value.dtype.kind in "iu"):
        raise WeightsError(f"{label} picks by something else than whole numbers: expected an array of them")
    if 8 * len(value) > MAX_BYTES:
        raise WeightsError(f"{label} picks {len(value):,} numbers: more than any array of a body has")
    picks = value.astype(np.int64)
    if len(picks) and not 0 <= picks.min() <= picks.max() < count:
        raise WeightsError(f"{label} picks number {picks.min()} to {picks.max()} of {count}: damaged")
    return picks


def _shape(value: Any, label: str) -> tuple[int, ...]:
    """Return a shape from a file, limited in size."""
    sides = tuple(value) if isinstance(value, tuple | list) else ()
    sides = tuple(int(side) for side in sides if isinstance(side, int | np.integer) and 0 < side < 2**31)
    whole = isinstance(value, tuple | list) and 0 < len(value) == len(sides) <= 4
    if not whole or 8 * math.prod(sides) > MAX_BYTES:
        raise WeightsError(f"{label} has a shape that is none, or too large: expected that of an array of a body")
    return sides
