"""The scale on held-out scenes with oracle models under noise: people at one distance, and painting until sure enough.

``python benchmarks/study_scale.py --bank build/bodies.npz --scenes 60 --workers 2``

Needs the train extra. The paper's way and ours see identical evidence. What is chosen by measurement is chosen on
validation scenes (``--first-seed 7000000``). Four questions:

1. AbsRel of both ways, how often our intervals hold, and how many times wider that of 80 % would have to be to hold in
   80 % of the scenes, against the number of paintings.
2. Four people who stand within 2 % of one distance (truly, whatever was measured): what does the rest come out as?
3. Painting until the 80 % interval is within ±10 %: how many paintings does it take, and what does stopping cost? With
   random masks, and with masks whose person is expected to be most informative (the oracle painter knows where it
   would stand).
4. How long does the fit of 32 paintings take?
"""

import argparse
import math
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from mfh.config import HeadConfig, MaskChoice, preset
from mfh.errors import NoLandmarkError
from mfh.pipeline.painting import paint_people
from mfh.scale.fit import ScaleFit, fit_scale
from mfh.scale.interval import scale_interval, tight_enough
from mfh.types import CommonErrors, Evidence, MetricHead, RelativeDepth, any_used
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import EvaluationView
from mfh_lab.evaluation.scoring import DepthScores, score
from mfh_lab.paper.bench import BenchSubject
from mfh_lab.paper.grid import ATTEMPTS_PER_PAINTING, Cell
from mfh_lab.paper.measure import first_usable, fit_cell, head_depth, head_of
from mfh_lab.paper.pocket import FIRST_SEED, NOISES, NoiseName, OracleBench, has_room
from mfh_lab.paper.tables import benchmark_grid
from mfh_lab.pocket.world.bodies import load_bank

PAINTINGS = 32
MAX_ATTEMPTS = ATTEMPTS_PER_PAINTING * PAINTINGS
NARROW_PEOPLE, NARROW = 4, 1.02
HALF_WIDTH = 0.1
NUMBERS = (1, 2, 4, 8, 16, 32)
HEAD = HeadConfig()
_, PAPER, OURS, *_ = benchmark_grid((PAINTINGS,), 1).cells


@dataclass(frozen=True)
class Scene:
    """One scene with everything painted into it.

    Attributes:
        evidence: one an attempt, with random masks.
        chosen: the same with informative ones.
        distances_m: true distance of the person painted in each attempt; infinite where no person is.
        relative: of the photo.
        view: the photo with its true depth.
        shape: standard deviation of the relative depth's distortion.
    """

    evidence: list[Evidence]
    chosen: list[Evidence]
    distances_m: np.ndarray
    relative: RelativeDepth
    view: EvaluationView
    shape: float


def gather(seed: int, noise: NoiseName, bank: Path, *, only_first: bool) -> Scene:
    """Paint 32 people into a scene; for more than the first question, twice more."""
    subject = oracle_subject(seed, noise, bank)
    relative, evidence = painted(subject, max_paintings=PAINTINGS)
    shape = subject.models.relative_depth.shape_log_sigma
    if only_first:
        return Scene(evidence, [], np.full(len(evidence), np.inf), relative, subject.view, shape)
    _, chosen = painted(subject, max_paintings=PAINTINGS, choice="informative")
    # The same paintings, measured without any error.
    _, true = painted(oracle_subject(seed, "clean", bank), max_paintings=MAX_ATTEMPTS)
    distances_m = np.array([float(np.median(one.depth_m)) if any_used([one]) else np.inf for one in true])
    return Scene(evidence, chosen, distances_m[: len(evidence)], relative, subject.view, shape)


def oracle_subject(seed: int, noise: NoiseName, bank: Path) -> BenchSubject:
    """Return one scene with oracle models, as the pocket benchmark has it."""
    bench = OracleBench([seed], load_bank(bank), noise, as_published=False)
    return bench.subject(bench.view(bench.names[0]))


def painted(
    subject: BenchSubject, *, max_paintings: int, choice: MaskChoice = "random"
) -> tuple[RelativeDepth, list[Evidence]]:
    """Return the photo's relative depth, and what is seen in every attempt until so many paintings are usable."""
    relative = subject.models.predict_depth(subject.view.photo.rgb)
    base = replace(preset("pocket"), name="oracle", painter="oracle")
    config = OURS.configured(base, paintings=PAINTINGS)
    config = replace(config, painting=replace(config.painting, max_paintings=max_paintings, mask_choice=choice))
    run = paint_people(
        subject.painter, subject.models, subject.view.photo, relative, config=config, stage=lambda *_: nullcontext()
    )
    return relative, list(run.evidence)


def error(scene: Scene, fit: ScaleFit | MetricHead | None) -> float:
    """Return AbsRel of an answer; NaN for none."""
    if fit is None:
        return float("nan")
    return scores_of(scene, fit).metric.abs_rel


def scores_of(scene: Scene, fit: ScaleFit | MetricHead) -> DepthScores:
    """Score an answer."""
    return score(Prediction(head_depth(scene.relative, head_of(fit)), scene.relative.space), scene.view)


def fit_or_none(cell: Cell, evidence: list[Evidence], relative: RelativeDepth) -> ScaleFit | MetricHead | None:
    """Fit the head of a cell; None where there is no answer."""
    try:
        return fit_cell(cell, evidence, relative)
    except NoLandmarkError:
        return None


