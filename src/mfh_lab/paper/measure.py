"""One photo under the cells of a grid: paint and segment once, then fit, apply and score for every cell."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config, HeadConfig
from mfh.errors import MfhError, NoLandmarkError, one_line
from mfh.pipeline.painting import PaintingRun, paint_people
from mfh.scale.fit import ScaleFit, fit_scale
from mfh.scale.head import fit_silog_head
from mfh.scale.interval import people_share, scale_interval
from mfh.types import CommonErrors, Evidence, MetricHead, RelativeDepth, Space, any_used
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import EvaluationView, OtherSpace
from mfh_lab.evaluation.remember import AttemptClock
from mfh_lab.evaluation.scoring import failure_errors, resize_aligned, score
from mfh_lab.paper.bench import BenchSubject
from mfh_lab.paper.grid import Cell
from mfh_lab.pocket.metrics import DepthErrors
from mfh_lab.pocket.train.evaluate import aligned_score


@dataclass(frozen=True)
class ResultRow:
    """One photo in one cell, with one painting seed.

    Attributes:
        photo: name of the sample.
        label: of the cell.
        seed: of the paintings.
        delta1: share of pixels within a factor of 1.25; a failure has the errors of the worst answer here and below.
        abs_rel: mean relative error.
        silog: times 100; NaN for the bound.
        rmse: metres; NaN for the bound.
        scale_error: |log| of the median ratio; None for a failure.
        shape_abs_rel: AbsRel after the best scale and shift; None for a failure.
        usable: paintings with usable people there were, of those asked for.
        seconds: relative depth, paintings and fit, as if no answer had been remembered.
        failure: why there is no answer; empty where there is one.
        kind: of scene, on the pocket world.
        shift_determined: whether the evidence determined the shift.
        covered_80: 1 where the 80 % interval holds the true scale, else 0; None without an interval.
        covered_95: the same for the 95 % interval.
        half_width: of the 80 % interval, relative to the answer; None without an interval.
    """

    photo: str
    label: tuple[str, ...]
    seed: int
    delta1: float
    abs_rel: float
    silog: float
    rmse: float
    scale_error: float | None
    shape_abs_rel: float | None
    usable: int
    seconds: float
    failure: str = ""
    kind: str = ""
    shift_determined: bool = False
    covered_80: float | None = None
    covered_95: float | None = None
    half_width: float | None = None


def measure_photo(subject: BenchSubject, cells: Sequence[Cell], base: Config, *, seed: int) -> list[ResultRow]:
    """Measure one photo in every cell; all cells name the same models.

    Args:
        subject: the photo with these models.
        cells: what to measure.
        base: preset that the cells change.
        seed: of the paintings.

    Returns:
        One row a cell; where there is no answer, a failure with its reason. The bound does not depend on the seed, and
        has a row for seed 0 alone.
    """
    try:
        return _measure(subject, cells, replace(base, seed=seed))
    except MfhError as error:
        # A model that breaks on this photo breaks every cell of it.
        return failed_rows(subject.view, cells, seed, one_line(error))


def failed_rows(view: EvaluationView, cells: Sequence[Cell], seed: int, failure: str) -> list[ResultRow]:
    """Return a failure in every cell.

    Args:
        view: the photo.
        cells: what was to be measured.
        seed: of the paintings.
        failure: why.
    """
    return [_failed(view, cell, seed, failure) for cell in cells if cell.target != "bound" or seed == 0]


def first_usable(evidence: Sequence[Evidence], paintings: int) -> tuple[int, int]:
    """Return how many attempts it took to get so many usable paintings, and how many there were.

    Args:
        evidence: one an attempt, in order.
        paintings: usable ones wanted.
    """
    ends = [number for number, one in enumerate(evidence, start=1) if any_used([one])]
    return (ends[paintings - 1], paintings) if len(ends) >= paintings else (len(evidence), len(ends))


LEAST_RELATIVE = 1e-12
"""The published code reads smaller relative depth as this before it takes the reciprocal."""


def in_space(
    evidence: Sequence[Evidence], relative: RelativeDepth, space: Space | None, *, how: OtherSpace = "negated"
) -> tuple[list[Evidence], RelativeDepth]:
    """Return evidence for a head that is fitted in another space than the model's.

    In the other space nearer and farther are swapped. Negated, relative depth has a positive scale again, and alignment
    commutes with it. Its reciprocal is what the published code takes: 1 / depth = s / D + t for Marigold, where D > 0.

    Args:
        evidence: of paintings, aligned in the model's space.
        relative: of the photo.
        space: of the head; None for the model's own.
        how: what the head reads in place of relative depth D.
    """
    if space is None or space == relative.space:
        return list(evidence), relative
    if how == "negated":
        negated = RelativeDepth(-relative.values, space)
        return [replace(one, relative=-one.relative) for one in evidence], negated
    values = 1 / np.maximum(relative.values.astype(np.float64), LEAST_RELATIVE)
    return [_reciprocal(one) for one in evidence], RelativeDepth(values, space)


def _reciprocal(evidence: Evidence) -> Evidence:
    """Return evidence with the reciprocal of relative depth, at the pixels where it is positive."""
    kept = evidence.relative > 0
    return replace(
        evidence,
        relative=1 / evidence.relative[kept],
        depth_m=evidence.depth_m[kept],
        person=evidence.person[kept],
    )


def true_evidence(view: EvaluationView, relative: RelativeDepth) -> Evidence:
    """Return the ground truth itself as evidence, at every pixel that is scored: an oracle."""
    values = relative.values
    if values.shape != view.truth_m.shape:
        values = resize_aligned(values, *view.truth_m.shape)
    at = view.scored_mask
    depth_m = view.truth_m[at].astype(np.float64)
    return Evidence(values[at].astype(np.float64), depth_m, np.zeros(len(depth_m), int))


def head_depth(relative: RelativeDepth, head: MetricHead) -> Float[ndarray, "h w"]:
    """Return metric depth wherever the head has any, whatever the distance: infinite beyond its horizon.

    Args:
        relative: of the photo.
        head: scale and shift, in the same space.

    Returns:
        (h, w) float64; NaN where a head in depth space places a pixel behind the camera.
    """
    value = head.scale * relative.values.astype(np.float64) + head.shift
    if head.space == "depth":
        return np.where(value > 0, value, np.nan)
    with np.errstate(divide="ignore"):
        return np.where(value > 0, 1 / value, np.inf)


def fit_cell(cell: Cell, evidence: Sequence[Evidence], relative: RelativeDepth) -> ScaleFit | MetricHead:
    """Fit scale and shift with the head of a cell.

    Args:
        cell: which head.
        evidence: of paintings, or of the truth.
        relative: of the photo, in the head's space.

    Returns:
        The paper's head, or the consensus with its head.

    Raises:
        NoLandmarkError: where there is no scale evidence, or the fit has no answer.
    """
    if cell.head == "silog":
        return fit_silog_head(evidence, relative, config=cell.head_config)
    return fit_scale(evidence, relative, config=cell.head_config)


def head_of(fit: ScaleFit | MetricHead) -> MetricHead:
    """Return scale and shift of a fit."""
    return fit.head if isinstance(fit, ScaleFit) else fit


def _measure(subject: BenchSubject, cells: Sequence[Cell], base: Config) -> list[ResultRow]:
    relative = subject.models.predict_depth(subject.view.photo.rgb)
    relative_s = subject.memory.charged_s
    runs: dict[Config, tuple[PaintingRun, AttemptClock]] = {}
    rows = []
    for cell in cells:
        if cell.target == "bound":
            if base.seed == 0:
                rows.append(_bound(subject.view, cell, relative, seconds=relative_s))
            continue
        evidence, usable, seconds = [true_evidence(subject.view, relative)], 0, relative_s
        if cell.target == "painted":
            paintings = max(one.paintings for one in cells if _paints_alike(one, cell, base))
            config = replace(cell.configured(base, paintings=paintings), head=HeadConfig())
            if config not in runs:
                clock = AttemptClock(subject.memory)
                run = paint_people(
                    subject.painter, subject.models, subject.view.photo, relative, config=config, stage=clock.stage
                )
                runs[config] = run, clock
            run, clock = runs[config]
            attempts, usable = first_usable(run.evidence, cell.paintings)
            evidence = list(run.evidence[:attempts])
            seconds += sum(clock.seconds[:attempts])
        begin = time.perf_counter()
        in_head_space, own = in_space(evidence, relative, cell.space, how=subject.view.other_space)
        try:
            fit = fit_cell(cell, in_head_space, own)
        except NoLandmarkError as error:
            failure = one_line(error)
            rows.append(_failed(subject.view, cell, base.seed, failure, usable=usable, seconds=seconds))
            continue
        seconds += time.perf_counter() - begin
        head = head_of(fit)
        depth_m = head_depth(own, head)
        if cell.method == "preset":
            # The pipeline's precision: an interval without any width holds the truth of an exact answer, or does not.
            depth_m = depth_m.astype(np.float32)
        scores = score(Prediction(depth_m, head.space), subject.view)
        row = replace(
            _row(subject.view, cell, base.seed, scores.metric, usable=usable, seconds=seconds),
            scale_error=scores.scale_error,
            shape_abs_rel=scores.best_scale_shift.abs_rel,
            shift_determined=head.shift_determined,
        )
        if cell.method == "preset" and isinstance(fit, ScaleFit):
            row = _with_interval(row, subject, fit, in_head_space, own, scores.true_factor)
        rows.append(row)
    return rows


def _paints_alike(one: Cell, other: Cell, base: Config) -> bool:
    """Return whether two cells use the same paintings with the same evidence, up to their number."""
    if one.target != "painted":
        return False
    configs = (replace(cell.configured(base, paintings=1), head=HeadConfig()) for cell in (one, other))
    return next(configs) == next(configs)


def _bound(view: EvaluationView, cell: Cell, relative: RelativeDepth, *, seconds: float) -> ResultRow:
    best = aligned_score(relative.values, view.truth_m, near_m=view.min_m, far_m=view.max_m)
    return ResultRow(
        photo=view.name,
        label=cell.label,
        seed=0,
        delta1=best.delta1,
        abs_rel=best.abs_rel,
        silog=math.nan,
        rmse=math.nan,
        scale_error=0.0,
        shape_abs_rel=None,
        usable=0,
        seconds=seconds,
        kind=view.kind,
        shift_determined=best.positive,
    )


def _with_interval(
    row: ResultRow,
    subject: BenchSubject,
    fit: ScaleFit,
    evidence: Sequence[Evidence],
    relative: RelativeDepth,
    true_factor: float,
) -> ResultRow:
    common = people_share(evidence, subject.painter.shared_log_sigma)
    errors = CommonErrors(common, subject.models.relative_depth.shape_log_sigma)
    interval = scale_interval(fit.consensus, fit.head, relative, errors)
    covered = [float(low <= true_factor <= high) for low, high in (interval.level_80, interval.level_95)]
    return replace(row, covered_80=covered[0], covered_95=covered[1], half_width=interval.half_width)


def _row(view: EvaluationView, cell: Cell, seed: int, errors: DepthErrors, *, usable: int, seconds: float) -> ResultRow:
    return ResultRow(
        photo=view.name,
        label=cell.label,
        seed=seed,
        delta1=errors.delta1,
        abs_rel=errors.abs_rel,
        silog=errors.silog,
        rmse=errors.rmse,
        scale_error=None,
        shape_abs_rel=None,
        usable=usable,
        seconds=seconds,
        kind=view.kind,
    )


def _failed(
    view: EvaluationView, cell: Cell, seed: int, failure: str, *, usable: int = 0, seconds: float = 0.0
) -> ResultRow:
    row = _row(view, cell, seed, failure_errors(view), usable=usable, seconds=seconds)
    return replace(row, failure=failure)
