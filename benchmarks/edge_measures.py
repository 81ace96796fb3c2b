"""How sharp a depth map is at the edges of the true one, and how smooth off them.

Every measure takes depth in metres at pixel centres, NaN where there is none. Reference of the boundary F1: Bochkovskii
et al., "Depth Pro: Sharp Monocular Metric Depth in Less Than a Second", 2024, section 3.3, written from its definition.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

RATIOS = np.linspace(1.05, 1.25, 10)
"""Of neighbouring depths, from which the pair is a contour; a larger one weighs more, in proportion."""
STEP = 1.15
"""Ratio of neighbouring true depths at the edges whose ramps are measured."""
SIDE = 0.02
"""How far from such an edge its two sides are read, over the longer side of the picture."""
FLYING = 0.05
"""A point this far (relative depth) from both sides of an edge, and between them, hangs in the air."""
SMOOTH_RATIO = 1.02
"""Neighbours with a smaller ratio of true depths are on one surface."""


@dataclass(frozen=True)
class EdgeScore:
    """One map against the truth.

    Attributes:
        f1: boundary F1 of Depth Pro.
        f1_near: the same where a contour within two thousandths of the picture's longer side (a pixel at least) counts.
        blur_px: pixels of a row or column from a tenth to nine tenths of the step, mean over edges.
        flying: share of the pixels around edges that hang between the two true sides.
        loose: the same between the map's own two sides, blind to errors of scale and shape.
        rough: rms of log depth against its own mean over a small window, the truth's taken off, away from all edges.
        edges: how many pairs of pixels were edges.
    """

    f1: float
    f1_near: float
    blur_px: float
    flying: float
    loose: float
    rough: float
    edges: int


def edge_score(found_m: Float[ndarray, "h w"], truth_m: Float[ndarray, "h w"]) -> EdgeScore:
    """Return all measures of a map.

    Args:
        found_m: (h, w) positive metres everywhere.
        truth_m: (h, w) metres; NaN where there is none.
    """
    ramps = [_ramps(found, truth) for found, truth in ((found_m, truth_m), (found_m.T, truth_m.T))]
    widths, flying, loose = (np.concatenate([one[k] for one in ramps]) for k in range(3))
    near = max(1, round(0.002 * max(truth_m.shape)))
    return EdgeScore(
        f1=boundary_f1(found_m, truth_m),
        f1_near=boundary_f1(found_m, truth_m, near_px=near),
        blur_px=float(np.nanmean(widths)) if np.isfinite(widths).any() else float("nan"),
        flying=float(flying.mean()) if len(flying) else float("nan"),
        loose=float(loose.mean()) if len(loose) else float("nan"),
        rough=roughness(found_m, truth_m),
        edges=len(widths),
    )


def boundary_f1(found_m: Float[ndarray, "h w"], truth_m: Float[ndarray, "h w"], *, near_px: int = 0) -> float:
    """Return the F1 of occluding contours: neighbours whose depths have a ratio above a threshold.

    Args:
        found_m: (h, w) positive metres.
        truth_m: (h, w) metres; pairs with NaN are left out.
        near_px: a contour of the same direction this far off counts as met.
    """
    total = 0.0
    reach = np.ones((1 + 2 * near_px,) * 2, np.uint8)
    for ratio in RATIOS:
        met_found = met_truth = all_found = all_truth = 0
        for found, truth in ((found_m, truth_m), (found_m.T, truth_m.T)):
            steps = found[:, 1:] / found[:, :-1], truth[:, 1:] / truth[:, :-1]
            usable = np.isfinite(steps[1])
            for sign in (1, -1):
                with np.errstate(invalid="ignore"):
                    seen, real = ((step**sign > ratio) & usable for step in steps)
                met_found += int((seen & _reached(real, reach)).sum())
                met_truth += int((real & _reached(seen, reach)).sum())
                all_found += int(seen.sum())
                all_truth += int(real.sum())
        precision, recall = met_found / max(all_found, 1), met_truth / max(all_truth, 1)
        total += float(ratio) * 2 * precision * recall / max(precision + recall, 1e-9)
    return total / float(RATIOS.sum())


def roughness(found_m: Float[ndarray, "h w"], truth_m: Float[ndarray, "h w"]) -> float:
    """Return the rms of the small-scale error of log depth away from edges: what is copied from the photo's texture.

    Args:
        found_m: (h, w) positive metres.
        truth_m: (h, w) metres; NaN where there is none.
    """
    side = edge_reach(truth_m.shape)
    torn = ~np.isfinite(truth_m)
    for axis in (0, 1):
        with np.errstate(invalid="ignore"):
            cut = ~(np.abs(np.diff(np.log(truth_m), axis=axis)) < np.log(SMOOTH_RATIO))
        pairs = ((cut, slice(None, -1)), (cut, slice(1, None)))
        for values, part in pairs:
            torn[(part, slice(None)) if axis == 0 else (slice(None), part)] |= values
    around = cv2.dilate(torn.astype(np.uint8), np.ones((2 * side + 1,) * 2, np.uint8)) > 0
    if around.all():
        return float("nan")
    window = (side | 1, side | 1)
    fine = [values - cv2.blur(values, window) for values in (np.log(found_m), np.nan_to_num(np.log(truth_m)))]
    return float(np.sqrt(np.mean((fine[0] - fine[1])[~around].astype(np.float64) ** 2)))


def edge_reach(shape: tuple[int, int]) -> int:
    """Return how many pixels from an edge its sides are read."""
    return max(3, round(SIDE * max(shape)))


def _reached(mask: Bool[ndarray, "h w"], reach: ndarray) -> Bool[ndarray, "h w"]:
    return mask if reach.size == 1 else cv2.dilate(mask.astype(np.uint8), reach) > 0


def _ramps(
    found_m: Float[ndarray, "h w"], truth_m: Float[ndarray, "h w"]
) -> tuple[Float[ndarray, "n"], Bool[ndarray, "m"], Bool[ndarray, "m"]]:
    """Return widths at the edges across rows, and which pixels around them hang between true and own sides."""
    side = edge_reach(truth_m.shape)
    rows, left = _lonely_edges(truth_m, side)
    columns = left[:, None] + np.arange(1 - side, side + 1)
    values, truth = found_m[rows[:, None], columns], truth_m[rows[:, None], columns]
    flying = _between(values, truth[:, side - 1], truth[:, side]).ravel()
    first, last = values[:, 0], values[:, -1]
    loose = _between(values, first, last).ravel()
    inverse = 1 / values
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (inverse - inverse[:, :1]) / (inverse[:, -1:] - inverse[:, :1])
    width = ((part > 0.1) & (part < 0.9)).sum(1).astype(float)
    seen = np.maximum(first / last, last / first) > 1 + 2 * FLYING
    return np.where(seen, width, np.nan), flying, loose


def _lonely_edges(truth_m: Float[ndarray, "h w"], side: int) -> tuple[Int[ndarray, "n"], Int[ndarray, "n"]]:
    """Return row and left column of true steps with a smooth surface for some pixels to both sides."""
    with np.errstate(invalid="ignore"):
        change = np.abs(np.diff(np.log(truth_m), axis=1))
        rough = ~(change < np.log(SMOOTH_RATIO))
        step = change > np.log(STEP)
    if rough.shape[1] < 2 * side - 1:
        return np.empty(0, int), np.empty(0, int)
    count = np.cumsum(np.pad(rough, ((0, 0), (1, 0))), axis=1)
    whole = np.zeros(step.shape, bool)
    # Of the 2·side pixels around it, this pair alone is no surface.
    whole[:, side - 1 : step.shape[1] - side + 1] = count[:, 2 * side - 1 :] - count[:, : -(2 * side - 1)] == 1
    rows, columns = np.nonzero(step & whole)
    return rows, columns


def _between(
    values: Float[ndarray, "n m"], one: Float[ndarray, "n"], other: Float[ndarray, "n"]
) -> Bool[ndarray, "n m"]:
    low, high = np.minimum(one, other)[:, None], np.maximum(one, other)[:, None]
    return (values > low * (1 + FLYING)) & (values < high * (1 - FLYING))
