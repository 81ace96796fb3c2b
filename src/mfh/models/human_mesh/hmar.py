"""HMAR: SMPL bodies in metres from boxes and masks of people, without the packages of the published code.

Weights: the published checkpoint, converted once with ``mfh weights convert hmar CHECKPOINT``, and the SMPL body
model, which users register for (docs/guide/human_mesh.md).

The square around a person's box is warped to 256 pixels (:mod:`person_crop`), without the blur and the wider box of
HMR 2.0. The network uses features on the person's mask alone.

Reference: Rajasegaran et al., Tracking People with 3D Representations, NeurIPS 2021, and the published inference code
of Tracking People by Predicting 3D Appearance, Location and Pose (PHALP), CVPR 2022.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mfh.models.human_mesh import smpl_people
from mfh.models.human_mesh.person_crop import PersonCrop, crop_of_box, normalised, view_of_crop, warped
from mfh.models.protocols import MESH_SHARED_LOG_SIGMA, Rgb
from mfh.models.torch_loading import to_uint8
from mfh.types import Camera, HumanMesh, Person

ENVIRONMENT = "MFH_HMAR"
CHANNEL_ORDER = (0, 1, 2)
"""The channels of RGB as the network sees them. In doubt: (2, 1, 0) is the other candidate.

PHALP's code shows the network RGB since 31 October 2023. All older versions, and T3DP's code, turned the channels of
the frames twice and showed it BGR, with the means of RGB. The weights kept their file name, and which order they were
trained with is not published: only real weights on photos of people decide it.
"""
_SQUARE = (1, 1)
_MARGIN_PX = 2


def crop_tensor(rgb: Float[ndarray, "h w 3"], crop: PersonCrop) -> Float[ndarray, "3 256 256"]:
    """Return the network's input: warped without blur, rounded to grey levels, black outside the photo, normalised."""
    corner, view = view_of_crop(rgb, crop, margin=_MARGIN_PX)
    square = warped(to_uint8(view), corner, crop)
    return normalised(square[..., CHANNEL_ORDER] / 255)


def crop_mask(instance_mask: Bool[ndarray, "h w"], crop: PersonCrop) -> UInt8[ndarray, "256 256"]:
    """Return a person's mask (255 on the person) in a crop."""
    corner, view = view_of_crop(instance_mask, crop, margin=_MARGIN_PX)
    return warped(view.astype(np.uint8) * 255, corner, crop)


def converted_path() -> Path:
    """Return the path of the converted network: $MFH_HMAR (a file, or its folder), else in the weights cache."""
    return smpl_people.converted_path("hmar", ENVIRONMENT)


class Hmar:
    """Human mesh model: one SMPL body per person, from the crop around the person's box and from the mask."""

    name = "hmar"
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
        from mfh.models.human_mesh.hmar_checkpoint import load_network

        self._regressor = smpl_people.load_regressor(
            network or converted_path(),
            model="hmar",
            title="HMAR",
            own=network is None,
            how_to_get="get hmar_v2_weights.pth, which the tracker of brjathu/PHALP on GitHub downloads, and run 'mfh "
            "weights convert hmar CHECKPOINT'",
            load=load_network,
            smpl=smpl,
            device=device,
            batch=batch,
        )

    def measure(self, photo: Rgb, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        """Return one body per person, in metres in the camera frame; None for a box or a mask without a person.

        The features of an empty mask are zero: the network then has the same body for every photo.
        """
        seen = [self._seen(person) for person in people]
        crops = [None if one is None else one[0] for one in seen]

        def run(some: Sequence[int]) -> Iterable[smpl_people.Posed]:
            chosen = [one for k in some if (one := seen[k]) is not None]
            inputs = np.stack([crop_tensor(photo, crop) for crop, _ in chosen])
            masks = np.stack([mask for _, mask in chosen])
            return smpl_people.bodies_of(self._regressor, inputs, masks, source=self.name)

        return smpl_people.placed(crops, run, camera, batch=self._regressor.batch)

    def _seen(self, person: Person) -> tuple[PersonCrop, UInt8[ndarray, "256 256"]] | None:
        """Return a person's crop and the mask in it; None where the network would not see the person."""
        crop = crop_of_box(person.box_xyxy, aspect=_SQUARE)
        if crop is None:
            return None
        mask = crop_mask(person.instance_mask, crop)
        return (crop, mask) if mask.any() or not self._regressor.network.takes_masks else None
