"""TokenHMR: SMPL bodies in metres from boxes around people, by the user's own clone of its code.

Its licence permits no copies, so nothing of it is contained or installed here. The clone, named in MFH_TOKENHMR, has
the files that its fetch_demo_data.sh fetches for registered users (docs/guide/human_mesh.md).

Crop and camera are those of HMR 2.0; its published demo uses the same. The clone's code runs with the permissions of
the user, and body models in its data folder are unpickled by it without restriction.

Reference: Dwivedi et al., TokenHMR: Advancing Human Mesh Recovery with a Tokenized Pose Representation, CVPR 2024.
"""

import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from mfh.errors import BackendError, WeightsError, shown
from mfh.io.reading import reading
from mfh.models.human_mesh import smpl_people
from mfh.models.human_mesh.hmr2 import ASPECT, crop_tensor
from mfh.models.human_mesh.person_crop import crop_of_box
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, Rgb
from mfh.models.restricted_loading import answering, computing, loading_restricted
from mfh.models.torch_loading import pick_device
from mfh.types import Camera, HumanMesh, Person
from mfh.weights import store as weights
from mfh.weights.pickles import Inert
from mfh.weights.torch_tensors import read_tensors

MODEL = "token-hmr"
CODE = Path("tokenhmr")
"""Folder of the clone in which its package, ``lib``, is."""
CHECKPOINT = Path("data", "checkpoints", "tokenhmr_model_latest.ckpt")
SETTINGS = Path("data", "checkpoints", "model_config.yaml")
_PLACES = (
    ("SMPL", "DATA_DIR"),
    ("SMPL", "MODEL_PATH"),
    ("SMPL", "JOINT_REGRESSOR_EXTRA"),
    ("SMPL", "MEAN_PARAMS"),
    ("MODEL", "TOKENIZER_CHECKPOINT_PATH"),
)
"""Settings that are paths, relative to the clone."""
_FETCH = "run fetch_demo_data.sh in the clone"
_CONFIGURATIONS = frozenset({"yacs", "omegaconf", "pytorch_lightning", "lightning", "typing", "pathlib"})
_TITLE = "TokenHMR"
_MAX_DEPTH = 8


class TokenHmr:
    """Human mesh model: one SMPL body per person, from the crop around the person's box."""

    name = MODEL
    shared_log_sigma = MESH_SHARED_LOG_SIGMA

    def __init__(self, clone: Path | None = None, *, device: str | None = None, batch: int = smpl_people.BATCH) -> None:
        """Load the network of a clone, by default the one that MFH_TOKENHMR names.

        Checkpoint and tokenizer are read here, and nothing in them is executed; other files of torch are read under
        :mod:`mfh.models.restricted_loading`.

        Raises:
            WeightsError: where the clone or its files are missing, or are not the expected ones; with the fix.
            BackendError: where another package called ``lib`` is in its way.
        """
        clone = (clone or weights.require(MODEL)).absolute()
        for file, fix in (
            (CODE / "lib" / "models" / "__init__.py", "clone https://github.com/saidwivedi/TokenHMR there"),
            (CHECKPOINT, _FETCH),
            (SETTINGS, _FETCH),
        ):
            if not (clone / file).is_file():
                raise WeightsError(f"no file {shown(clone / file)}: expected a clone of TokenHMR with its data; {fix}")
        checkpoint = clone / CHECKPOINT
        with loading_restricted(checkpoint, _TITLE), _importing(clone):
            settings = _absolute(importlib.import_module("lib.configs").get_config(str(clone / SETTINGS)), clone)
            tokenizer = Path(settings.MODEL.TOKENIZER_CHECKPOINT_PATH)
            models: Any = importlib.import_module("lib.models")
            with answering({checkpoint: _network(checkpoint), tokenizer: _tokenizer(tokenizer)}):
                model = models.TokenHMR(cfg=settings, init_renderer=False, is_train_state=False, is_demo=True)
            self._device = device or pick_device()
            self._model = model.to(self._device).eval()
            self._faces = np.asarray(self._model.smpl.faces, np.int64)
        self._batch = batch
        # Whether the model is thread-safe is not stated: one at a time.
        self._one_at_a_time = threading.Lock()

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None for a box without a person.

        Raises:
            BackendError: where the clone's code fails.
        """
        crops = [crop_of_box(person.box_xyxy, aspect=ASPECT) for person in people]

        def run(some: Sequence[int]) -> Iterable[smpl_people.Posed]:
            vertices, cams = self._run(np.stack([crop_tensor(photo, crop) for k in some if (crop := crops[k])]))
            return [(HumanMesh(one, self._faces, self.name), cam) for one, cam in zip(vertices, cams, strict=True)]

        return smpl_people.placed(crops, run, camera, batch=self._batch)

    def _run(self, inputs: ndarray) -> tuple[ndarray, ndarray]:
        """Return the vertices about the body's origin, and the weak cameras, of normalised crops."""
        import torch

        with self._one_at_a_time, computing(_TITLE), torch.inference_mode():
            out = self._model({"img": torch.from_numpy(inputs).to(self._device)})
            vertices, cams = (out[name].double().cpu().numpy() for name in ("pred_vertices", "pred_cam"))
        if vertices.shape[::2] != (len(inputs), 3) or cams.shape != (len(inputs), 3):
            raise BackendError(
                f"TokenHMR gave vertices {vertices.shape} and cameras {cams.shape} for {len(inputs)} crops: expected "
                "one body and one camera (s, tx, ty) each"
            )
        return vertices, cams


