"""Multi-HMR 2: everybody in a photo at once, by its own package (``multihmr2``), brought into the photo's camera.

It finds people by itself and predicts a camera of its own; its package takes neither boxes nor intrinsics.

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
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from mfh.errors import WeightsError
from mfh.models.human_mesh.own_camera import NEAR_M, in_front, matched, placed
from mfh.models.protocols import Rgb
from mfh.models.restricted_loading import computing, loading_restricted
from mfh.models.torch_loading import pick_device
from mfh.types import Camera, HumanMesh, Person
from mfh.weights import store as weights

MODEL = "multi-hmr2"
FILE_NAME = "multihmr2.pt"
"""The package takes no other name."""


@dataclass(frozen=True)
class Shown:
    """The photo as the network sees it: resized, and black around it.

    Attributes:
        rgb: (b, a, 3) bytes; the longer side is the network's, both are whole patches.
        left: columns of black on the left.
        top: rows of black above.
        width: columns the photo takes.
        height: rows it takes.
    """

    rgb: UInt8[ndarray, "b a 3"]
    left: int
    top: int
    width: int
    height: int

    def own_camera(self, intrinsics: Float[ndarray, "3 3"], camera: Camera) -> Camera:
        """Return the network's camera in the photo's pixels.

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
    """Human mesh model: Anny bodies of all people at once, each given to the person whose pixels it covers."""

    name = "multi-hmr2"
    # Statures vary by 4 to 7 %, and a mesh model sees them only in part.
    shared_log_sigma = 0.05

    def __init__(self, checkpoint: Path | None = None, *, device: str | None = None) -> None:
        """Load the model with its own package, restricted (:mod:`mfh.models.restricted_loading`).

        Args:
            checkpoint: multihmr2.pt; None for the model multi-hmr2.
            device: torch device; None for :func:`pick_device`'s.

        Raises:
            WeightsError: where the checkpoint is missing or holds more than numbers, or the backbone's code is not in
                torch.hub's cache.
            ModuleNotFoundError: when torch or multihmr2 is not installed.
        """
        package: Any = importlib.import_module("multihmr2.api")
        file = checkpoint or weights.require(MODEL) / FILE_NAME
        # What is not there the package would download; what has another name it would refuse.
        if not (file.is_file() and file.name == FILE_NAME):
            raise WeightsError(f"{file} is no file called {FILE_NAME}: expected the checkpoint under that name")
        with loading_restricted(file, "Multi-HMR 2"):
            self._session = package.InferenceSession(file, device=device or pick_device())
            decoder = self._session.model.full_body_decoder
            self._faces = triangles(np.asarray(decoder.body_model.faces.cpu().numpy(), np.int64))
            self._side_px, self._patch_px = int(self._session.img_size), int(self._session.patch_size)
        # The package does not say whether its session serves several threads: one at a time.
        self._one_at_a_time = threading.Lock()

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None where no body covers the person's pixels.

        Raises:
            BackendError: where the package fails.
        """
        if not people:
            return []
        seen = shown(photo, side_px=self._side_px, patch_px=self._patch_px)
        with self._one_at_a_time, computing("Multi-HMR 2"):
            found = self._session(seen.rgb)
            if len(found) == 0:
                return [None] * len(people)
            intrinsics = found.K.double().cpu().numpy()
            bodies = found.persons.v3d.double().cpu().numpy()
            roots = found.persons.transl_pelvis.double().cpu().numpy().reshape(-1, 3)
        own = seen.own_camera(intrinsics, camera)
        vertices = [
            placed(body, root, own=own, camera=camera)
            for body, root in zip(bodies, roots, strict=True)
            if root[2] > NEAR_M
        ]
        ahead = (in_front(HumanMesh(one, self._faces, self.name)) for one in vertices)
        return matched([body for body in ahead if body is not None], people, camera)


def shown(photo: Rgb, *, side_px: int, patch_px: int) -> Shown:
    """Return what the network is shown: the photo in its middle, as the package itself would make it.

    Made here, the package has nothing left to resize or pad, and where every pixel went is known.
    """
    height, width = photo.shape[:2]
    ratio = side_px / max(height, width)
    inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(photo, np.float32), (inner_width, inner_height), interpolation=how)
    columns, rows = (math.ceil(side / patch_px) * patch_px for side in (inner_width, inner_height))
    left, top = (columns - inner_width) // 2, (rows - inner_height) // 2
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[top : top + inner_height, left : left + inner_width] = np.round(np.clip(resized, 0, 1) * 255)
    return Shown(canvas, left, top, inner_width, inner_height)


def triangles(faces: Int[ndarray, "f corners"]) -> Int[ndarray, "t 3"]:
    """Return a mesh's faces as triangles: Anny's have four corners."""
    if faces.shape[1] == 3:
        return faces
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
