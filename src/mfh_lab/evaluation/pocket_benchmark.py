"""The pocket benchmark: how wrong metres are against the number of paintings, on scenes whose truth is known.

Per scene and seed, paintings are made and measured once by the pipeline's own painting loop; every way of estimating
then sees the first N usable ones, as the pipeline would with ``max_paintings = N``.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mfh.config import Config, EvidenceMode
from mfh.errors import NoLandmarkError
from mfh.pipeline.inference import Models
from mfh.pipeline.messages import any_used
from mfh.pipeline.painting import PaintingRun, paint_people
from mfh.scale.fit import ScaleFit, fit_scale
from mfh.scale.head import apply_head, fit_silog_head
from mfh.scale.interval import people_share, scale_interval
from mfh.types import CommonErrors, Evidence, MetricHead, RelativeDepth
from mfh_lab.evaluation.pocket_subjects import Subject, Task, oracle_subject, trained_subject
from mfh_lab.evaluation.remember import (
    AttemptClock,
    Memory,
    RememberingPainter,
    RememberingPeople,
    RememberingRelativeDepth,
)
from mfh_lab.evaluation.scores import metric_score
from mfh_lab.pocket.train.evaluate import aligned_score

BOUND = "bound"


@dataclass(frozen=True)
class Way:
    """A way from evidence to scale and shift.

    Attributes:
        name: how it is called in tables.
        evidence: where painted people's metres meet relative depth.
        plain: the paper's pooled SIlog over all pixels as it is; else the pipeline's fit.
    """

    name: str
    evidence: EvidenceMode
    plain: bool = False


WAYS = (
    Way("paper", "body", plain=True),
    Way("ours, body", "body"),
    Way("ours, contact", "contact"),
    Way("ours, either", "either"),
)


@dataclass(frozen=True)
class Row:
    """One answer: a scene, a seed, a way, a number of paintings.

    Attributes:
        scene: seed of the scene.
        kind: kind of scene.
        models: "oracle" or "trained".
        noise: of the oracles.
        way: name of the way; ``BOUND`` is the best affine fit of the relative depth to the truth.
        seed: of the paintings.
        paintings: usable paintings asked for.
        usable: usable paintings there were.
        abs_rel: mean relative error; NaN where there was no answer.
        delta1: share of pixels within a factor of 1.25.
        scale_error: |log| of the median ratio.
        seconds: relative depth, paintings and fit.
        shift_determined: whether people determined the shift.
        covered_80: 1 where the 80 % interval holds the true metres, else 0; NaN for a way without an interval.
        covered_95: the same for the 95 % interval.
        half_width: of the 80 % interval, relative to the answer.
    """

    scene: int
    kind: str
    models: str
    noise: str
    way: str
    seed: int
    paintings: int
    usable: int
    abs_rel: float
    delta1: float
    scale_error: float
    seconds: float
    shift_determined: bool
    covered_80: float = math.nan
    covered_95: float = math.nan
    half_width: float = math.nan


def measure_scene(task: Task) -> list[Row]:
    """Measure one scene with every way, seed and number of paintings.

    Args:
        task: what to measure.

    Returns:
        One row each, and one for the bound.
    """
    subject = oracle_subject(task) if task.models == "oracle" else trained_subject(task)
    rows: list[Row] = []
    for seed in range(task.seeds):
        memory = Memory()
        painter = RememberingPainter(subject.painter, memory)
        people = RememberingPeople(subject.models.person_segmenter, subject.models.human_mesh, memory)
        models = Models(RememberingRelativeDepth(subject.models.relative_depth, memory), people, people)
        relative = models.look(subject.photo.rgb)
        looked_s = memory.charged_s
        if seed == 0:
            rows.append(_bound(task, subject, relative, looked_s))
        runs: dict[EvidenceMode, tuple[PaintingRun, AttemptClock]] = {}
        for way in WAYS:
            config = replace(subject.config, painting_evidence=way.evidence, seed=seed)
            if way.evidence not in runs:
                clock = AttemptClock(memory)
                run = paint_people(painter, models, subject.photo, relative, config=config, stage=clock.stage)
                runs[way.evidence] = run, clock
            run, clock = runs[way.evidence]
            for paintings in task.paintings:
                attempts, usable = first_usable(run.evidence, paintings)
                begin = time.perf_counter()
                fit = fit_way(way, run.evidence[:attempts], relative, config)
                seconds = looked_s + sum(clock.seconds[:attempts]) + time.perf_counter() - begin
                row = Row(
                    task.scene_seed, subject.kind, task.models, task.noise, way.name, seed, paintings, usable,
                    math.nan, math.nan, math.nan, seconds, fit is not None and _head(fit).shift_determined,
                )  # fmt: skip
                rows.append(row if fit is None else _scored(row, fit, run.evidence[:attempts], relative, subject))
    return rows


def first_usable(evidence: Sequence[Evidence], paintings: int) -> tuple[int, int]:
    """Return how many attempts it took to get so many usable paintings, and how many there were.

    Args:
        evidence: one an attempt, in order.
        paintings: usable ones wanted.
    """
    ends = [number for number, one in enumerate(evidence, start=1) if any_used([one])]
    return (ends[paintings - 1], paintings) if len(ends) >= paintings else (len(evidence), len(ends))


def fit_way(
    way: Way, evidence: Sequence[Evidence], relative: RelativeDepth, config: Config
) -> ScaleFit | MetricHead | None:
    """Fit scale and shift in one way.

    Args:
        way: the paper's pooled SIlog as it is, or the pipeline's fit.
        evidence: of the paintings.
        relative: of the photo.
        config: for the pipeline's fit.

    Returns:
        The paper's head, or the pipeline's fit; None where nobody gives one.
    """
    try:
        if way.plain:
            return fit_silog_head(evidence, relative, config=config.head)
        return fit_scale(evidence, relative, config=config.head)
    except NoLandmarkError:
        return None


def _head(fit: ScaleFit | MetricHead) -> MetricHead:
    return fit.head if isinstance(fit, ScaleFit) else fit


def _scored(
    row: Row, fit: ScaleFit | MetricHead, evidence: Sequence[Evidence], relative: RelativeDepth, subject: Subject
) -> Row:
    depth_m, _ = apply_head(relative, _head(fit), max_depth_m=subject.config.max_depth_m)
    score = metric_score(depth_m, subject.truth_m)
    row = replace(row, abs_rel=score.abs_rel, delta1=score.delta1, scale_error=score.scale_error)
    if not isinstance(fit, ScaleFit):
        return row
    shared = people_share(evidence, subject.painter.shared_log_sigma)
    errors = CommonErrors(shared, subject.models.relative_depth.shape_log_sigma)
    interval = scale_interval(fit.consensus, fit.head, relative, errors)
    covered = [float(low <= score.true_factor <= high) for low, high in (interval.level_80, interval.level_95)]
    return replace(row, covered_80=covered[0], covered_95=covered[1], half_width=interval.half_width)


def _bound(task: Task, subject: Subject, relative: RelativeDepth, seconds: float) -> Row:
    best = aligned_score(relative.values, subject.truth_m)
    return Row(
        task.scene_seed, subject.kind, task.models, task.noise, BOUND, 0, 0, 0,
        best.abs_rel, best.delta1, 0.0, seconds, best.positive,
    )  # fmt: skip
