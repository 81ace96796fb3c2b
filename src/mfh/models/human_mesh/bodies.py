"""What the mesh models share: the common bias of their scale, and the check that a body is in front of the camera."""

from mfh.types import HumanMesh

SHARED_LOG_SIGMA = 0.05
"""Systematic error of log scale: statures vary by 4 to 7 %, and a mesh model infers them only in part."""
NEAR_M = 0.05
"""Smallest depth of a body in front of the camera."""


def in_front(body: HumanMesh) -> HumanMesh | None:
    """Return the body; None where a part of it is behind the camera, nearer than :data:`NEAR_M`, or NaN."""
    return body if body.vertices_m[:, 2].min() > NEAR_M else None