def _network(checkpoint: Path) -> dict[str, Any]:
    """Return the checkpoint as it is used: the network's tensors, without body model and configuration."""
    state, _ = _read(checkpoint, "state_dict")
    return {"state_dict": {name: one for name, one in state.items() if name.startswith(("backbone.", "smpl_head."))}}


def _tokenizer(file: Path) -> dict[str, Any]:
    """Return the tokenizer's file as it is used: its tensors, and its configuration, which is of yacs."""
    node = importlib.import_module("yacs.config").CfgNode
    tensors, content = _read(file, "net")
    with reading(file, what="", expected=f"TokenHMR's tokenizer; {_FETCH}", error=WeightsError):
        return {"net": tensors, "hparams": _configuration(content.get("hparams"), node)}


def _read(file: Path, key: str) -> tuple[dict[str, Any], Mapping[Any, Any]]:
    """Return the tensors under a key of a file of torch, and the file's content, in which nothing was executed."""
    expected = f"a file of TokenHMR with {key}; {_FETCH}"
    whole: Mapping[Any, Any] = {}

    def pick(content: Any) -> Mapping[Any, Any]:
        nonlocal whole
        if not isinstance(content, Mapping) or not isinstance(content.get(key), Mapping):
            raise WeightsError(f"{shown(file)} has no {key}: expected {expected}")
        whole = content
        return content[key]

    return read_tensors(file, pick=pick, expected=expected, inert_packages=_CONFIGURATIONS), whole


def _configuration(value: Any, node: Any, depth: int = 0) -> Any:
    """Return a configuration made of placeholders as nodes of yacs."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"a configuration nested more than {_MAX_DEPTH} deep")
    if isinstance(value, Inert):
        if value.class_name != "yacs.config.CfgNode":
            raise ValueError(f"a configuration of {value.class_name[:100]}")
        return node({key: _configuration(one, node, depth + 1) for key, one in value.items})
    return value


@contextmanager
def _importing(clone: Path) -> Iterator[None]:
    """Make the clone's package importable, which is called ``lib`` and found by no installation.

    Raises:
        BackendError: where another package of that name is imported already.
    """
    code = clone / CODE
    there = getattr(sys.modules.get("lib"), "__file__", None)
    if there is not None and not Path(there).is_relative_to(code):
        raise BackendError(f"TokenHMR's package is called lib, and so is {shown(there)}: start a process without it")
    # Its modules import a renderer, which its demo sets up for machines without a screen.
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    sys.path.insert(0, str(code))
    try:
        yield
    finally:
        sys.path.remove(str(code))


def _absolute(settings: Any, clone: Path) -> Any:
    """Return the settings with paths that do not depend on the folder the process runs in."""
    settings.defrost()
    settings.ckpt_path = str(clone / CHECKPOINT)
    for section, name in _PLACES:
        if name not in settings[section]:
            continue
        place = clone / settings[section][name]
        if not place.exists():
            raise WeightsError(f"no {shown(place)}, which {shown(clone / SETTINGS)} names: {_FETCH}")
        settings[section][name] = str(place)
    settings.freeze()
    return settings
