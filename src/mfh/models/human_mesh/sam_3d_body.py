"""SAM 3D Body: bodies in metres from boxes and masks, by its own package (``sam_3d_body``), in the photo's camera.

Weights: the files of facebook/sam-3d-body-dinov3, which is gated (docs/guide/human_mesh.md).

Reference: Yang et al., SAM 3D Body: Robust Full-Body Human Mesh Recovery, 2025.
"""

import importlib
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import BackendError, WeightsError
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, Rgb, in_front
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device, to_uint8
from mfh.types import Camera, HumanMesh, Person
from mfh.weights.hub import locate_model

MODEL = "sam-3d-body"
CHECKPOINT = "model.ckpt"
BODY_MODEL = Path("assets") / "mhr_model.pt"
BATCH = 8
"""People per batch."""
_MIN_BOX_PX = 1.0


class Sam3dBody:
    """Human mesh model: one MHR body per person, from the crop around the person's box and from the mask."""

    name = "sam-3d-body"
    shared_log_sigma = MESH_SHARED_LOG_SIGMA

    def __init__(self, folder: Path | None = None, *, device: str | None = None, batch: int = BATCH) -> None:
        """Load model.ckpt, model_config.yaml and assets/mhr_model.pt of a folder, by default of the model sam-3d-body.

        The package loads them under :mod:`mfh.models.restricted_loading`.

        Raises:
            WeightsError: where files are missing, hold more than tensors, or are of a model that ignores the principal
                point; where the backbone's code is not in torch.hub's cache.
            BackendError: for a device other than CUDA on a machine with CUDA, which the package always uses.
        """
        import torch

        package: Any = importlib.import_module("sam_3d_body")
        folder = folder or locate_model(MODEL)
        for file in (folder / CHECKPOINT, folder / BODY_MODEL):
            if not file.is_file():
                raise WeightsError(f"no file {file}: expected the files of facebook/sam-3d-body-dinov3")
        device = device or pick_device()
        if torch.cuda.is_available() and not device.startswith("cuda"):
            raise BackendError(
                f"SAM 3D Body cannot compute on {device!r}: its package takes the GPU where there is one; unset "
                "MFH_DEVICE, or hide the GPU with CUDA_VISIBLE_DEVICES="
            )
        with loading_restricted(folder / CHECKPOINT, "SAM 3D Body"):
            model, settings = package.load_sam_3d_body(
                checkpoint_path=str(folder / CHECKPOINT), device=device, mhr_path=str(folder / BODY_MODEL)
            )
            self._estimator = package.SAM3DBodyEstimator(sam_3d_body_model=model, model_cfg=settings)
            true_centre = bool(settings.MODEL.DECODER.get("USE_INTRIN_CENTER", False))
        if not true_centre:
            raise WeightsError(
                f"{folder} is of a model that takes the photo's middle for the principal point: expected "
                "USE_INTRIN_CENTER in its model_config.yaml, as published"
            )
        self._faces = np.asarray(self._estimator.faces, np.int64)
        self._batch = batch
        # The package's estimator stores its input picture: one thread at a time.
        self._one_at_a_time = threading.Lock()

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None for a person not in front of the camera.

        Raises:
            BackendError: where the package fails.
        """
        meshes: list[HumanMesh | None] = [None] * len(people)
        usable = [k for k, person in enumerate(people) if _has_extent(person.box_xyxy)]
        rgb = np.ascontiguousarray(to_uint8(photo))
        for start in range(0, len(usable), self._batch):
            some = usable[start : start + self._batch]
            for k, mesh in zip(some, self._meshes(rgb, [people[k] for k in some], camera), strict=True):
                meshes[k] = mesh
        return meshes

    def _meshes(self, rgb: ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        import torch

        # The package supports one focal length.
        focal_px = math.sqrt(camera.fx * camera.fy)
        intrinsics = torch.tensor([[[focal_px, 0, camera.cx], [0, focal_px, camera.cy], [0, 0, 1]]])
        boxes = np.stack([person.box_xyxy for person in people]).astype(np.float32)
        with self._one_at_a_time, computing("SAM 3D Body"), torch.inference_mode():
            found = self._estimator.process_one_image(
                rgb,
                bboxes=boxes,
                # As from its own segmenter: 1 inside the person.
                masks=np.stack([person.instance_mask for person in people]).astype(np.uint8),
                cam_int=intrinsics,
                # Hands would take two more passes, and do not change the body's position.
                inference_type="body",
            )
            bodies = [
                (np.asarray(one["pred_vertices"], np.float64), np.asarray(one["pred_cam_t"], np.float64))
                for one in found
            ]
        if len(bodies) != len(people):
            raise BackendError(f"SAM 3D Body gave {len(bodies)} bodies for {len(people)} boxes: expected one each")
        return [
            in_front(
                HumanMesh(vertices + _square_to_true(place, person.box_xyxy, camera, focal_px), self._faces, self.name)
            )
            for (vertices, place), person in zip(bodies, people, strict=True)
        ]


def _square_to_true(
    T_camera_body: Float[ndarray, "3"], box_xyxy: Float[ndarray, "4"], camera: Camera, focal_px: float
) -> Float[ndarray, "3"]:
    """Correct a translation that was computed with the geometric mean of fx and fy.

    The package's translation is a small predicted offset plus (cx - px)·tz/f, with the box's centre (cx, cy) and the
    principal point (px, py). Each axis gets its own focal length here, as in HMR 2.0.
    """
    centre = (box_xyxy[:2] + box_xyxy[2:]) / 2 - [camera.cx, camera.cy]
    correction = centre * T_camera_body[2] * (1 / np.array([camera.fx, camera.fy]) - 1 / focal_px)
    return T_camera_body + [*correction, 0.0]


def _has_extent(box_xyxy: Float[ndarray, "4"]) -> bool:
    sides = box_xyxy[2:] - box_xyxy[:2]
    return bool(np.isfinite(sides).all() and sides.min() >= _MIN_BOX_PX)
