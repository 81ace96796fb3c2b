"""What ``mfh reproduce`` does once its arguments are read: grids of settings, methods side by side, and their files."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.cli.exits import EXIT_DONE, error_line
from mfh.cli.flags import NOISES
from mfh.cli.progress import progress_line
from mfh.config import Config
from mfh.errors import BackendError, InputError, MfhError, shown
from mfh_lab.cli.reproduce_request import DEFAULT_SCENES, Request

if TYPE_CHECKING:
    from mfh_lab.evaluation.datasets.frames import FrameDataset
    from mfh_lab.paper.bench import Bench
    from mfh_lab.paper.grid import Grid
    from mfh_lab.paper.pocket import NoiseName
    from mfh_lab.paper.run import Measured, Progress

ENDINGS = (".md", ".csv", "-photos.csv", ".json", ".png", ".pdf", "-seconds.csv", "-seconds.png", "-seconds.pdf")
"""Of the files of a table."""


def reproduce_grid(request: Request) -> int:
    """Measure a table or figure of configurations.

    Args:
        request: what was asked for.

    Returns:
        The exit code.
    """
    from mfh_lab.evaluation.protocols import PROTOCOLS
    from mfh_lab.paper.comparison import Methods
    from mfh_lab.paper.given import check_labels, given_rows, prediction_note
    from mfh_lab.paper.run import run_grid
    from mfh_lab.paper.tables import GRIDS, pocket_grid, with_preset

    grid = GRIDS[request.name]
    if request.methods:
        raise InputError(f"--method is for tables of methods, and {request.name} is of settings: see --predictions")
    if request.seeds is not None:
        if grid.seeds == 1:
            raise InputError(f"--seeds is about fig5, and {request.name} has one painting seed")
        grid = replace(grid, seeds=request.seeds)
    place = request.place
    check_results(place, request.name)
    # Renders and answers of models are shared by all tables.
    with progress_line() as progress:
        progress.update("starting", 0.0)
        pocket = request.renders(grid.dataset)
        grid = pocket_grid(grid, oracle=request.oracle) if pocket else with_preset(grid, request.config())
        check_labels(grid, list(request.predictions))
        if pocket and request.predictions:
            # Scenes that are drawn have no names that a folder could have: this says how to get a folder of them.
            request.root("pocket")
        try:
            bench = open_bench(request, grid.dataset, progress=progress.update)
        except InputError as error:
            if pocket:
                raise
            raise nothing_ran(request, grid, place, error, opened=False) from error
        methods = Methods(request.config(), {}, request.predictions, request.unit)
        photos = partial(_photos, request, grid.dataset)
        rules, kept = PROTOCOLS[request.protocol], request.out / "methods"
        given = given_rows(grid, methods, photos, rules, kept, progress=progress.update)
        try:
            workers = request.measuring_workers(grid.dataset)
            measured = run_grid(grid, bench, request.out, given=given, workers=workers, progress=progress.update)
        except MfhError as error:
            raise nothing_ran(request, grid, place, error, opened=True) from error
    return write(replace(measured, again=request.command(), hint=prediction_note(grid, measured.not_run)), place)


def nothing_ran(request: Request, grid: "Grid", place: Path, error: MfhError, *, opened: bool) -> MfhError:
    """Write a table of which no row has a number, with what each waits for, and return the error that says so.

    Args:
        request: what was asked for.
        grid: the table.
        place: folder of the results.
        error: why nothing ran.
        opened: whether the dataset is there.
    """
    from mfh_lab.paper.given import prediction_note
    from mfh_lab.paper.missing import Missing, all_missing, dataset_folder
    from mfh_lab.paper.run import Measured

    dataset = request.dataset or grid.dataset
    waits: Missing | None = None
    if not opened:
        given = dataset in request.roots or "" in request.roots
        waits = Missing(error_line(error)) if given else dataset_folder(dataset)
    missing = all_missing(grid, request.config(), waits)
    not_run = {cell.label: missing[cell.label] or (Missing(error_line(error)),) for cell in grid.cells}
    title = f"{dataset}: nothing is measured, {request.models}"
    hint = prediction_note(grid, not_run)
    measured = Measured(grid, title, 0, (), not_run, (), {}, again=request.command(), hint=hint)
    files = write_files(measured, place)[0]
    return type(error)(f"{error_line(error)}; what each row waits for is in {shown(files[0])}")


def reproduce_methods(request: Request) -> int:
    """Measure a table of methods over datasets.

    Args:
        request: what was asked for.

    Returns:
        The exit code.
    """
    from mfh_lab.evaluation.datasets.registry import open_dataset
    from mfh_lab.evaluation.protocols import PROTOCOLS
    from mfh_lab.paper.comparison import TABLES, Methods, compare_methods
    from mfh_lab.paper.missing import waits_for
    from mfh_lab.paper.published import OURS

    wanted = TABLES[request.name].datasets if request.dataset is None else (request.dataset,)
    if "" in request.roots and len(wanted) > 1:
        raise InputError(
            f"{request.name} is of {', '.join(wanted)}: say whose folder it is with --root NAME=DIR, or --dataset NAME"
        )
    opened: list[FrameDataset] = []
    missing: dict[str, str] = {}
    unopened: dict[str, str] = {}
    for dataset in wanted:
        try:
            opened.append(open_dataset(dataset, request.root(dataset), limit=request.limit))
        except InputError as error:
            unopened[dataset] = error_line(error)
            missing[dataset] = error_line(error) if {dataset, ""} & set(request.roots) else ""
    methods = Methods(request.config(), request.methods, request.predictions, request.unit)
    place = request.place
    check_results(place, request.name)
    with progress_line() as progress:
        progress.update("starting", 0.0)
        measured = compare_methods(
            request.name,
            opened,
            missing,
            PROTOCOLS[request.protocol],
            methods,
            request.out / "methods",
            progress=progress.update,
        )
    measured = replace(measured, again=request.command())
    if measured.rows:
        return write(measured, place)
    files, _ = write_files(measured, place)
    ours = [
        waits_for(waits)
        for (method, *_, data), waits in measured.not_run.items()
        if method == OURS and data not in missing
    ]
    reason = "; ".join(dict.fromkeys([*(f"MfH waits for {one}" for one in ours), *unopened.values()]))
    reason = reason or "no photo has an answer"
    raise InputError(f"{reason}; what each row waits for is in {shown(files[0])}")


def check_results(out: Path, name: str) -> None:
    """Refuse before any work to replace files that this program did not write.

    Args:
        out: folder of the results.
        name: of the table or figure.

    Raises:
        InputError: naming the first.
    """
    from mfh.io.written import check_own

    check_own(out, [f"{name}{ending}" for ending in ENDINGS])


def write(measured: "Measured", out: Path) -> int:
    """Write and print a table, and say where its files are.

    Args:
        measured: the rows.
        out: folder; made if needed.

    Returns:
        The exit code.
    """
    from mfh_lab.paper.report import markdown, results

    paths, left_out = write_files(measured, out)
    print(markdown(measured, results(measured)))
    print(f"files: {shown(out)}/ ({', '.join(path.name for path in paths)}){left_out}")
    return EXIT_DONE


def write_files(measured: "Measured", out: Path) -> tuple[list[Path], str]:
    """Write all files of a table.

    Args:
        measured: the rows.
        out: folder; made if needed.

    Returns:
        The files, and why there is no picture; empty where there is one.
    """
    from mfh.io.atomic import make_folder
    from mfh_lab.paper.plot import write_plots
    from mfh_lab.paper.report import results, write_results

    make_folder(out)
    found = results(measured)
    paths = write_results(out, measured, found)
    try:
        return [*paths, *write_plots(out, measured, found)], ""
    except BackendError as error:
        return paths, f"; no picture: {error_line(error)}"


def open_bench(request: Request, dataset: str, *, progress: "Progress") -> "Bench":
    """Return the photos and models of a request.

    Args:
        request: what was asked for.
        dataset: the paper's, where the request names none.
        progress: called with what is being done and the fraction done.

    Raises:
        InputError: for a dataset that is not there.
    """
    if request.renders(dataset):
        return _pocket_bench(request, progress=progress)
    return _dataset_bench(request, request.dataset or dataset)


def _photos(request: Request, dataset: str) -> "FrameDataset":
    from mfh_lab.evaluation.datasets.registry import open_dataset

    name = request.dataset or dataset
    return open_dataset(name, request.root(name), limit=request.limit)


def _dataset_bench(request: Request, dataset: str) -> "Bench":
    from mfh_lab.evaluation.protocols import PROTOCOLS
    from mfh_lab.evaluation.store import Store
    from mfh_lab.paper.bench import DatasetBench

    config = request.config()
    try:
        opened = _photos(request, dataset)
    except InputError as error:
        raise InputError(f"{error_line(error)}{_missing_weights(config)}") from error
    title = f"{dataset}, {len(opened.names)} photos, {request.models}, protocol {request.protocol}"
    return DatasetBench(opened, PROTOCOLS[request.protocol], config, Store(request.out / "answers"), title=title)


def _missing_weights(config: Config) -> str:
    """Return which of the preset's models are not here either."""
    from mfh.models.needs import needs_of

    missing = ", ".join(needs_of(config).missing)
    return f"; also missing for preset {config.name}: {missing} (mfh weights fetch)" if missing else ""


