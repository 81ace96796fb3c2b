"""How wrong metric depth is: the field's metrics, and the error split into scale and shape.

The metrics are those of ZoeDepth's evaluation, which the paper's numbers were made with: nothing is aligned to the
truth, answers are clamped to the protocol's range, and every image counts the same. Beside them stand the same metrics
after the best scale, and after the best scale and shift: what is left is error of shape alone (Table 6's MRDE setting).

Reference: Bhat et al., ZoeDepth, 2023; Ranftl et al., MiDaS, TPAMI 2022, for the alignment by least squares.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Space
from mfh_lab.evaluation.methods.method import Levels, Prediction
from mfh_lab.evaluation.resize import resize_aligned
from mfh_lab.evaluation.view import View

NEAREST_M = 1e-3
"""Answers are never clamped to less: the logarithm of 0 metres is no number."""
SAME_ASPECT = 0.02
"""Aspect ratios closer than this are the same view at another size."""
HIGHER_IS_BETTER = ("delta1", "delta2", "delta3")


@dataclass(frozen=True)
class DepthErrors:
    """The field's metrics of one image; p is the answer, g the truth, in metres.

    Attributes:
        delta1: share of pixels with max(p/g, g/p) < 1.25.
        delta2: the same for 1.25².
        delta3: the same for 1.25³.
        abs_rel: mean |g - p| / g.
        sq_rel: mean (g - p)² / g, metres.
        rmse: root of the mean (g - p)², metres.
        rmse_log: root of the mean (ln g - ln p)².
        log10: mean |log10 g - log10 p|.
        silog: 100·sqrt(mean e² - (mean e)²), e = ln p - ln g: blind to the scale.
    """

    delta1: float
    delta2: float
    delta3: float
    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    log10: float
    silog: float


METRICS: tuple[str, ...] = tuple(one.name for one in fields(DepthErrors))


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


def depth_errors(found_m: Float[ndarray, "n"], truth_m: Float[ndarray, "n"]) -> DepthErrors:
    """Return the field's metrics over pixels; both are positive and finite.

    Args:
        found_m: (n,) metres, clamped already.
        truth_m: (n,) metres.
    """
    found, truth = found_m.astype(np.float64), truth_m.astype(np.float64)
    worse = np.maximum(truth / found, found / truth)
    difference = truth - found
    log_difference = np.log(found) - np.log(truth)
    # The population variance, which rounding can push below 0.
    variance = max(float(np.mean(log_difference**2) - np.mean(log_difference) ** 2), 0.0)
    return DepthErrors(
        delta1=float(np.mean(worse < 1.25)),
        delta2=float(np.mean(worse < 1.25**2)),
        delta3=float(np.mean(worse < 1.25**3)),
        abs_rel=float(np.mean(np.abs(difference) / truth)),
        sq_rel=float(np.mean(difference**2 / truth)),
        rmse=float(np.sqrt(np.mean(difference**2))),
        rmse_log=float(np.sqrt(np.mean(log_difference**2))),
        log10=float(np.mean(np.abs(log_difference)) / np.log(10)),
        silog=100 * variance**0.5,
    )


def clamped(answers_m: Float[ndarray, "n"], min_m: float, max_m: float, *, missing_m: float) -> Float[ndarray, "n"]:
    """Return answers inside the range: infinite ones at its end, missing ones as told.

    Args:
        answers_m: (n,) metres; NaN where there is none.
        min_m: of the range.
        max_m: of the range.
        missing_m: what a missing answer counts as.
    """
    known = np.nan_to_num(answers_m.astype(np.float64), nan=missing_m, posinf=max_m, neginf=min_m)
    return np.clip(known, min_m, max_m)


def true_factor(found_m: Float[ndarray, "n"], truth_m: Float[ndarray, "n"]) -> float:
    """Return 1 / median(p/g): what all answers should be multiplied by.

    Args:
        found_m: (n,) metres, clamped already.
        truth_m: (n,) metres.
    """
    return float(1 / np.median(found_m / truth_m))


def compare(depth_m: Float[ndarray, "h2 w2"], view: View, *, space: Space) -> DepthScores:
    """Score metres that have the truth's size.

    Args:
        depth_m: (h2, w2) z in metres; NaN where there is no answer, infinite where it is beyond any distance.
        view: the truth, which pixels count, and the range answers are clamped to.
        space: of the alignment in the relative setting.

    Returns:
        The scores.

    Raises:
        InputError: where no pixel counts, or the sizes differ.
    """
    if depth_m.shape != view.truth_m.shape:
        raise InputError(f"{view.name}: an answer of {depth_m.shape} for a truth of {view.truth_m.shape}")
    return _scores(depth_m, np.isposinf(depth_m), view, space=space)


def score(prediction: Prediction, view: View) -> DepthScores:
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


def check_shape(prediction: Prediction, view: View) -> None:
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
    """Say whether an interval holds the true scale: the factor all answers should be multiplied by.

    Args:
        level: factors on the answer; None where the method gives none.
        scores: of the answer.
    """
    return None if level is None else level[0] <= scores.true_factor <= level[1]


def failure_errors(view: View, *, space: Space | None = None) -> DepthErrors:
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


def fit_least_squares(x: Float[ndarray, "n"], y: Float[ndarray, "n"], *, with_shift: bool) -> tuple[float, float]:
    """Return the scale s and shift t that minimise sum (s·x + t - y)², in closed form.

    Args:
        x: (n,) answers.
        y: (n,) truth.
        with_shift: else t is 0.

    Returns:
        (s, t); s is 0 where x does not vary.
    """
    if not with_shift:
        power = float(x @ x)
        return (float(x @ y) / power if power > 0 else 0.0), 0.0
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    variance = float(centred @ centred)
    # Rounding of a constant's mean leaves a variance of this size, which is no slope to go by.
    scale = float(centred @ (y - mean_y)) / variance if variance > len(x) * (1e-12 * mean_x) ** 2 else 0.0
    return scale, mean_y - scale * mean_x


def _scores(
    depth_m: Float[ndarray, "h2 w2"], infinite: Bool[ndarray, "h2 w2"], view: View, *, space: Space
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
    answers: Float[ndarray, "n"], truth: Float[ndarray, "n"], view: View, *, space: Space, with_shift: bool
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


def _truth(view: View) -> Float[ndarray, "n"]:
    if not view.scored_mask.any():
        raise InputError(
            f"{view.name}: no pixel has a true depth between {view.min_m:g} and {view.max_m:g} m inside the "
            "protocol's crop: nothing can be scored"
        )
    return view.truth_m[view.scored_mask].astype(np.float64)


def _range(view: View) -> tuple[float, float]:
    return max(view.min_m, NEAREST_M), view.max_m
