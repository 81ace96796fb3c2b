"""People a model found by itself, in a camera of its own: brought into the photo's camera, and told apart."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.geometry.camera import project
from mfh.geometry.masks import mask_iou
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera, HumanMesh, Person

MIN_IOU = 0.3
"""A body and a person whose pixels overlap less (IoU) are not the same; gates ask for more before they believe it."""


def placed(
    vertices_m: Float[ndarray, "v 3"], root_m: Float[ndarray, "3"], *, own: Camera, camera: Camera
) -> Float[ndarray, "v 3"]:
    """Return a body in the photo's camera, moved as a whole so that its root is seen where it was.

    A body of known size as large in the picture is farther away in proportion to the focal length, so the root's depth
    goes by f / f', f' being the model's own. Its x and y follow from the pixel it was seen at and the photo's own
    principal point. Shape and orientation stay. Where pixels are not square, f is the geometric mean of fx and fy.

    Args:
        vertices_m: the body in the model's camera frame.
        root_m: a point of it to hold on to.
        own: the model's camera, in the photo's pixels.
        camera: the photo's.
    """
    column, row = project(own, root_m)
    depth_m = float(root_m[2]) * math.sqrt(camera.fx * camera.fy / (own.fx * own.fy))
    place = np.array(
        [(column - camera.cx) / camera.fx * depth_m, (row - camera.cy) / camera.fy * depth_m, depth_m], np.float64
    )
    return vertices_m + (place - root_m)


def matched(bodies: Sequence[HumanMesh], people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
    """Return the body of each person; None where no body covers the person's pixels.

    Pairs are taken by their overlap, the largest first; a body is one person's, and a person has one body.
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


NEAR_M = 0.05
"""A body that reaches nearer to the camera than this is not in front of it."""


def in_front(body: HumanMesh) -> HumanMesh | None:
    """Return the body, or None where a part of it is behind the camera, too near to it, or nowhere (NaN)."""
    return body if body.vertices_m[:, 2].min() > NEAR_M else None
