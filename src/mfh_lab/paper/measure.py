"""One photo under the cells of a grid: paint and look once, then fit, apply and score for every cell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config, HeadConfig
from mfh.errors import MfhError, NoLandmarkError, one_line
from mfh.pipeline.painting import PaintingRun, paint_people
from mfh.scale.fit import fit_scale
from mfh.scale.head import fit_silog_head
from mfh.types import Evidence, MetricHead, RelativeDepth, Space
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.metrics import DepthErrors, failure_errors, score
from mfh_lab.evaluation.pocket_benchmark import first_usable
from mfh_lab.evaluation.remember import AttemptClock
from mfh_lab.evaluation.resize import resize_aligned
from mfh_lab.evaluation.view import View
from mfh_lab.paper.bench import Subject
from mfh_lab.paper.grid import Cell


@dataclass(frozen=True)
class Row:
    """One photo in one cell, with one painting seed.

    Attributes:
        photo: name of the sample.
        label: of the cell.
        seed: of the paintings.
        delta1: share of pixels within a factor of 1.25; for a failure, this and the others are of the worst answer.
        abs_rel: mean relative error.
        silog: times 100.
        rmse: metres.
        scale_error: |log| of the median ratio; None for a failure.
        shape_abs_rel: AbsRel after the best scale and shift; None for a failure.
        usable: paintings with usable people there were, of those asked for.
        seconds: relative depth, paintings and fit, as if nothing had been remembered.
        failure: why there is no answer; empty where there is one.
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


def measure_photo(subject: Subject, cells: Sequence[Cell], base: Config, *, seed: int) -> list[Row]:
    """Measure one photo in every cell; all cells name the same models.

    Args:
        subject: the photo with these models.
        cells: what to measure.
        base: preset that the cells change.
        seed: of the paintings.

    Returns:
        One row a cell; where no metres come out, a failure with its reason.
    """
    try:
        return _measure(subject, cells, replace(base, seed=seed))
    except MfhError as error:
        # A model that breaks on this photo breaks every cell of it.
        return failed_rows(subject.view, cells, seed, one_line(error))


def failed_rows(view: View, cells: Sequence[Cell], seed: int, failure: str) -> list[Row]:
    """Return a failure in every cell.

    Args:
        view: the photo.
        cells: what was to be measured.
        seed: of the paintings.
        failure: why.
    """
    return [_failed(view, cell, seed, failure) for cell in cells]


def in_space(
    evidence: Sequence[Evidence], relative: RelativeDepth, space: Space | None
) -> tuple[list[Evidence], RelativeDepth]:
    """Return evidence for a head that is fitted in another space than the model's: relative depth is negated.

    In the other space nearer and farther are swapped; negated, relative depth has a positive scale again. Alignment
    commutes with it.

    Args:
        evidence: of paintings.
        relative: of the photo.
        space: of the head; None for the model's own.
    """
    if space is None or space == relative.space:
        return list(evidence), relative
    negated = RelativeDepth(-relative.values, space)
    return [replace(one, relative=-one.relative) for one in evidence], negated


def true_evidence(view: View, relative: RelativeDepth) -> Evidence:
    """Return the ground truth itself as evidence, at every pixel that is scored: an oracle.

    Args:
        view: the photo and its truth.
        relative: of the photo.
    """
    values = relative.values
    if values.shape != view.truth_m.shape:
        values = resize_aligned(values, *view.truth_m.shape)
    at = view.scored_mask
    depth_m = view.truth_m[at].astype(np.float64)
    return Evidence(values[at].astype(np.float64), depth_m, np.zeros(len(depth_m), int))


def head_depth(relative: RelativeDepth, head: MetricHead) -> Float[ndarray, "h w"]:
    """Return metres wherever the head gives any, whatever the distance: infinite beyond its horizon.

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


def _measure(subject: Subject, cells: Sequence[Cell], base: Config) -> list[Row]:
    relative = subject.models.look(subject.view.photo.rgb)
    looked_s = subject.memory.charged_s
    runs: dict[Config, tuple[PaintingRun, AttemptClock]] = {}
    rows = []
    for cell in cells:
        evidence, usable, seconds = [true_evidence(subject.view, relative)], 0, looked_s
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
        seen, own = in_space(evidence, relative, cell.space)
        try:
            head = fit_cell(cell, seen, own)
        except NoLandmarkError as error:
            failure = one_line(error)
            rows.append(_failed(subject.view, cell, base.seed, failure, usable=usable, seconds=seconds))
            continue
        seconds += time.perf_counter() - begin
        scores = score(Prediction(head_depth(own, head), head.space), subject.view)
        row = _row(subject.view, cell, base.seed, scores.metric, usable=usable, seconds=seconds)
        rows.append(replace(row, scale_error=scores.scale_error, shape_abs_rel=scores.best_scale_shift.abs_rel))
    return rows


def fit_cell(cell: Cell, evidence: Sequence[Evidence], relative: RelativeDepth) -> MetricHead:
    """Fit scale and shift as a cell says.

    Args:
        cell: which head.
        evidence: of paintings, or of the truth.
        relative: of the photo, in the head's space.

    Raises:
        NoLandmarkError: where nothing gives metres.
    """
    if cell.head == "silog":
        return fit_silog_head(evidence, relative, config=cell.head_config)
    return fit_scale(evidence, relative, config=cell.head_config).head


def _paints_alike(one: Cell, other: Cell, base: Config) -> bool:
    """Return whether two cells look at the same paintings in the same way, up to their number."""
    if one.target != "painted":
        return False
    configs = (replace(cell.configured(base, paintings=1), head=HeadConfig()) for cell in (one, other))
    return next(configs) == next(configs)


def _row(view: View, cell: Cell, seed: int, errors: DepthErrors, *, usable: int, seconds: float) -> Row:
    return Row(
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
    )


def _failed(view: View, cell: Cell, seed: int, failure: str, *, usable: int = 0, seconds: float = 0.0) -> Row:
    row = _row(view, cell, seed, failure_errors(view), usable=usable, seconds=seconds)
    return replace(row, failure=failure)
