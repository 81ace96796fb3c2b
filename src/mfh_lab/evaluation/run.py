"""Run the pocket benchmark: choose scenes, render what trained models look at, measure with all cores, go on.

Every scene's rows are kept under a name that holds the settings and a digest of the package's code and weights: an
interrupted run goes on, and nothing measured by other code is ever mixed in.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import mfh
from mfh.config import preset
from mfh.errors import InputError
from mfh.pipeline.pipeline import MetricFromHuman
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.kept_rows import read_rows, write_rows
from mfh_lab.evaluation.pocket_benchmark import WAYS, Row, measure_scene
from mfh_lab.evaluation.pocket_subjects import FIRST_SEED, SIZE, SPLIT, ModelKind, NoiseName, Task, has_room
from mfh_lab.pocket.world.bodies import bank_digest
from mfh_lab.pocket.world.export_scenes import SceneOptions, export_scenes
from mfh_lab.pocket.world.workers import in_processes

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Benchmark:
    """What to measure.

    Attributes:
        scenes: number of scenes.
        paintings: numbers of paintings to look at.
        seeds: painting seeds.
        noises: of the oracles; each is measured on its own.
        bank_path: bodies of the oracle painter.
        out: results; renders are kept in ``out/scenes``, rows in ``out/rows``.
        workers: processes.
        first_seed: of the scenes; ``FIRST_SEED`` for the test, other seeds to choose anything by.
    """

    scenes: int
    paintings: tuple[int, ...]
    seeds: int
    noises: tuple[NoiseName, ...]
    bank_path: Path
    out: Path
    workers: int
    first_seed: int = FIRST_SEED

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        for flag, value in (("--scenes", self.scenes), ("--seeds", self.seeds), ("--workers", self.workers)):
            if value < 1:
                raise InputError(f"{flag} is {value}: expected at least 1")
        if self.first_seed < 0:
            raise InputError(f"--first-seed is {self.first_seed}: expected at least 0")
        if not self.paintings or min(self.paintings) < 1:
            raise InputError(f"--paintings is {self.paintings}: expected numbers of at least 1, such as 1,2,4,8")
        if list(self.paintings) != sorted(set(self.paintings)):
            raise InputError(f"--paintings is {self.paintings}: expected different numbers in ascending order")


def check_trained() -> None:
    """Load the preset's models, to learn before any work whether they can run.

    Raises:
        MfhError: where a model, its files, its package or the painter are missing.
    """
    MetricFromHuman.from_preset("pocket", people="paint")


def run_benchmark(benchmark: Benchmark, kinds: Sequence[ModelKind], *, progress: Progress) -> list[Row]:
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
    chosen = choose_scenes(benchmark, progress=progress)
    renders = benchmark.out / "scenes"
    if "trained" in kinds:
        options = SceneOptions(SPLIT, *SIZE, people="none")
        export_scenes(
            chosen, renders, benchmark.bank_path, options=options, workers=benchmark.workers, progress=progress
        )
    rows: list[Row] = []
    for kind in kinds:
        for noise in benchmark.noises if kind == "oracle" else ("",):
            label = f"{kind} models{f', {noise}' if noise else ''}"
            tasks = [
                Task(seed, kind, noise, benchmark.paintings, benchmark.seeds, benchmark.bank_path, renders)
                for seed in chosen
            ]
            rows += _measure_all(tasks, benchmark, label=label, progress=progress)
    return rows


def choose_scenes(benchmark: Benchmark, *, progress: Progress) -> list[int]:
    """Return the seeds of the first scenes, from the first seed on, in which people could stand in view.

    Args:
        benchmark: how many.
        progress: called with the fraction done.
    """
    chosen: list[int] = []
    seeds = itertools.count(benchmark.first_seed)
    while len(chosen) < benchmark.scenes:
        missing = benchmark.scenes - len(chosen)
        jobs = [(next(seeds), benchmark.bank_path) for _ in range(missing + missing // 4 + 1)]
        found = []
        for done, answer in enumerate(in_processes(has_room, jobs, workers=benchmark.workers), start=1):
            found.append(answer)
            progress("choosing scenes,", done / len(jobs))
        chosen += [seed for seed, room in sorted(found) if room]
    return chosen[: benchmark.scenes]


def settings_of(benchmark: Benchmark, kinds: Sequence[ModelKind]) -> dict[str, object]:
    """Return what results are a function of, in plain values."""
    config = preset("pocket")
    return {
        "scenes": benchmark.scenes,
        "first_seed": benchmark.first_seed,
        "size": list(SIZE),
        "paintings": list(benchmark.paintings),
        "seeds": benchmark.seeds,
        "models": list(kinds),
        "noises": list(benchmark.noises),
        "ways": [asdict(way) for way in WAYS],
        "bank_sha256": bank_digest(benchmark.bank_path),
        "preset": asdict(config) | {"painting": asdict(config.painting) | {"budget_s": None}},
        "version": mfh.__version__,
        "code": package_digest(),
    }


def _measure_all(tasks: Sequence[Task], benchmark: Benchmark, *, label: str, progress: Progress) -> list[Row]:
    """Measure what is not measured yet, and return all rows in the order of the tasks."""
    code = package_digest()
    paths = {task: _rows_path(task, benchmark, code) for task in tasks}
    missing = [task for task in tasks if not os.path.lexists(paths[task])]
    by_seed = {task.scene_seed: task for task in missing}
    for done, rows in enumerate(in_processes(measure_scene, missing, workers=benchmark.workers), start=1):
        path = paths[by_seed[rows[0].scene]]
        write_rows(path, rows)
        progress(f"{label}: {done} of {len(missing)} scenes,", done / len(missing))
    return [row for task in tasks for row in read_rows(paths[task], Row) or ()]


def _rows_path(task: Task, benchmark: Benchmark, code: str) -> Path:
    what = [task.models, task.noise, task.paintings, task.seeds, task.size, bank_digest(task.bank_path), code]
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
    return benchmark.out / "rows" / f"{task.models}-{task.noise or 'preset'}-{key}" / f"{task.scene_seed}.json"
