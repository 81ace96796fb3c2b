"""HMR 2.0: SMPL bodies in metres from boxes around people, without the packages of the published code.

Weights: the published checkpoint, converted once by ``mfh weights fetch hmr2`` or ``convert``, and the SMPL body
model, which users register for. Neither may be redistributed (docs/guide/human_mesh.md).

A person's box is extended to the aspect 192:256, and its longer side warped to 256 pixels (:mod:`person_crop`). The
network predicts SMPL parameters and a weak-perspective camera of that crop.

Reference: Goel et al., Humans in 4D, ICCV 2023, and its published inference code.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.human_mesh import smpl_people
from mfh.models.human_mesh.person_crop import CROP_PX, PersonCrop, crop_of_box, normalised, view_of_crop, warped
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, Rgb
from mfh.types import Camera, HumanMesh, Person

ASPECT = (192, 256)
"""Width and height of the network's input within a crop."""
ENVIRONMENT = "MFH_HMR2"
FILE_NAME = "hmr2.safetensors"
_BLUR_ABOVE = 1.1
_TRUNCATE = 4.0  # the published blur is cut off at this many standard deviations


def crop_tensor(rgb: Float[ndarray, "h w 3"], crop: PersonCrop) -> Float[ndarray, "3 256 256"]:
    """Return the network's input: blurred before downsampling, warped, black outside the photo, normalised."""
    smaller = crop.size_px / CROP_PX / 2
    sigma = (smaller - 1) / 2 if smaller > _BLUR_ABOVE else 0.0
    reach = int(_TRUNCATE * sigma + 0.5)
    corner, view = view_of_crop(rgb, crop, margin=reach + 2)
    view = np.ascontiguousarray(view, np.float32)
    if sigma > 0:
        # Only the view is blurred; pixels beyond its margin do not reach the crop.
        # In double precision, as published: OpenCV then warps with coordinates rounded to 1/32 pixel.
        view = cv2.GaussianBlur(
            view.astype(np.float64), (2 * reach + 1, 2 * reach + 1), sigma, borderType=cv2.BORDER_REPLICATE
        )
    return normalised(warped(view, corner, crop))


def converted_path() -> Path:
    """Return the path of the converted network: $MFH_HMR2 (a file, or its folder), else in the weights cache."""
    return smpl_people.converted_path("hmr2", ENVIRONMENT)


class Hmr2:
    """Human mesh model: one SMPL body per person, from the crop around the person's box."""

    name = "hmr2"
    shared_log_sigma = MESH_SHARED_LOG_SIGMA

    def __init__(
        self,
        network: Path | None = None,
        *,
        smpl: Path | None = None,
        device: str | None = None,
        batch: int = smpl_people.BATCH,
    ) -> None:
        """Load the network (:func:`converted_path`) and the body model (:func:`find_smpl`).

        CUDA runs the backbone in half precision.

        Raises:
            WeightsError: where the network or the body model is missing or not the expected one, with the fix.
        """
        from mfh.models.human_mesh.hmr2_checkpoint import load_network

        self._regressor = smpl_people.load_regressor(
            network or converted_path(),
            model="hmr2",
            title="HMR 2.0",
            own=network is None,
            how_to_get="run 'mfh weights fetch hmr2', or get hmr2_data.tar.gz of 4D-Humans and run 'mfh weights "
            "convert hmr2 hmr2_data.tar.gz'",
            load=load_network,
            smpl=smpl,
            device=device,
            batch=batch,
        )

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None for a box without a person."""
        crops = [crop_of_box(person.box_xyxy, aspect=ASPECT) for person in people]

        def run(some: Sequence[int]) -> Iterable[smpl_people.Posed]:
            inputs = np.stack([crop_tensor(photo, crop) for k in some if (crop := crops[k]) is not None])
            return smpl_people.bodies_of(self._regressor, inputs, source=self.name)

        return smpl_people.placed(crops, run, camera, batch=self._regressor.batch)
