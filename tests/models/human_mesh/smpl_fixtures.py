"""A made-up body model of SMPL's form, and files of it as others write them."""

import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np

from mfh.models.human_mesh.smpl import SmplModel

PARENTS = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21])


def made_up_smpl(seed: int = 0, *, vertices: int = 60, flat: bool = False) -> SmplModel:
    """24 joints, 10 shapes; with ``flat`` every vertex and direction lies in the plane z = 0."""
    rng = np.random.default_rng(seed)
    joints = len(PARENTS)
    template = rng.uniform([-0.4, -0.9, -0.15], [0.4, 0.9, 0.15], (vertices, 3))
    shapes = rng.normal(0, 0.01, (vertices, 3, 10))
    if flat:
        template[:, 2] = shapes[:, 2] = 0.0
    weights = rng.random((vertices, joints)) ** 8
    regressor = rng.random((joints, vertices)) ** 8
    return SmplModel(
        template_m=template,
        shape_directions=shapes,
        pose_directions=rng.normal(0, 0.005, (vertices, 3, 9 * (joints - 1))),
        joint_regressor=regressor / regressor.sum(1, keepdims=True),
        skinning_weights=weights / weights.sum(1, keepdims=True),
        parents=PARENTS,
        faces=rng.integers(0, vertices, (100, 3)),
    )


def arrays_of(model: SmplModel) -> dict[str, np.ndarray]:
    """The keys and arrays an SMPL file has."""
    tree = np.stack([PARENTS % 2**32, np.arange(len(PARENTS))]).astype(np.uint32)
    return {
        "v_template": model.template_m,
        "shapedirs": model.shape_directions,
        "posedirs": model.pose_directions,
        "J_regressor": model.joint_regressor,
        "weights": model.skinning_weights,
        "kintree_table": tree,
        "f": model.faces.astype(np.uint32),
    }


def save_npz(model: SmplModel, path: Path) -> Path:
    np.savez(path, **arrays_of(model))
    return path


class Bomb:
    """What runs a command where it is unpickled by Python."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self):
        return os.system, (self._command,)


class foreign_classes:  # noqa: N801
    """Classes of packages that are not installed, for as long as a pickle is written.

    ``foreign_classes({"chumpy.ch.Ch": object})`` yields {"chumpy.ch.Ch": the class}.
    """

    def __init__(self, bases: dict[str, type]) -> None:
        self._bases = bases
        self._hidden: dict[str, types.ModuleType | None] = {}

    def __enter__(self) -> dict[str, type]:
        made = {}
        for path, base in self._bases.items():
            module, _, name = path.rpartition(".")
            parts = module.split(".")
            for end in range(1, len(parts) + 1):
                part = ".".join(parts[:end])
                if part not in self._hidden:
                    self._hidden[part] = sys.modules.get(part)
                    sys.modules[part] = types.ModuleType(part)
            made[path] = type(name, (base,), {"__module__": module})
            setattr(sys.modules[module], name, made[path])
        return made

    def __exit__(self, *_: object) -> None:
        for part, before in self._hidden.items():
            if before is None:
                del sys.modules[part]
            else:
                sys.modules[part] = before


def save_published_pickle(model: SmplModel, path: Path, *, protocol: int) -> Path:
    """As the publisher writes it: chumpy expressions, a scipy sparse matrix, and things that are of no use."""
    from scipy.sparse import csc_matrix

    content: dict[str, object] = dict(arrays_of(model))
    content["J_regressor"] = csc_matrix(model.joint_regressor)
    with foreign_classes({"chumpy.ch.Ch": object, "chumpy.reordering.Select": object}) as classes:
        whole = classes["chumpy.ch.Ch"]()
        # Chumpy keeps an array it has copied from elsewhere whole, and picks from it.
        wide = np.concatenate([model.shape_directions, np.full_like(model.shape_directions, 9.0)], axis=2)
        whole.__dict__.update(x=wide, _dirty_vars=set(), _itr=None)
        chosen = classes["chumpy.reordering.Select"]()
        picks = np.arange(wide.size).reshape(wide.shape)[:, :, :10]
        chosen.__dict__.update(a=whole, idxs=picks.ravel(), preferred_shape=picks.shape)
        content["shapedirs"] = chosen
        plain = classes["chumpy.ch.Ch"]()
        plain.__dict__.update(x=model.template_m)
        content["v_template"] = plain
        content["bs_style"], content["pose_training_info"] = "lbs", {"gender": "neutral", "count": np.float64(3.5)}
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path
