"""Multi-HMR 2: all people of a photo at once, by its own package (``multihmr2``), converted to the photo's camera.

It detects people and predicts a camera itself; its package takes neither boxes nor intrinsics.

Reference: Fiche et al., Multi-HMR 2: Multi-Person Camera-Centric Human Detection, Mesh Recovery and Tracking, 2026.
"""

import importlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.geometry.camera import project
from mfh.geometry.masks import mask_iou
from mfh.geometry.rasterize import rasterize_depth
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, NEAR_M, Rgb, in_front
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device, to_uint8
from mfh.types import Camera, HumanMesh, Person
from mfh.weights import store as weights

MODEL = "multi-hmr2"
FILE_NAME = "multihmr2.pt"
"""The only file name that the package accepts."""
MIN_IOU = 0.3
"""Smallest overlap (IoU) of a body's silhouette and a person's mask; the gates require more."""


@dataclass(frozen=True)
class NetworkInput:
    """The network's input: the photo, resized and padded with black to whole patches.

    Attributes:
        rgb: (b, a, 3) bytes.
        left: columns of padding on the left.
        top: rows of padding above.
        width: columns of the photo.
        height: rows of the photo.
    """

    rgb: UInt8[ndarray, "b a 3"]
    left: int
    top: int
    width: int
    height: int

    def own_camera(self, intrinsics: Float[ndarray, "3 3"], camera: Camera) -> Camera:
        """Return the predicted camera, with ``intrinsics`` of this input, in the photo's pixels.

        The package counts from the edge of the first pixel: its principal point is half the width and height.
        """
        across, down = camera.width / self.width, camera.height / self.height
        return Camera(
            fx=float(intrinsics[0, 0]) * across,
            fy=float(intrinsics[1, 1]) * down,
            cx=(float(intrinsics[0, 2]) - self.left) * across - 0.5,
            cy=(float(intrinsics[1, 2]) - self.top) * down - 0.5,
            width=camera.width,
            height=camera.height,
        )


class MultiHmr2:
    """Human mesh model: Anny bodies of all people at once, each assigned to the person whose mask it overlaps."""

    name = "multi-hmr2"
    shared_log_sigma = MESH_SHARED_LOG_SIGMA

    def __init__(self, checkpoint: Path | None = None, *, device: str | None = None) -> None:
        """Load multihmr2.pt, by default the model multi-hmr2, under :mod:`mfh.models.restricted_loading`.

        Raises:
            WeightsError: where the checkpoint is missing or holds more than tensors, or the backbone's code is not in
                torch.hub's cache.
        """
        package: Any = importlib.import_module("multihmr2.api")
        file = checkpoint or weights.require(MODEL) / FILE_NAME
        # The package would download a missing file, and refuse another name.
        if not (file.is_file() and file.name == FILE_NAME):
            raise WeightsError(f"{file} is no file called {FILE_NAME}: expected the checkpoint under that name")
        with loading_restricted(file, "Multi-HMR 2"):
            self._session = package.InferenceSession(file, device=device or pick_device())
            decoder = self._session.model.full_body_decoder
            self._faces = triangles(np.asarray(decoder.body_model.faces.cpu().numpy(), np.int64))
            self._side_px, self._patch_px = int(self._session.img_size), int(self._session.patch_size)
        # The package does not state whether its session is thread-safe: one at a time.
        self._one_at_a_time = threading.Lock()

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None where no body overlaps the person's mask.

        Raises:
            BackendError: where the package fails.
        """
        if not people:
            return []
        given = network_input(photo, side_px=self._side_px, patch_px=self._patch_px)
        with self._one_at_a_time, computing("Multi-HMR 2"):
            found = self._session(given.rgb)
            if len(found) == 0:
                return [None] * len(people)
            intrinsics = found.K.double().cpu().numpy()
            bodies = found.persons.v3d.double().cpu().numpy()
            roots = found.persons.transl_pelvis.double().cpu().numpy().reshape(-1, 3)
        own = given.own_camera(intrinsics, camera)
        vertices = [
            placed(body, root, own=own, camera=camera)
            for body, root in zip(bodies, roots, strict=True)
            if root[2] > NEAR_M
        ]
        ahead = (in_front(HumanMesh(one, self._faces, self.name)) for one in vertices)
        return matched([body for body in ahead if body is not None], people, camera)


def network_input(photo: Rgb, *, side_px: int, patch_px: int) -> NetworkInput:
    """Return the network's input as the package makes it: longer side ``side_px``, padded to multiples of ``patch_px``.

    It is made here, so that the package resizes and pads nothing and the position of every pixel is known.
    """
    height, width = photo.shape[:2]
    ratio = side_px / max(height, width)
    inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(photo, np.float32), (inner_width, inner_height), interpolation=how)
    columns, rows = (math.ceil(side / patch_px) * patch_px for side in (inner_width, inner_height))
    left, top = (columns - inner_width) // 2, (rows - inner_height) // 2
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[top : top + inner_height, left : left + inner_width] = to_uint8(resized)
    return NetworkInput(canvas, left, top, inner_width, inner_height)


def triangles(faces: Int[ndarray, "f corners"]) -> Int[ndarray, "t 3"]:
    """Return the triangles of (f, 3) or (f, 4) faces; Anny's have four corners."""
    if faces.shape[1] == 3:
        return faces
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])


def placed(
    vertices_m: Float[ndarray, "v 3"], root_m: Float[ndarray, "3"], *, own: Camera, camera: Camera
) -> Float[ndarray, "v 3"]:
    """Return a body in the photo's camera, translated so that its root keeps its pixel.

    At a given size in the picture, depth is proportional to the focal length: the root's depth is multiplied by f / f',
    with f' of the model's own camera (in the photo's pixels). Its x and y follow from its pixel and the photo's
    principal point. Shape and orientation stay. Where pixels are not square, f is the geometric mean of fx and fy.
    """
    column, row = project(own, root_m)
    depth_m = float(root_m[2]) * math.sqrt(camera.fx * camera.fy / (own.fx * own.fy))
    place = np.array(
        [(column - camera.cx) / camera.fx * depth_m, (row - camera.cy) / camera.fy * depth_m, depth_m], np.float64
    )
    return vertices_m + (place - root_m)


def matched(bodies: Sequence[HumanMesh], people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
    """Return the body of each person; None where no body overlaps the person's mask.

    Greedy one-to-one matching by IoU, the largest first.
    """
    silhouettes = [_silhouette(body, camera) for body in bodies]
    overlaps = np.array(
        [[mask_iou(person.instance_mask, silhouette) for silhouette in silhouettes] for person in people]
    ).reshape(len(people), len(bodies))
    found: list[HumanMesh | None] = [None] * len(people)
    while overlaps.size and overlaps.max() >= MIN_IOU:
        k, j = divmod(int(overlaps.argmax()), len(bodies))
        found[k] = bodies[j]
        overlaps[k, :] = overlaps[:, j] = -1.0
    return found


def _silhouette(body: HumanMesh, camera: Camera) -> Bool[ndarray, "h w"]:
    return np.isfinite(rasterize_depth(body.vertices_m, body.faces, camera))
