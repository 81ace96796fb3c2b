"""The pocket benchmark: error of metric depth against the number of paintings, on scenes whose truth is known.

Per scene and seed, paintings are made and measured once by the pipeline's own painting loop; every way of estimating
then uses the first N usable ones, as the pipeline would with ``max_paintings = N``. From rows to tables: one statistic
per seed over the scenes, then mean and standard deviation over the seeds.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

import mfh
from mfh.config import preset
from mfh.errors import InputError
from mfh.io.written import own_path
from mfh.pipeline.pipeline import MetricFromHuman
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.paper.bench import Bench
from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.pocket import SIZE, NoiseName, OracleBench, PocketScenes, trained_bench
from mfh_lab.paper.report import Spread, over_seeds, write_csv
from mfh_lab.paper.run import Progress, run_grid
from mfh_lab.paper.tables import BOUND, WAYS, benchmark_grid
from mfh_lab.pocket.world.bodies import bank_digest, load_bank

ModelKind = Literal["oracle", "trained"]
OUTDOORS = ("street", "road", "yard", "park")


@dataclass(frozen=True)
class Benchmark:
    """What to measure.

    Attributes:
        scenes: where; rows are kept in ``scenes.out/rows``.
        paintings: numbers of paintings to compare.
        seeds: painting seeds.
        noises: of the oracles; each is measured on its own.
    """

    scenes: PocketScenes
    paintings: tuple[int, ...]
    seeds: int
    noises: tuple[NoiseName, ...]

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        if self.seeds < 1:
            raise InputError(f"--seeds is {self.seeds}: expected at least 1")
        if not self.paintings or min(self.paintings) < 1:
            raise InputError(f"--paintings is {self.paintings}: expected numbers of at least 1, such as 1,2,4,8")
        if list(self.paintings) != sorted(set(self.paintings)):
            raise InputError(f"--paintings is {self.paintings}: expected different numbers in ascending order")


@dataclass(frozen=True)
class BenchmarkRow:
    """One line of rows.csv: a scene, a seed, a way, a number of paintings.

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
        covered_80: 1 where the 80 % interval holds the true scale, else 0; NaN for a way without an interval.
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


@dataclass(frozen=True)
class BenchmarkSummary:
    """All scenes of one place, models, noise, way and number of paintings.

    Attributes:
        where: "all", "indoors" or "outdoors".
        models: "oracle" or "trained".
        noise: of the oracles.
        way: name of the way.
        paintings: usable paintings asked for.
        scenes: number of scenes.
        unanswered: share of scenes and seeds without an answer; they are in no other number.
        abs_rel_median: median over scenes.
        abs_rel_mean: mean over scenes.
        delta1: mean over scenes.
        scale_error: median over scenes of |log| of the median ratio.
        seconds: median over scenes and seeds.
        covers_80: share of scenes and seeds whose 80 % interval holds the true scale; NaN without intervals.
        covers_95: the same for 95 %.
        half_width: median half-width of the 80 % interval.
    """

    where: str
    models: str
    noise: str
    way: str
    paintings: int
    scenes: int
    unanswered: float
    abs_rel_median: Spread
    abs_rel_mean: Spread
    delta1: Spread
    scale_error: Spread
    seconds: float
    covers_80: float
    covers_95: float
    half_width: float


def check_trained() -> None:
    """Load the preset's models, to learn before any work whether they can run.

    Raises:
        MfhError: where a model, its files, its package or the painter are missing.
    """
    MetricFromHuman.from_preset("pocket", people="paint")


def run_benchmark(benchmark: Benchmark, kinds: Sequence[ModelKind], *, progress: Progress) -> list[BenchmarkRow]:
    """Measure all scenes.

    Args:
        benchmark: what to measure.
        kinds: "oracle", "trained", or both.
        progress: called with what is being done and the fraction done.

    Returns:
        All rows, ordered by models, scene, seed, way and number of paintings.

    Raises:
        InputError: for a bank or folder that cannot be used.
    """
    scenes = benchmark.scenes
    grid = benchmark_grid(benchmark.paintings, benchmark.seeds)
    seeds = scenes.seeds(progress)
    bank = load_bank(scenes.bank_path)
    rows: list[BenchmarkRow] = []
    for kind in kinds:
        for noise in benchmark.noises if kind == "oracle" else ("",):
            bench: Bench
            if noise:
                bench = OracleBench(seeds, bank, noise, as_published=False)
            else:
                bench = trained_bench(seeds, scenes, preset("pocket"), None, as_published=False, progress=progress)
            label = f"{kind} models{f', {noise}' if noise else ''}"
            measured = run_grid(
                grid,
                bench,
                scenes.out,
                progress=lambda what, done, label=label: progress(f"{label}: {what}", done),
                workers=min(scenes.workers, scenes.count),
            )
            place = {name: number for number, name in enumerate(bench.names)}
            found = sorted(measured.rows, key=lambda row: (place[row.photo], row.seed))
            rows += [benchmark_row(row, models=kind, noise=noise) for row in found]
    return rows


def benchmark_row(row: ResultRow, *, models: ModelKind, noise: str) -> BenchmarkRow:
    """Return a measured row as a line of rows.csv.

    Args:
        row: of a scene ``scene-<seed>``, in a cell of :func:`mfh_lab.paper.tables.benchmark_grid`.
        models: that were measured.
        noise: of the oracles.
    """
    way, paintings = row.label
    answered = not row.failure
    return BenchmarkRow(
        scene=int(row.photo.rpartition("-")[2]),
        kind=row.kind,
        models=models,
        noise=noise,
        way=way,
        seed=row.seed,
        paintings=int(paintings),
        usable=row.usable,
        abs_rel=row.abs_rel if answered else math.nan,
        delta1=row.delta1 if answered else math.nan,
        scale_error=math.nan if row.scale_error is None else row.scale_error,
        seconds=row.seconds,
        shift_determined=row.shift_determined,
        covered_80=math.nan if row.covered_80 is None else row.covered_80,
        covered_95=math.nan if row.covered_95 is None else row.covered_95,
        half_width=math.nan if row.half_width is None else row.half_width,
    )