def narrow(scene: Scene) -> list[Evidence] | None:
    """Return four paintings whose people stand within 2 % of one distance, or None where there are none."""
    usable = [k for k, one in enumerate(scene.evidence) if any_used([one]) and np.isfinite(scene.distances_m[k])]
    usable.sort(key=lambda k: scene.distances_m[k])
    for first in range(len(usable) - NARROW_PEOPLE + 1):
        chosen = usable[first : first + NARROW_PEOPLE]
        if scene.distances_m[chosen[-1]] <= NARROW * scene.distances_m[chosen[0]]:
            return [scene.evidence[k] for k in chosen]
    return None


def until_sure(scene: Scene, evidence: list[Evidence]) -> tuple[int, float]:
    """Return how many paintings it takes to be within ±10 %, and AbsRel there."""
    errors = CommonErrors(shape=scene.shape)
    paintings = 0
    fit = None
    for end, one in enumerate(evidence, start=1):
        if not any_used([one]):
            continue
        paintings += 1
        fit = fit_scale(evidence[:end], scene.relative, config=HEAD)
        if tight_enough(scale_interval(fit.consensus, fit.head, scene.relative, errors), HALF_WIDTH):
            break
    return paintings, error(scene, fit)


def ours(scene: Scene, evidence: list[Evidence]) -> tuple[float, float, float, float]:
    """Return AbsRel of our way, if its 80 and 95 % intervals hold, and where the truth lies in half-widths of 80 %."""
    fit = fit_scale(evidence, scene.relative, config=HEAD)
    scores = scores_of(scene, fit)
    interval = scale_interval(fit.consensus, fit.head, scene.relative, CommonErrors(shape=scene.shape))
    held = [float(low <= scores.true_factor <= high) for low, high in (interval.level_80, interval.level_95)]
    off = math.log(scores.true_factor)
    reach = off / math.log(interval.level_80[1] if off > 0 else interval.level_80[0])
    return scores.metric.abs_rel, held[0], held[1], reach


def report(noise: NoiseName, scenes: list[Scene], *, only_first: bool) -> None:
    """Print what one kind of noise shows."""
    print(
        f"{noise}, {len(scenes)} scenes; N, AbsRel mean/median of the paper's way and ours, 80/95 % intervals hold, "
        "80 % would hold in 80 % if it were so many times as wide"
    )
    for paintings in NUMBERS:
        several = [(scene, scene.evidence[: first_usable(scene.evidence, paintings)[0]]) for scene in scenes]
        paper = [error(scene, fit_or_none(PAPER, some, scene.relative)) for scene, some in several]
        print(f"  {paintings:2d}  paper {np.mean(paper):.3f}/{np.median(paper):.3f}  {scores_text(several)}")
    if only_first:
        return
    subsets = [(scene, subset) for scene in scenes if (subset := narrow(scene)) is not None]
    pairs = [
        [error(scene, fit_or_none(way, subset, scene.relative)) for way in (PAPER, OURS)] for scene, subset in subsets
    ]
    if pairs:
        paper, consensus = np.nanmean(pairs, 0)
        print(f"  four people within 2 % ({len(pairs)} scenes): paper {paper:.3f}, ours {consensus:.3f}")
    for masks, choice in (
        ("random", [one.evidence for one in scenes]),
        ("informative", [one.chosen for one in scenes]),
    ):
        sure = np.array([until_sure(scene, evidence) for scene, evidence in zip(scenes, choice, strict=True)])
        count, at_stop = sure.T
        print(
            f"  {masks} masks until ±10 %: {np.median(count):.0f} of {PAINTINGS} paintings on the median scene "
            f"({np.percentile(count, 25):.0f} to {np.percentile(count, 75):.0f} on the middle half), "
            f"AbsRel mean {at_stop.mean():.3f}, median {np.median(at_stop):.3f}"
        )
        for paintings in (8, 16, 32):
            several = [
                (scene, evidence[: first_usable(evidence, paintings)[0]])
                for scene, evidence in zip(scenes, choice, strict=True)
            ]
            print(f"    {paintings:2d}  {scores_text(several)}")
    seconds = []
    for scene in scenes:
        begin = time.process_time()
        fit_scale(scene.evidence, scene.relative, config=HEAD)
        seconds.append(time.process_time() - begin)
    print(f"  fit of {PAINTINGS} paintings: {1000 * np.median(seconds):.1f} ms of one core", flush=True)


def scores_text(several: list[tuple[Scene, list[Evidence]]]) -> str:
    """Return the scores of our way on scenes with some of their evidence."""
    table = np.array([ours(scene, evidence) for scene, evidence in several])
    mean = table.mean(0)
    return (
        f"ours {mean[0]:.3f}/{np.median(table[:, 0]):.3f}  {mean[1]:.0%}/{mean[2]:.0%}"
        f"  x{np.quantile(table[:, 3], 0.8):.2f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="7000000 for validation scenes")
    parser.add_argument("--noise", default="noisy,outliers10,outliers20")
    parser.add_argument("--only-first", action="store_true", help="the first question alone, for many scenes")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    several = range(args.first_seed, args.first_seed + 4 * args.scenes)
    seeds = [seed for seed in several if has_room((seed, args.bank))[1]][: args.scenes]
    with ProcessPoolExecutor(args.workers) as pool:
        for noise in NOISES:
            if noise in args.noise.split(","):
                gathered = list(
                    pool.map(partial(gather, noise=noise, bank=args.bank, only_first=args.only_first), seeds)
                )
                scenes = [scene for scene in gathered if any_used(scene.evidence)]
                if len(scenes) < len(gathered):
                    print(f"left out: {len(gathered) - len(scenes)} scenes in which no painted person can be used")
                report(noise, scenes, only_first=args.only_first)


if __name__ == "__main__":
    main()