def _pocket_bench(request: Request, *, progress: "Progress") -> "Bench":
    from mfh_lab.pocket.world.workers import require_renderer

    require_renderer()
    from mfh.io.atomic import make_folder
    from mfh_lab.evaluation.protocols import PROTOCOLS
    from mfh_lab.evaluation.store import Store
    from mfh_lab.paper.pocket import OracleBench, PocketScenes, trained_bench
    from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
    from mfh_lab.pocket.world.workers import usable_cores

    bank = request.bank or sample_bank_path()
    if not os.path.isfile(bank):
        raise InputError(f"--bank: no body bank at {bank}: make one with python -m mfh_lab.pocket.world.bodies")
    make_folder(request.out)
    scenes = PocketScenes(request.limit or DEFAULT_SCENES, bank, request.out, request.workers or usable_cores())
    if request.oracle:
        if request.preset is not None or request.painter is not None:
            raise InputError("--preset and --painter are of --models trained: oracles are models of their own")
        noise = _noise(request.noise)
        return OracleBench(scenes.seeds(progress), load_bank(bank), noise)
    config, store = request.config(), Store(request.out / "answers")
    return trained_bench(
        scenes.seeds(progress), scenes, config, store, protocol=PROTOCOLS[request.protocol], progress=progress
    )


def _noise(name: str) -> "NoiseName":
    for known in NOISES:
        if known == name:
            return known
    raise InputError(f"--noise is {name!r}: expected one of {', '.join(NOISES)}")
