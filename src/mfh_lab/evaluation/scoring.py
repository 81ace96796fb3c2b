"""Scores of a prediction under a protocol: the field's metrics, and the error split into scale and shape.

The metrics are those of ZoeDepth's evaluation, which the paper's numbers were made with: nothing is aligned to the
truth, answers are clamped to the protocol's range, and every image counts the same. Beside them stand the same metrics
after the best scale, and after the best scale and shift: what is left is error of shape alone (Table 6's MRDE setting).

Reference: Bhat et al., ZoeDepth, 2023; Ranftl et al., MiDaS, TPAMI 2022, for the alignment by least squares.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Space
from mfh_lab.evaluation.methods.method import Levels, Prediction
from mfh_lab.evaluation.protocols import EvaluationView
from mfh_lab.pocket.metrics import (
    HIGHER_IS_BETTER,
    METRICS,
    NEAREST_M,
    DepthErrors,
    clamped,
    depth_errors,
    fit_least_squares,
    true_factor,
)

SAME_ASPECT = 0.02
"""Aspect ratios closer than this are the same view at another size."""


@dataclass(frozen=True)
class DepthScores:
    """What is known about one answer.

    Attributes:
        metric: errors of the answer as it is.
        best_scale: errors after the scale that fits the truth best.
        best_scale_shift: errors after the scale and shift that fit the truth best, in ``space``.
        space: where scale and shift were fitted, by least squares: the space of the method's own network.
        scale_error: |ln median(p/g)|: how wrong the scale is, whatever the shape.
        true_factor: 1 / median(p/g): what all answers should be multiplied by.
        pixels: scored pixels.
        nan_pixels: of those, without an answer; they count as the nearest depth.
        inf_pixels: of those, answered with infinity; they count as the farthest depth.
    """

    metric: DepthErrors
    best_scale: DepthErrors
    best_scale_shift: DepthErrors
    space: Space
    scale_error: float
    true_factor: float
    pixels: int
    nan_pixels: int
    inf_pixels: int


def resize_aligned(values: Float[ndarray, "_ _"], height: int, width: int) -> Float[ndarray, "{height} {width}"]:
    """Resize a map bilinearly; pixel i of n lies at i / (n - 1), as ``align_corners=True`` has it.

    A value that is not finite reaches only the pixels it has a weight in.

    Args:
        values: (h, w) map.
        height: rows wanted.
        width: columns wanted.

    Returns:
        The map, float64.
    """
    return _stretched(_stretched(values.astype(np.float64), height).T, width).T


def score(prediction: Prediction, view: EvaluationView) -> DepthScores:
    """Score an answer of any size of the photo's shape: bilinear upsampling with aligned corners comes first.

    Infinite answers take the farthest depth before they are blended with their neighbours.

    Args:
        prediction: a method's answer.
        view: what it is scored against.

    Returns:
        The scores.

    Raises:
        InputError: where no pixel counts, or the answer's shape is not the truth's.
    """
    check_shape(prediction, view)
    depth_m, (height, width) = prediction.depth_m, view.truth_m.shape
    infinite = np.isposinf(depth_m)
    if depth_m.shape != (height, width):
        depth_m = resize_aligned(np.where(infinite, view.max_m, depth_m), height, width)
        infinite = resize_aligned(infinite.astype(np.float32), height, width) > 0
    return _scores(depth_m, infinite, view, space=prediction.space)


def check_shape(prediction: Prediction, view: EvaluationView) -> None:
    """Refuse an answer whose shape is not the truth's: it cannot be of the photo the protocol shows.

    Args:
        prediction: a method's answer, of any size.
        view: what it is going to be scored against.

    Raises:
        InputError: where the aspect ratios differ.
    """
    (rows, columns), (height, width) = prediction.depth_m.shape, view.truth_m.shape
    if not prediction.depth_m.size or abs(columns * height / (rows * width) - 1) > SAME_ASPECT:
        camera = view.photo.camera
        raise InputError(
            f"{view.name}: the answer has {columns}x{rows} values and the truth {width}x{height}: expected the photo "
            f"as the protocol shows it ({camera.width}x{camera.height}), at any size"
        )


def covers(level: Levels | None, scores: DepthScores) -> bool | None:
    """Return whether an interval holds the true scale: the factor all answers should be multiplied by.

    Args:
        level: factors on the answer; None where the method gives none.
        scores: of the answer.
    """
    return None if level is None else level[0] <= scores.true_factor <= level[1]


def failure_errors(view: EvaluationView, *, space: Space | None = None) -> DepthErrors:
    """Return what counts for an image without an answer: the worse of the nearest and the farthest depth everywhere.

    Args:
        view: the image.
        space: None for errors as they are; else those after the best scale and shift in this space, of which a constant
            has nothing but the truth's own middle.

    Returns:
        The worse of the two answers, metric by metric.
    """
    truth = _truth(view)
    low, high = _range(view)
    if space is not None:
        target = 1 / truth if space == "disparity" else truth
        middle = float(target.mean())
        constants = [1 / middle if space == "disparity" else middle]
    else:
        constants = [low, high]
    each = [depth_errors(np.full_like(truth, min(max(one, low), high)), truth) for one in constants]
    return DepthErrors(
        **{
            name: (min if name in HIGHER_IS_BETTER else max)(getattr(one, name) for one in each)
            for name in METRICS
        }
    )  # fmt: skip


def _scores(
    depth_m: Float[ndarray, "h2 w2"], infinite: Bool[ndarray, "h2 w2"], view: EvaluationView, *, space: Space
) -> DepthScores:
    truth = _truth(view)
    low, high = _range(view)
    answers = depth_m[view.scored_mask].astype(np.float64)
    found = clamped(answers, low, high, missing_m=low)
    factor = true_factor(found, truth)
    return DepthScores(
        metric=depth_errors(found, truth),
        best_scale=_aligned(answers, truth, view, space=space, with_shift=False),
        best_scale_shift=_aligned(answers, truth, view, space=space, with_shift=True),
        space=space,
        scale_error=abs(float(np.log(factor))),
        true_factor=factor,
        pixels=len(truth),
        nan_pixels=int(np.isnan(answers).sum()),
        inf_pixels=int(infinite[view.scored_mask].sum()),
    )


def _aligned(
    answers: Float[ndarray, "n"], truth: Float[ndarray, "n"], view: EvaluationView, *, space: Space, with_shift: bool
) -> DepthErrors:
    """Return the errors after the least-squares fit of the answers to the truth, both in the method's space.

    Pixels without a usable answer are not fitted, and count as the nearest depth as they do without alignment.
    """
    low, high = _range(view)
    usable = (answers > 0) & (np.isfinite(answers) if space == "depth" else True)
    x = answers[usable] if space == "depth" else 1 / answers[usable]
    y = truth[usable] if space == "depth" else 1 / truth[usable]
    found = np.full_like(truth, low)
    if len(x):
        scale, shift = fit_least_squares(x, y, with_shift=with_shift)
        fitted = scale * x + shift
        # In disparity, what is not in front of the farthest depth is at it: 0 and less lie beyond infinity.
        found[usable] = fitted if space == "depth" else 1 / np.maximum(fitted, 1 / high)
    # An infinite depth has no place in a fit in metres.
    found[np.isposinf(answers) & ~usable] = high
    return depth_errors(np.clip(found, low, high), truth)


def _truth(view: EvaluationView) -> Float[ndarray, "n"]:
    if not view.scored_mask.any():
        raise InputError(
            f"{view.name}: no pixel has a true depth between {view.min_m:g} and {view.max_m:g} m inside the "
            "protocol's crop: nothing can be scored"
        )
    return view.truth_m[view.scored_mask].astype(np.float64)


def _range(view: EvaluationView) -> tuple[float, float]:
    return max(view.min_m, NEAREST_M), view.max_m


def _stretched(values: Float[ndarray, "n m"], size: int) -> Float[ndarray, "{size} m"]:
    position = np.linspace(0, len(values) - 1, size)
    # linspace ends a rounding error past whole numbers, which must not drag a neighbour in.
    whole = np.rint(position)
    position = np.where(np.abs(position - whole) < 1e-9, whole, position)
    below, above = np.floor(position).astype(int), np.ceil(position).astype(int)
    share = (position - below)[:, None]
    lower = values[below]
    return (
        lower + share * (values[above] - lower) if np.isfinite(values).all() else _blended(lower, values[above], share)
    )


def _blended(
    lower: Float[ndarray, "n m"], upper: Float[ndarray, "n m"], share: Float[ndarray, "n 1"]
) -> Float[ndarray, "n m"]:
    """Blend values of which some are not finite: inf - inf is no number where one of them has no weight."""
    with np.errstate(invalid="ignore"):
        return np.where(share == 0, lower, (1 - share) * lower + share * upper)
