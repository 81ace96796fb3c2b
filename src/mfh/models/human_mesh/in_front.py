"""Bodies that are in front of the camera: the only ones with a place in a picture."""

from mfh.types import HumanMesh

NEAR_M = 0.05
"""A body that reaches nearer to the camera than this is not in front of it."""


def in_front(body: HumanMesh) -> HumanMesh | None:
    """Return the body, or None where a part of it is behind the camera, too near to it, or nowhere (NaN).

    Args:
        body: in metres in the camera frame.
    """
    return body if body.vertices_m[:, 2].min() > NEAR_M else None
