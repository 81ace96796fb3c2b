"""The predicted size of the view as evidence: the photo's median depth is that at which the view has this height.

z = f·S/h for a view of S metres in a picture of h rows. It is paired with the median of the photo's relative depth.
"""

import numpy as np

from mfh.errors import Rejected
from mfh.types import SCALE_PRIOR, Camera, Evidence, Landmark, RelativeDepth, ViewSize

LARGEST_VIEW_M = 5.0
"""Of larger views the prediction says too little: streets and yards differ more than it knows."""


def view_evidence(size: ViewSize, relative: RelativeDepth, camera: Camera, *, predicted_by: str) -> Evidence:
    """Pair the predicted size of the view with the photo's relative depth.

    Args:
        size: of the view.
        relative: relative depth of the photo.
        camera: its intrinsics.
        predicted_by: name of the model.

    Returns:
        Evidence of one sample, or of none where the view is too large, with one landmark, whose box is the whole photo.
    """
    rejected = view_gate(size)
    z = size.height_m * camera.fy / camera.height
    landmark = Landmark(
        source="photo",
        measured_by=predicted_by,
        box_xyxy=(-0.5, -0.5, camera.width - 0.5, camera.height - 0.5),
        score=1.0,
        distance_m=z,
        stature_m=None,
        pixels=0 if rejected else 1,
        verdict="rejected" if rejected else "used",
        reason=rejected.reason if rejected else "predicted from the photo as a whole",
        evidence="prior",
        log_distance_sigma=0.0,
        shared_log_sigma=size.log_sigma,
        origin_m=z,
        label=SCALE_PRIOR,
        size_m=size.height_m,
    )
    used = np.zeros(0 if rejected else 1, int)
    middle = float(np.median(relative.valid_values))
    return Evidence(np.full(len(used), middle), np.full(len(used), z), used, (landmark,))


def view_gate(size: ViewSize) -> Rejected | None:
    """Reject the prediction of a large view."""
    if size.height_m > LARGEST_VIEW_M:
        return Rejected(f"a view {size.height_m:.1f} m high: above {LARGEST_VIEW_M:g} m the prediction says too little")
    return None
