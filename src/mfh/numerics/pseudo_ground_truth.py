"""Pseudo ground truth: people's bodies carry metres to the pixels they cover (Eq. 4)."""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.geometry.morphology import erode_3x3
from mfh.types import PseudoGroundTruth


def visible_body(instance_mask: Bool[ndarray, "h w"], body_depth_m: Float[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """Return the pixels where one person may give a depth: erode(M ∩ S), 3x3.

    Args:
        instance_mask: (h, w) M, the person's visible pixels.
        body_depth_m: (h, w) D, the rasterized z-depth; finite on the silhouette S, +inf elsewhere.

    Returns:
        (h, w) the eroded intersection.
    """
    return erode_3x3(instance_mask & np.isfinite(body_depth_m))


def pseudo_ground_truth(
    instance_masks: Bool[ndarray, "k h w"], body_depths_m: Float[ndarray, "k h w"]
) -> PseudoGroundTruth:
    """Return min over people of [erode(M_k ∩ S_k) ⊙ D_k] (Eq. 4).

    Each person is masked *before* the minimum: a nearer person occludes a farther one, and nobody's pixels receive
    another person's depth. The minimum of unmasked depths would let a body cover pixels that show somebody else.

    Args:
        instance_masks: (k, h, w) visible pixels of each person.
        body_depths_m: (k, h, w) rasterized z-depth of each person's body, metres; +inf off its silhouette.

    Returns:
        Depth, +inf where nobody gives one, and the index of the person who gave it, -1 where nobody did.

    Reference:
        Eq. 4 of the paper.
    """
    depth_m = np.full(instance_masks.shape[1:], np.inf)
    person_index = np.full(instance_masks.shape[1:], -1)
    for index, (instance_mask, body_depth_m) in enumerate(zip(instance_masks, body_depths_m, strict=True)):
        nearest = visible_body(instance_mask, body_depth_m) & (body_depth_m < depth_m)
        depth_m[nearest] = body_depth_m[nearest]
        person_index[nearest] = index
    return PseudoGroundTruth(depth_m, person_index)
