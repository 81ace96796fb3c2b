"""The scale on held-out scenes with oracle models under noise: people at one distance, and painting until sure enough.

``python benchmarks/study_scale.py --bank build/bodies.npz --scenes 40``

Needs the train extra. The paper's way and ours see identical evidence. Three questions:

1. Four people whose distances lie within 2 % of each other: what does the rest of the photo come out as?
2. Painting until the 80 % interval is within ±10 %: how many paintings does it take, and what does stopping cost?
3. How long does the fit of 32 paintings take?
"""

import argparse
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mfh.config import HeadConfig, preset
from mfh.evaluation.pocket_benchmark import (
    FIRST_SEED,
    NOISES,
    WAYS,
    NoiseName,
    Task,
    first_usable,
    fit_way,
    has_room,
    oracle_subject,
)
from mfh.evaluation.scores import metric_score
from mfh.findings import any_used
from mfh.numerics.interval import scale_interval, tight_enough
from mfh.numerics.metric_head import apply_head
from mfh.numerics.scale import ScaleFit, fit_scale
from mfh.painting import paint_people
from mfh.types import CommonErrors, Evidence, MetricHead, RelativeDepth

PAINTINGS = 32
NARROW_PEOPLE, NARROW = 4, 1.02
HALF_WIDTH = 0.1


@dataclass(frozen=True)
class Scene:
    """One scene with everything painted into it.

    Attributes:
        evidence: one an attempt.
        relative: of the photo.
        truth_m: (h, w) true depth.
        shape: deviation of the relative depth's distortion.
    """

    evidence: list[Evidence]
    relative: RelativeDepth
    truth_m: np.ndarray
    shape: float


def gather(seed: int, noise: NoiseName, bank: Path) -> Scene:
    """Paint 32 people into a scene."""
    task = Task(seed, "oracle", noise, (PAINTINGS,), 1, bank)
    subject = oracle_subject(task)
    (relative,) = subject.models.predict_relative([subject.photo.rgb])

    config = replace(subject.config, painting_evidence="body")
    run = paint_people(
        subject.painter, subject.models, subject.photo, relative, config=config, stage=lambda *_: nullcontext()
    )
    shape = subject.models.relative_depth.shape_log_sigma
    return Scene(list(run.evidence), relative, subject.truth_m, shape)


def error(scene: Scene, fit: ScaleFit | MetricHead | None) -> float:
    """Return AbsRel of an answer; NaN for none."""
    if fit is None:
        return float("nan")
    head = fit.head if isinstance(fit, ScaleFit) else fit
    depth_m, _ = apply_head(scene.relative, head, max_depth_m=200.0)
    return metric_score(depth_m, scene.truth_m).abs_rel


def narrow(scene: Scene) -> list[Evidence] | None:
    """Return four paintings whose people stand within 2 % of one distance, or None where there are none."""
    usable = [one for one in scene.evidence if any_used([one])]
    usable.sort(key=lambda one: float(np.median(one.depth_m)))
    distances = np.array([float(np.median(one.depth_m)) for one in usable])
    for first in range(len(usable) - NARROW_PEOPLE + 1):
        if distances[first + NARROW_PEOPLE - 1] <= NARROW * distances[first]:
            return usable[first : first + NARROW_PEOPLE]
    return None


def until_sure(scene: Scene) -> tuple[int, float]:
    """Return how many paintings it takes to be within ±10 %, and AbsRel there."""
    errors = CommonErrors(shape=scene.shape)
    paintings = 0
    fit = None
    for end, one in enumerate(scene.evidence, start=1):
        if not any_used([one]):
            continue
        paintings += 1
        fit = fit_scale(scene.evidence[:end], scene.relative, config=HeadConfig())
        if tight_enough(scale_interval(fit.consensus, fit.head, scene.relative, errors), HALF_WIDTH):
            break
    return paintings, error(scene, fit)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--noise", default="noisy,outliers10")
    args = parser.parse_args()
    paper, ours = WAYS[0], WAYS[1]
    config = HeadConfig()
    for noise in NOISES:
        if noise not in args.noise.split(","):
            continue
        seeds = [seed for seed in range(FIRST_SEED, FIRST_SEED + 4 * args.scenes) if has_room((seed, args.bank))[1]]
        narrow_errors, anytime, fixed, seconds = [], [], [], []
        for seed in seeds[: args.scenes]:
            scene = gather(seed, noise, args.bank)
            subset = narrow(scene)
            if subset is not None:
                fits = [fit_way(way, subset, scene.relative, preset("pocket")) for way in (paper, ours)]
                narrow_errors.append([error(scene, fit) for fit in fits])
            anytime.append(until_sure(scene))
            attempts, _ = first_usable(scene.evidence, PAINTINGS)
            begin = time.process_time()
            fit = fit_scale(scene.evidence[:attempts], scene.relative, config=config)
            seconds.append(time.process_time() - begin)
            fixed.append(error(scene, fit))
        print(f"{noise}, {len(anytime)} scenes")
        means = np.nanmean(np.array(narrow_errors), 0)
        print(
            f"  four people within 2 % ({len(narrow_errors)} scenes): AbsRel paper {means[0]:.3f}, ours {means[1]:.3f}"
        )
        count = np.array([one[0] for one in anytime])
        print(
            f"  until ±10 %: {np.median(count):.0f} of {PAINTINGS} paintings on the median scene "
            f"({np.percentile(count, 25):.0f} to {np.percentile(count, 75):.0f} on the middle half), "
            f"AbsRel median {np.median([one[1] for one in anytime]):.3f} against {np.median(fixed):.3f} with all"
        )
        print(f"  fit of {PAINTINGS} paintings: {1000 * np.median(seconds):.1f} ms of one core")


if __name__ == "__main__":
    main()