def settings_of(benchmark: Benchmark, kinds: Sequence[ModelKind]) -> dict[str, object]:
    """Return what results are a function of, in plain values."""
    config = preset("pocket")
    return {
        "scenes": benchmark.scenes.count,
        "first_seed": benchmark.scenes.first_seed,
        "size": list(SIZE),
        "paintings": list(benchmark.paintings),
        "seeds": benchmark.seeds,
        "models": list(kinds),
        "noises": list(benchmark.noises),
        "ways": [asdict(way) for way in WAYS],
        "bank_sha256": bank_digest(benchmark.scenes.bank_path),
        "preset": asdict(config) | {"painting": asdict(config.painting) | {"budget_s": None}},
        "version": mfh.__version__,
        "code": package_digest(),
    }


def summarise(rows: Sequence[BenchmarkRow]) -> list[BenchmarkSummary]:
    """Return one summary for each place, models, noise, way and number of paintings, in the order of the rows.

    Args:
        rows: of any number of scenes.
    """
    summaries = []
    for where in ("all", "indoors", "outdoors"):
        groups: dict[tuple[str, str, str, int], list[BenchmarkRow]] = {}
        for row in rows:
            if where == "all" or (row.kind in OUTDOORS) == (where == "outdoors"):
                groups.setdefault((row.models, row.noise, row.way, row.paintings), []).append(row)
        for (models, noise, way, paintings), group in groups.items():
            answered = [row for row in group if not math.isnan(row.abs_rel)]
            summaries.append(
                BenchmarkSummary(
                    where,
                    models,
                    noise,
                    way,
                    paintings,
                    scenes=len({row.scene for row in group}),
                    unanswered=1 - len(answered) / len(group),
                    abs_rel_median=_over_seeds(answered, lambda row: row.abs_rel, np.median),
                    abs_rel_mean=_over_seeds(answered, lambda row: row.abs_rel, np.mean),
                    delta1=_over_seeds(answered, lambda row: row.delta1, np.mean),
                    scale_error=_over_seeds(answered, lambda row: row.scale_error, np.median),
                    seconds=float(np.median([row.seconds for row in group])),
                    covers_80=_mean([row.covered_80 for row in answered]),
                    covers_95=_mean([row.covered_95 for row in answered]),
                    half_width=_mean([row.half_width for row in answered], np.median),
                )  # fmt: skip
            )
    return summaries


def table(summaries: Sequence[BenchmarkSummary], *, where: str = "all") -> str:
    """Return the table that is printed.

    Args:
        summaries: of all places.
        where: the place to show.
    """
    head = (
        "models",
        "way",
        "N",
        "AbsRel median",
        "AbsRel mean",
        "δ1",
        "scale error",
        "80/95 % cover",
        "±",
        "seconds",
        "no answer",
    )
    lines: list[tuple[str, ...]] = [head]
    for one in summaries:
        if one.where != where:
            continue
        models = f"{one.models} ({one.noise})" if one.noise else one.models
        bound = one.way == BOUND
        lines.append(
            (
                models,
                "best affine fit to the truth" if bound else one.way,
                "" if bound else str(one.paintings),
                one.abs_rel_median.text(),
                one.abs_rel_mean.text(),
                one.delta1.text(),
                "" if bound else one.scale_error.text(),
                "" if math.isnan(one.covers_80) else f"{one.covers_80:.0%} / {one.covers_95:.0%}",
                "" if math.isnan(one.half_width) else f"{one.half_width:.0%}",
                f"{one.seconds:.2f}",
                "" if bound else f"{one.unanswered:.0%}",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def write_results(
    out: Path, rows: Sequence[BenchmarkRow], summaries: Sequence[BenchmarkSummary], settings: dict[str, object]
) -> None:
    """Write rows.csv (every answer), summary.csv and summary.json.

    Args:
        out: an existing folder.
        rows: every answer.
        summaries: of them.
        settings: what was run.

    Raises:
        InputError: when a file cannot be written.
    """
    names = [one.name for one in fields(BenchmarkRow)]
    write_csv(out / "rows.csv", names, [[_plain(value) for value in asdict(row).values()] for row in rows])
    flat = [_flat(one) for one in summaries]
    write_csv(out / "summary.csv", list(flat[0]) if flat else [], [list(one.values()) for one in flat])
    with own_path(out / "summary.json") as temporary:
        report = {"settings": settings, "summary": flat}
        temporary.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _mean(values: Sequence[float], statistic: Callable[[list[float]], np.floating] = np.mean) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(statistic(known)) if known else math.nan


def _over_seeds(
    rows: Sequence[BenchmarkRow],
    value: Callable[[BenchmarkRow], float],
    statistic: Callable[[Sequence[float]], np.floating],
) -> Spread:
    return over_seeds(((row.seed, value(row)) for row in rows), statistic)


def _flat(one: BenchmarkSummary) -> dict[str, object]:
    flat: dict[str, object] = {}
    for field in fields(BenchmarkSummary):
        value = getattr(one, field.name)
        if isinstance(value, Spread):
            flat[field.name], flat[f"{field.name}_sd"] = _plain(value.mean), _plain(value.sd)
        else:
            flat[field.name] = _plain(value)
    return flat


def _plain(value: object) -> object:
    """Round numbers to what they mean; None for NaN."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value
