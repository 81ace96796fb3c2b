"""HMR 2.0: SMPL bodies in metres from boxes around people, without the packages of the published code.

Weights: the published checkpoint, converted once by ``mfh weights fetch hmr2`` or ``convert``, and the SMPL body
model, which users register for. Neither may be redistributed (docs/guide/human_mesh.md).

A person's box is extended to the aspect 192:256, and its longer side warped to 256 pixels. The network predicts SMPL
parameters and a weak-perspective camera (s, tx, ty) of that crop. All coordinates are pixel centres: the crop's middle,
128, is the box's centre exactly, as in the published code.

Reference: Goel et al., Humans in 4D, ICCV 2023, and its published inference code.
"""

import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import WeightsError, shown
from mfh.io.reading import reading
from mfh.models.human_mesh.smpl import find_smpl, load_smpl, posed_body, stature_m
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, Rgb, in_front
from mfh.models.torch_loading import pick_device
from mfh.types import Camera, HumanMesh, Person
from mfh.weights import store as weights
from mfh.weights.cache import named_place

CROP_PX = 256
ASPECT = (192, 256)
"""Width and height of the network's input within a crop."""
MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
_BLUR_ABOVE = 1.1
_MIN_BOX_PX = 1.0
_TRUNCATE = 4.0  # the published blur is cut off at this many standard deviations


@dataclass(frozen=True)
class PersonCrop:
    """A square of the photo around one person: centre (column, row) and side."""

    centre_px: Float[ndarray, "2"]
    size_px: float

    def crop_from_photo(self) -> Float[ndarray, "2 3"]:
        """Return the affine map from photo pixels to crop pixels."""
        ratio = CROP_PX / self.size_px
        return np.column_stack([np.eye(2) * ratio, CROP_PX / 2 - ratio * self.centre_px])


def crop_of_box(box_xyxy: Float[ndarray, "4"]) -> PersonCrop | None:
    """Return the crop of a person's box, extended to 192:256; None for a box without extent."""
    left, top, right, bottom = np.asarray(box_xyxy, np.float64)
    width, height = float(right - left), float(bottom - top)
    if not (math.isfinite(width + height) and max(width, height) >= _MIN_BOX_PX):
        return None
    # The height of the smallest 192:256 box around it.
    size_px = max(height, width * ASPECT[1] / ASPECT[0])
    return PersonCrop(np.array([(left + right) / 2, (top + bottom) / 2]), size_px)


def crop_tensor(rgb: Float[ndarray, "h w 3"], crop: PersonCrop) -> Float[ndarray, "3 256 256"]:
    """Return the network's input: blurred before downsampling, warped, black outside the photo.

    It is normalised as (RGB - mean) / standard deviation of ImageNet.
    """
    smaller = crop.size_px / CROP_PX / 2
    sigma = (smaller - 1) / 2 if smaller > _BLUR_ABOVE else 0.0
    reach = int(_TRUNCATE * sigma + 0.5)
    corner, view = _view(rgb, crop, margin=reach + 2)
    if sigma > 0:
        # Only the view is blurred; pixels beyond its margin do not reach the crop.
        # In double precision, as published: OpenCV then warps with coordinates rounded to 1/32 pixel.
        view = cv2.GaussianBlur(
            view.astype(np.float64), (2 * reach + 1, 2 * reach + 1), sigma, borderType=cv2.BORDER_REPLICATE
        )
    crop_from_view = crop.crop_from_photo()
    crop_from_view[:, 2] += crop_from_view[:, :2] @ corner
    square = cv2.warpAffine(
        view, crop_from_view, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    normalised = (square - MEAN_RGB) / STD_RGB
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), np.float32)


def camera_translation(cam: Float[ndarray, "3"], crop: PersonCrop, camera: Camera) -> Float[ndarray, "3"] | None:
    """Return the body's translation in the camera frame, in metres, from the predicted s, tx, ty of its crop.

    With b the crop's side and bs = b·s + 1e-9: tz = 2f/bs, tx += 2(cx - px)/bs, ty likewise, where (cx, cy) is the
    crop's centre and (px, py) the principal point. Where pixels are not square, f is the geometric mean of fx and fy,
    and each offset uses its own focal length. None where s is not positive: the body is not in front of the camera.
    """
    scale, tx, ty = (float(value) for value in cam)
    if not (math.isfinite(scale + tx + ty) and scale > 0):
        return None
    focal_px = math.sqrt(camera.fx * camera.fy)
    bs = crop.size_px * scale + 1e-9
    tz = 2 * focal_px / bs
    offset = crop.centre_px - [camera.cx, camera.cy]
    return np.array([offset[0] * tz / camera.fx + tx, offset[1] * tz / camera.fy + ty, tz])


def _view(
    rgb: Float[ndarray, "h w 3"], crop: PersonCrop, *, margin: int
) -> tuple[Float[ndarray, "2"], Float[ndarray, "a b 3"]]:
    """Return the position of the first pixel of a crop's view of the photo, with a margin, and the view."""
    height, width = rgb.shape[:2]
    low = np.floor(crop.centre_px - crop.size_px / 2).astype(int) - margin
    high = np.ceil(crop.centre_px + crop.size_px / 2).astype(int) + margin + 1
    # At least one pixel, for a box outside the photo.
    left, top = np.clip(low, 0, [width - 1, height - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height])
    return np.array([left, top], np.float64), np.ascontiguousarray(rgb[top:bottom, left:right], np.float32)


ENVIRONMENT = "MFH_HMR2"
FILE_NAME = "hmr2.safetensors"
BATCH = 8
"""People per batch, as in the published code."""


def converted_path() -> Path:
    """Return the path of the converted network: $MFH_HMR2 (a file, or its folder), else in the weights cache."""
    chosen = os.environ.get(ENVIRONMENT)
    if not chosen:
        return weights.path("hmr2") / FILE_NAME
    place = named_place(chosen, ENVIRONMENT)
    with reading(place, what=ENVIRONMENT, expected="the converted network, or a folder with it", error=WeightsError):
        return place / FILE_NAME if place.is_dir() else place


class Hmr2:
    """Human mesh model: one SMPL body per person, from the crop around the person's box."""

    name = "hmr2"
    shared_log_sigma = MESH_SHARED_LOG_SIGMA

    def __init__(
        self, network: Path | None = None, *, smpl: Path | None = None, device: str | None = None, batch: int = BATCH
    ) -> None:
        """Load the network (:func:`converted_path`) and the body model (:func:`find_smpl`).

        CUDA runs the backbone in half precision.

        Raises:
            WeightsError: where the network or the body model is missing or not the expected one, with the fix.
        """
        from mfh.models.human_mesh.hmr2_checkpoint import load_network
        from mfh.models.human_mesh.hmr2_network import JOINTS, SHAPES

        place = network or converted_path()
        if not place.is_file():
            raise WeightsError(
                f"no HMR 2.0 network at {place}: run 'mfh weights fetch hmr2', or get hmr2_data.tar.gz of 4D-Humans "
                "and run 'mfh weights convert hmr2 hmr2_data.tar.gz'"
            )
        if network is None:
            weights.check("hmr2")
        # The body model first: it loads faster and is missing more often.
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
        """Return one body per person, in metres in the camera frame; None for a box without a person."""
        crops = [crop_of_box(person.box_xyxy) for person in people]
        meshes = iter(self._meshes(photo, [crop for crop in crops if crop is not None], camera))
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
