"""HMR 2.0: SMPL bodies in metres from boxes around people; the paper's mesh model, without the packages it came with.

Weights: the published checkpoint, converted once with ``mfh weights convert hmr2 CHECKPOINT``, and the SMPL body
model, which its users register for. Neither may be redistributed (docs/human-mesh.md).
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError, shown
from mfh.io.reading import reading
from mfh.models import weights
from mfh.models.human_mesh.hmr2_crop import PersonCrop, camera_translation, crop_of_box, crop_tensor
from mfh.models.human_mesh.in_front import in_front
from mfh.models.human_mesh.smpl import posed_body, stature_m
from mfh.models.human_mesh.smpl_file import find_smpl, load_smpl
from mfh.models.protocols import Rgb
from mfh.models.torch_device import pick_device
from mfh.models.weights_place import named_place
from mfh.types import Camera, HumanMesh, Person

ENVIRONMENT = "MFH_HMR2"
FILE_NAME = "hmr2.safetensors"
BATCH = 8
"""People read at once, as the published code does."""


def converted_path() -> Path:
    """Return where the converted network is, or would be: $MFH_HMR2 (a file, or a folder with it), else the cache."""
    chosen = os.environ.get(ENVIRONMENT)
    if not chosen:
        return weights.path("hmr2") / FILE_NAME
    place = named_place(chosen, ENVIRONMENT)
    with reading(place, what=ENVIRONMENT, expected="the converted network, or a folder with it", error=WeightsError):
        return place / FILE_NAME if place.is_dir() else place


class Hmr2:
    """Human mesh model: one SMPL body a person, read from the crop around the person's box."""

    name = "hmr2"
    # Statures vary by 4 to 7 %, and a mesh model sees them only in part.
    shared_log_sigma = 0.05

    def __init__(
        self, network: Path | None = None, *, smpl: Path | None = None, device: str | None = None, batch: int = BATCH
    ) -> None:
        """Load the network and the body model.

        Args:
            network: converted network; None for :func:`converted_path`.
            smpl: SMPL model file; None for :func:`find_smpl`.
            device: torch device; None for :func:`pick_device`'s. CUDA runs the backbone in half precision.
            batch: people read at once.

        Raises:
            WeightsError: where the network or the body model is missing or not the one expected, with what to do.
            ModuleNotFoundError: when torch or safetensors is not installed.
        """
        from mfh.models.human_mesh.hmr2_checkpoint import load_network
        from mfh.models.human_mesh.hmr2_network import JOINTS, SHAPES

        place = network or converted_path()
        if not place.is_file():
            raise WeightsError(
                f"no HMR 2.0 network at {place}: download hmr2_data.tar.gz of 4D-Humans (also on the hub, as "
                "camenduru/4D-Humans) and run 'mfh weights convert hmr2 CHECKPOINT'"
            )
        if network is None:
            weights.check("hmr2")
        # The body model first: it is read in a moment and more often missing.
        body = smpl or find_smpl()
        self._body = load_smpl(body)
        joints, shapes = len(self._body.parents), self._body.shape_directions.shape[2]
        if joints != JOINTS or shapes < SHAPES:
            raise WeightsError(
                f"{shown(body)} has {joints} joints and {shapes} shapes: expected the SMPL neutral body, with {JOINTS} "
                f"and at least {SHAPES}"
            )
        self._device = device or pick_device()
        self._network = load_network(place).to(self._device)
        self._batch = batch

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None for a box that shows nobody.

        Args:
            photo: the photo.
            people: whose boxes say where to look.
            camera: its intrinsics.
        """
        crops = [crop_of_box(person.box_xyxy) for person in people]
        shown = [crop for crop in crops if crop is not None]
        meshes = iter(self._meshes(photo, shown, camera))
        return [None if crop is None else next(meshes) for crop in crops]

    def _meshes(self, photo: Rgb, crops: Sequence[PersonCrop], camera: Camera) -> list[HumanMesh | None]:
        meshes = []
        for start in range(0, len(crops), self._batch):
            some = crops[start : start + self._batch]
            rotations, betas, cams = self._read(np.stack([crop_tensor(photo, crop) for crop in some]))
            for crop, turns, shape, cam in zip(some, rotations, betas, cams, strict=True):
                meshes.append(self._mesh(turns, shape, camera_translation(cam, crop, camera)))
        return meshes

    def _read(
        self, crops: Float[ndarray, "b 3 256 256"]
    ) -> tuple[Float[ndarray, "b 24 3 3"], Float[ndarray, "b 10"], Float[ndarray, "b 3"]]:
        import torch

        half = torch.autocast("cuda", torch.float16) if self._device.startswith("cuda") else nullcontext()
        with torch.inference_mode(), half:
            reading = self._network(torch.from_numpy(crops).to(self._device))
        rotations, betas, cam = (
            tensor.cpu().double().numpy() for tensor in (reading.rotations, reading.betas, reading.cam)
        )
        return rotations, betas, cam

    def _mesh(
        self,
        rotations: Float[ndarray, "24 3 3"],
        betas: Float[ndarray, "10"],
        T_camera_body: Float[ndarray, "3"] | None,
    ) -> HumanMesh | None:
        if T_camera_body is None:
            return None
        vertices = posed_body(self._body, betas, rotations) + T_camera_body
        return in_front(HumanMesh(vertices, self._body.faces, self.name, stature_m=stature_m(self._body, betas)))
