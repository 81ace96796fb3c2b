"""From the outputs of networks that regress SMPL to bodies in metres in the camera frame."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError, shown
from mfh.io.reading import reading
from mfh.models.human_mesh.person_crop import PersonCrop, camera_translation
from mfh.models.human_mesh.smpl import JOINTS, SHAPES, SmplModel, find_smpl, load_smpl, posed_body, stature_m
from mfh.models.protocols import in_front
from mfh.models.torch_loading import pick_device
from mfh.types import Camera, HumanMesh
from mfh.weights import store as weights
from mfh.weights.cache import named_place

if TYPE_CHECKING:
    from torch.nn import Module

BATCH = 8
"""People per batch, as in the published code of HMR 2.0."""

Outputs = tuple[Float[ndarray, "b 24 3 3"], Float[ndarray, "b 10"], Float[ndarray, "b 3"]]
"""Rotations, betas and cam of a batch, as in ``smpl_regression.SmplReading``."""


def converted_path(model: str, environment: str) -> Path:
    """Return the path of a converted network: $ENVIRONMENT (a file, or its folder), else in the weights cache."""
    file_name = f"{model}.safetensors"
    chosen = os.environ.get(environment)
    if not chosen:
        return weights.path(model) / file_name
    place = named_place(chosen, environment)
    with reading(place, what=environment, expected="the converted network, or a folder with it", error=WeightsError):
        return place / file_name if place.is_dir() else place


@dataclass(frozen=True)
class Regressor:
    """A loaded network that regresses SMPL, and what runs with it.

    Attributes:
        network: on the device.
        body: the body model.
        device: of torch.
        batch: people in one run.
    """

    network: Any
    body: SmplModel
    device: str
    batch: int


def load_regressor(
    place: Path,
    *,
    model: str,
    title: str,
    own: bool,
    how_to_get: str,
    load: "Callable[[Path], Module]",
    smpl: Path | None,
    device: str | None,
    batch: int,
) -> Regressor:
    """Load a converted network and the body model.

    Args:
        place: of the network.
        model: its name in ``mfh weights list``.
        title: its name in messages.
        own: whether it is where the model looks by itself; its digest is then compared, where one is known.
        how_to_get: ends the message where it is missing.
        load: reads it.
        smpl: as :func:`load_body` takes it.
        device: of torch; None to choose one.
        batch: people in one run.

    Raises:
        WeightsError: where the network or the body model is missing or not the expected one, with the fix.
    """
    if not place.is_file():
        raise WeightsError(f"no {title} network at {place}: {how_to_get}")
    if own:
        weights.check(model)
    # The body model first: it loads faster and is missing more often.
    body = load_body(smpl)
    device = device or pick_device()
    return Regressor(load(place).to(device), body, device, batch)


def load_body(smpl: Path | None) -> SmplModel:
    """Load the SMPL body model that the networks were trained for; None for the user's own (:func:`find_smpl`).

    Raises:
        WeightsError: where it is missing or another one, with the fix.
    """
    place = smpl or find_smpl()
    body = load_smpl(place)
    joints, shapes = len(body.parents), body.shape_directions.shape[2]
    if joints != JOINTS or shapes < SHAPES:
        raise WeightsError(
            f"{shown(place)} has {joints} joints and {shapes} shapes: expected the SMPL neutral body, with {JOINTS} "
            f"and at least {SHAPES}"
        )
    return body


def bodies_of(regressor: Regressor, *inputs: ndarray, source: str) -> "Iterator[Posed]":
    """Return the bodies that a network sees in a batch of inputs; ``source`` names the model.

    CUDA runs what the network does not exclude in half precision.
    """
    return posed(regressor.body, _run(regressor, *inputs), source=source)


def _run(regressor: Regressor, *inputs: ndarray) -> Outputs:
    import torch

    device = regressor.device
    half = torch.autocast("cuda", torch.float16) if device.startswith("cuda") else nullcontext()
    with torch.inference_mode(), half:
        out = regressor.network(*(torch.from_numpy(one).to(device) for one in inputs))
    rotations, betas, cam = (tensor.cpu().double().numpy() for tensor in (out.rotations, out.betas, out.cam))
    return rotations, betas, cam


Posed = tuple[HumanMesh, Float[ndarray, "3"]]
"""A body about its own origin, and the weak camera (s, tx, ty) of its crop."""


def posed(body: SmplModel, outputs: Outputs, *, source: str) -> Iterator[Posed]:
    """Yield the SMPL body of each crop of a batch; ``source`` names the model that measured it."""
    for rotations, betas, cam in zip(*outputs, strict=True):
        vertices = posed_body(body, betas, rotations)
        yield HumanMesh(vertices, body.faces, source, stature_m=stature_m(body, betas)), cam


def placed(
    crops: Sequence[PersonCrop | None],
    run: Callable[[Sequence[int]], Iterable[Posed]],
    camera: Camera,
    *,
    batch: int,
) -> list[HumanMesh | None]:
    """Return the body in each crop, in metres in the camera frame.

    Args:
        crops: one per person; None for a person that the network cannot measure.
        run: from the numbers of some crops to the bodies in them.
        camera: of the photo.
        batch: crops in one call of ``run``.

    Returns:
        One per crop; None also for a body that is not in front of the camera.
    """
    meshes: list[HumanMesh | None] = [None] * len(crops)
    usable = [k for k, crop in enumerate(crops) if crop is not None]
    for start in range(0, len(usable), batch):
        some = usable[start : start + batch]
        for k, (mesh, cam) in zip(some, run(some), strict=True):
            crop = crops[k]
            T_camera_body = None if crop is None else camera_translation(cam, crop, camera)
            if T_camera_body is not None:
                meshes[k] = in_front(replace(mesh, vertices_m=mesh.vertices_m + T_camera_body))
    return meshes
