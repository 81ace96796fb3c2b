"""How wrong the metres of a whole map are, in the pocket world's range, by the numbers of ``metrics``."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh_lab.evaluation.metrics import clamped, depth_errors, true_factor

NEAR_M, FAR_M = 0.1, 80.0


@dataclass(frozen=True)
class MetricScore:
    """Scores of one metric depth map.

    Attributes:
        abs_rel: mean |z' - z| / z.
        delta1: share of pixels with max(z'/z, z/z') < 1.25.
        scale_error: |log| of the median of z'/z: how wrong the scale is, whatever the shape.
        true_factor: 1 over that median: what all answers should be multiplied by.
    """

    abs_rel: float
    delta1: float
    scale_error: float
    true_factor: float


def metric_score(
    depth_m: Float[ndarray, "h w"],
    truth_m: Float[ndarray, "h w"],
    *,
    near_m: float = NEAR_M,
    far_m: float = FAR_M,
) -> MetricScore:
    """Score metric depth over all pixels whose truth is between near_m and far_m.

    Nobody gains by not answering: a pixel without an answer counts as far_m, and answers are clipped to the range.

    Args:
        depth_m: (h, w) metres; NaN where there is no answer.
        truth_m: (h, w) metres; 0 or infinite where there is none.
        near_m: nearest truth that counts.
        far_m: farthest.

    Returns:
        The scores.

    Raises:
        InputError: where no pixel has a truth in the range.
    """
    scored = (truth_m > near_m) & (truth_m < far_m)
    if not scored.any():
        raise InputError(f"no pixel has a true depth between {near_m} and {far_m} m: nothing can be scored")
    truth = truth_m[scored].astype(np.float64)
    found = clamped(depth_m[scored], near_m, far_m, missing_m=far_m)
    errors, factor = depth_errors(found, truth), true_factor(found, truth)
    return MetricScore(errors.abs_rel, errors.delta1, abs(float(np.log(factor))), factor)
