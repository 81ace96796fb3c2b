"""``mfh evaluate``: errors of metric depth where the truth is known; ``pocket`` is the pocket world's benchmark."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from mfh.cli.exits import EXIT_DONE, error_line
from mfh.cli.flags import LAST_SEED, MOST_SCENES, MOST_SEEDS, MOST_WORKERS, NOISES, check_number
from mfh.cli.progress import progress_line
from mfh.errors import BackendError, InputError, MfhError, shown
from mfh_lab.cli.evaluate_datasets import register
from mfh_lab.cli.evaluate_methods import methods

FILES = ("rows.csv", "summary.csv", "summary.json", "plot.png")
LOCK_WAIT_S = 5.0


class _Names(TyperGroup):
    """Takes the pocket world's scenes in a folder as a dataset like any other."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the dataset's own name where the benchmark's stands."""
        return super().parse_args(ctx, routed(args))


def routed(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with "pocket-scenes" for "pocket" where a folder is given: the benchmark has none.

    Args:
        arguments: after ``mfh evaluate``.
    """
    of_folder = any(word == "--check" or word.partition("=")[0] == "--root" for word in arguments)
    return ["pocket-scenes", *arguments[1:]] if of_folder and arguments[0] == "pocket" else list(arguments)


app = typer.Typer(
    add_completion=False,
    cls=_Names,
    help="Measure this method, or another, where the truth is known.",
    rich_markup_mode=None,
)
register(app)
app.command()(methods)


@app.callback()
def evaluate() -> None:
    """Tables and plots of errors."""


@app.command()
def pocket(
    scenes: Annotated[int, typer.Option(help="Test scenes without people.")] = 200,
    paintings: Annotated[str, typer.Option(help="Numbers of paintings to compare.")] = "1,2,4,8,16,32",
    seeds: Annotated[int, typer.Option(help="Painting seeds, for error bars.")] = 5,
    models: Annotated[
        Literal["oracle", "trained", "both"],
        typer.Option(help="oracle: they know the truth and err by --noise; trained: those of preset pocket."),
    ] = "both",
    noise: Annotated[str, typer.Option(help=f"Of the oracles, one or more of {','.join(NOISES)}.")] = "outliers10",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for renders and results; run again to resume.")
    ] = Path("out/pocket-benchmark"),
    bank: Annotated[
        Path | None, typer.Option(help="Bodies; default: the ten test bodies in the package.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.", show_default=False)] = None,
    first_seed: Annotated[
        int | None,
        typer.Option(
            help="Of the scenes; 7000000 for validation scenes, to choose anything by. Default: the test scenes'.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Compare the paper's way and ours on the pocket world: table, rows.csv, summary.csv, summary.json, plot.png."""
    from mfh.io.atomic import check_writable, make_folder
    from mfh.io.lock import folder_lock
    from mfh.io.written import check_own
    from mfh_lab.pocket.world.workers import require_renderer

    require_renderer()
    check_writable(out)
    check_number("--scenes", scenes, 1, MOST_SCENES)
    check_number("--seeds", seeds, 1, MOST_SEEDS)
    check_number("--workers", workers, 1, MOST_WORKERS)
    check_number("--first-seed", first_seed, 0, LAST_SEED - 10 * MOST_SCENES)
    check_own(out, FILES)
    from mfh_lab.paper.plot import write_benchmark_plot
    from mfh_lab.paper.pocket import FIRST_SEED, NoiseName, PocketScenes
    from mfh_lab.paper.pocket_benchmark import (
        Benchmark,
        ModelKind,
        check_trained,
        run_benchmark,
        settings_of,
        summarise,
        table,
        write_results,
    )
    from mfh_lab.pocket.world.bodies import sample_bank_path
    from mfh_lab.pocket.world.workers import usable_cores

    names = [name.strip() for name in noise.split(",")]
    chosen: tuple[NoiseName, ...] = tuple(known for known in NOISES if known in names)
    if len(chosen) != len(names):
        raise InputError(f"--noise is {noise!r}: expected one or more of {', '.join(NOISES)}")
    bank_path = bank or sample_bank_path()
    if not os.path.isfile(bank_path):
        raise InputError(f"--bank: no body bank at {bank_path}: make one with python -m mfh_lab.pocket.world.bodies")
    numbers, processes = parse_numbers(paintings), usable_cores() if workers is None else workers
    first = FIRST_SEED if first_seed is None else first_seed
    benchmark = Benchmark(PocketScenes(scenes, bank_path, out, processes, first), numbers, seeds, chosen)
    kinds: list[ModelKind] = ["oracle", "trained"] if models == "both" else [models]
    if "trained" in kinds:
        try:
            check_trained()
        except MfhError as error:
            if models == "trained":
                raise
            kinds.remove("trained")
            print(f"mfh: trained models are left out: {error_line(error)}", file=sys.stderr)
    started = time.perf_counter()
    with folder_lock(out, wait_s=LOCK_WAIT_S):
        with progress_line() as progress:
            progress.update("starting", 0.0)
            rows = run_benchmark(benchmark, kinds, progress=progress.update)
        summaries = summarise(rows)
        make_folder(out)
        write_results(out, rows, summaries, settings_of(benchmark, kinds))
        print(table(summaries))
        print(f"\n{scenes} scenes, {seeds} seeds (± over seeds), {time.perf_counter() - started:.0f} s")
        try:
            write_benchmark_plot(out / "plot.png", summaries, title="pocket benchmark")
            print(f"files: {shown(out)}/ ({', '.join(FILES)})")
        except BackendError as error:
            print(f"files: {shown(out)}/ ({', '.join(FILES[:-1])}); no plot: {error_line(error)}")
    return EXIT_DONE


def parse_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of "1,2,4".

    Args:
        text: whole numbers between commas.

    Raises:
        InputError: for anything else.
    """
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"--paintings is {text!r}: expected whole numbers such as 1,2,4,8") from error
    for number in numbers:
        check_number("--paintings", number, 1, MOST_SEEDS)
    return numbers
