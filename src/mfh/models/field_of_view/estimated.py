"""The camera of a photo whose focal length a model estimates; it says so, and how far it may be off."""

import math
from dataclasses import replace

from mfh.errors import BackendError
from mfh.geometry.camera import camera_from_fov_x
from mfh.geometry.view import view_of
from mfh.models.protocols import FieldOfViewModel
from mfh.types import FocalProvenance, Photo

NARROWEST_DEG, WIDEST_DEG = 2.0, 150.0
"""No photo a person can be measured in has another horizontal field of view: 1000 mm and 5 mm lenses."""


def with_estimated_camera(photo: Photo, model: FieldOfViewModel) -> Photo:
    """Return the photo with the camera a model sees in it, and a note that says so.

    Args:
        photo: whose focal length is not known.
        model: estimates its field of view.

    Raises:
        BackendError: where the model says a field of view that no such photo has.
    """
    height, width = photo.pixels.shape[:2]
    fov_x_deg = model.fov_x_deg(view_of(photo).rgb)
    if not (math.isfinite(fov_x_deg) and NARROWEST_DEG <= fov_x_deg <= WIDEST_DEG):
        raise BackendError(
            f"{model.name} says that {photo.name} has a field of view of {fov_x_deg:.1f}°: expected {NARROWEST_DEG:g} "
            f"to {WIDEST_DEG:g}; give --fov-x-deg or --focal-px, or leave out --fov-from"
        )
    camera = camera_from_fov_x(fov_x_deg, width=width, height=height)
    note = (
        f"the focal length was estimated from the picture by {model.name} (taken as good to "
        f"{model.relative_sigma:.0%}), and all metres scale with it: give --focal-px if you know it"
    )
    focal = FocalProvenance(
        source="estimated",
        detail=f"estimated by {model.name}: {fov_x_deg:.1f}° horizontal field of view ({camera.fx:.0f} px)",
        relative_sigma=model.relative_sigma,
        notes=(note,),
    )
    return replace(photo, camera=camera, focal=focal)
