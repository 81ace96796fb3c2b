"""How far a photo's depth reaches, told from the shape of its relative depth: for models that do not say it themselves.

Learned in the pocket world from true disparity, bent and warped at random; it needs no picture and no model of its own.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from mfh.models.relative_depth.range_head import RangeHead, load_range_head
from mfh.numerics.map_shape import shape_features
from mfh.types import RelativeDepth

WEIGHTS = Path(__file__).parents[2] / "pocket" / "weights" / "shape_range.npz"
SPREAD = 4.0
"""How much less a map tells than a true one, over what the best affine fit leaves its model off.

On the pocket network's own maps, off by 0.15, the head is off by 0.75 where it is off by 0.42 on true ones.
"""
LEAST_SIGMA = 0.15
"""The maps of true disparity it has learned from are more regular than any photo's."""


def with_likely_range(relative: RelativeDepth, *, shape_log_sigma: float) -> RelativeDepth:
    """Return relative depth that says how far the photo's depth likely reaches.

    Args:
        relative: of a photo.
        shape_log_sigma: how far the best affine fit of the model's maps leaves log depth off.

    Returns:
        The same where the model says it itself, for a constant map, and in depth space: it was learned from disparity.

    Raises:
        WeightsError: when the weights are missing.
    """
    if relative.log_range is not None or relative.space != "disparity":
        return relative
    features = shape_features(relative)
    if features is None:
        return relative
    return replace(relative, log_range=_head()(features).widened(SPREAD * shape_log_sigma))


@cache
def _head() -> RangeHead:
    return load_range_head(WEIGHTS, least_sigma=LEAST_SIGMA)
